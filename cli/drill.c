/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * drill: a real failover, on purpose, with each step checked: is the cluster fit for it, what will
 * happen, do it, did it happen, put everything back. Steps are said as they end; the first that
 * fails ends the drill, but what the drill changed is put back all the same.
 */
#include "cli/call.h"
#include "cli/change.h"
#include "cli/daemon.h"
#include "cli/field.h"
#include "cli/simulate.h"
#include "cli/text.h"
#include "util/clock.h"

#include <string.h>
#include <time.h>

#define DRILL_TIMEOUT_US (300 * USEC_PER_SEC)
#define POLL_US		 (50 * USEC_PER_MSEC)
#define STEPS_MAX	 16

enum drill_way { WAY_MOVE, WAY_MONITOR, WAY_SERVER, WAY_HAND };

struct drill {
	struct cli *cli;
	const struct cli_args *args;
	const char *group;
	enum drill_way way;
	char from[64], to[64], expected[64]; /* servers */
	char monitor[64];
	bool changed; /* the fault is in force: to be put back */
	uint64_t outage_us;
	uint64_t timeout_us; /* of each step */
	json_t *before;	     /* status */
	json_t *steps;
	unsigned int n;
	bool failed;
};

/* ---- steps ---- */

static void say(struct drill *d, bool ok, const char *what, const char *detail)
{
	FILE *f = d->cli->json ? d->cli->err : d->cli->out;

	d->n++;
	d->failed |= !ok;
	fprintf(f, "%2u. ", d->n);
	text_color_start(f, d->cli->color, ok ? TEXT_GOOD : TEXT_BAD);
	fputs(ok ? "ok    " : "FAILED", f);
	text_color_end(f, d->cli->color, ok ? TEXT_GOOD : TEXT_BAD);
	fputs("  ", f);
	text_put(f, what);
	if (detail && *detail) {
		fputs(": ", f);
		text_put(f, detail);
	}
	fputc('\n', f);
	fflush(f);
	(void)json_array_append_new(d->steps, json_pack("{s:s, s:b, s:s}", "step", what, "ok", ok,
							"detail", detail ? detail : ""));
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static void pause_us(uint64_t us)
{
	struct timespec t = {.tv_sec = (time_t)(us / USEC_PER_SEC),
			     .tv_nsec = (long)(us % USEC_PER_SEC * 1000)};

	(void)nanosleep(&t, NULL); /* cut short by a signal: looked at sooner */
}

static bool is(const json_t *object, const char *member, const char *value)
{
	return strcmp(field_string(object, member), value) == 0;
}

/* ---- before ---- */

static size_t other_servers(const struct drill *d, const json_t *group)
{
	const json_t *names = field_array(group, "servers");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		const json_t *server = name ? field_find(d->before, "servers", name) : NULL;

		if (server && strcmp(name, d->from) != 0 && is(server, "status", "Online") &&
		    json_array_size(field_array(server, "critical_in_error")) == 0)
			n++;
	}
	return n;
}

static bool check_cluster(struct drill *d)
{
	const json_t *verdict = field_object(d->before, "verdict");
	bool healthy = is(verdict, "level", "healthy") || cli_has(d->args, "force");

	say(d, healthy, "the cluster is healthy", field_string(verdict, "text"));
	if (is(d->before, "mode", "suspended"))
		say(d, false, "the cluster is not suspended",
		    "resume it first: nothing would happen by itself");
	if (field_integer(d->before, "ratio") > 1)
		say(d, false, "no timeout ratio is in force",
		    "'holdfast toratio reset' first: the times would not be the real ones");
	return !d->failed;
}

static bool check_group(struct drill *d)
{
	const json_t *group = field_find(d->before, "groups", d->group);

	if (!group) {
		say(d, false, "the group exists", d->group);
		return false;
	}
	copy(d->from, sizeof d->from, field_string(group, "current"));
	say(d, is(group, "status", "Online"), "the group is online on", d->from);
	if (d->failed)
		return false;
	say(d, other_servers(d, group) > 0, "another server can take it",
	    other_servers(d, group) ? "" : "none of its list is online and fit");
	return !d->failed;
}

/* A monitor whose recovery moves this group: of the group, or of a resource of it. */
static bool find_monitor(struct drill *d)
{
	const json_t *monitors = field_array(d->before, "monitors");
	const char *asked = cli_value(d->args, "monitor");

	for (size_t i = 0; i < json_array_size(monitors) && !d->monitor[0]; i++) {
		const json_t *m = json_array_get(monitors, i);
		const char *target = field_string(m, "recovery");
		const json_t *resource = field_find(d->before, "resources", target);

		if (asked && *asked
			    ? !is(m, "name", asked)
			    : strcmp(target, d->group) != 0 && !is(resource, "group", d->group))
			continue;
		copy(d->monitor, sizeof d->monitor, field_string(m, "name"));
	}
	say(d, d->monitor[0], "a monitor recovers the group",
	    d->monitor[0] ? d->monitor : "none has this group or a resource of it as its target");
	return !d->failed;
}

static const char *way_option(const struct drill *d)
{
	switch (d->way) {
	case WAY_MONITOR:
		return "--fail";
	case WAY_SERVER:
		return "--leave";
	case WAY_HAND:
		return "--down";
	case WAY_MOVE:
	default:
		return NULL;
	}
}

/* What the same code says will happen. A move goes where the cluster says, so it needs none. */
static bool predict(struct drill *d)
{
	_cleanup_json_ json_t *state = NULL, *answer = NULL;
	char fault[160];
	char *argv[] = {(char *)DAEMON,
			(char *)"--simulate",
			(char *)"--json",
			(char *)way_option(d),
			fault,
			NULL};
	const json_t *group;

	if (!way_option(d)) {
		copy(d->expected, sizeof d->expected, d->args->arg[1] ? d->args->arg[1] : "");
		return true;
	}
	if (d->way == WAY_MONITOR)
		snprintf(fault, sizeof fault, "%s@%s", d->monitor, d->from);
	else
		copy(fault, sizeof fault, d->from);
	if (simulate_state(d->cli, &state) != CLI_OK ||
	    daemon_ask(d->cli, argv, state, &answer) != CLI_OK) {
		say(d, false, "what will happen can be simulated", "");
		return false;
	}
	group = field_find(answer, "groups", d->group);
	copy(d->expected, sizeof d->expected, field_string(group, "after"));
	say(d, d->expected[0] && strcmp(d->expected, d->from) != 0,
	    "by simulation the group goes to",
	    d->expected[0] ? d->expected : "nowhere: it would stay down");
	return !d->failed;
}

static bool confirmed(struct drill *d)
{
	char line[16];

	if (cli_has(d->args, "yes"))
		return true;
	if (!d->cli->interactive) {
		(void)cli_fail(d->cli, CLI_USAGE, "NotConfirmed",
			       "the drill interrupts group %s: to do this without a terminal, say "
			       "--yes",
			       d->group);
		d->failed = true;
		return false;
	}
	fprintf(d->cli->err, "Group %s will be interrupted on %s. Go on? [y/N] ", d->group,
		d->from);
	fflush(d->cli->err);
	if (fgets(line, sizeof line, d->cli->in) && (line[0] == 'y' || line[0] == 'Y'))
		return true;
	say(d, false, "confirmed", "nothing was changed");
	return false;
}

/* ---- the fault ---- */

static bool call(struct drill *d, const char *method, json_t *parameters, const char *what)
{
	_cleanup_json_ json_t *reply = NULL;
	enum cli_exit code = call_agent(d->cli, method, parameters, DRILL_TIMEOUT_US, &reply);

	say(d, code == CLI_OK, what, code == CLI_OK ? field_string(reply, "answer") : "refused");
	return code == CLI_OK;
}

static bool begin_fault(struct drill *d)
{
	switch (d->way) {
	case WAY_MOVE: {
		json_t *p = json_pack("{s:s}", "group", d->group);

		if (d->args->arg[1])
			(void)json_object_set_new(p, "server", json_string(d->args->arg[1]));
		return call(d, "GroupMove", p, "the group is told to move");
	}
	case WAY_MONITOR:
		d->changed = true;
		return call(d, "MonitorFail",
			    json_pack("{s:s, s:s}", "monitor", d->monitor, "server", d->from),
			    "the monitor reports a failure");
	case WAY_SERVER:
		d->changed = true;
		return call(d, "ServerStop", json_pack("{s:s}", "server", d->from),
			    "the server is told to leave");
	case WAY_HAND:
	default:
		fprintf(d->cli->err,
			"Now cut the power of %s, or its network, or whatever is to be tested.\n",
			d->from);
		return true;
	}
}

/* ---- watching ---- */

static bool online_elsewhere(struct drill *d, const json_t *status)
{
	const json_t *group = field_find(status, "groups", d->group);

	if (!is(group, "status", "Online") || is(group, "current", d->from) ||
	    !*field_string(group, "current"))
		return false;
	copy(d->to, sizeof d->to, field_string(group, "current"));
	return true;
}

/*
 * Polls until the group is online elsewhere. The outage is what an operator sees: from the last
 * look at which it was online to the first at which it is again.
 */
static bool watch(struct drill *d)
{
	ha_time last_good = clock_boot(), until = ha_time_add(last_good, d->timeout_us);

	while (ha_time_before(clock_boot(), until)) {
		_cleanup_json_ json_t *status = NULL;

		if (call_status(d->cli, &status) != CLI_OK) {
			say(d, false, "the agent answers", "run the drill on another server");
			return false;
		}
		if (online_elsewhere(d, status)) {
			d->outage_us = ha_time_since(clock_boot(), last_good);
			return true;
		}
		if (is(field_find(status, "groups", d->group), "status", "Online"))
			last_good = clock_boot();
		pause_us(POLL_US);
	}
	say(d, false, "the group came up elsewhere", "not in time");
	return false;
}

/* Groups that ran on other servers are to run there still. */
static void check_others(struct drill *d, const json_t *status)
{
	const json_t *groups = field_array(d->before, "groups");
	char detail[256] = "";

	for (size_t i = 0; i < json_array_size(groups); i++) {
		const json_t *was = json_array_get(groups, i);
		const char *name = field_string(was, "name");
		const json_t *now = field_find(status, "groups", name);

		if (strcmp(name, d->group) == 0 || !is(was, "status", "Online") ||
		    is(was, "current", d->from))
			continue;
		if (!is(now, "status", "Online") ||
		    !is(now, "current", field_string(was, "current")))
			snprintf(detail, sizeof detail, "%s was disturbed", name);
	}
	say(d, !detail[0], "groups on other servers were left alone", detail);
}

static void check_result(struct drill *d)
{
	_cleanup_json_ json_t *status = NULL;
	char detail[128];

	snprintf(detail, sizeof detail, "on %s after %.3f s", d->to, (double)d->outage_us / 1e6);
	say(d, true, "the group is online again", detail);
	if (d->expected[0])
		say(d, strcmp(d->expected, d->to) == 0, "it is where it was expected", d->expected);
	if (call_status(d->cli, &status) == CLI_OK)
		check_others(d, status);
}

/* ---- afterwards ---- */

static bool server_online(struct drill *d)
{
	ha_time until = ha_time_add(clock_boot(), d->timeout_us);

	while (ha_time_before(clock_boot(), until)) {
		_cleanup_json_ json_t *status = NULL;

		if (call_status(d->cli, &status) == CLI_OK &&
		    is(field_find(status, "servers", d->from), "status", "Online")) {
			say(d, true, "the server is online", d->from);
			return true;
		}
		pause_us(POLL_US);
	}
	say(d, false, "the server is online", "not in time");
	return false;
}

static void end_fault(struct drill *d)
{
	if (!d->changed)
		return;
	d->changed = false;
	if (d->way == WAY_MONITOR)
		(void)call(d, "MonitorUnfail",
			   json_pack("{s:s, s:s}", "monitor", d->monitor, "server", d->from),
			   "the monitor checks for real again");
	else if (d->way == WAY_SERVER &&
		 call(d, "ServerStart", json_pack("{s:s}", "server", d->from),
		      "the server is let back in"))
		(void)server_online(d);
}

static void move_back(struct drill *d)
{
	char there[64];

	if (!cli_has(d->args, "back"))
		return;
	if (d->way == WAY_HAND && !server_online(d)) /* whoever made the fault mends it */
		return;
	if (!call(d, "GroupMove", json_pack("{s:s, s:s}", "group", d->group, "server", d->from),
		  "the group is told to move back"))
		return;
	copy(there, sizeof there, d->from);
	copy(d->from, sizeof d->from, d->to); /* "elsewhere" is home now */
	if (watch(d))
		say(d, strcmp(d->to, there) == 0, "the group is back on", d->to);
}

/* ---- the whole ---- */

static enum cli_exit choose_way(struct drill *d)
{
	static const struct {
		const char *name;
		enum drill_way way;
	} ways[] = {{"move", WAY_MOVE},
		    {"monitor", WAY_MONITOR},
		    {"server", WAY_SERVER},
		    {"hand", WAY_HAND}};
	const char *by = cli_value(d->args, "by");

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (strcmp(by ? by : "move", ways[i].name) == 0) {
			d->way = ways[i].way;
			return CLI_OK;
		}
	return cli_usage(d->cli, "--by is move, monitor, server or hand, not '%s'", by);
}

static void play(struct drill *d)
{
	if (check_cluster(d) && check_group(d) && (d->way != WAY_MONITOR || find_monitor(d)) &&
	    predict(d) && confirmed(d) && begin_fault(d) && watch(d))
		check_result(d);
	end_fault(d);
	if (d->to[0] && !d->failed)
		move_back(d);
}

enum cli_exit cli_drill(struct cli *cli, const struct cli_args *args)
{
	struct drill d = {.cli = cli, .args = args, .group = args->arg[0]};
	uint64_t timeout_us = DRILL_TIMEOUT_US;
	enum cli_exit code = choose_way(&d);

	if (code == CLI_OK)
		code = cli_time(cli, args, "timeout", &timeout_us);
	if (code == CLI_OK)
		code = call_status(cli, &d.before);
	if (code != CLI_OK)
		return code;
	d.steps = json_array();
	d.timeout_us = timeout_us;
	play(&d);
	if (cli->json)
		code = cli_print_json(cli, json_pack("{s:s, s:b, s:s, s:s, s:I, s:O}", "group",
						     d.group, "passed", !d.failed, "from", d.from,
						     "to", d.to, "outage_us",
						     (json_int_t)d.outage_us, "steps", d.steps));
	else
		fprintf(cli->out, "\nThe drill %s.\n", d.failed ? "FAILED" : "was passed");
	json_decref(d.steps);
	json_decref(d.before);
	return d.failed ? CLI_FAILED : code;
}
