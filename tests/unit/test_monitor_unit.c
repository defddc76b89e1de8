/* SPDX-License-Identifier: GPL-3.0-or-later */
/* systemdw against a manager made here: a real D-Bus connection, and the properties of units. */
#include "monitor_world.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>

struct manager {
	struct monitor_world *world;
	int listener;
	sd_event_source *source;
	sd_bus *server; /* of the newest connection */
	unsigned int connections, calls;
	bool silent; /* answers nothing, not even the greeting if `deaf` */
	bool deaf;
	const char *refuse; /* every call, with this text */
	const char *active, *load, *sub;
	char where[128];
};

static struct manager manager;

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *interface, *property;

	(void)userdata;
	(void)error;
	if (sd_bus_message_is_method_call(m, NULL, "Hello"))
		return sd_bus_reply_method_return(m, "s", ":1.1");
	if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get"))
		return 0;
	manager.calls++;
	if (manager.silent)
		return 1;
	if (manager.refuse)
		return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "%s",
						  manager.refuse);
	assert_string_equal(sd_bus_message_get_destination(m), "org.freedesktop.systemd1");
	assert_string_equal(sd_bus_message_get_path(m),
			    "/org/freedesktop/systemd1/unit/pg_4014_2eservice");
	assert_true(sd_bus_message_read(m, "ss", &interface, &property) >= 0);
	assert_string_equal(interface, "org.freedesktop.systemd1.Unit");
	return sd_bus_reply_method_return(m, "v", "s",
					  strcmp(property, "ActiveState") == 0 ? manager.active
					  : strcmp(property, "LoadState") == 0 ? manager.load
									       : manager.sub);
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	sd_id128_t id =
		SD_ID128_MAKE(00, 11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff);
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	(void)userdata;
	assert_true(peer >= 0);
	manager.connections++;
	manager.server = sd_bus_close_unref(manager.server);
	if (manager.deaf)
		return 0; /* stays connected, and nobody reads */
	assert_true(sd_bus_new(&manager.server) >= 0);
	assert_true(sd_bus_set_fd(manager.server, peer, peer) >= 0);
	assert_true(sd_bus_set_server(manager.server, 1, id) >= 0);
	assert_true(sd_bus_set_trusted(manager.server, 1) >= 0);
	assert_true(sd_bus_add_filter(manager.server, NULL, on_call, NULL) >= 0);
	assert_true(sd_bus_start(manager.server) >= 0);
	assert_true(sd_bus_attach_event(manager.server, manager.world->event, 0) >= 0);
	return 0;
}

static void open_manager(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/bus",
		       manager.world->directory);
	(void)unlink(address.sun_path);
	manager.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(manager.listener >= 0);
	assert_int_equal(bind(manager.listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(manager.listener, 4), 0);
	assert_true(sd_event_add_io(manager.world->event, &manager.source, manager.listener,
				    EPOLLIN, on_connect, NULL) >= 0);
}

static void close_manager(void)
{
	manager.source = sd_event_source_disable_unref(manager.source);
	manager.server = sd_bus_close_unref(manager.server);
	if (manager.listener >= 0)
		assert_int_equal(close(manager.listener), 0);
	manager.listener = -1;
}

static int setup(void **state)
{
	int r = monitor_world_setup(state);
	struct monitor_config *m;

	manager = (struct manager){
		.world = *state, .active = "active", .load = "loaded", .sub = "running"};
	open_manager();
	(void)snprintf(manager.where, sizeof manager.where, "unix:path=%s/bus",
		       manager.world->directory);
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", manager.where, 1), 0);
	m = add_monitor(manager.world, MONITOR_SYSTEMDW);
	m->unit = (char *)(uintptr_t) "pg@14.service";
	return r;
}

static int teardown(void **state)
{
	close_manager();
	return monitor_world_teardown(state);
}

static void test_states(void **state)
{
	struct monitor_world *w = *state;

	run_all(w);
	expect_good(w, 0);
	manager.active = "failed";
	manager.sub = "failed";
	expect_error(w, 0, "pg@14.service is failed (failed, loaded)");
	manager.active = "reloading";
	(void)await_status(w, 0, MONITOR_NORMAL);
	manager.active = "inactive";
	manager.sub = "dead";
	manager.load = "not-found";
	expect_error(w, 0, "pg@14.service is inactive (dead, not-found)");
	manager.active = "active";
	(void)await_status(w, 0, MONITOR_NORMAL);
	assert_int_equal(manager.connections, 1); /* one serves all checks */
}

static void test_refusal_is_said(void **state)
{
	struct monitor_world *w = *state;

	manager.refuse = "not for you";
	run_all(w);
	expect_error(w, 0, "pg@14.service: not for you");
}

static void test_systemd_that_hangs(void **state)
{
	struct monitor_world *w = *state;
	const struct said *s;

	w->config->monitors[0].timeout_us = 200 * USEC_PER_MSEC;
	manager.silent = true;
	run_all(w);
	s = await_verdict(w, 0);
	assert_int_equal(s->status, MONITOR_ERROR);
	assert_string_equal(s->text, "pg@14.service: no answer of systemd within 200ms");
	assert_true(stats_of(w, 0).timeouts >= 1);
	manager.silent = false;
	(void)await_status(w, 0, MONITOR_NORMAL);
}

/* A bus that takes the connection and then says nothing: another one is opened. */
static void test_bus_that_does_not_greet(void **state)
{
	struct monitor_world *w = *state;

	w->config->monitors[0].timeout_us = 200 * USEC_PER_MSEC;
	manager.deaf = true;
	run_all(w);
	assert_int_equal(await_verdict(w, 0)->status, MONITOR_ERROR);
	manager.deaf = false;
	(void)await_status(w, 0, MONITOR_NORMAL);
	assert_true(manager.connections >= 2);
}

static void test_bus_is_restarted(void **state)
{
	struct monitor_world *w = *state;
	const struct said *s;

	run_all(w);
	expect_good(w, 0);
	close_manager();
	s = await_verdict(w, 0);
	assert_int_equal(s->status, MONITOR_ERROR);
	assert_true(strstr(s->text, "pg@14.service: ") == s->text);
	/* until there is a bus again */
	(void)await_verdict(w, 0);
	s = await_verdict(w, 0);
	assert_string_equal(s->text, "pg@14.service: no connection to systemd: connection refused");
	open_manager();
	(void)await_status(w, 0, MONITOR_NORMAL);
}

static void test_no_bus(void **state)
{
	struct monitor_world *w = *state;
	char path[128];

	(void)snprintf(path, sizeof path, "%s/bus", w->directory);
	close_manager();
	assert_int_equal(unlink(path), 0);
	run_all(w);
	expect_error(w, 0, "pg@14.service: no connection to systemd: no such file or directory");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_states),
		TEST(test_refusal_is_said),
		TEST(test_systemd_that_hangs),
		TEST(test_bus_that_does_not_greet),
		TEST(test_bus_is_restarted),
		TEST(test_no_bus),
	};

	return cmocka_run_group_tests_name("monitor_unit", tests, NULL, NULL);
}
