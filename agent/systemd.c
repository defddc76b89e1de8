/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   asked --reply: job path--> job --JobRemoved--> looking --ActiveState--> answered
 *     |                         |                     |
 *     +----- error, lost -------+---------------------+--> answered: failed
 */
#include "agent/systemd.h"

#include "include/core.h"
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define MANAGER_NAME	  "org.freedesktop.systemd1"
#define MANAGER_PATH	  "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE MANAGER_NAME ".Manager"
#define UNIT_INTERFACE	  MANAGER_NAME ".Unit"
#define UNIT_PREFIX	  MANAGER_PATH "/unit"
#define NO_SUCH_UNIT	  MANAGER_NAME ".NoSuchUnit"
#define CALL_TIMEOUT_US	  25000000ULL /* of one call; a job may take as long as the core lets it */
#define PATH_SIZE	  128	      /* ".../job/4294967295" needs far less */
#define RESULT_SIZE	  32
#define OPERATIONS_MAX	  (2 * RESOURCES_MAX)

struct operation {
	struct operation *next;
	struct systemd *systemd;
	sd_bus_slot *call; /* in progress */
	uint32_t number;
	bool stop;
	char *unit;
	char job[PATH_SIZE];		/* "": not known yet */
	char early[PATH_SIZE];		/* a job of this unit that ended before the reply came, */
	char early_result[RESULT_SIZE]; /* and how */
	char result[RESULT_SIZE];	/* of the job; "": it has not ended */
};

struct systemd {
	struct systemd_config config;
	sd_bus *bus;	       /* NULL: not connected */
	sd_event_source *lost; /* to leave the bus's own handlers before it is closed */
	struct operation *operations;
	size_t n_operations;
};

static void look(struct operation *op);

static void operation_free(struct operation *op)
{
	struct operation **at = &op->systemd->operations;

	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	op->systemd->n_operations--;
	sd_bus_slot_unref(op->call);
	free(op->unit);
	free(op);
}

static void answer(struct operation *op, uint8_t result, const char *text)
{
	struct systemd_config config = op->systemd->config;
	uint32_t number = op->number;

	operation_free(op);
	config.done(number, result, text, config.userdata);
}

__attribute__((format(printf, 2, 3))) static void fail(struct operation *op, const char *format,
						       ...)
{
	char text[EVENT_TEXT_SIZE];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	answer(op, RESOURCE_RESULT_FAILED, text);
}

/* ---- the connection ---- */

static void disconnect(struct systemd *systemd)
{
	systemd->lost = sd_event_source_disable_unref(systemd->lost);
	if (systemd->bus)
		(void)sd_bus_detach_event(systemd->bus); /* closing it follows anyway */
	systemd->bus = sd_bus_close_unref(systemd->bus);
}

static int on_lost(sd_event_source *source, void *userdata)
{
	struct systemd *systemd = userdata;

	(void)source;
	log_warning("the connection to systemd is lost");
	disconnect(systemd);
	/* Answers may bring new operations, on a new connection: only those of now are lost. */
	for (size_t n = systemd->n_operations; n && systemd->operations; n--) {
		struct operation *op = systemd->operations;

		while (op->next)
			op = op->next;
		fail(op, "%s: the connection to systemd was lost", op->unit);
	}
	return 0;
}

/* The bus must not be closed from a handler of its own. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;

	(void)m;
	(void)error;
	if (!systemd->lost &&
	    sd_event_add_defer(systemd->config.event, &systemd->lost, on_lost, systemd) < 0)
		log_err("no memory to notice that the connection to systemd is lost");
	return 0;
}

static void job_ended(struct operation *op, const char *result)
{
	(void)snprintf(op->result, sizeof op->result, "%s", result);
	look(op);
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *systemd = userdata;
	const char *job, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &job, &unit, &result) < 0) {
		log_warning("systemd sent a JobRemoved signal that cannot be read, ignoring");
		return 0;
	}
	for (struct operation *op = systemd->operations; op; op = op->next) {
		if (!op->result[0] && op->job[0] && strcmp(op->job, job) == 0) {
			job_ended(op, result);
			return 0;
		}
		if (!op->job[0] && strcmp(op->unit, unit) == 0) {
			(void)snprintf(op->early, sizeof op->early, "%s", job);
			(void)snprintf(op->early_result, sizeof op->early_result, "%s", result);
		}
	}
	return 0;
}

static int ignore_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);

	(void)userdata;
	(void)error;
	if (e)
		log_warning("systemd does not send signals: %s", e->message ? e->message : e->name);
	return 0;
}

static int set_up(struct systemd *systemd, sd_bus *bus)
{
	int r;

	r = sd_bus_attach_event(bus, systemd->config.event, (int)systemd->config.priority);
	if (r >= 0)
		r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", NULL,
					      "org.freedesktop.DBus.Local", "Disconnected",
					      on_disconnected, NULL, systemd);
	if (r >= 0)
		r = sd_bus_match_signal_async(bus, NULL, MANAGER_NAME, MANAGER_PATH,
					      MANAGER_INTERFACE, "JobRemoved", on_job_removed,
					      ignore_reply, systemd);
	if (r >= 0)
		r = sd_bus_call_method_async(bus, NULL, MANAGER_NAME, MANAGER_PATH,
					     MANAGER_INTERFACE, "Subscribe", ignore_reply, NULL,
					     NULL);
	return r;
}

static int connect_bus(struct systemd *systemd)
{
	sd_bus *bus = NULL;
	int r;

	if (systemd->bus && !systemd->lost)
		return 0;
	if (systemd->lost)
		return -ENOTCONN; /* its operations are answered first */
	r = sd_bus_open_system(&bus);
	if (r < 0)
		return r;
	(void)sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_US); /* fails only on a bad bus */
	r = set_up(systemd, bus);
	if (r < 0) {
		sd_bus_detach_event(bus);
		sd_bus_close_unref(bus);
		return r;
	}
	systemd->bus = bus;
	return 0;
}

/* ---- operations ---- */

static bool stopped(const char *state)
{
	return strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0;
}

static int on_state(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct operation *op = userdata;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	const char *state;

	(void)error;
	op->call = sd_bus_slot_unref(op->call);
	if (e) {
		fail(op, "%s: %s", op->unit, e->message ? e->message : e->name);
		return 0;
	}
	if (sd_bus_message_enter_container(m, 'v', "s") < 0 ||
	    sd_bus_message_read(m, "s", &state) < 0) {
		fail(op, "%s: systemd's answer cannot be read", op->unit);
		return 0;
	}
	if (op->stop ? stopped(state) : strcmp(state, "active") == 0)
		answer(op, RESOURCE_RESULT_OK, NULL);
	else
		fail(op, "%s is %s, its job: %s", op->unit, state, op->result);
	return 0;
}

/* The job has ended: what counts is the state of the unit. */
static void look(struct operation *op)
{
	char *path = NULL;
	int r;

	r = sd_bus_path_encode(UNIT_PREFIX, op->unit, &path);
	if (r >= 0)
		r = sd_bus_call_method_async(op->systemd->bus, &op->call, MANAGER_NAME, path,
					     "org.freedesktop.DBus.Properties", "Get", on_state, op,
					     "ss", UNIT_INTERFACE, "ActiveState");
	free(path);
	if (r < 0)
		fail(op, "%s: cannot ask for its state: %s", op->unit, strerror(-r));
}

static int on_asked(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct operation *op = userdata;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	const char *job;

	(void)error;
	op->call = sd_bus_slot_unref(op->call);
	if (e && op->stop && sd_bus_error_has_name(e, NO_SUCH_UNIT)) {
		answer(op, RESOURCE_RESULT_OK, "systemd does not know it: nothing runs");
		return 0;
	}
	if (e) {
		fail(op, "%s: %s", op->unit, e->message ? e->message : e->name);
		return 0;
	}
	if (sd_bus_message_read(m, "o", &job) < 0 || strlen(job) >= sizeof op->job) {
		fail(op, "%s: systemd's answer cannot be read", op->unit);
		return 0;
	}
	(void)snprintf(op->job, sizeof op->job, "%s", job);
	if (strcmp(op->early, op->job) == 0)
		job_ended(op, op->early_result);
	return 0;
}

int systemd_run(struct systemd *systemd, uint32_t operation, const char *unit, bool stop)
{
	struct operation *op;
	int r;

	if (systemd->n_operations >= OPERATIONS_MAX)
		return -EAGAIN;
	r = connect_bus(systemd);
	if (r < 0)
		return r;
	op = calloc(1, sizeof *op);
	if (!op)
		return -ENOMEM;
	*op = (struct operation){
		.systemd = systemd, .number = operation, .stop = stop, .unit = strdup(unit)};
	r = !op->unit
		    ? -ENOMEM
		    : sd_bus_call_method_async(systemd->bus, &op->call, MANAGER_NAME, MANAGER_PATH,
					       MANAGER_INTERFACE, stop ? "StopUnit" : "StartUnit",
					       on_asked, op, "ss", unit, "replace");
	if (r < 0) {
		free(op->unit);
		free(op);
		return r;
	}
	op->next = systemd->operations;
	systemd->operations = op;
	systemd->n_operations++;
	return 0;
}

void systemd_kill(struct systemd *systemd, uint32_t operation)
{
	struct operation *op = systemd->operations;
	char text[EVENT_TEXT_SIZE];

	while (op && op->number != operation)
		op = op->next;
	if (!op)
		return;
	if (op->job[0] && !op->result[0] && systemd->bus &&
	    sd_bus_call_method_async(systemd->bus, NULL, MANAGER_NAME, op->job, MANAGER_NAME ".Job",
				     "Cancel", ignore_reply, NULL, NULL) < 0)
		log_warning("cannot cancel the job of %s, ignoring", op->unit);
	(void)snprintf(text, sizeof text, "%.60s: its job did not end in time", op->unit);
	answer(op, RESOURCE_RESULT_TIMEOUT, text);
}

/* ---- life cycle ---- */

int systemd_new(const struct systemd_config *config, struct systemd **ret)
{
	struct systemd *systemd = calloc(1, sizeof *systemd);

	if (!systemd)
		return -ENOMEM;
	systemd->config = *config;
	*ret = systemd;
	return 0;
}

struct systemd *systemd_free(struct systemd *systemd)
{
	if (!systemd)
		return NULL;
	while (systemd->operations)
		operation_free(systemd->operations);
	disconnect(systemd);
	free(systemd);
	return NULL;
}
