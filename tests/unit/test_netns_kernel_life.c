/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel path between namespaces: agents that stop, die and follow each other; interfaces. */
#include "tests/unit/kernel_world.h"

#include <bpf/bpf.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define STREAM_PACKETS 10000
#define STREAM_PORT    17499

/* ---- an agent that is a process of its own ---- */

/* Returns its pid once it runs. Its sockets and its struct hb_kernel are its own alone. */
static pid_t agent_start(struct kernel_world *k)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		kw_open_ours(k);
		kw_start(k, KW_INC);
		hb_kernel_progress(k->kernel, 9, clock_boot());
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void agent_signal(pid_t pid, int signal)
{
	siginfo_t info;

	assert_int_equal(kill(pid, signal), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED), 0);
}

/* Answers go on whatever becomes of the agent, and tell it. */
static void test_stopped_and_killed(void **state)
{
	struct kernel_world *k = *state;
	uint64_t age;
	pid_t pid;

	kw_addresses(k, "left", "right");
	kw_open_peers(k);
	pid = agent_start(k);
	for (unsigned int link = 0; link < KW_LINKS; link++)
		assert_false(kw_ask_plain(k, 1, link).gone);
	age = kw_ask_plain(k, 1, 0).age_us;
	agent_signal(pid, SIGSTOP);
	for (unsigned int i = 0; i < 20; i++) {
		struct probe_answer answer = kw_ask_plain(k, 1, i % KW_LINKS);

		assert_false(answer.gone);
		assert_int_equal(answer.progress, 9);
		assert_true(answer.age_us > age);
		age = answer.age_us;
	}
	agent_signal(pid, SIGKILL);
	for (unsigned int i = 0; i < 20; i++) {
		struct probe_answer answer = kw_ask_plain(k, 1, i % KW_LINKS);

		assert_true(answer.gone);
		assert_int_equal(answer.from_incarnation, KW_INC);
		assert_true(answer.age_us > age);
		age = answer.age_us;
	}
}

/* By link, as each has a socket of its own. */
static void test_gone(void **state)
{
	struct kernel_world *k = *state;

	close(k->ours[1]);
	assert_false(kw_ask_plain(k, 1, 0).gone);
	assert_true(kw_ask_plain(k, 1, 1).gone);
	k->ours[1] = kw_socket(0, 1);
	assert_false(kw_ask_plain(k, 1, 1).gone);
}

/* ---- one agent after the other ---- */

static void test_take_over(void **state)
{
	struct kernel_world *k = *state;
	struct hb_kernel *former = k->kernel;
	struct hb_kernel_config config = kw_config(k);
	struct hb_kernel_lease lease;
	char error[HB_ERROR_SIZE];
	struct probe probe = kw_probe(k);
	uint8_t recorded[HB_PROBE_BYTES];
	struct hb_probe_route route = kw_route(1, 0);
	const uint8_t ip[4] = {10, 0, 0, 99};

	hb_probe_encode(&route, &probe, &k->keys, recorded);
	kw_put(k, 1, 0, recorded, sizeof recorded);
	assert_true(kw_receive(k, 1, 0, PATIENCE_MS, &(struct probe_answer){}));
	hb_kernel_lease(k->kernel, 4, HA_TIME_NEVER, 3, 3);
	hb_kernel_read(k->kernel, clock_boot(), &lease);
	assert_true(lease.valid);
	assert_int_equal(hb_kernel_protect(k->kernel, AF_INET, ip), 0);
	hb_kernel_delegate(k->kernel,
			   &(struct delegation){.lease_us = 1, .incarnation = {[1] = KW_PEER}},
			   (ha_time[NODES_MAX]){});
	assert_true(kw_ask_plain(k, 1, 0).grant);
	assert_true(kw_ask_plain(k, 1, 0).leased);

	assert_int_equal(hb_kernel_new(&config, &k->kernel, error), 0);
	/* Loading alone has ended what the former agent said. */
	assert_int_equal(former->state->incarnation, 0);
	assert_int_equal(former->state->peer[1].grant_incarnation, 0);
	hb_kernel_read(former, clock_boot(), &lease);
	assert_false(lease.valid);
	probe = kw_probe(k);
	kw_send(k, 1, 0, &probe); /* not answered: no agent has begun; it goes to the socket */
	hb_kernel_free(former);
	assert_int_equal(hb_kernel_attach(k->kernel, error), 1);
	hb_kernel_begin(k->kernel, KW_INC + 1);
	kw_no_answer(k, 0);
	probe = kw_probe(k);
	assert_false(kw_ask_plain(k, 1, 0).grant || kw_ask_plain(k, 1, 0).leased);
	/* but counters, replays and protected addresses go on */
	assert_true(kw_count(k, KERNEL_COUNT_ANSWERED) >= 5);
	kw_put(k, 1, 0, recorded, sizeof recorded);
	kw_no_answer(k, 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_REPLAY), 1);
	assert_int_equal(k->kernel->n_addresses, 1);
	assert_int_equal(hb_kernel_protect(k->kernel, AF_INET, ip), 0);
	assert_int_equal(hb_kernel_prune(k->kernel), 0);
	kw_start(k, KW_INC + 2); /* an agent that does not have it any more */
	assert_int_equal(hb_kernel_prune(k->kernel), 1);
	assert_int_equal(k->kernel->n_addresses, 0);
	for (unsigned int i = 0; i < KERNEL_HINT_WORDS; i++)
		assert_int_equal(k->kernel->state->hint[i], 0);
}

/* Of another cluster: nothing of the former one's counts. */
static void test_take_over_other_cluster(void **state)
{
	struct kernel_world *k = *state;
	struct hb_kernel_config config = kw_config(k);
	char error[HB_ERROR_SIZE];

	(void)kw_ask_plain(k, 1, 0);
	hb_kernel_free(k->kernel);
	config.cluster_id++;
	assert_int_equal(hb_kernel_new(&config, &k->kernel, error), 0);
	assert_int_equal(kw_count(k, KERNEL_COUNT_ANSWERED), 0);
	assert_int_equal(k->kernel->state->peer[1].seen_incarnation, 0);
}

/* ---- other traffic while programs are replaced ---- */

/* Sends numbers from one namespace to an address of the other, some 250 us apart. */
static pid_t stream_start(int namespace, const char *to_ip)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(STREAM_PORT)};
	pid_t pid = fork();
	int fd;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	if (setns(namespace, CLONE_NEWNET) < 0 || inet_pton(AF_INET, to_ip, &to.sin_addr) != 1)
		_exit(1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (uint32_t i = 0; i < STREAM_PACKETS; i++) {
		if (sendto(fd, &i, sizeof i, 0, (struct sockaddr *)&to, sizeof to) != sizeof i)
			_exit(1);
		usleep(200);
	}
	_exit(0);
}

static int stream_open(int namespace, int back)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(STREAM_PORT)};
	int size = 1 << 26, fd;

	enter(namespace);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	enter(back);
	return fd;
}

/* All numbers are there, in order, and each once. */
static void stream_check(int fd, pid_t pid)
{
	uint32_t got;
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	for (uint32_t i = 0; i < STREAM_PACKETS; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, 1000) != 1)
			fail_msg("packet %u is missing", i);
		assert_int_equal(recv(fd, &got, sizeof got, 0), sizeof got);
		assert_int_equal(got, i);
	}
	close(fd);
}

static void test_no_packet_lost(void **state)
{
	struct kernel_world *k = *state;
	int in = stream_open(k->w->here, k->w->here), out = stream_open(k->w->there, k->w->here);
	pid_t pid[2];
	unsigned int n = 0;
	siginfo_t info = {};

	pid[0] = stream_start(k->w->there, "10.0.0.1");
	pid[1] = stream_start(k->w->here, "10.0.0.2");
	do {
		struct hb_kernel *former = k->kernel;

		kw_start(k, KW_INC + ++n);
		hb_kernel_free(former);
		info.si_pid = 0;
		assert_int_equal(waitid(P_PID, (id_t)pid[0], &info, WEXITED | WNOHANG | WNOWAIT),
				 0);
	} while (info.si_pid == 0);
	stream_check(in, pid[0]);
	stream_check(out, pid[1]);
	assert_true(n > 1); /* while it went on */
	print_message("figure: %u take-overs under traffic, no packet of %u lost\n", n,
		      2 * STREAM_PACKETS);
}

/* ---- maps of another form, more than one set ---- */

/* As after an upgrade: the programs are replaced at once, and what is protected stays so. */
static void test_other_layout(void **state)
{
	struct kernel_world *k = *state;
	struct hb_kernel *former = k->kernel;
	struct hb_kernel_config config = kw_config(k);
	struct kernel_hook hook = {.index = (int)if_nametoindex("left"), .name = "left"};
	char error[HB_ERROR_SIZE];
	struct probe probe;

	assert_int_equal(hb_kernel_protect(k->kernel, AF_INET, (uint8_t[]){10, 0, 0, 99}), 0);
	former->state->abi = KERNEL_ABI + 1;
	hb_kernel_delegate(former,
			   &(struct delegation){.lease_us = 1, .incarnation = {[1] = KW_PEER}},
			   (ha_time[NODES_MAX]){});
	assert_true(kw_ask_plain(k, 1, 0).grant);
	assert_int_equal(hb_kernel_new(&config, &k->kernel, error), 0);
	assert_int_equal(kernel_hook_query(&hook), k->kernel->program[PROGRAM_INGRESS].id);
	hook.egress = true;
	assert_int_equal(kernel_hook_query(&hook), k->kernel->program[PROGRAM_EGRESS].id);
	probe = kw_probe(k);
	kw_send(k, 1, 0, &probe); /* nobody grants in a dead agent's name */
	assert_false(kw_receive(k, 1, 0, 100, &(struct probe_answer){}));
	assert_int_equal(k->kernel->n_addresses, 1);
	for (unsigned int i = 0; i < KERNEL_HINT_WORDS; i++)
		assert_int_equal(k->kernel->state->hint[i], former->state->hint[i]);
	hb_kernel_free(former);
}

/* Two sets, as of an agent that was killed while it replaced another's. */
static void test_two_sets(void **state)
{
	struct kernel_world *k = *state;
	struct hb_kernel *first = k->kernel, *second;
	struct hb_kernel_config config = kw_config(k);
	struct kernel_hook hook = {.index = (int)if_nametoindex("left"), .name = "left"};
	char error[HB_ERROR_SIZE];
	uint32_t id;

	assert_int_equal(hb_kernel_protect(first, AF_INET, (uint8_t[]){10, 0, 0, 98}), 0);
	assert_true(hb_kernel_detach(error) >= 1);
	assert_int_equal(hb_kernel_new(&config, &second, error), 0); /* finds nothing */
	assert_ptr_not_equal(second->state, first->state);
	assert_int_equal(hb_kernel_attach(second, error), 1);
	hb_kernel_begin(second, KW_INC + 5);
	assert_int_equal(hb_kernel_protect(second, AF_INET, (uint8_t[]){10, 0, 0, 99}), 0);
	shell("ip link add more type veth peer name more2");
	hook.index = (int)if_nametoindex("more");
	assert_int_equal(kernel_hook_attach(&hook, first->program_fd[PROGRAM_INGRESS], error), 0);
	hb_kernel_begin(first, KW_INC);
	assert_int_equal(hb_kernel_new(&config, &k->kernel, error), 0);
	assert_int_equal(first->state->incarnation, 0);
	assert_int_equal(second->state->incarnation, 0);
	assert_int_equal(k->kernel->n_addresses, 2);
	id = (uint32_t)kernel_hook_query(&hook);
	assert_int_equal(id, k->kernel->program[PROGRAM_INGRESS].id);
	hook.egress = true;
	assert_int_equal(kernel_hook_query(&hook), 0); /* attach is not its business */
	assert_int_equal(hb_kernel_attach(k->kernel, error), 3);
	assert_true(kernel_hook_query(&hook) > 0);
	hb_kernel_free(first);
	hb_kernel_free(second);
}

/* ---- interfaces ---- */

static void test_interfaces(void **state)
{
	struct kernel_world *k = *state;
	struct kernel_hook hook = {.link_layer = true};
	char error[HB_ERROR_SIZE];

	assert_int_equal(hb_kernel_attach(k->kernel, error), 1);
	shell("ip link add more type veth peer name more2");
	assert_int_equal(hb_kernel_attach(k->kernel, error), 3);
	assert_int_equal(hb_kernel_attach(k->kernel, error), 3);
	hook.index = (int)if_nametoindex("more");
	assert_int_equal(kernel_hook_query(&hook), k->kernel->program[PROGRAM_INGRESS].id);
	shell("ip link del more");
	assert_int_equal(kernel_hook_query(&hook), 0);
	assert_int_equal(hb_kernel_attach(k->kernel, error), 1);
	shell("ip link add more type veth peer name more2");
	hook.index = (int)if_nametoindex("more");
	assert_int_equal(kernel_hook_query(&hook), 0);
	assert_int_equal(hb_kernel_attach(k->kernel, error), 3);
	assert_true(kernel_hook_query(&hook) > 0);
	shell("tc filter del dev more ingress"); /* somebody cleans up */
	assert_int_equal(hb_kernel_attach(k->kernel, error), 3);
	assert_true(kernel_hook_query(&hook) > 0);
	hook.index = (int)if_nametoindex("lo");
	assert_int_equal(kernel_hook_query(&hook), 0);
	(void)kw_ask_plain(k, 1, 0);
}

/* The link goes and comes back, as with a driver that is loaded anew. */
static void test_link_again(void **state)
{
	struct kernel_world *k = *state;
	char error[HB_ERROR_SIZE];

	shell("ip link del left");
	shell("ip link add left address " LEFT_MAC " type veth peer name right");
	shell("ip link set right address " RIGHT_MAC " netns /proc/self/fd/%d", k->w->there);
	shell("ip link set left up");
	shell_there(k->w, "ip link set right up");
	kw_addresses(k, "left", "right");
	assert_int_equal(hb_kernel_attach(k->kernel, error), 1);
	(void)kw_ask_plain(k, 1, 0);
	(void)kw_ask_plain(k, 1, 1);
}

/* ---- others at the same place ---- */

/* A classifier that returns `code` for everything. */
static int foreign_program(int code)
{
	const struct bpf_insn code_of[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = code},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", code_of, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

static int foreign_attach(uint32_t handle, uint32_t priority, int fd)
{
	struct bpf_tc_hook hook = {.sz = sizeof hook,
				   .ifindex = (int)if_nametoindex("left"),
				   .attach_point = BPF_TC_INGRESS};
	struct bpf_tc_opts opts = {
		.sz = sizeof opts, .handle = handle, .priority = priority, .prog_fd = fd};
	int r = bpf_tc_hook_create(&hook);

	return r < 0 && r != -EEXIST ? r : bpf_tc_attach(&hook, &opts);
}

/* Behind ours, one that drops all: it still does, and probes are answered before it. */
static void test_foreign_filter(void **state)
{
	struct kernel_world *k = *state;
	int fd = foreign_program(2 /* TC_ACT_SHOT */);
	char error[HB_ERROR_SIZE];

	(void)kw_ask_plain(k, 1, 0); /* neighbours know each other now */
	(void)kw_ask_plain(k, 1, 1);
	assert_int_equal(foreign_attach(1, 5, fd), 0);
	assert_int_equal(foreign_attach(1, KERNEL_TC_PRIORITY, foreign_program(-1)), 0);
	(void)kw_ask_plain(k, 1, 0);
	shell_there(k->w, "! ping -c 1 -W 1 10.0.0.1 >/dev/null");
	assert_int_equal(hb_kernel_attach(k->kernel, error), 1);
	assert_true(hb_kernel_detach(error) >= 1);
	shell("tc filter show dev left ingress | grep -c foreign | grep -qx 2");
	shell("! tc filter show dev left ingress | grep -q hf_");
	shell("! tc filter show dev left egress | grep -q .");
	shell("tc qdisc show dev left | grep -q clsact");
	shell_there(k->w, "! ping -c 1 -W 1 10.0.0.1 >/dev/null");
}

/* Our handle in somebody else's hands is told, and left alone; the other interfaces are served. */
static void test_handle_taken(void **state)
{
	struct kernel_world *k = *state;
	char error[HB_ERROR_SIZE] = "";
	struct kernel_hook hook = {.link_layer = true, .name = "more"};

	assert_true(hb_kernel_detach(error) >= 1);
	assert_int_equal(foreign_attach(KERNEL_TC_HANDLE, KERNEL_TC_PRIORITY, foreign_program(-1)),
			 0);
	shell("ip link add more type veth peer name more2");
	assert_int_equal(hb_kernel_attach(k->kernel, error), -EEXIST);
	assert_non_null(strstr(error, "left: "));
	hook.index = (int)if_nametoindex("more");
	assert_true(kernel_hook_query(&hook) > 0);
	assert_true(hb_kernel_detach(error) >= 0);
	shell("tc filter show dev left ingress | grep -q foreign");
}

static void test_detach(void **state)
{
	struct kernel_world *k = *state;
	char error[HB_ERROR_SIZE];

	shell("ip link add more type veth peer name more2");
	assert_int_equal(hb_kernel_attach(k->kernel, error), 3);
	assert_int_equal(hb_kernel_detach(error), 3);
	shell("! tc qdisc show | grep -q clsact");
	assert_int_equal(hb_kernel_detach(error), 3);
	assert_int_equal(hb_kernel_attach(k->kernel, error), 3);
	(void)kw_ask_plain(k, 1, 0);
}

/* ---- what the status shows ---- */

static void test_programs(void **state)
{
	static const char *const names[] = {"hf_ingress", "hf_egress", "hf_ingress_l3",
					    "hf_egress_l3"};
	struct kernel_world *k = *state;
	struct hb_kernel_program p;

	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(hb_kernel_program(k->kernel, i, &p), 0);
		assert_string_equal(p.name, names[i]);
		assert_true(p.id > 0 && p.instructions > 50 && p.load_us > 0);
		print_message("figure: %s: %u instructions, %u verified, %u bytes of machine "
			      "code; loaded in %llu us\n",
			      p.name, p.instructions, p.verified, p.jited_bytes,
			      (unsigned long long)p.load_us);
	}
	assert_int_equal(hb_kernel_program(k->kernel, 4, &p), -ENOENT);
	for (unsigned int i = 0; i < KERNEL_COUNT_COUNT_; i++)
		assert_non_null(hb_kernel_count_name(i));
	assert_null(hb_kernel_count_name(KERNEL_COUNT_COUNT_));
	assert_int_equal(hb_kernel_count(k->kernel, KERNEL_COUNT_COUNT_), 0);
}

/* ---- an agent that may not ---- */

static void drop_capability(unsigned int c)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		_exit(2);
	data[c / 32].effective &= ~(1U << c % 32);
	if (syscall(SYS_capset, &header, data) < 0)
		_exit(2);
}

/* What hb_kernel_new() says in a child without these capabilities; "" if it works. */
static void refused_without(struct kernel_world *k, const unsigned int *capabilities,
			    char error[HB_ERROR_SIZE])
{
	struct hb_kernel_config config = kw_config(k);
	int pipes[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		struct hb_kernel *kernel;
		int r;

		error[0] = '\0';
		for (; *capabilities; capabilities++)
			drop_capability(*capabilities);
		r = hb_kernel_new(&config, &kernel, error);
		if (write(pipes[1], error, HB_ERROR_SIZE) != HB_ERROR_SIZE)
			_exit(2);
		_exit(r == -EPERM ? 1 : r == 0 ? 0 : 3);
	}
	assert_int_equal(read(pipes[0], error, HB_ERROR_SIZE), HB_ERROR_SIZE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	assert_int_equal(WEXITSTATUS(status), error[0] ? 1 : 0);
	close(pipes[0]);
	close(pipes[1]);
	print_message("  %s\n", error[0] ? error : "(accepted)");
}

static void test_not_permitted(void **state)
{
	struct kernel_world *k = *state;
	char error[HB_ERROR_SIZE];

	refused_without(k, (unsigned int[]){CAP_NET_ADMIN, CAP_SYS_ADMIN, 0}, error);
	assert_non_null(strstr(error, "CAP_NET_ADMIN is missing"));
	refused_without(k, (unsigned int[]){CAP_BPF, CAP_SYS_ADMIN, 0}, error);
	assert_non_null(strstr(error, "CAP_BPF is missing"));
	refused_without(k, (unsigned int[]){CAP_PERFMON, CAP_SYS_ADMIN, 0}, error);
	assert_non_null(strstr(error, "CAP_PERFMON is missing"));
	refused_without(k, (unsigned int[]){CAP_SYS_ADMIN, 0}, error);
	assert_string_equal(error, ""); /* there is nothing to take over */
	kw_addresses(k, "left", "right");
	kw_open_peers(k);
	kw_start(k, KW_INC);
	refused_without(k, (unsigned int[]){CAP_SYS_ADMIN, 0}, error);
	assert_non_null(strstr(error, "CAP_SYS_ADMIN is missing"));
}

/* What cannot be begun leaves nothing attached that no agent renews. */
static void test_failure_detaches(void **state)
{
	struct kernel_world *k = *state;
	struct hb_kernel_config config = kw_config(k);
	struct hb_kernel *kernel;
	char error[HB_ERROR_SIZE];
	struct rlimit few, many;

	config.self = KW_NODES;
	assert_int_equal(hb_kernel_new(&config, &kernel, error), -EINVAL);
	(void)kw_ask_plain(k, 1, 0);
	config.self = 0;
	/* enough descriptors to look at what is attached, too few to load the programs */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &many), 0);
	few = many;
	few.rlim_cur = (rlim_t)dup(0) + 6;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_true(hb_kernel_new(&config, &kernel, error) < 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &many), 0);
	print_message("  %s\n", error);
	assert_int_equal(k->kernel->state->incarnation, 0);
	shell("! tc qdisc show | grep -q clsact");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kw_setup, kw_teardown)
#define B(f) cmocka_unit_test_setup_teardown(f, kw_setup_bare, kw_teardown)
	const struct CMUnitTest tests[] = {
		B(test_stopped_and_killed), T(test_gone),
		T(test_take_over),	    T(test_take_over_other_cluster),
		T(test_no_packet_lost),	    T(test_other_layout),
		T(test_two_sets),	    T(test_interfaces),
		T(test_link_again),	    T(test_foreign_filter),
		T(test_handle_taken),	    T(test_detach),
		T(test_programs),	    B(test_not_permitted),
		T(test_failure_detaches),
	};

	if (!kw_allowed())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
