/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/shrink.h"

#include <string.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#define TRACE_LINES 4096
#define TRIES_MAX   400

static unsigned int tries_left;

void limit_run(void)
{
	const struct itimerval limit = {.it_value.tv_sec = RUN_LIMIT_S};

	(void)setitimer(ITIMER_PROF, &limit, NULL);
}

static void run_child(const struct schedule_options *options, int fd)
{
	static struct schedule schedule;
	struct world *w = world_new();

	limit_run();
	schedule_make(options, &schedule);
	if (!world_run(w, &schedule))
		(void)!write(fd, w->violation, strlen(w->violation));
	_exit(0);
}

static void describe_death(int status, struct outcome *ret)
{
	ret->violated = true;
	if (WIFSIGNALED(status))
		(void)snprintf(ret->text, sizeof(ret->text), "%s: signal %d (%s)",
			       WTERMSIG(status) == SIGPROF ? "hang" : "assert", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else
		(void)snprintf(ret->text, sizeof(ret->text), "exit: status %d",
			       WEXITSTATUS(status));
}

void outcome_of(const struct schedule_options *options, struct outcome *ret)
{
	int fds[2], status = 0;
	ssize_t n;
	pid_t pid;

	memset(ret, 0, sizeof(*ret));
	(void)fflush(NULL);
	if (pipe(fds) < 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		(void)close(fds[0]);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		run_child(options, fds[1]);
	}
	(void)close(fds[1]);
	n = read(fds[0], ret->text, sizeof(ret->text) - 1);
	(void)close(fds[0]);
	while (waitpid(pid, &status, 0) < 0)
		;
	if (n > 0)
		ret->violated = true;
	else if (status != 0)
		describe_death(status, ret);
}

/* The invariant's name leads the text. */
static bool same_kind(const struct outcome *a, const struct outcome *b)
{
	size_t n = strcspn(a->text, " :");

	return n == strcspn(b->text, " :") && strncmp(a->text, b->text, n) == 0;
}

static bool try(struct schedule_options *options, const struct schedule_options *smaller,
		struct outcome *outcome)
{
	struct outcome next;

	if (tries_left == 0)
		return false;
	tries_left--;
	outcome_of(smaller, &next);
	if (!next.violated || !same_kind(&next, outcome))
		return false;
	*options = *smaller;
	*outcome = next;
	return true;
}

static bool drop_faults(struct schedule_options *options, struct outcome *outcome)
{
	static struct schedule schedule;
	bool any = false;

	schedule_make(options, &schedule);
	for (size_t size = schedule.n_faults; size > 0; size /= 2) {
		for (size_t i = 0; i < schedule.n_faults; i += size) {
			struct schedule_options smaller = *options;

			for (size_t k = i; k < i + size && k < FAULTS_MAX; k++)
				smaller.keep &= ~(1ULL << k);
			if (smaller.keep != options->keep)
				any = try(options, &smaller, outcome) || any;
		}
	}
	return any;
}

static bool end_earlier(struct schedule_options *options, struct outcome *outcome)
{
	static struct schedule schedule;
	bool any = false;

	for (unsigned int eighths = 4; eighths < 8; eighths++) {
		struct schedule_options smaller = *options;

		schedule_make(options, &schedule);
		smaller.until_us = schedule.faults_end_us * eighths / 8;
		while (smaller.until_us > schedule.config.interval_us &&
		       try(options, &smaller, outcome)) {
			any = true;
			smaller.until_us = smaller.until_us * eighths / 8;
		}
	}
	return any;
}

void shrink(struct schedule_options *options, struct outcome *outcome)
{
	static struct schedule schedule;
	struct schedule_options calm = *options;

	tries_left = TRIES_MAX;
	schedule_make(options, &schedule);
	options->keep &= schedule.n_faults < 64 ? (1ULL << schedule.n_faults) - 1 : ~0ULL;
	calm = *options;
	calm.calm = true;
	(void)try(options, &calm, outcome);
	while (drop_faults(options, outcome) || end_earlier(options, outcome))
		;
}

char *options_format(const struct schedule_options *options, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, "--seed %llu", (unsigned long long)options->seed);
	bool any = false;

	if (options->theme >= 0 && n < size)
		n += (size_t)snprintf(buf + n, size - n, " --theme %s",
				      theme_to_string((enum theme)options->theme));
	if (options->kernel && n < size)
		n += (size_t)snprintf(buf + n, size - n, " --kernel");
	if (options->no_kernel && n < size)
		n += (size_t)snprintf(buf + n, size - n, " --no-kernel");
	if (options->fence && n < size)
		n += (size_t)snprintf(buf + n, size - n, " --fence");
	if (options->calm && n < size)
		n += (size_t)snprintf(buf + n, size - n, " --calm");
	if (options->until_us && n < size)
		n += (size_t)snprintf(buf + n, size - n, " --until %llu",
				      (unsigned long long)options->until_us);
	if (options->keep == ~0ULL || n >= size)
		return buf;
	n += (size_t)snprintf(buf + n, size - n, " --keep ");
	for (unsigned int i = 0; i < FAULTS_MAX && n < size; i++) {
		if (!(options->keep >> i & 1))
			continue;
		n += (size_t)snprintf(buf + n, size - n, "%s%u", any ? "," : "", i);
		any = true;
	}
	if (!any && n < size)
		(void)snprintf(buf + n, size - n, "none");
	return buf;
}

/* An assertion ends the process: the tail is printed by the handler of its signal. */
static struct world *tail_world;
static size_t tail_lines;

static void print_and_die(int signal_number)
{
	trace_tail(tail_world, stdout, tail_lines);
	(void)fflush(stdout);
	_exit(128 + signal_number);
}

void print_tail(const struct schedule_options *options, size_t lines, bool datagrams)
{
	static struct schedule schedule;
	struct world *w;
	pid_t pid;
	int status;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		w = tail_world = world_new();
		tail_lines = lines;
		w->trace.datagrams = datagrams;
		w->trace.ring_room = TRACE_LINES;
		w->trace.ring = calloc(TRACE_LINES, sizeof(*w->trace.ring));
		(void)signal(SIGABRT, print_and_die);
		(void)signal(SIGPROF, print_and_die);
		(void)signal(SIGSEGV, print_and_die);
		limit_run();
		schedule_make(options, &schedule);
		(void)world_run(w, &schedule);
		print_and_die(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		;
}
