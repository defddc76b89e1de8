/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel path looks after interfaces, and lets go of what a dead agent protected. */
#include "tests/unit/kernel_world.h"

#include <bpf/bpf.h>

static unsigned int look(struct kernel_world *k)
{
	char error[HB_ERROR_SIZE];
	int r = hb_kernel_look(k->kernel, error);

	assert_true(r >= 0);
	return (unsigned int)r;
}

/* How many of them carry our program at ingress. */
static unsigned int carrying(const struct kernel_world *k)
{
	struct if_nameindex *list = if_nameindex();
	unsigned int n = 0;

	assert_non_null(list);
	for (struct if_nameindex *i = list; i->if_index; i++) {
		struct kernel_hook hook = {.index = (int)i->if_index, .link_layer = true};

		n += kernel_hook_query(&hook) == (int)k->kernel->program[PROGRAM_INGRESS].id;
	}
	if_freenameindex(list);
	return n;
}

static void test_new_ones_at_once(void **state)
{
	struct kernel_world *k = *state;

	assert_int_equal(look(k), 0);
	for (int i = 0; i < 6; i++) {
		shell("ip link add a%d type veth peer name b%d", i, i);
	}
	assert_int_equal(look(k), 12);
	assert_int_equal(hb_kernel_interfaces(k->kernel), 13);
	assert_int_equal(carrying(k), 13);
	assert_int_equal(look(k), 0);
	shell("ip link del a3");
	assert_int_equal(look(k), 0);
	assert_int_equal(hb_kernel_interfaces(k->kernel), 11);
	shell("ip link add a3 type veth peer name b3");
	assert_int_equal(look(k), 2);
	(void)kw_ask_plain(k, 1, 0);
}

/* What somebody takes away comes back within one round. */
static void test_others_in_turn(void **state)
{
	struct kernel_world *k = *state;
	unsigned int healed = 0;

	for (int i = 0; i < 6; i++) {
		shell("ip link add a%d type veth peer name b%d", i, i);
	}
	assert_int_equal(look(k), 12);
	shell("tc qdisc del dev left clsact; tc qdisc del dev b5 clsact; "
	      "tc filter del dev a2 egress");
	for (unsigned int i = 0; i < 13; i++)
		healed += look(k);
	assert_int_equal(healed, 3);
	assert_int_equal(carrying(k), 13);
	(void)kw_ask_plain(k, 1, 0);
}

/* Also one that was made again with the number of another: its turn comes. */
static void test_index_again(void **state)
{
	struct kernel_world *k = *state;
	unsigned int healed = 0;

	shell("ip link add x index 7000 type veth peer name y index 7001");
	assert_int_equal(look(k), 2);
	shell("ip link del x && ip link add x index 7000 type veth peer name y index 7001");
	for (unsigned int i = 0; i < 4; i++)
		healed += look(k);
	assert_int_equal(healed, 2);
	assert_int_equal(carrying(k), 3);
}

static unsigned int protected(struct kernel_world *k)
{
	uint8_t key[16], *last = NULL;
	unsigned int n = 0;

	while (bpf_map_get_next_key(k->kernel->addresses_fd, last, key) == 0) {
		last = key;
		n++;
	}
	return n;
}

/* The rest goes on: answers, and what the agent wrote. */
static void test_forget(void **state)
{
	struct kernel_world *k = *state;
	const uint8_t ip[4] = {10, 0, 0, 99}, ip6[16] = {0xfd, [15] = 9};
	char error[HB_ERROR_SIZE];

	assert_int_equal(hb_kernel_protect(k->kernel, AF_INET, ip), 0);
	assert_int_equal(hb_kernel_protect(k->kernel, AF_INET6, ip6), 0);
	assert_int_equal(protected(k), 2);
	assert_int_equal(hb_kernel_forget(error), 0);
	assert_int_equal(protected(k), 0);
	(void)kw_ask_plain(k, 1, 0);
	assert_int_equal(hb_kernel_forget(error), 0);
	assert_true(hb_kernel_detach(error) >= 0);
	assert_int_equal(hb_kernel_forget(error), 0); /* nothing is attached */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kw_setup, kw_teardown)
	const struct CMUnitTest tests[] = {
		T(test_new_ones_at_once),
		T(test_others_in_turn),
		T(test_index_again),
		T(test_forget),
	};

	if (!kw_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
