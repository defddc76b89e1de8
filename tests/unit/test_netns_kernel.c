/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel path between namespaces: probes, life and death of agents, interfaces. */
#include "tests/unit/kernel_world.h"

static void test_answer(void **state)
{
	struct kernel_world *k = *state;
	struct probe_answer answer;

	hb_kernel_progress(k->kernel, 42, clock_boot());
	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int node = 1; node < KW_NODES; node++) {
			for (unsigned int link = 0; link < KW_LINKS; link++) {
				answer = kw_ask_plain(k, node, link);
				assert_int_equal(answer.from_incarnation, KW_INC);
				assert_int_equal(answer.progress, 42);
				assert_true(answer.age_us < PATIENCE_MS * USEC_PER_MSEC);
				assert_false(answer.gone || answer.leased || answer.grant);
			}
		}
	}
	assert_int_equal(kw_count(k, KERNEL_COUNT_ANSWERED), 12);
	for (unsigned int i = KERNEL_COUNT_SIZE; i < KERNEL_COUNT_COUNT_; i++)
		assert_int_equal(kw_count(k, i), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kw_setup, kw_teardown)
	const struct CMUnitTest tests[] = {
		T(test_answer),
	};

	if (!kw_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
