/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver of units against a manager made here: a real D-Bus connection over a socket, with the
 * few methods of org.freedesktop.systemd1 that the driver calls. */
#include "agent/systemd.h"
#include "include/core.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_US 20000000ULL

/* What the manager does with the next job. */
enum play {
	PLAY_GOOD,
	PLAY_EARLY,   /* JobRemoved before the reply */
	PLAY_FAILS,   /* the job ends "failed", the unit too */
	PLAY_LIES,    /* the job ends "done", but the unit is not what was asked for */
	PLAY_UNKNOWN, /* NoSuchUnit */
	PLAY_REFUSES, /* access denied */
	PLAY_HANGS,   /* the job never ends */
	PLAY_DIES     /* the connection goes */
};

struct world {
	sd_event *event;
	char directory[64], path[96];
	int listen_fd;
	sd_event_source *listener;
	sd_bus *server;
	struct systemd *systemd;
	enum play play;
	unsigned int jobs, cancelled, subscribed;
	const char *state; /* ActiveState */
	unsigned int answers;
	uint32_t operation;
	uint8_t result;
	char text[EVENT_TEXT_SIZE];
};

static void done(uint32_t operation, uint8_t result, const char *text, void *userdata)
{
	struct world *w = userdata;

	w->answers++;
	w->operation = operation;
	w->result = result;
	(void)snprintf(w->text, sizeof w->text, "%s", text ? text : "");
}

/* ---- the manager ---- */

static void job_removed(struct world *w, const char *unit, const char *result)
{
	sd_bus_message *m = NULL;
	char job[64];

	(void)snprintf(job, sizeof job, "/org/freedesktop/systemd1/job/%u", w->jobs);
	assert_true(sd_bus_message_new_signal(w->server, &m, "/org/freedesktop/systemd1",
					      "org.freedesktop.systemd1.Manager",
					      "JobRemoved") >= 0);
	assert_true(sd_bus_message_append(m, "uoss", w->jobs, job, unit, result) >= 0);
	/* as the bus would: the client cannot tell names apart, and trusts it */
	assert_true(sd_bus_message_set_sender(m, ":1.0") >= 0);
	assert_true(sd_bus_send(w->server, m, NULL) >= 0);
	sd_bus_message_unref(m);
}

static int play_job(struct world *w, sd_bus_message *m, bool stop)
{
	char job[64];
	const char *unit, *mode;
	bool good = w->play == PLAY_GOOD || w->play == PLAY_EARLY;

	assert_true(sd_bus_message_read(m, "ss", &unit, &mode) >= 0);
	assert_string_equal(unit, "nginx.service");
	if (w->play == PLAY_UNKNOWN)
		return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.NoSuchUnit",
						  "Unit %s not loaded.", unit);
	if (w->play == PLAY_REFUSES)
		return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "Access denied");
	if (w->play == PLAY_DIES) {
		sd_bus_close(w->server);
		return 0;
	}
	w->jobs++;
	if (good)
		w->state = stop ? "inactive" : "active";
	(void)snprintf(job, sizeof job, "/org/freedesktop/systemd1/job/%u", w->jobs);
	if (w->play == PLAY_EARLY)
		job_removed(w, unit, "done");
	assert_true(sd_bus_reply_method_return(m, "o", job) >= 0);
	if (w->play == PLAY_FAILS)
		w->state = stop ? "deactivating" : "failed";
	if (w->play == PLAY_GOOD || w->play == PLAY_LIES)
		job_removed(w, unit, "done");
	if (w->play == PLAY_FAILS)
		job_removed(w, unit, "failed");
	return 0;
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct world *w = userdata;

	(void)error;
	if (sd_bus_message_is_method_call(m, NULL, "Hello"))
		return sd_bus_reply_method_return(m, "s", ":1.1");
	if (sd_bus_message_is_method_call(m, NULL, "AddMatch") ||
	    sd_bus_message_is_method_call(m, NULL, "RemoveMatch"))
		return sd_bus_reply_method_return(m, NULL);
	if (sd_bus_message_is_method_call(m, NULL, "Subscribe")) {
		w->subscribed++;
		return sd_bus_reply_method_return(m, NULL);
	}
	if (sd_bus_message_is_method_call(m, NULL, "StartUnit"))
		return play_job(w, m, false);
	if (sd_bus_message_is_method_call(m, NULL, "StopUnit"))
		return play_job(w, m, true);
	if (sd_bus_message_is_method_call(m, NULL, "Cancel")) {
		w->cancelled++;
		return sd_bus_reply_method_return(m, NULL);
	}
	if (sd_bus_message_is_method_call(m, NULL, "Get")) {
		assert_string_equal(sd_bus_message_get_path(m),
				    "/org/freedesktop/systemd1/unit/nginx_2eservice");
		return sd_bus_reply_method_return(m, "v", "s", w->state);
	}
	return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct world *w = userdata;
	sd_id128_t id =
		SD_ID128_MAKE(00, 11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff);
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	assert_true(peer >= 0);
	w->server = sd_bus_close_unref(w->server);
	assert_true(sd_bus_new(&w->server) >= 0);
	assert_true(sd_bus_set_fd(w->server, peer, peer) >= 0);
	assert_true(sd_bus_set_server(w->server, 1, id) >= 0);
	assert_true(sd_bus_set_trusted(w->server, 1) >= 0);
	assert_true(sd_bus_add_filter(w->server, NULL, on_call, w) >= 0);
	assert_true(sd_bus_start(w->server) >= 0);
	assert_true(sd_bus_attach_event(w->server, w->event, 0) >= 0);
	return 0;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char where[128];

	assert_non_null(w);
	(void)snprintf(w->directory, sizeof w->directory, "/tmp/hf-systemd-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	(void)snprintf(w->path, sizeof w->path, "%s/bus", w->directory);
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", w->path);
	w->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(w->listen_fd >= 0);
	assert_int_equal(bind(w->listen_fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(w->listen_fd, 4), 0);
	(void)snprintf(where, sizeof where, "unix:path=%s", w->path);
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", where, 1), 0);
	assert_true(sd_event_new(&w->event) >= 0);
	assert_true(sd_event_add_io(w->event, &w->listener, w->listen_fd, 1 /* EPOLLIN */,
				    on_connect, w) >= 0);
	assert_int_equal(
		systemd_new(
			&(struct systemd_config){.event = w->event, .done = done, .userdata = w},
			&w->systemd),
		0);
	w->state = "inactive";
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	w->systemd = systemd_free(w->systemd);
	sd_event_source_disable_unref(w->listener);
	if (w->server)
		sd_bus_detach_event(w->server);
	sd_bus_close_unref(w->server);
	sd_event_unref(w->event);
	(void)close(w->listen_fd);
	(void)unlink(w->path);
	(void)rmdir(w->directory);
	free(w);
	return 0;
}

/* Runs the loop until there are so many answers. */
static void wait_for(struct world *w, unsigned int answers)
{
	uint64_t now, until;

	assert_true(sd_event_now(w->event, CLOCK_BOOTTIME, &now) >= 0);
	until = now + PATIENCE_US;
	while (w->answers < answers) {
		assert_true(sd_event_run(w->event, 100000) >= 0);
		assert_true(sd_event_now(w->event, CLOCK_BOOTTIME, &now) >= 0);
		assert_true(now < until);
	}
	assert_int_equal(w->answers, answers);
}

static void run_until_job(struct world *w, unsigned int jobs)
{
	for (int i = 0; i < 1000 && w->jobs < jobs; i++)
		assert_true(sd_event_run(w->event, 100000) >= 0);
	for (int i = 0; i < 20; i++) /* the reply, too */
		assert_true(sd_event_run(w->event, 1000) >= 0);
	assert_int_equal(w->jobs, jobs);
}

struct story {
	enum play play;
	bool stop;
	uint8_t result;
	const char *text; /* part of it */
};

static void test_every_outcome(void **state)
{
	static const struct story stories[] = {
		{PLAY_GOOD, false, RESOURCE_RESULT_OK, ""},
		{PLAY_GOOD, true, RESOURCE_RESULT_OK, ""},
		{PLAY_EARLY, false, RESOURCE_RESULT_OK, ""},
		{PLAY_EARLY, true, RESOURCE_RESULT_OK, ""},
		{PLAY_FAILS, false, RESOURCE_RESULT_FAILED, "nginx.service is failed"},
		{PLAY_FAILS, true, RESOURCE_RESULT_FAILED, "nginx.service is deactivating"},
		{PLAY_LIES, false, RESOURCE_RESULT_FAILED, "is inactive, its job: done"},
		{PLAY_LIES, true, RESOURCE_RESULT_FAILED, "is active, its job: done"},
		{PLAY_UNKNOWN, false, RESOURCE_RESULT_FAILED, "not loaded"},
		{PLAY_UNKNOWN, true, RESOURCE_RESULT_OK, "nothing runs"},
		{PLAY_REFUSES, false, RESOURCE_RESULT_FAILED, "Access denied"},
		{PLAY_REFUSES, true, RESOURCE_RESULT_FAILED, "Access denied"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		const struct story *s = &stories[i];

		w->play = s->play;
		w->state = s->stop ? "active" : "inactive";
		assert_int_equal(
			systemd_run(w->systemd, (uint32_t)(i + 7), "nginx.service", s->stop), 0);
		wait_for(w, (unsigned int)i + 1);
		assert_int_equal(w->operation, i + 7);
		assert_int_equal(w->result, s->result);
		if (!strstr(w->text, s->text))
			fail_msg("story %zu: \"%s\" does not contain \"%s\"", i, w->text, s->text);
	}
	assert_int_equal(w->subscribed, 1);
}

static void test_kill_cancels_the_job(void **state)
{
	struct world *w = *state;

	w->play = PLAY_HANGS;
	assert_int_equal(systemd_run(w->systemd, 9, "nginx.service", false), 0);
	run_until_job(w, 1);
	assert_int_equal(w->answers, 0);
	systemd_kill(w->systemd, 8); /* not one of ours */
	assert_int_equal(w->answers, 0);
	systemd_kill(w->systemd, 9);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->result, RESOURCE_RESULT_TIMEOUT);
	for (int i = 0; i < 1000 && !w->cancelled; i++)
		assert_true(sd_event_run(w->event, 100000) >= 0);
	assert_int_equal(w->cancelled, 1);
	/* the late end of the job belongs to nobody any more */
	job_removed(w, "nginx.service", "canceled");
	w->play = PLAY_GOOD;
	assert_int_equal(systemd_run(w->systemd, 10, "nginx.service", true), 0);
	wait_for(w, 2);
	assert_int_equal(w->operation, 10);
	assert_int_equal(w->result, RESOURCE_RESULT_OK);
}

/* A manager that goes away may have done it or not: never a success; and the next one is used. */
static void test_lost_connection(void **state)
{
	struct world *w = *state;

	w->play = PLAY_HANGS;
	w->state = "active";
	assert_int_equal(systemd_run(w->systemd, 1, "nginx.service", true), 0);
	run_until_job(w, 1);
	w->play = PLAY_DIES;
	assert_int_equal(systemd_run(w->systemd, 2, "nginx.service", true), 0);
	wait_for(w, 2);
	assert_int_equal(w->result, RESOURCE_RESULT_FAILED);
	w->play = PLAY_GOOD;
	assert_int_equal(systemd_run(w->systemd, 3, "nginx.service", true), 0);
	wait_for(w, 3);
	assert_int_equal(w->result, RESOURCE_RESULT_OK);
	assert_int_equal(w->subscribed, 2);
}

static void test_no_bus(void **state)
{
	struct world *w = *state;

	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1), 0);
	assert_true(systemd_run(w->systemd, 1, "nginx.service", false) < 0);
	assert_int_equal(w->answers, 0);
}

/* Freed with a job in progress: nothing is answered, nothing is leaked. */
static void test_free_in_progress(void **state)
{
	struct world *w = *state;

	w->play = PLAY_HANGS;
	assert_int_equal(systemd_run(w->systemd, 1, "nginx.service", false), 0);
	run_until_job(w, 1);
	w->systemd = systemd_free(w->systemd);
	assert_int_equal(w->answers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_outcome, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kill_cancels_the_job, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_bus, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_free_in_progress, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
