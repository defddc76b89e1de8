/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The process that runs the fence agents of a level, against scripts that play agents. Needs root,
 * for agents and secrets are files of root. */
#include "agent/fence_tool.h"

#include "util/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET	 "s3cr3t-w0rd"
#define LIMIT_US (20 * USEC_PER_SEC) /* for what takes well under a second */

/* Plays a fence agent: how is its parameter `mode`, its device's state is a file. */
static const char player[] =
	"#!/bin/sh\n"
	"cd \"${0%/*}\" || exit 1\n"
	"if [ \"$1\" = -o ]; then cat metadata; exit 0; fi\n"
	"[ $# = 0 ] || exit 1\n"
	"plug=x\n"
	"while IFS= read -r l; do case $l in\n"
	"action=*) action=${l#*=};; plug=*) plug=${l#*=};; mode=*) mode=${l#*=};;\n"
	"method=*) method=-${l#*=};; nodename=*) node=${l#*=};; password=*) password=${l#*=};;\n"
	"esac; done\n"
	"[ \"$node\" = n2 ] || [ \"$node\" = n1 ] || { echo no node; exit 1; }\n"
	"echo \"$mode $plug $action$method\" >>log\n"
	"state=state.$mode.$plug\n"
	"case $mode in\n"
	"hang) setsid sleep 977 & echo $! >stray; echo $$ >pid; sleep 978;;\n"
	"echo) echo \"login failed for $password, $(env | grep -c w0rd) in env\" >&2; exit 1;;\n"
	"split) head -c 8185 /dev/zero | tr '\\0' x; printf %s \"$password\"; exit 1;;\n"
	"huge) yes 0123456789 | head -c 1000000; echo; echo the end; exit 1;;\n"
	"flood) exec yes;;\n"
	"signal) kill -SEGV $$;;\n"
	"fail) echo first; echo 'ERROR: Failed: no plug'; echo; exit 1;;\n"
	"secret) [ \"$password\" = " SECRET " ] || exit 1;;\n"
	"late) if [ $action = off ]; then rm -f up; "
	"setsid sh -c \"touch up; sleep 1; echo off >$state\" & "
	"while [ ! -e up ]; do sleep 0.01; done; fi;;\n"
	"esac\n"
	"case $action in\n"
	"off) case $mode in lying|late|broken|mute) ;; *) echo off >$state;; esac\n"
	"echo 'Success: Powered OFF';;\n"
	"on) echo on >$state; echo 'Success: Powered ON';;\n"
	"monitor) ;;\n"
	"reboot|reset|cycle|diag) echo on >$state;;\n"
	"status) case $mode in back) echo on >$state;;\n"
	"broken) echo 'sh: syntax error' >&2; exit 2;; mute) exit 2;; esac\n"
	"[ \"$(cat $state 2>/dev/null)\" = off ] && { echo 'Status: OFF'; exit 2; }\n"
	"echo 'Status: ON';;\n"
	"*) exit 1;;\n"
	"esac\n";

static const char metadata_head[] =
	"<?xml version=\"1.0\" ?>\n<resource-agent name=\"fence_player\" shortdesc=\"x\">\n"
	"<parameters>\n"
	"<parameter name=\"action\" unique=\"0\" required=\"1\"><content type=\"string\" "
	"default=\"reboot\"/></parameter>\n"
	"<parameter name=\"mode\" required=\"1\"><content type=\"string\"/></parameter>\n"
	"<parameter name=\"password\" required=\"0\" obsoletes=\"passwd\"><content "
	"type=\"string\"/></parameter>\n"
	"<parameter name=\"ipport\" required=\"0\"><content type=\"integer\" "
	"default=\"1\"/></parameter>\n"
	"<parameter name=\"plug\" required=\"1\" obsoletes=\"port\"><content "
	"type=\"string\"/></parameter>\n"
	"<parameter name=\"method\" required=\"0\"><content type=\"select\" default=\"onoff\">"
	"<option "
	"value=\"onoff\"/><option value=\"cycle\"/></content></parameter>\n"
	"</parameters>\n<actions>\n<action name=\"on\" automatic=\"0\"/>\n<action name=\"off\"/>\n"
	"<action name=\"status\"/>\n<action name=\"monitor\"/>\n";
static const char metadata_tail[] = "</actions>\n</resource-agent>\n";

#define DEVICES 3

struct world {
	char directory[64], path[384], agent[384], secret[384];
	char text[DEVICES][3][400];
	char *parameters[DEVICES][3], *secrets[DEVICES][2];
	char plugs[DEVICES][8];
	struct config *config;
	/* of the newest run */
	char output[64 * 1024];
	size_t n_output;
	int code;
	struct fence_line end;
	uint64_t took_us;
};

static const char *in(struct world *w, const char *name)
{
	(void)snprintf(w->path, sizeof w->path, "%s/%s", w->directory, name);
	return w->path;
}

static void write_file(struct world *w, const char *name, const char *text, mode_t mode)
{
	int fd = open(in(w, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static const char *read_file(struct world *w, const char *name)
{
	static char text[4096];
	int fd = open(in(w, name), O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		(void)close(fd);
	return text;
}

static void metadata(struct world *w, const char *more_actions)
{
	char text[4096];

	(void)snprintf(text, sizeof text, "%s%s%s", metadata_head, more_actions, metadata_tail);
	write_file(w, "metadata", text, 0600);
}

/* Device i, in level 1 of n2; a plug makes it one more use of the same device. */
static void add(struct world *w, const char *mode, const char *plug)
{
	struct fencing_config *f = &w->config->fencing;
	struct fence_level_config *level = &w->config->nodes[1].fence[0];
	uint8_t i = f->n_devices++, use = level->n_devices++;
	struct fence_device_config *d = &f->devices[i];

	(void)snprintf(d->name, sizeof d->name, "d%u", i + 1U);
	d->agent = w->agent;
	d->timeout_us = 5 * USEC_PER_SEC;
	(void)snprintf(w->text[i][0], sizeof w->text[i][0], "mode=%s", mode);
	(void)snprintf(w->text[i][2], sizeof w->text[i][2], "password=%s", w->secret);
	w->parameters[i][0] = w->text[i][0];
	w->secrets[i][0] = w->text[i][2];
	d->parameters = w->parameters[i];
	d->secrets = w->secrets[i];
	level->devices[use].device = i;
	(void)snprintf(w->plugs[use], sizeof w->plugs[use], "%s", plug);
	level->devices[use].plug = *plug ? w->plugs[use] : NULL;
	w->config->nodes[1].n_fence_levels = 1;
}

static void add_plug(struct world *w, const char *plug)
{
	struct fence_level_config *level = &w->config->nodes[1].fence[0];
	uint8_t use = level->n_devices++;

	(void)snprintf(w->plugs[use], sizeof w->plugs[use], "%s", plug);
	level->devices[use] = (struct fence_use_config){0, w->plugs[use]};
}

static void make_agent(struct world *w, const char *name)
{
	write_file(w, name, player, 0700);
	(void)snprintf(w->agent, sizeof w->agent, "%s", in(w, name));
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	w->config = calloc(1, sizeof *w->config);
	assert_non_null(w->config);
	(void)snprintf(w->directory, sizeof w->directory, "/tmp/hf-fence-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	make_agent(w, "fence_player");
	metadata(w, "");
	write_file(w, "secret", SECRET "\nsecond line\n", 0600);
	(void)snprintf(w->secret, sizeof w->secret, "%s", in(w, "secret"));
	w->config->n_nodes = 2;
	(void)snprintf(w->config->nodes[0].name, NAME_SIZE, "n1");
	(void)snprintf(w->config->nodes[1].name, NAME_SIZE, "n2");
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	DIR *dir = opendir(w->directory);

	for (struct dirent *e; dir && (e = readdir(dir));)
		(void)unlink(in(w, e->d_name));
	if (dir)
		(void)closedir(dir);
	(void)rmdir(w->directory);
	free(w->config);
	free(w);
	return 0;
}

/* ---- runs ---- */

static pid_t launch(struct world *w, enum fence_verb verb, uint8_t self, int *ret_fd)
{
	struct fence_task task = {
		.config = w->config, .self = self, .target = 1, .level = 0, .verb = verb};
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(fds[0]);
		task.out = fds[1];
		_exit(fence_tool_do(&task));
	}
	(void)close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

static void collect(struct world *w, pid_t pid, int fd)
{
	ha_time limit = ha_time_add(clock_boot(), LIMIT_US);
	int status = 0;
	ssize_t n = 1;
	char *last;

	w->n_output = 0;
	while (n > 0 && ha_time_before(clock_boot(), limit)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, 1000) <= 0)
			continue;
		n = read(fd, w->output + w->n_output, sizeof w->output - w->n_output - 1);
		w->n_output += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(n, 0);
	w->output[w->n_output] = '\0';
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	w->code = WEXITSTATUS(status);
	assert_true(w->n_output > 0 && w->output[w->n_output - 1] == '\n');
	last = memrchr(w->output, '\n', w->n_output - 1);
	last = last ? last + 1 : w->output;
	assert_int_equal(fence_line_parse(last, strlen(last), &w->end), 0);
	assert_true(w->end.is_end);
}

static void run(struct world *w, enum fence_verb verb)
{
	ha_time begin = clock_boot();
	int fd;
	pid_t pid = launch(w, verb, 0, &fd);

	collect(w, pid, fd);
	w->took_us = ha_time_since(clock_boot(), begin);
	assert_int_equal(w->code == 0, w->end.end.ok);
	assert_null(strstr(w->output, SECRET));
}

static void assert_says(const struct world *w, const char *text)
{
	if (!strstr(w->output, text))
		fail_msg("no \"%s\" in: %s", text, w->output);
}

/* ---- off ---- */

static void test_off(void **state)
{
	struct world *w = *state;

	add(w, "ok", "");
	run(w, FENCE_VERB_OFF);
	assert_true(w->end.confirmed);
	assert_int_equal(w->end.end.power, FENCE_READ_OFF);
	assert_string_equal(read_file(w, "log"), "ok x off\nok x status\n");
	assert_says(w, "\"step\":\"off\"");
	run(w, FENCE_VERB_STATUS);
	assert_int_equal(w->end.end.power, FENCE_READ_OFF);
	run(w, FENCE_VERB_ON);
	assert_false(w->end.confirmed);
	run(w, FENCE_VERB_STATUS);
	assert_int_equal(w->end.end.power, FENCE_READ_ON);
}

/* Whatever an agent does wrong: not confirmed, and why. */
static void test_never_confirmed(void **state)
{
	static const struct {
		const char *mode, *says;
		uint64_t timeout_ms;
	} table[] = {
		{"lying", "it was ordered off and is read on", 1000},
		{"back", "it was ordered off and is read on", 1000},
		{"fail", "off: ERROR: Failed: no plug", 5000},
		{"signal", "ended by signal 11", 5000},
		{"huge", "the end", 5000},
		{"flood", "prints without end", 5000},
		{"hang", "no end within 0.5 s: killed", 500},
		{"echo", "login failed for ***, 0 in env", 5000},
		{"split", "exit code 1", 5000},
		{"broken", "sh: syntax error", 1000},
	};
	struct world *w = *state;

	add(w, "", "");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		(void)snprintf(w->text[0][0], sizeof w->text[0][0], "mode=%s", table[i].mode);
		w->config->fencing.devices[0].timeout_us = table[i].timeout_ms * USEC_PER_MSEC;
		run(w, FENCE_VERB_OFF);
		assert_false(w->end.confirmed || w->end.end.ok);
		assert_int_not_equal(w->code, 0);
		assert_int_not_equal(w->end.end.power, FENCE_READ_OFF);
		assert_says(w, table[i].says);
	}
}

/* Exit code 2 of `status` without a word, and a state that comes a while after the order. */
static void test_confirmed_by_reading(void **state)
{
	struct world *w = *state;

	add(w, "mute", "");
	run(w, FENCE_VERB_OFF);
	assert_true(w->end.confirmed);
	(void)snprintf(w->text[0][0], sizeof w->text[0][0], "mode=late");
	run(w, FENCE_VERB_OFF);
	assert_true(w->end.confirmed);
	assert_true(w->took_us >= USEC_PER_SEC);
	assert_says(w, "Status: ON");
}

/* Ours have read it by themselves; but of two, each is read when all have been ordered. */
static void test_own(void **state)
{
	struct world *w = *state;

	make_agent(w, "fence_holdfast_player");
	add(w, "lying", "");
	run(w, FENCE_VERB_OFF);
	assert_true(w->end.confirmed);
	assert_string_equal(read_file(w, "log"), "lying x off\n");
	add(w, "ok", "");
	w->config->fencing.devices[0].timeout_us = w->config->fencing.devices[1].timeout_us =
		USEC_PER_SEC;
	run(w, FENCE_VERB_OFF);
	assert_false(w->end.end.ok);
	assert_says(w, "d1: it was ordered off and is read on");
}

/* Not both: not off. */
static void test_two_devices(void **state)
{
	struct world *w = *state;

	add(w, "ok", "1");
	add(w, "fail", "2");
	run(w, FENCE_VERB_OFF);
	assert_false(w->end.end.ok);
	assert_int_equal(w->end.end.power, FENCE_READ_UNKNOWN);
	assert_says(w, "d2:2: off: ERROR: Failed: no plug");
	(void)snprintf(w->text[1][0], sizeof w->text[1][0], "mode=ok");
	run(w, FENCE_VERB_OFF);
	assert_true(w->end.confirmed);
	(void)snprintf(w->text[1][0], sizeof w->text[1][0], "mode=lying");
	w->config->fencing.devices[0].timeout_us = w->config->fencing.devices[1].timeout_us =
		USEC_PER_SEC;
	run(w, FENCE_VERB_OFF);
	assert_false(w->end.end.ok);
}

/* Plugs of one device one after the other; several devices at once. */
static void test_order(void **state)
{
	struct world *w = *state;

	add(w, "ok", "3");
	add_plug(w, "4");
	run(w, FENCE_VERB_OFF);
	assert_true(w->end.confirmed);
	assert_string_equal(read_file(w, "log"), "ok 3 off\nok 4 off\nok 3 status\nok 4 status\n");
	assert_int_equal(config_fence_level_us(w->config, 1, 0), 10 * USEC_PER_SEC);
	assert_int_equal(config_fence_level_us(w->config, 1, 1), 0);
	assert_int_equal(config_fence_level_us(w->config, 0, 0), 0);
}

static void test_side_by_side(void **state)
{
	struct world *w = *state;

	add(w, "hang", "");
	add(w, "hang", "");
	w->config->fencing.devices[0].timeout_us = w->config->fencing.devices[1].timeout_us =
		USEC_PER_SEC;
	run(w, FENCE_VERB_OFF);
	assert_true(w->took_us < 2 * USEC_PER_SEC);
}

/* ---- secrets ---- */

static void test_secrets(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *says; /* NULL: it is taken */
	} table[] = {
		{SECRET "\n", 0600, NULL},
		{SECRET, 0400, NULL},
		{SECRET "\n", 0640, "can be read by others than root"},
		{SECRET "\n", 0604, "can be read by others than root"},
		{SECRET "\n", 0620, "can be written by others than root"},
		{"\n" SECRET, 0600, "is empty"},
	};
	struct world *w = *state;

	add(w, "secret", "");
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		(void)unlink(in(w, "log"));
		write_file(w, "secret", table[i].text, table[i].mode);
		run(w, FENCE_VERB_OFF);
		assert_int_equal(w->end.confirmed, table[i].says == NULL);
		if (table[i].says)
			assert_says(w, table[i].says);
		assert_int_equal(*read_file(w, "log") == '\0', table[i].says != NULL);
	}
	assert_int_equal(chown(in(w, "secret"), 1, 0), 0);
	run(w, FENCE_VERB_OFF);
	assert_says(w, "does not belong to root");
	(void)unlink(in(w, "secret"));
	run(w, FENCE_VERB_OFF);
	assert_says(w, "No such file");
}

/* Nor is an agent run that somebody else could have written, or that is not there. */
static void test_agent_file(void **state)
{
	struct world *w = *state;

	add(w, "ok", "");
	assert_int_equal(chmod(w->agent, 0777), 0);
	run(w, FENCE_VERB_OFF);
	assert_says(w, "can be written by others than root");
	assert_int_equal(chmod(w->agent, 0600), 0);
	run(w, FENCE_VERB_OFF);
	assert_says(w, "it cannot be run");
	(void)unlink(w->agent);
	run(w, FENCE_VERB_OFF);
	assert_says(w, "No such file");
	(void)snprintf(w->agent, sizeof w->agent, "fence_of_nobody");
	run(w, FENCE_VERB_OFF);
	assert_says(w, "there is no fence agent fence_of_nobody in /usr/");
	assert_string_equal(read_file(w, "log"), "");
}

/* ---- ends ---- */

static pid_t pid_in(struct world *w, const char *name)
{
	ha_time limit = ha_time_add(clock_boot(), LIMIT_US);
	long pid = 0;

	while (pid <= 0 && ha_time_before(clock_boot(), limit)) {
		pid = strtol(read_file(w, name), NULL, 10);
		(void)poll(NULL, 0, 5);
	}
	assert_true(pid > 1);
	return (pid_t)pid;
}

static void assert_ends(pid_t pid)
{
	ha_time limit = ha_time_add(clock_boot(), LIMIT_US);

	while (kill(pid, 0) == 0 && ha_time_before(clock_boot(), limit))
		(void)poll(NULL, 0, 5);
	assert_int_equal(kill(pid, 0), -1);
}

/* What it started ends with it, even in a session of its own. */
static void test_ended(void **state)
{
	struct world *w = *state;
	pid_t pid, agent, stray;
	int fd;

	add(w, "hang", "");
	w->config->fencing.devices[0].timeout_us = 60 * USEC_PER_SEC;
	pid = launch(w, FENCE_VERB_OFF, 0, &fd);
	agent = pid_in(w, "pid");
	stray = pid_in(w, "stray");
	assert_int_equal(kill(pid, SIGTERM), 0);
	collect(w, pid, fd);
	assert_false(w->end.end.ok);
	assert_says(w, "it was ended");
	assert_ends(agent);
	assert_ends(stray);
}

static void test_nobody_listens(void **state)
{
	struct world *w = *state;
	pid_t pid, agent;
	int fd, status;

	add(w, "hang", "");
	w->config->fencing.devices[0].timeout_us = 60 * USEC_PER_SEC;
	pid = launch(w, FENCE_VERB_OFF, 0, &fd);
	agent = pid_in(w, "pid");
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_ends(agent);
}

/* Killed as nothing can be caught: its agents are killed by the kernel. */
static void test_killed(void **state)
{
	struct world *w = *state;
	pid_t pid, agent;
	int fd, status;

	add(w, "hang", "");
	w->config->fencing.devices[0].timeout_us = 60 * USEC_PER_SEC;
	pid = launch(w, FENCE_VERB_OFF, 0, &fd);
	agent = pid_in(w, "pid");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_ends(agent);
	(void)kill(pid_in(w, "stray"), SIGKILL); /* this one has a session of its own */
	(void)close(fd);
}

/* ---- the other orders ---- */

static void test_check(void **state)
{
	struct world *w = *state;

	add(w, "ok", "1");
	run(w, FENCE_VERB_CHECK);
	assert_int_equal(w->code, 0);
	assert_string_equal(read_file(w, "log"), "ok 1 monitor\nok 1 status\n");
	add(w, "fail", "2");
	run(w, FENCE_VERB_CHECK);
	assert_int_not_equal(w->code, 0);
	assert_says(w, "d2:2: monitor: ERROR: Failed: no plug");
	assert_null(strstr(read_file(w, "log"), "off"));
}

static void test_test(void **state)
{
	struct world *w = *state;
	char wrong[] = "ipport=many", unknown[] = "colour=red";

	add(w, "ok", "1");
	run(w, FENCE_VERB_TEST);
	assert_int_equal(w->code, 0);
	w->parameters[0][1] = wrong;
	run(w, FENCE_VERB_TEST);
	assert_int_not_equal(w->code, 0);
	assert_says(w, "ipport is a number, not");
	w->parameters[0][1] = unknown;
	run(w, FENCE_VERB_TEST);
	assert_says(w, "the fence agent has no parameter colour");
	w->parameters[0][1] = NULL;
	w->config->nodes[1].fence[0].devices[0].plug = NULL;
	run(w, FENCE_VERB_TEST);
	assert_says(w, "the fence agent needs a plug");
	write_file(w, "metadata", "<resource-agent><nonsense>", 0600);
	run(w, FENCE_VERB_TEST);
	assert_says(w, "is not XML");
	assert_null(strstr(read_file(w, "log"), "off"));
}

static const char *last_call(struct world *w)
{
	const char *text = read_file(w, "log");
	static char line[128];
	const char *at = text;

	for (const char *p = text; *p; p++)
		if (*p == '\n' && p[1])
			at = p + 1;
	(void)snprintf(line, sizeof line, "%s", at);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void test_as_the_agent_offers(void **state)
{
	struct world *w = *state;
	pid_t pid;
	int fd;

	add(w, "ok", "1");
	metadata(w, "<action name=\"reset\"/><action name=\"cycle\"/><action name=\"diag\"/>");
	run(w, FENCE_VERB_RESET);
	assert_string_equal(read_file(w, "log"), "ok 1 reset\n");
	run(w, FENCE_VERB_CYCLE);
	assert_string_equal(last_call(w), "ok 1 cycle");
	run(w, FENCE_VERB_DIAG);
	assert_string_equal(last_call(w), "ok 1 diag");
	metadata(w, "<action name=\"reboot\"/>");
	run(w, FENCE_VERB_RESET);
	assert_string_equal(last_call(w), "ok 1 reboot-cycle");
	run(w, FENCE_VERB_DIAG);
	assert_false(w->end.end.ok);
	assert_says(w, "has no action diag");
	/* off and on by us, but never of this server itself */
	metadata(w, "");
	(void)unlink(in(w, "log"));
	run(w, FENCE_VERB_RESET);
	assert_string_equal(read_file(w, "log"), "ok 1 off\nok 1 status\nok 1 on\n");
	(void)unlink(in(w, "log"));
	pid = launch(w, FENCE_VERB_RESET, 1, &fd);
	collect(w, pid, fd);
	assert_false(w->end.end.ok);
	assert_says(w, "cannot switch itself on again");
	assert_string_equal(read_file(w, "log"), "");
}

/* All of a level are read off before anything is switched on. */
static void test_cycle_of_two(void **state)
{
	struct world *w = *state;

	add(w, "ok", "1");
	add(w, "lying", "2");
	w->config->fencing.devices[0].timeout_us = w->config->fencing.devices[1].timeout_us =
		USEC_PER_SEC;
	run(w, FENCE_VERB_CYCLE);
	assert_false(w->end.end.ok);
	assert_null(strstr(read_file(w, "log"), " on\n"));
}

/* ---- what is printed ---- */

static const char *shown(const char *printed, const char *secret)
{
	static char text[64], data[48];
	const struct fence_secrets secrets = {.n = secret ? 1 : 0, .value = {secret}};
	struct fence_output output = {.data = data, .size = sizeof data};

	fence_output_add(&output, printed, strlen(printed));
	fence_output_text(&output, &secrets, text, sizeof text);
	return text;
}

static void test_text(void **state)
{
	static char text[8], data[8];
	const struct fence_secrets two = {.n = 2, .value = {"pass", "password"}};

	(void)state;
	assert_string_equal(shown("", NULL), "");
	assert_string_equal(shown("\n \n", NULL), "");
	assert_string_equal(shown("a\nb c\r\n\n", NULL), "b c");
	assert_string_equal(shown("tab\there \x01\xff \xc3\xa4", NULL), "tab?here ?? \xc3\xa4");
	assert_string_equal(shown("user x, password hunter2!", "hunter2"), "user x, password ***!");
	assert_string_equal(shown("aaaa", "a"), "************");
	/* cut in the middle of a secret: all of that line is left out */
	assert_string_equal(
		shown("hunter2 0123456789012345678901234567890123456789\nend", "hunter2"), "end");
	assert_string_equal(
		shown("hunter2 01234567890123456789012345678901234567890123", "hunter2"), "");
	fence_text_clean("password", 8, &two, text, sizeof text);
	assert_string_equal(text, "***");
	fence_text_clean("0123456789", 10, &two, text, sizeof text);
	assert_string_equal(text, "0123456");
	for (int i = 0; i < 3; i++) {
		struct fence_output output = {.data = data, .size = sizeof data};
		static const char *const words[] = {"", "Status: OFF\n", "the offset"};

		fence_output_add(&output, words[i], strlen(words[i]));
		assert_int_equal(fence_output_allows_off(&output), i < 2);
	}
}

static void test_lines(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"result\":\"confirmed\",\"state\":\"on\",\"took_us\":1,\"text\":\"\"}",
		"{\"result\":\"confirmed\",\"took_us\":1}",
		"{\"result\":\"sure\",\"state\":\"off\",\"took_us\":1}",
		"{\"result\":\"done\",\"result\":\"failed\",\"state\":\"off\",\"took_us\":1}",
		"{\"result\":\"done\",\"state\":\"off\",\"took_us\":-1}",
		"{\"device\":\"d\",\"step\":\"off\"}",
		"{\"device\":\"d\",\"step\":\"a step of far too long a name\",\"took_us\":1}",
		"{\"device\":\"d\",\"step\":\"off\",\"took_us\":1} x",
	};
	static const char step[] = "{\"device\":\"d\",\"plug\":null,\"step\":\"off\",\"ok\":true,"
				   "\"took_us\":7,\"text\":\"t\"}";
	struct fence_line line;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(fence_line_parse(bad[i], strlen(bad[i]), &line), -EBADMSG);
	assert_int_equal(fence_line_parse(step, strlen(step), &line), 0);
	assert_false(line.is_end);
	assert_true(line.step.ok);
	assert_int_equal(line.step.took_us, 7);
	assert_string_equal(line.step.plug, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_off),
		TEST(test_never_confirmed),
		TEST(test_confirmed_by_reading),
		TEST(test_own),
		TEST(test_two_devices),
		TEST(test_order),
		TEST(test_side_by_side),
		TEST(test_secrets),
		TEST(test_agent_file),
		TEST(test_ended),
		TEST(test_nobody_listens),
		TEST(test_killed),
		TEST(test_check),
		TEST(test_test),
		TEST(test_as_the_agent_offers),
		TEST(test_cycle_of_two),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_lines),
	};

	if (geteuid() != 0) /* agents and secrets are files of root */
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
