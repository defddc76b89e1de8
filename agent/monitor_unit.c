/* SPDX-License-Identifier: GPL-3.0-or-later */
/* systemdw: a unit is active, by the word of systemd over the system bus. One connection serves
 * all monitors; after a failure the next check opens another one. */
#include "agent/monitor_worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define DESTINATION "org.freedesktop.systemd1"
#define OBJECT	    "/org/freedesktop/systemd1/unit"
#define INTERFACE   "org.freedesktop.systemd1.Unit"
#define STATE_SIZE  24

struct bus {
	sd_bus *connection; /* NULL: none */
	bool doubtful;	    /* a call was not answered in time */
};

/* A check asks for one property after the other; for the last two only to say them. */
enum property { ACTIVE_STATE, LOAD_STATE, SUB_STATE, PROPERTY_COUNT_ };
static const char *const property_names[PROPERTY_COUNT_] = {
	[ACTIVE_STATE] = "ActiveState", [LOAD_STATE] = "LoadState", [SUB_STATE] = "SubState"};

struct unit {
	char *path;
	sd_bus_slot *slot; /* of the call in progress */
	enum property next;
	char state[PROPERTY_COUNT_][STATE_SIZE];
};

/* ---- the connection ---- */

static void drop_connection(struct bus *bus)
{
	bus->connection = sd_bus_close_unref(bus->connection);
	bus->doubtful = false;
}

/* One that does not even get through its greeting will not do so later. */
static bool is_usable(const struct bus *bus)
{
	if (sd_bus_is_open(bus->connection) <= 0)
		return false;
	return !bus->doubtful || sd_bus_is_ready(bus->connection) > 0;
}

struct bus *bus_free(struct bus *bus)
{
	if (bus)
		drop_connection(bus);
	free(bus);
	return NULL;
}

static int get_connection(struct worker *w, sd_bus **ret)
{
	sd_bus *connection = NULL;
	int r;

	if (!w->bus)
		w->bus = calloc(1, sizeof *w->bus);
	if (!w->bus)
		return -ENOMEM;
	if (w->bus->connection && !is_usable(w->bus))
		drop_connection(w->bus);
	if (!w->bus->connection) {
		r = sd_bus_open_system(&connection);
		if (r >= 0)
			r = sd_bus_attach_event(connection, w->event, SD_EVENT_PRIORITY_NORMAL);
		if (r < 0) {
			sd_bus_unref(connection);
			return r;
		}
		w->bus->connection = connection;
	}
	*ret = w->bus->connection;
	return 0;
}

/* ---- the check ---- */

static void ask_next(struct monitor *m);

static void judge(struct monitor *m)
{
	const struct unit *unit = m->check;
	const char *active = unit->state[ACTIVE_STATE];

	worker_failed(m, "%.40s is %s (%s, %s)", m->config->unit, active, unit->state[SUB_STATE],
		      unit->state[LOAD_STATE]);
}

/* While it reads its configuration again it serves. */
static bool is_good(const char *active)
{
	return strcmp(active, "active") == 0 || strcmp(active, "reloading") == 0 ||
	       strcmp(active, "refreshing") == 0;
}

static int on_property(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
	struct monitor *m = userdata;
	struct unit *unit = m->check;
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	const char *value;
	int r;

	(void)ret_error;
	unit->slot = sd_bus_slot_unref(unit->slot);
	m->worker->bus->doubtful = false;
	if (error) {
		worker_failed(m, "%.30s: %.60s", m->config->unit,
			      error->message ? error->message : error->name);
		return 0;
	}
	r = sd_bus_message_read(reply, "v", "s", &value);
	if (r < 0) {
		worker_failed(m, "%.40s: an answer of systemd that is none", m->config->unit);
		return 0;
	}
	(void)snprintf(unit->state[unit->next], STATE_SIZE, "%s", value);
	if (unit->next == ACTIVE_STATE && is_good(value))
		worker_good(m);
	else if (++unit->next < PROPERTY_COUNT_)
		ask_next(m);
	else
		judge(m);
	return 0;
}

static int ask(struct monitor *m)
{
	struct unit *unit = m->check;
	sd_bus_message *call = NULL;
	sd_bus *connection;
	int r = get_connection(m->worker, &connection);

	if (r < 0)
		return r;
	r = sd_bus_message_new_method_call(connection, &call, DESTINATION, unit->path,
					   "org.freedesktop.DBus.Properties", "Get");
	if (r >= 0)
		r = sd_bus_message_append(call, "ss", INTERFACE, property_names[unit->next]);
	if (r >= 0)
		r = sd_bus_call_async(connection, &unit->slot, call, on_property, m,
				      UINT64_MAX); /* the check has its own time limit */
	sd_bus_message_unref(call);
	return r < 0 ? r : 0;
}

static void ask_next(struct monitor *m)
{
	int r = ask(m);

	if (r >= 0)
		return;
	if (m->worker->bus)
		drop_connection(m->worker->bus);
	worker_failed(m, "%.40s: no connection to systemd: %s", m->config->unit, error_words(-r));
}

static void unit_begin(struct monitor *m)
{
	struct unit *unit = calloc(1, sizeof *unit);

	m->check = unit;
	if (!unit || sd_bus_path_encode(OBJECT, m->config->unit, &unit->path) < 0) {
		worker_failed(m, "no memory");
		return;
	}
	worker_waits(m, "%.50s: no answer of systemd", m->config->unit);
	ask_next(m);
}

static void unit_end(struct monitor *m)
{
	struct unit *unit = m->check;

	if (!unit)
		return;
	if (unit->slot && m->worker->bus)
		m->worker->bus->doubtful = true;
	sd_bus_slot_unref(unit->slot); /* a call in progress is given up */
	free(unit->path);
	free(unit);
	m->check = NULL;
}

const struct monitor_driver monitor_driver_systemdw = {.begin = unit_begin, .end = unit_end};
