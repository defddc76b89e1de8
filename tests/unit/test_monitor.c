/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The monitor process for real: what works without a network of its own. */
#include "monitor_world.h"

#include "agent/monitor_worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- scripts ---- */

#define ARGUMENTS_MAX 4

/* `script` for /bin/sh; "D" is the test's directory. */
static struct monitor_config *add_script(struct monitor_world *w, const char *script)
{
	struct monitor_config *m = add_monitor(w, MONITOR_GENW);
	static char texts[16][1024];
	static char *vectors[16][ARGUMENTS_MAX];
	static unsigned int next;
	unsigned int i = next++ % 16;

	(void)snprintf(texts[i], sizeof texts[i], "D=%s; %s", w->directory, script);
	vectors[i][0] = (char *)(uintptr_t) "/bin/sh";
	vectors[i][1] = (char *)(uintptr_t) "-c";
	vectors[i][2] = texts[i];
	m->command = vectors[i];
	return m;
}

static void test_script_good(void **state)
{
	struct monitor_world *w = *state;
	struct monitor_stats stats;

	add_script(w, "echo fine; exit 0");
	run_all(w);
	expect_good(w, 0);
	run_world(w, 500000);
	assert_int_equal(w->n, 1); /* said once */
	stats = stats_of(w, 0);
	assert_true(stats.checks >= 2 && stats.failures == 0 && stats.max_us > 0);
	assert_true(stats.min_us <= stats.mean_us && stats.mean_us <= stats.max_us);
	assert_true(stats.p99_us <= stats.max_us && stats.p99_us >= stats.min_us);
}

static void test_script_failures_name_the_cause(void **state)
{
	struct monitor_world *w = *state;
	static char *missing[] = {(char *)(uintptr_t) "/nonexistent/program", NULL};

	add_script(w, "exit 3");
	add_script(w, "echo first; printf 'second: \\033[1m caf\\303\\251\\r\\n\\n'; exit 1");
	add_script(w, "echo dying >&2; kill -9 $$");
	add_monitor(w, MONITOR_GENW)->command = missing;
	add_script(w, "printf 'no end of line'; exit 2");
	add_script(w, "exit 0")->user = (char *)(uintptr_t) "no-such-user-hf";
	run_all(w);
	expect_error(w, 0, "exit status 3");
	w->read = 0;
	expect_error(w, 1, "exit status 1: second: ?[1m caf\303\251");
	w->read = 0;
	expect_error(w, 2, "killed by signal 9: dying");
	w->read = 0;
	expect_error(w, 3,
		     "exit status 127: cannot execute the program: no such file or directory");
	w->read = 0;
	expect_error(w, 4, "exit status 2: no end of line");
	w->read = 0;
	expect_error(w, 5, "exit status 127: cannot find its user: no such file or directory");
}

/* The whole process group goes, also what ignores SIGTERM; the next check waits for that. */
static void test_script_that_hangs(void **state)
{
	struct monitor_world *w = *state;
	char command[256];
	const struct said *s;

	add_script(w,
		   "trap '' TERM; echo $$ >>$D/pids; sleep 1000 & echo $! >>$D/pids; wait; wait");
	w->config->monitors[0].timeout_us = 300 * USEC_PER_MSEC;
	add_script(w, "exit 0"); /* is not disturbed */
	run_all(w);
	s = await_status(w, 0, MONITOR_ERROR);
	assert_string_equal(s->text, "not finished within 300ms");
	s = await_status(w, 0, MONITOR_ERROR);
	assert_string_equal(s->text, "an earlier check did not end within 300ms");
	monitor_order(w->monitors, 0, false, false);
	assert_true(stats_of(w, 1).checks >= 3);
	/* nothing of it is left in the end */
	(void)snprintf(command, sizeof command,
		       "for p in $(cat %s/pids); do kill -0 $p 2>/dev/null && exit 1; done; true",
		       w->directory);
	for (int i = 0; system(command) != 0; i++) {
		assert_true(i < 600);
		run_world(w, 100000);
	}
}

/* It may clean up when it is ended. */
static void test_script_is_asked_first(void **state)
{
	struct monitor_world *w = *state;

	add_script(w, "trap 'echo bye >$D/cleaned; exit 0' TERM; sleep 1000 & wait");
	w->config->monitors[0].timeout_us = 500 * USEC_PER_MSEC;
	run_all(w);
	(void)await_status(w, 0, MONITOR_ERROR);
	for (int i = 0; !file_exists(w, "cleaned"); i++) {
		assert_true(i < 600);
		run_world(w, 100000);
	}
}

static void test_script_that_floods(void **state)
{
	struct monitor_world *w = *state;
	struct monitor_stats stats;

	add_script(w, "exec yes flood")->timeout_us = 2 * USEC_PER_SEC;
	add_script(w, "exec head -c 1000000 /dev/zero"); /* one endless line */
	add_script(w, "exit 0");
	run_all(w);
	(void)await_status(w, 0, MONITOR_ERROR);
	w->read = 0;
	expect_good(w, 1);
	stats = stats_of(w, 2);
	assert_true(stats.checks >= 5 && stats.failures == 0);
	assert_true(monitor_pid(w->monitors) > 0 && w->deaths == 0);
}

/* What it leaves behind does not live on, and does not hold up the check. */
static void test_script_background_child_ends_with_it(void **state)
{
	struct monitor_world *w = *state;
	char command[256];

	add_script(w, "sleep 1000 & echo $! >$D/pid; exit 0")->interval_us = 3600 * USEC_PER_SEC;
	run_all(w);
	expect_good(w, 0);
	(void)snprintf(command, sizeof command, "! kill -0 $(cat %s/pid) 2>/dev/null",
		       w->directory);
	for (int i = 0; system(command) != 0; i++) {
		assert_true(i < 600);
		run_world(w, 100000);
	}
}

static void test_script_user_and_environment(void **state)
{
	struct monitor_world *w = *state;

	add_script(w, "test $(id -un) = nobody && test $USER = nobody &&"
		      "test $HOLDFAST_MONITOR = m0 && test \"$(pwd)\" = / &&"
		      "test \"$(ls /proc/self/fd | wc -l)\" = 4 && read line; test $? = 1")
		->user = (char *)(uintptr_t) "nobody";
	if (geteuid() != 0)
		skip();
	run_all(w);
	expect_good(w, 0);
}

/* ---- verdicts, orders ---- */

static void test_retries_and_further_rounds(void **state)
{
	struct monitor_world *w = *state;

	add_script(w, "test -e $D/good")->retries = 2;
	run_all(w);
	assert_int_equal(await_verdict(w, 0)->status, MONITOR_CAUTION);
	expect_error(w, 0, "exit status 1");
	expect_error(w, 0, "exit status 1");
	assert_int_equal(stats_of(w, 0).failures >= 6, 1);
	write_file(w, "good", "");
	(void)await_status(w, 0, MONITOR_NORMAL);
}

static void test_dummy_failure(void **state)
{
	struct monitor_world *w = *state;

	add_script(w, "exit 0");
	run_all(w);
	expect_good(w, 0);
	monitor_order(w->monitors, 0, true, true);
	expect_error(w, 0, "dummy failure");
	monitor_order(w->monitors, 0, true, false);
	(void)await_status(w, 0, MONITOR_NORMAL);
}

static void test_stopped_monitor_says_nothing(void **state)
{
	struct monitor_world *w = *state;
	size_t n;

	add_script(w, "echo x >>$D/ran; exit 1");
	run_all(w);
	(void)await_status(w, 0, MONITOR_ERROR);
	monitor_order(w->monitors, 0, false, false);
	n = w->n;
	run_world(w, 400000);
	assert_int_equal(w->n, n);
	/* stopped and run within one turn of the loop: begins anew */
	monitor_order(w->monitors, 0, true, false);
	(void)await_status(w, 0, MONITOR_ERROR);
	write_file(w, "ran", "");
	w->config->monitors[0].first_wait_us = 0;
	monitor_order(w->monitors, 0, false, false);
	monitor_order(w->monitors, 0, true, false);
	(void)await_status(w, 0, MONITOR_ERROR);
	assert_true(file_exists(w, "ran"));
}

static void test_first_wait(void **state)
{
	struct monitor_world *w = *state;
	ha_time start;

	add_script(w, "exit 1")->first_wait_us = USEC_PER_SEC;
	start_monitors(w);
	start = clock_boot();
	monitor_order(w->monitors, 0, true, false);
	assert_true(ha_time_since(await_status(w, 0, MONITOR_ERROR)->at, start) >= USEC_PER_SEC);
	run_world(w, 300000);
	/* again after it was stopped, for it begins anew */
	monitor_order(w->monitors, 0, false, false);
	w->read = w->n;
	start = clock_boot();
	monitor_order(w->monitors, 0, true, false);
	assert_true(ha_time_since(await_status(w, 0, MONITOR_ERROR)->at, start) >= USEC_PER_SEC);
}

static void test_ratio(void **state)
{
	struct monitor_world *w = *state;
	const struct said *s;

	add_script(w, "sleep 1; exit 0")->timeout_us = 100 * USEC_PER_MSEC;
	start_monitors(w);
	monitor_ratio(w->monitors, 200); /* told before it runs */
	monitor_order(w->monitors, 0, true, false);
	expect_good(w, 0);
	monitor_ratio(w->monitors, 1);
	s = await_status(w, 0, MONITOR_ERROR);
	assert_string_equal(s->text, "not finished within 100ms");
}

static void test_timeouts_that_are_not_recovered_from(void **state)
{
	struct monitor_world *w = *state;
	struct monitor_config *m = add_script(w, "sleep 1000");
	const struct said *s;

	m->timeout_us = 100 * USEC_PER_MSEC;
	m->recover_on_timeout = false;
	run_all(w);
	for (int i = 0; i < 2; i++) {
		s = await_verdict(w, 0);
		assert_int_equal(s->status, MONITOR_CAUTION);
	}
	assert_true(stats_of(w, 0).timeouts >= 2);
}

/* ---- the process ---- */

static void kill_worker(struct monitor_world *w)
{
	pid_t pid = monitor_pid(w->monitors);
	unsigned int deaths = w->deaths;
	ha_time until = ha_time_add(clock_boot(), PATIENCE_US);

	assert_true(pid > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (w->deaths == deaths) {
		assert_true(ha_time_before(clock_boot(), until));
		world_turn(w, 10000);
	}
}

static void test_process_is_started_again(void **state)
{
	struct monitor_world *w = *state;
	pid_t first;

	add_script(w, "test -e $D/good");
	add_script(w, "exit 0")->first_wait_us = 3600 * USEC_PER_SEC;
	add_script(w, "touch $D/must-not-run");
	start_monitors(w);
	monitor_ratio(w->monitors, 3);
	monitor_order(w->monitors, 0, true, false);
	monitor_order(w->monitors, 1, true, false);
	(void)await_status(w, 0, MONITOR_ERROR);
	first = monitor_pid(w->monitors);
	kill_worker(w);
	assert_true(strstr(w->death, "the monitor process") == w->death);
	assert_true(w->again_us == 0);
	write_file(w, "good", "");
	(void)await_status(w, 0, MONITOR_NORMAL);
	assert_true(monitor_pid(w->monitors) > 0 && monitor_pid(w->monitors) != first);
	/* no first wait again, it was running; what did not run still does not */
	w->read = 0;
	expect_good(w, 1);
	assert_false(file_exists(w, "must-not-run"));
}

static void test_process_that_dies_again_and_again(void **state)
{
	struct monitor_world *w = *state;

	add_script(w, "exit 0");
	run_all(w);
	expect_good(w, 0);
	for (int i = 0; i < 3; i++) {
		kill_worker(w);
		assert_true(w->again_us == 0);
		while (monitor_pid(w->monitors) == 0)
			world_turn(w, 10000);
	}
	kill_worker(w);
	assert_true(w->again_us >= 10 * USEC_PER_SEC); /* reported, not looped */
	run_world(w, 500000);
	assert_int_equal(monitor_pid(w->monitors), 0);
	assert_int_equal(w->deaths, 4);
	/* orders of that time are not lost, and time goes on */
	monitor_order(w->monitors, 0, false, false);
	monitor_order(w->monitors, 0, true, true);
	w->read = w->n;
	monitor_dispatch(w->monitors, ha_time_add(clock_boot(), w->again_us));
	expect_error(w, 0, "dummy failure");
}

static void test_another_configuration(void **state)
{
	struct monitor_world *w = *state;
	struct config *first = w->config, *second = calloc(1, sizeof *second);
	pid_t pid;

	assert_non_null(second);
	add_script(w, "exit 0");
	add_script(w, "exit 0");
	run_all(w);
	monitor_order(w->monitors, 0, false, false);
	monitor_order(w->monitors, 1, true, true);
	expect_error(w, 1, "dummy failure");
	pid = monitor_pid(w->monitors);
	/* in other places, and one of them new */
	second->run_directory = first->run_directory;
	second->monitors[0] = first->monitors[1];
	second->monitors[1] = first->monitors[0];
	second->monitors[2] = first->monitors[0];
	(void)strcpy(second->monitors[2].name, "new");
	second->n_monitors = 3;
	assert_int_equal(monitor_reconfigure(w->monitors, second), 0);
	w->config = second;
	free(first);
	assert_true(monitor_pid(w->monitors) != pid);
	w->read = w->n;
	expect_error(w, 0, "dummy failure");
	monitor_order(w->monitors, 2, true, false);
	expect_good(w, 2);
	assert_true(stats_of(w, 1).checks == 0); /* that one is stopped */
	assert_int_equal(w->deaths, 0);
	second->n_monitors = 0;
	assert_int_equal(monitor_reconfigure(w->monitors, second), 0);
	assert_int_equal(monitor_pid(w->monitors), 0);
}

/* It ends with the agent, and with it what it was running. */
static void test_process_ends_with_the_agent(void **state)
{
	struct monitor_world *w = *state;
	char command[256];
	pid_t pid;

	add_script(w, "echo $$ >$D/pid; exec sleep 1000");
	run_all(w);
	for (int i = 0; !file_exists(w, "pid"); i++) {
		assert_true(i < 600);
		run_world(w, 100000);
	}
	pid = monitor_pid(w->monitors);
	w->monitors = monitor_free(w->monitors);
	for (int i = 0; waitpid(pid, NULL, WNOHANG) == 0; i++)
		assert_true(i < 6000 && usleep(10000) == 0);
	(void)snprintf(command, sizeof command, "! kill -0 $(cat %s/pid) 2>/dev/null",
		       w->directory);
	for (int i = 0; system(command) != 0; i++)
		assert_true(i < 600 && usleep(100000) == 0);
}

static void test_process_is_small_and_plain(void **state)
{
	struct monitor_world *w = *state;
	char command[512];

	add_script(w, "exit 0");
	run_all(w);
	expect_good(w, 0);
	(void)snprintf(command, sizeof command,
		       "p=%d; grep -q '^holdfast-monito' /proc/$p/comm &&"
		       "test $(cut -d' ' -f19 /proc/$p/stat) = 0 &&" /* nice */
		       "test $(cut -d' ' -f41 /proc/$p/stat) = 0 &&" /* SCHED_OTHER */
		       "test $(ls /proc/$p/fd | wc -l) -lt 12",
		       (int)monitor_pid(w->monitors));
	assert_int_equal(system(command), 0);
}

static void test_no_monitors_no_process(void **state)
{
	struct monitor_world *w = *state;
	struct monitor_stats stats;

	start_monitors(w);
	assert_int_equal(monitor_pid(w->monitors), 0);
	assert_true(monitor_deadline(w->monitors).us == UINT64_MAX);
	monitor_order(w->monitors, 0, true, false);
	monitor_stats(w->monitors, 0, &stats);
	assert_true(stats.checks == 0);
}

/* ---- TCP and HTTP ---- */

struct server {
	pid_t pid;
	uint16_t port;
};

/* A listener on loopback; IPv6 if `v6`. */
static int listener(bool v6, uint16_t *ret_port)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = v6 ? sizeof a6 : sizeof a4;
	struct sockaddr *a = v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
	int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, a, size), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, a, &size), 0);
	*ret_port = ntohs(v6 ? a6.sin6_port : a4.sin_port);
	return fd;
}

static void test_tcp(void **state)
{
	struct monitor_world *w = *state;
	uint16_t p4, p6, closed;
	int l4 = listener(false, &p4), l6 = listener(true, &p6), gone = listener(false, &closed);
	struct monitor_config *m;
	char text[EVENT_TEXT_SIZE];

	assert_int_equal(close(gone), 0);
	m = add_monitor(w, MONITOR_TCPW);
	m->address = (char *)(uintptr_t) "127.0.0.1";
	m->port = p4;
	m = add_monitor(w, MONITOR_TCPW);
	m->address = (char *)(uintptr_t) "::1";
	m->port = p6;
	m = add_monitor(w, MONITOR_TCPW);
	m->address = (char *)(uintptr_t) "127.0.0.1";
	m->port = closed;
	m = add_monitor(w, MONITOR_TCPW);
	m->address = (char *)(uintptr_t) "localhost";
	m->port = 1;
	run_all(w);
	expect_good(w, 0);
	w->read = 0;
	expect_good(w, 1);
	w->read = 0;
	(void)snprintf(text, sizeof text, "127.0.0.1:%u: connection refused", closed);
	expect_error(w, 2, text);
	w->read = 0;
	expect_error(w, 3, "localhost: not a numeric address");
	/* the service goes away */
	assert_int_equal(close(l6), 0);
	(void)snprintf(text, sizeof text, "[::1]:%u: connection refused", p6);
	w->read = w->n;
	expect_error(w, 1, text);
	assert_int_equal(close(l4), 0);
}

/* A server that answers every request with these bytes, `drip`: one every 50 ms. Then it closes
 * the connection, or keeps it (`keep`). */
static struct server serve(const char *answer, bool drip, bool keep)
{
	struct server server;
	int fd = listener(false, &server.port);

	server.pid = fork();
	assert_true(server.pid >= 0);
	if (server.pid > 0) {
		(void)close(fd);
		return server;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int c = accept(fd, NULL, NULL);
		char request[2048];

		if (c < 0 || fork() > 0) {
			(void)close(c);
			continue;
		}
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(c, request, sizeof request) <= 0)
			_exit(1);
		for (size_t i = 0; drip && answer[i]; i++)
			if (write(c, answer + i, 1) != 1 || usleep(50000) < 0)
				_exit(1);
		if (!drip && write(c, answer, strlen(answer)) < 0)
			_exit(1);
		if (keep)
			(void)sleep(1000);
		_exit(0);
	}
}

static void stop_server(const struct server *server)
{
	assert_int_equal(kill(server->pid, SIGKILL), 0);
	assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
}

struct http_story {
	const char *answer;
	uint16_t want; /* http_status */
	bool drip, keep;
	const char *text; /* of the error, after the endpoint; NULL: good */
};

static const struct http_story http_stories[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, false, false, NULL},
	{"HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\nbody", 0, false, true, NULL},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 0, false, true, NULL},
	{"HTTP/1.1 404 Not Found\r\n\r\n", 0, false, false, "HTTP status 404"},
	{"HTTP/1.1 404 Not Found\r\n\r\n", 404, false, false, NULL},
	{"HTTP/1.1 200 OK\r\n\r\n", 204, false, false, "HTTP status 200, not 204"},
	{"HTTP/1.1 503 Busy\r\n\r\n", 0, false, false, "HTTP status 503"},
	{"SSH-2.0-OpenSSH\r\n", 0, false, true, "its answer is not HTTP"},
	{"HTTP/1.1 200 OK\r\nA: b\r\n", 0, false, false, "closed before its answer was complete"},
	{"HTTP/1.1 200 OK\r\nSlow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 0, true, true, "no complete answer within 1s"},
	{"", 0, false, true, "no complete answer within 1s"},
};
#define HTTP_STORIES (sizeof http_stories / sizeof *http_stories)

static void test_http(void **state)
{
	struct monitor_world *w = *state;
	struct server servers[HTTP_STORIES];
	static char urls[HTTP_STORIES][64];

	for (size_t i = 0; i < HTTP_STORIES; i++) {
		const struct http_story *s = &http_stories[i];
		struct monitor_config *m = add_monitor(w, MONITOR_HTTPW);

		servers[i] = serve(s->answer, s->drip, s->keep);
		(void)snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%u/x?y=1",
			       servers[i].port);
		m->url = urls[i];
		m->http_status = s->want;
		m->interval_us = 500 * USEC_PER_MSEC;
		if (s->text && strstr(s->text, "within"))
			m->timeout_us = USEC_PER_SEC;
	}
	run_all(w);
	for (size_t i = 0; i < HTTP_STORIES; i++) {
		char text[EVENT_TEXT_SIZE];

		w->read = 0;
		(void)snprintf(text, sizeof text, "127.0.0.1:%u: %s", servers[i].port,
			       http_stories[i].text ? http_stories[i].text : "");
		if (http_stories[i].text)
			expect_error(w, (uint16_t)i, text);
		else
			expect_good(w, (uint16_t)i);
	}
	for (size_t i = 0; i < HTTP_STORIES; i++)
		stop_server(&servers[i]);
}

/* A header without end is not read without end. */
static void test_http_endless_header(void **state)
{
	struct monitor_world *w = *state;
	static char answer[100000], url[64];
	struct server server;
	char text[EVENT_TEXT_SIZE];

	(void)memset(answer, 'a', sizeof answer - 1);
	(void)memcpy(answer, "HTTP/1.1 200 OK\r\n", 17);
	server = serve(answer, false, true);
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u", server.port);
	add_monitor(w, MONITOR_HTTPW)->url = url;
	add_monitor(w, MONITOR_HTTPW)->url = (char *)(uintptr_t) "https://127.0.0.1/";
	run_all(w);
	(void)snprintf(text, sizeof text, "127.0.0.1:%u: the header of its answer is too long",
		       server.port);
	expect_error(w, 0, text);
	w->read = 0;
	expect_error(w, 1, "https://127.0.0.1/: not a URL of the form http://ADDRESS:PORT/PATH");
	stop_server(&server);
}

/* ---- processes ---- */

/* A process that only waits, under this name. */
static pid_t sleeper(const char *name)
{
	pid_t pid = fork();
	int ready[2] = {-1, -1};

	(void)ready;
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, name);
	for (;;)
		(void)pause();
}

static void end_process(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void write_pid(const struct monitor_world *w, const char *name, pid_t pid)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%d\n", (int)pid);
	write_file(w, name, text);
}

static void test_pid(void **state)
{
	struct monitor_world *w = *state;
	pid_t first = sleeper("hf-first"), second = sleeper("hf-second");
	struct monitor_config *m = add_monitor(w, MONITOR_PIDW);
	char want[EVENT_TEXT_SIZE];
	const struct said *s;
	ha_time killed;

	m->pid_file = path_of(w, "a.pid");
	m->interval_us = 3600 * USEC_PER_SEC; /* what follows is noticed without it */
	write_pid(w, "a.pid", first);
	run_all(w);
	expect_good(w, 0);
	killed = clock_boot();
	end_process(first);
	s = await_verdict(w, 0);
	(void)snprintf(want, sizeof want, "process %d of %.40s does not live", (int)first,
		       m->pid_file);
	assert_int_equal(s->status, MONITOR_ERROR);
	assert_string_equal(s->text, want);
	assert_true(ha_time_since(s->at, killed) < PATIENCE_US);
	/* a new service with a new file */
	write_pid(w, "a.pid", second);
	monitor_order(w->monitors, 0, false, false);
	monitor_order(w->monitors, 0, true, false);
	expect_good(w, 0);
	end_process(second);
	assert_int_equal(await_verdict(w, 0)->status, MONITOR_ERROR);
}

static void test_pid_files(void **state)
{
	struct monitor_world *w = *state;
	static const struct {
		const char *name, *content, *fault;
	} files[] = {
		{"none.pid", NULL, ": no such file or directory"},
		{"empty.pid", "", " holds no process number"},
		{"words.pid", "running\n", " holds no process number"},
		{"huge.pid", "99999999999999999999\n", " holds no process number"},
		{"zero.pid", "0\n", " holds no process number"},
	};
	char fifo[128], want[300];

	(void)snprintf(fifo, sizeof fifo, "%s", path_of(w, "fifo.pid"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (files[i].content)
			write_file(w, files[i].name, files[i].content);
		add_monitor(w, MONITOR_PIDW)->pid_file = strdup(path_of(w, files[i].name));
	}
	add_monitor(w, MONITOR_PIDW)->pid_file = fifo;
	run_all(w);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		w->read = 0;
		(void)snprintf(want, sizeof want, "%s%s", path_of(w, files[i].name),
			       files[i].fault);
		expect_error(w, (uint16_t)i, want);
		free(w->config->monitors[i].pid_file);
	}
	w->read = 0;
	(void)snprintf(want, sizeof want, "%s holds no process number", fifo);
	expect_error(w, 5, want);
}

/* The kernel gives the number to another process while the file stays: by a namespace of
 * processes, where numbers can be chosen, this would need root; clone3() with set_tid does. */
static pid_t sleeper_with_number(pid_t pid)
{
	FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "we");
	pid_t got;

	if (!file)
		return -1;
	(void)fprintf(file, "%d", (int)pid - 1);
	if (fclose(file) != 0)
		return -1;
	got = sleeper("hf-other");
	if (got == pid)
		return got;
	end_process(got);
	return -1;
}

static void test_pid_that_was_used_again(void **state)
{
	struct monitor_world *w = *state;
	pid_t first = sleeper("hf-first"), other = -1;
	char want[300];

	add_monitor(w, MONITOR_PIDW)->pid_file = path_of(w, "a.pid");
	write_pid(w, "a.pid", first);
	run_all(w);
	expect_good(w, 0);
	/* stopped meanwhile, so only what it remembers can tell */
	monitor_order(w->monitors, 0, false, false);
	run_world(w, 200000);
	end_process(first);
	for (int i = 0; i < 200 && other < 0; i++)
		other = sleeper_with_number(first);
	if (other < 0) {
		print_message("no process with a number of our choice, skipped\n");
		skip();
	}
	monitor_order(w->monitors, 0, true, false);
	(void)snprintf(want, sizeof want,
		       "process %d of %.40s has ended, another one has its number now", (int)first,
		       path_of(w, "a.pid"));
	w->read = w->n;
	expect_error(w, 0, want);
	/* the file says it anew: that one is meant */
	write_pid(w, "a.pid", other);
	(void)await_status(w, 0, MONITOR_NORMAL);
	end_process(other);
}

static void test_pid_file_below_run(void **state)
{
	struct monitor_world *w = *state;
	char path[64];
	pid_t pid;
	FILE *file;

	(void)snprintf(path, sizeof path, "/run/hf-test-%d.pid", (int)getpid());
	file = fopen(path, "we");
	if (!file)
		skip();
	pid = sleeper("hf-run");
	(void)fprintf(file, "%d\n", (int)pid);
	assert_int_equal(fclose(file), 0);
	add_monitor(w, MONITOR_PIDW)->pid_file = path;
	run_all(w);
	expect_good(w, 0);
	end_process(pid);
	(void)await_status(w, 0, MONITOR_ERROR);
	assert_int_equal(unlink(path), 0);
}

static void test_process_names(void **state)
{
	struct monitor_world *w = *state;
	char name[16], absent[32];
	pid_t a, b;

	(void)snprintf(name, sizeof name, "hf%d(x) y", (int)(getpid() % 100000));
	(void)snprintf(absent, sizeof absent, "hf-%d-none", (int)getpid());
	a = sleeper(name);
	b = sleeper(name);
	add_monitor(w, MONITOR_PSW)->process = name;
	add_monitor(w, MONITOR_PSW)->process = name;
	w->config->monitors[1].minimum = 2;
	add_monitor(w, MONITOR_PSW)->process = absent;
	add_monitor(w, MONITOR_PSW)->process = (char *)(uintptr_t) "/proc/no/such/program";
	run_all(w);
	expect_good(w, 0);
	w->read = 0;
	expect_good(w, 1);
	w->read = 0;
	(void)snprintf(absent, sizeof absent, "no process hf-%d-", (int)getpid());
	assert_true(strstr(await_status(w, 2, MONITOR_ERROR)->text, absent) != NULL);
	w->read = 0;
	expect_error(w, 3, "no process /proc/no/such/program lives");
	end_process(b);
	w->read = w->n;
	assert_true(strstr(await_status(w, 1, MONITOR_ERROR)->text, "live, at least 2 should") !=
		    NULL);
	/* a zombie does not count */
	w->read = w->n;
	assert_int_equal(kill(a, SIGKILL), 0);
	(void)await_status(w, 0, MONITOR_ERROR);
	assert_int_equal(waitpid(a, NULL, 0), a);
}

static void test_process_paths(void **state)
{
	struct monitor_world *w = *state;
	static char program[256];
	char command[512];
	pid_t pid;

	(void)snprintf(program, sizeof program, "%s", path_of(w, "own-sleep"));
	(void)snprintf(command, sizeof command, "cp \"$(readlink -f $(command -v sleep))\" %s",
		       program);
	assert_int_equal(system(command), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl(program, "sleep", "1000", NULL);
		_exit(1);
	}
	add_monitor(w, MONITOR_PSW)->process = program;
	run_all(w);
	(void)await_status(w, 0, MONITOR_NORMAL);
	/* replaced by an update, it is still that program */
	assert_int_equal(unlink(program), 0);
	run_world(w, 400000);
	assert_int_equal(w->said[w->n - 1].status, MONITOR_NORMAL);
	end_process(pid);
	(void)await_status(w, 0, MONITOR_ERROR);
}

/* ---- user space, disks ---- */

static void test_user_space(void **state)
{
	struct monitor_world *w = *state;
	static char away[128];

	add_monitor(w, MONITOR_USERW);
	run_all(w);
	expect_good(w, 0);
	(void)snprintf(away, sizeof away, "%s.away", w->directory);
	assert_int_equal(rename(w->directory, away), 0);
	expect_error(w, 0, "cannot open the run directory: no such file or directory");
	assert_int_equal(rename(away, w->directory), 0);
	(void)await_status(w, 0, MONITOR_NORMAL);
	monitor_order(w->monitors, 0, false, false);
	run_world(w, 300000);
	assert_false(file_exists(w, "m0.check"));
}

static void test_watchdog_is_refused(void **state)
{
	struct monitor_world *w = *state;
	struct monitor_config *m = add_monitor(w, MONITOR_USERW);

	m->watchdog = (char *)(uintptr_t) "/dev/null";
	m = add_monitor(w, MONITOR_USERW);
	m->watchdog = (char *)(uintptr_t) "/dev/no-watchdog-here";
	m = add_monitor(w, MONITOR_USERW);
	m->watchdog = (char *)(uintptr_t) "/dev/null";
	m->interval_us = m->timeout_us = 5 * USEC_PER_SEC;
	run_all(w);
	expect_error(w, 0, "/dev/null is not a watchdog");
	w->read = 0;
	expect_error(w, 1, "cannot open /dev/no-watchdog-here: No such file or directory");
	w->read = 0;
	expect_error(w, 2, "a timeout of 5 s is too short for the watchdog: at least 6 s");
}

static void test_disk(void **state)
{
	struct monitor_world *w = *state;
	struct monitor_config *m;
	char want[300];

	write_file(w, "data", "some bytes");
	write_file(w, "empty", "");
	m = add_monitor(w, MONITOR_DISKW); /* 0: never over 100% */
	m->path = w->directory;
	m->limit_percent = 101;
	m = add_monitor(w, MONITOR_DISKW); /* 1: always over 0% */
	m->path = w->directory;
	m->limit_percent = 0;
	m = add_monitor(w, MONITOR_DISKW); /* 2 */
	m->method = DISK_READ;
	m->path = path_of(w, "data");
	m = add_monitor(w, MONITOR_DISKW); /* 3 */
	m->method = DISK_READ;
	m->path = path_of(w, "empty");
	m = add_monitor(w, MONITOR_DISKW); /* 4 */
	m->method = DISK_WRITE;
	m->path = w->directory;
	m = add_monitor(w, MONITOR_DISKW); /* 5: nothing is ever written to a file or device */
	m->method = DISK_WRITE;
	m->path = w->config->monitors[2].path;
	m = add_monitor(w, MONITOR_DISKW); /* 6 */
	m->method = DISK_READ;
	m->path = (char *)(uintptr_t) "/nonexistent";
	run_all(w);
	for (uint16_t i = 0; i <= 4; i += 2) {
		w->read = 0;
		expect_good(w, i);
	}
	w->read = 0;
	assert_true(strstr(await_status(w, 1, MONITOR_ERROR)->text, "% used, the limit is 0%"));
	w->read = 0;
	(void)snprintf(want, sizeof want, "%s: it is empty", w->config->monitors[3].path);
	expect_error(w, 3, want);
	w->read = 0;
	(void)snprintf(want, sizeof want, "%.40s: cannot be opened as a directory: not a directory",
		       w->config->monitors[5].path);
	expect_error(w, 5, want);
	w->read = 0;
	expect_error(w, 6, "/nonexistent: cannot be opened: no such file or directory");
	monitor_order(w->monitors, 4, false, false);
	run_world(w, 300000);
	assert_false(file_exists(w, ".holdfast-m4.check"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, monitor_world_setup, monitor_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_script_good),
		TEST(test_script_failures_name_the_cause),
		TEST(test_script_that_hangs),
		TEST(test_script_is_asked_first),
		TEST(test_script_that_floods),
		TEST(test_script_background_child_ends_with_it),
		TEST(test_script_user_and_environment),
		TEST(test_retries_and_further_rounds),
		TEST(test_dummy_failure),
		TEST(test_stopped_monitor_says_nothing),
		TEST(test_first_wait),
		TEST(test_ratio),
		TEST(test_timeouts_that_are_not_recovered_from),
		TEST(test_process_is_started_again),
		TEST(test_process_that_dies_again_and_again),
		TEST(test_another_configuration),
		TEST(test_process_ends_with_the_agent),
		TEST(test_process_is_small_and_plain),
		TEST(test_no_monitors_no_process),
		TEST(test_tcp),
		TEST(test_http),
		TEST(test_http_endless_header),
		TEST(test_pid),
		TEST(test_pid_files),
		TEST(test_pid_that_was_used_again),
		TEST(test_pid_file_below_run),
		TEST(test_process_names),
		TEST(test_process_paths),
		TEST(test_user_space),
		TEST(test_watchdog_is_refused),
		TEST(test_disk),
	};

	return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
