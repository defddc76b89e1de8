/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole command but for main(), against an agent that is a child process with the real
 * server and made-up answers.
 */
#include "cli/cli.h"
#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include <cmocka.h>

#define NOBODY	    65534
#define GENEROUS_US 20000000ULL

static char directory[] = "/tmp/test_cli.XXXXXX";
static char path[128];
static pid_t agent;

/* ---- the agent ---- */

static json_t *agent_status; /* what GetStatus answers */
static const json_int_t agent_events = 25;

static void get_status(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	ctl_reply(call, json_pack("{s:O}", "status", agent_status));
}

static void get_config(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	ctl_reply(call, json_pack("{s:s}", "text", "a = 1;\n\tb = \"\x1b\";\n"));
}

static json_t *make_event(json_int_t number)
{
	static const char *const severities[] = {"info", "notice", "warning", "error", "fatal"};

	return json_pack("{s:I, s:s, s:s, s:I, s:s}", "number", number, "origin", "alpha",
			 "severity", severities[number % 5], "wall_us",
			 1732400000123456 + number * 1000000, "message", "something\nhappened");
}

/* Events number..agent_events, at most the newest `limit`; then three more to those who follow. */
static void get_events(struct ctl_call *call, json_t *parameters, void *userdata)
{
	json_int_t since = json_integer_value(json_object_get(parameters, "since"));
	const json_t *limit = json_object_get(parameters, "limit");
	json_t *events = json_array();

	(void)userdata;
	if (limit && since < agent_events - json_integer_value(limit))
		since = agent_events - json_integer_value(limit);
	for (json_int_t i = since + 1; i <= agent_events; i++)
		json_array_append_new(events, make_event(i));
	if (!json_is_true(json_object_get(parameters, "follow"))) {
		ctl_reply(call, json_pack("{s:o}", "events", events));
		return;
	}
	if (json_array_size(events) > 0)
		(void)ctl_reply_more(call, json_pack("{s:o}", "events", events));
	else
		json_decref(events);
	for (json_int_t i = 1; i < 3; i++)
		(void)ctl_reply_more(call,
				     json_pack("{s:[o]}", "events", make_event(agent_events + i)));
	ctl_reply(call, json_pack("{s:[o]}", "events", make_event(agent_events + 3)));
}

static void explain(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const char *group = json_string_value(json_object_get(parameters, "group"));
	const json_t *number = json_object_get(parameters, "number");

	(void)userdata;
	if (number && json_integer_value(number) > agent_events) {
		ctl_reply_error(call, "io.holdfast.Agent.NoSuchEvent",
				json_pack("{s:I}", "number", json_integer_value(number)));
		return;
	}
	ctl_reply(call,
		  json_pack("{s:s, s:[{s:f, s:f, s:s, s:s}, {s:f, s:f, s:s, s:s}], s:[s], s:[s]}",
			    "title", group ? group : "the last failover", "steps", "at_ms", 0.0,
			    "step_ms", 0.0, "origin", "alpha", "what", "last beat of beta", "at_ms",
			    1234.5678, "step_ms", 1234.5678, "origin", "a-long-server-name", "what",
			    "address announced", "evidence", "beat 17 of beta", "waits",
			    "waits for beta"));
}

/* What there is not; the word for it is in the error. */
static void no_such(struct ctl_call *call, const char *kind, const char *name)
{
	char error[64];

	snprintf(error, sizeof(error), "io.holdfast.Agent.NoSuch%c%s", kind[0] & ~0x20, kind + 1);
	ctl_reply_error(call, error, json_pack("{s:s}", kind, name));
}

/* What happens is in the name of the object. */
static void change(struct ctl_call *call, json_t *parameters, void *userdata)
{
	static const char *const kinds[] = {"group", "resource", "monitor", "server"};
	const char *kind = NULL, *name = "cluster";
	const char *server = json_string_value(json_object_get(parameters, "server"));
	bool wait = json_is_true(json_object_get(parameters, "wait"));

	(void)userdata;
	for (size_t i = 0; i < 4 && !kind; i++)
		if (json_object_get(parameters, kinds[i]))
			kind = kinds[i];
	if (kind)
		name = json_string_value(json_object_get(parameters, kind));
	if (strcmp(name, "nope") == 0) {
		no_such(call, kind, name);
	} else if (strcmp(name, "refused") == 0) {
		ctl_reply_error(call, "io.holdfast.Agent.Refused",
				json_pack("{s:s, s:s}", "answer", "no-target", "message",
					  "no server can take group refused"));
	} else if (strcmp(name, "idle") == 0) {
		ctl_reply(call, json_pack("{s:s}", "answer", "nothing-to-do"));
	} else if (strcmp(name, "slow") == 0) {
		if (wait)
			(void)ctl_reply_more(call, json_pack("{s:s, s:s}", "answer", "accepted",
							     "progress", "stopping"));
	} else if (!wait) {
		ctl_reply(call, json_pack("{s:s, s:s*}", "answer", "accepted", "on", server));
	} else {
		(void)ctl_reply_more(call, json_pack("{s:s}", "answer", "accepted"));
		for (int i = 0; i < 2; i++) /* the second is no news */
			(void)ctl_reply_more(call, json_pack("{s:s, s:s}", "answer", "accepted",
							     "progress", "starting fip1"));
		if (strcmp(name, "unfinished") == 0)
			ctl_reply(call, json_pack("{s:s}", "answer", "accepted"));
		else
			ctl_reply(call, json_pack("{s:s, s:b, s:b}", "answer", "accepted", "done",
						  1, "failed", strcmp(name, "bad") == 0));
	}
}

/* The answer tells what was asked: only one server, which ratio for how long. */
static void change_told(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const char *name = json_string_value(json_object_get(parameters, "monitor"));
	char *text = json_dumps(parameters, JSON_SORT_KEYS | JSON_COMPACT);

	(void)userdata;
	if (name && strcmp(name, "nope") == 0)
		no_such(call, "monitor", name);
	else
		ctl_reply(call, json_pack("{s:s}", "answer", text));
	free(text);
}

static void ratio_get(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)parameters;
	(void)userdata;
	ctl_reply(call,
		  json_pack("{s:O, s:O, s:O, s:O}", "ratio", json_object_get(agent_status, "ratio"),
			    "left_us", json_object_get(agent_status, "ratio_left_us"), "timeout_us",
			    json_object_get(agent_status, "timeout_in_force_us"), "lease_us",
			    json_object_get(agent_status, "lease_in_force_us")));
}

static void get_settings(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const char *kind = json_string_value(json_object_get(parameters, "kind"));
	const char *name = json_string_value(json_object_get(parameters, "name"));

	(void)userdata;
	if (strcmp(kind, "monitor") != 0)
		ctl_reply(call, json_pack("{s:[]}", "objects"));
	else
		ctl_reply(call,
			  json_pack("{s:[{s:s, s:s}]}", "objects", "name", name ? name : "db-unit",
				    "text", "interval = \"10s\";\nnot a setting\nretries = 3;\n"));
}

static void reply_file(struct ctl_call *call, const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "tests/golden/cli/%s.json", name);
	ctl_reply(call, json_load_file(file, 0, NULL));
}

/* Of a cluster in trouble; all is well where the status is healthy. */
static void fence_status(struct ctl_call *call, json_t *parameters, void *userdata)
{
	bool healthy = json_array_size(json_object_get(json_object_get(agent_status, "verdict"),
						       "reasons")) == 0;

	(void)parameters;
	(void)userdata;
	reply_file(call, healthy ? "fence-normal" : "fence-orders");
}

static void fence_history(struct ctl_call *call, json_t *parameters, void *userdata)
{
	const char *server = json_string_value(json_object_get(parameters, "server"));

	(void)userdata;
	if (server && strcmp(server, "nope") == 0)
		no_such(call, "server", server);
	else if (json_object_get(parameters, "limit"))
		ctl_reply(call, json_pack("{s:[]}", "orders"));
	else
		reply_file(call, "fence-history");
}

/* What happens is in the name of the server. */
static void fence_order(struct ctl_call *call, const char *name, const char *result)
{
	if (strcmp(name, "nope") == 0) {
		no_such(call, "server", name);
		return;
	}
	if (strcmp(name, "delta") == 0) {
		ctl_reply_error(call, "io.holdfast.Agent.Refused",
				json_pack("{s:s, s:s}", "answer", "busy", "message",
					  "server delta is being fenced already"));
		return;
	}
	(void)ctl_reply_more(call, json_pack("{s:{s:i, s:s, s:s, s:b, s:i, s:s}}", "step", "level",
					     1, "device", "bmc", "step", "off", "ok", 1, "took_us",
					     210000, "text", "ordered \x1b"));
	if (strcmp(name, "zeta") == 0)
		return; /* it takes for ever */
	if (strcmp(name, "epsilon") == 0)
		ctl_reply(call, NULL);
	else if (strcmp(name, "gamma") == 0)
		ctl_reply(call, json_pack("{s:s, s:s, s:i, s:s}", "result", "failed", "power", "on",
					  "took_us", 20000000, "text", "bmc: reads on"));
	else
		ctl_reply(call, json_pack("{s:s, s:s, s:i, s:s}", "result", result, "power", "off",
					  "took_us", 3200000, "text", ""));
}

static const char *server_of(const json_t *parameters)
{
	return json_string_value(json_object_get(parameters, "server"));
}

static void fence_off(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)userdata;
	fence_order(call, server_of(parameters), "confirmed");
}

static void fence_other(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)userdata;
	fence_order(call, server_of(parameters), "done");
}

static void fence_confirm(struct ctl_call *call, json_t *parameters, void *userdata)
{
	(void)userdata;
	if (strcmp(server_of(parameters), "gamma") == 0)
		ctl_reply_error(call, "io.holdfast.Agent.Refused",
				json_pack("{s:s, s:s}", "answer", "target-up", "message",
					  "server gamma: it is heard"));
	else
		ctl_reply(call, json_pack("{s:s}", "answer", "accepted"));
}

static const struct ctl_method methods[] = {
	{"io.holdfast.Agent.FenceStatus", CTL_ACCESS_VIEW, fence_status},
	{"io.holdfast.Agent.FenceHistory", CTL_ACCESS_VIEW, fence_history},
	{"io.holdfast.Agent.FenceTest", CTL_ACCESS_CHANGE, fence_other},
	{"io.holdfast.Agent.FenceOff", CTL_ACCESS_CHANGE, fence_off},
	{"io.holdfast.Agent.FenceOn", CTL_ACCESS_CHANGE, fence_other},
	{"io.holdfast.Agent.FenceReset", CTL_ACCESS_CHANGE, fence_other},
	{"io.holdfast.Agent.FenceCycle", CTL_ACCESS_CHANGE, fence_other},
	{"io.holdfast.Agent.FenceConfirm", CTL_ACCESS_CHANGE, fence_confirm},
	{"io.holdfast.Agent.GetStatus", CTL_ACCESS_VIEW, get_status},
	{"io.holdfast.Agent.GetConfig", CTL_ACCESS_VIEW, get_config},
	{"io.holdfast.Agent.GetSettings", CTL_ACCESS_VIEW, get_settings},
	{"io.holdfast.Agent.GetEvents", CTL_ACCESS_VIEW, get_events},
	{"io.holdfast.Agent.Explain", CTL_ACCESS_VIEW, explain},
	{"io.holdfast.Agent.GroupStart", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.GroupStop", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.GroupMove", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ResourceStart", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ResourceStop", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ServerStop", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ServerShutdown", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ServerReboot", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ClusterStart", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ClusterStop", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ClusterShutdown", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ClusterReboot", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ClusterSuspend", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.ClusterResume", CTL_ACCESS_CHANGE, change},
	{"io.holdfast.Agent.MonitorSuspend", CTL_ACCESS_CHANGE, change_told},
	{"io.holdfast.Agent.MonitorResume", CTL_ACCESS_CHANGE, change_told},
	{"io.holdfast.Agent.MonitorFail", CTL_ACCESS_CHANGE, change_told},
	{"io.holdfast.Agent.MonitorUnfail", CTL_ACCESS_CHANGE, change_told},
	{"io.holdfast.Agent.RatioSet", CTL_ACCESS_CHANGE, change_told},
	{"io.holdfast.Agent.RatioReset", CTL_ACCESS_CHANGE, change_told},
	{"io.holdfast.Agent.RatioGet", CTL_ACCESS_VIEW, ratio_get},
	/* ServerStart is missing: MethodNotImplemented */
	{NULL, CTL_ACCESS_NONE, NULL},
};

static void agent_main(const char *status_name)
{
	const struct ctl_server_config config = {
		.path = path, .change_group = "daemon", .view_group = "bin", .methods = methods};
	struct ctl_server *server;
	sd_event *event;
	char file[128];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(file, sizeof(file), "tests/golden/cli/%s.json", status_name);
	agent_status = json_load_file(file, 0, NULL);
	if (!agent_status || sd_event_new(&event) < 0 ||
	    ctl_server_new(event, &config, &server) < 0)
		_exit(1);
	_exit(sd_event_loop(event) < 0);
}

static void agent_stop(void)
{
	if (agent <= 0)
		return;
	kill(agent, SIGKILL);
	waitpid(agent, NULL, 0);
	agent = 0;
}

static void agent_start(const char *status_name)
{
	ha_time deadline = ha_time_add(clock_boot(), GENEROUS_US);
	struct ctl_client *client = NULL;

	agent_stop();
	agent = fork();
	assert_true(agent >= 0);
	if (agent == 0)
		agent_main(status_name);
	while (ctl_client_connect(path, &client) < 0) {
		assert_true(ha_time_before(clock_boot(), deadline));
		usleep(1000);
	}
	ctl_client_free(client);
}

/* ---- running the command ---- */

struct result {
	enum cli_exit code;
	char *out, *err;
};

static struct result run_with(FILE *in, const char *line)
{
	struct result result = {0};
	char words[512], *argv[32] = {(char *)"holdfast"}, *save = NULL;
	size_t n_out = 0, n_err = 0;
	FILE *out = open_memstream(&result.out, &n_out);
	FILE *err = open_memstream(&result.err, &n_err);
	int argc = 1;

	assert_true(out && err && strlen(line) < sizeof(words));
	strcpy(words, line);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	result.code = cli_run(argc, argv, in, out, err);
	fclose(out);
	fclose(err);
	return result;
}

static struct result run(const char *line)
{
	FILE *in = fopen("/dev/null", "r");
	struct result result;

	assert_non_null(in);
	result = run_with(in, line);
	fclose(in);
	return result;
}

static void done(struct result *result)
{
	free(result->out);
	free(result->err);
}

/* Exit code, and parts of what is printed on both; NULL: nothing is. */
static void expect(const char *line, enum cli_exit code, const char *out, const char *err)
{
	struct result r = run(line);

	if (r.code != code || (out ? !strstr(r.out, out) : *r.out != '\0') ||
	    (err ? !strstr(r.err, err) : *r.err != '\0'))
		fail_msg("holdfast %s: exit %d\nout: %s\nerr: %s\nexpected exit %d out: %s err: %s",
			 line, (int)r.code, r.out, r.err, (int)code, out ? out : "nothing",
			 err ? err : "nothing");
	done(&r);
}

static json_t *run_json(const char *line, enum cli_exit code)
{
	struct result r = run(line);
	json_t *json = json_loads(r.out, 0, NULL);

	if (!json || r.code != code)
		fail_msg("holdfast %s: exit %d\nout: %s\nerr: %s", line, (int)r.code, r.out, r.err);
	assert_int_equal(json_integer_value(json_object_get(json, "schema")), 1);
	done(&r);
	return json;
}

/* ---- command line ---- */

static void test_usage(void **state)
{
	(void)state;
	expect("", CLI_USAGE, NULL, "Usage: holdfast COMMAND");
	expect("--help", CLI_OK, "group move NAME [SERVER]", NULL);
	expect("help", CLI_OK, "group move NAME [SERVER]", NULL);
	expect("help group move", CLI_OK, "Usage: holdfast group move [OPTION...] NAME", NULL);
	expect("group move --help", CLI_OK, "--timeout S", NULL);
	expect("help staus", CLI_USAGE, NULL, "did you mean 'status'?");
	expect("--version", CLI_OK, "holdfast " HOLDFAST_VERSION "\n", NULL);
	expect("version", CLI_OK, "holdfast " HOLDFAST_VERSION "\n", NULL);
	expect("staus", CLI_USAGE, NULL, "unknown command 'staus'; did you mean 'status'?");
	expect("frobnicate", CLI_USAGE, NULL, "unknown command 'frobnicate'\n");
	expect("group", CLI_USAGE, NULL, "'group' needs one more word");
	expect("group strat web", CLI_USAGE, NULL, "did you mean 'group start'?");
	expect("group start", CLI_USAGE, NULL, "needs an argument: NAME [SERVER]");
	expect("group stop a b", CLI_USAGE, NULL, "'b' is one argument too many");
	expect("status --wacth", CLI_USAGE, NULL, "did you mean '--watch'?");
	expect("status --frobnicate", CLI_USAGE, NULL,
	       "unknown option '--frobnicate'\nTry 'holdfast status --help'.");
	expect("status -x", CLI_USAGE, NULL, "unknown option '-x'");
	expect("status -h other", CLI_NO_AGENT, NULL, "no way to other servers through peer.sock");
	expect("-h other status", CLI_NO_AGENT, NULL, "no way to other servers through peer.sock");
	expect("status -h", CLI_USAGE, NULL, "option '--host' needs an argument");
	expect("status --host=", CLI_USAGE, NULL, "--host needs the name or address of a server");
	expect("status -g -m", CLI_USAGE, NULL, "choose one of --groups and --monitors");
	expect("status web", CLI_USAGE, NULL, "--summary takes no name: 'web' is one argument");
	expect("status -m web", CLI_USAGE, NULL, "--monitors takes no name");
	expect("status --cl web", CLI_USAGE, NULL, "--cl takes no name");
	expect("status --grp --mon", CLI_USAGE, NULL, "choose one of --grp and --mon");
	expect("toratio", CLI_USAGE, NULL, "'toratio' needs one more word");
	expect("toratio set", CLI_USAGE, NULL, "needs an argument: RATIO [TIME]");
	expect("toratio set 3", CLI_USAGE, NULL, "needs a time, as in 'toratio set 3 2m'");
	expect("toratio set 1 2m", CLI_USAGE, NULL, "takes no time");
	expect("toratio set 0 2m", CLI_USAGE, NULL, "'0' is not a ratio from 1 to 10000");
	expect("toratio set 10001 2m", CLI_USAGE, NULL, "'10001' is not a ratio");
	expect("toratio set 2.5 2m", CLI_USAGE, NULL, "'2.5' is not a ratio");
	expect("toratio set 2 31d", CLI_USAGE, NULL, "'31d' is not a time of up to 30 days");
	expect("toratio set 2 0", CLI_USAGE, NULL, "'0' is not a time");
	expect("toratio set 2 soon", CLI_USAGE, NULL, "'soon' is not a time");
	expect("toratio set 2 90", CLI_USAGE, NULL, "'90' is not a time");
	expect("cluster stop web", CLI_USAGE, NULL, "'web' is one argument too many");
	expect("monitor fail", CLI_USAGE, NULL, "needs an argument: NAME");
	expect("resource start fip1 beta", CLI_USAGE, NULL, "'beta' is one argument too many");
	expect("status --json=yes", CLI_USAGE, NULL, "takes no argument");
	expect("status --watch=never", CLI_USAGE, NULL, "--watch: 'never' is not a time");
	expect("status --watch=0", CLI_USAGE, NULL, "longer than 0");
	expect("status --watch=10ms", CLI_USAGE, NULL, "at least 0.1");
	expect("status --socket", CLI_USAGE, NULL, "'--socket' needs an argument: PATH");
	expect("status --socket=", CLI_USAGE, NULL, "--socket needs a path");
	expect("events --since x", CLI_USAGE, NULL, "--since: 'x' is not a number");
	expect("events -n -5", CLI_USAGE, NULL, "--lines: '-5' is not a number");
	expect("events --severity bad", CLI_USAGE, NULL, "'bad' is none of info");
	expect("explain web --event 5", CLI_USAGE, NULL, "not both");
	expect("group stop web --timeout soon", CLI_USAGE, NULL, "'soon' is not a time");
	expect("status \x1b[2J", CLI_USAGE, NULL, "'\\x1b[2J' is one argument too many");
	expect("status a b", CLI_USAGE, NULL, "'b' is one argument too many");
}

/* Every command and option is in the manual and in all completions. */
static void test_documents(void **state)
{
	static const char *const files[] = {
		"docs/man/holdfast.8", "packaging/completions/holdfast.bash",
		"packaging/completions/_holdfast", "packaging/completions/holdfast.fish"};
	static char text[65536], plain[65536], word[64];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		FILE *f = fopen(files[i], "r");
		size_t n, m = 0;

		assert_non_null(f);
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		for (size_t k = 0; k < n; k++)
			if (text[k] != '\\')
				plain[m++] = text[k];
		plain[m] = '\0';
		for (const struct cli_command *c = cli_commands; c->name; c++) {
			const char *last = strrchr(c->name, ' ');

			if (!strstr(plain, i == 0 ? c->name : last ? last + 1 : c->name))
				fail_msg("%s lacks command %s", files[i], c->name);
			for (const struct cli_option *o = c->options; o && o->name; o++) {
				snprintf(word, sizeof(word), "%s%s", i == 3 ? "-l " : "--",
					 o->name);
				if (!strstr(plain, word))
					fail_msg("%s lacks option %s", files[i], word);
			}
		}
		for (const struct cli_option *o = cli_common_options; o->name; o++) {
			snprintf(word, sizeof(word), "%s%s", i == 3 ? "-l " : "--", o->name);
			if (!strstr(plain, word))
				fail_msg("%s lacks option %s", files[i], word);
		}
	}
}

static void test_bash_completion(void **state)
{
	static const struct {
		const char *words, *reply;
	} cases[] = {
		{"holdfast gr", "group\n"},
		{"holdfast group mo", "move\n"},
		{"holdfast --socket /x group st", "start stop\n"},
		{"holdfast events --sev", "--severity\n"},
		{"holdfast events --severity w", "warning\n"},
		{"holdfast status -n --wat", "--watch\n"},
		{"holdfast events -n 5 --fol", "--follow\n"},
		/* Names come from the agent: here a function of the shell in its place. */
		{"holdfast group start w", "web wiki\n"},
		{"holdfast explain wi", "wiki\n"},
		{"holdfast group move web ", "alpha beta\n"},
		{"holdfast server stop a", "alpha\n"},
		{"holdfast server re", "reboot\n"},
		{"holdfast cluster st", "start stop\n"},
		{"holdfast cluster stop --y", "--yes\n"},
		{"holdfast resource stop f", "fip1\n"},
		{"holdfast monitor fail ", "disk http\n"},
		{"holdfast monitor fail --server ", "alpha beta\n"},
		{"holdfast monitor fail --server alpha d", "disk\n"},
		{"holdfast toratio ", "set reset show\n"},
		{"holdfast toratio set 3 ", "\n"},
		{"holdfast status --mon h", "http\n"},
		{"holdfast status --grp w", "web wiki\n"},
		{"holdfast status --de", "--detail\n"},
		{"holdfast import ", "clp.conf\n"},
		{"holdfast fence ", "status test off on reset cycle history confirm\n"},
		{"holdfast fence off a", "alpha\n"},
		{"holdfast fence off --y", "--yes\n"},
		{"holdfast fence status --wa", "--watch\n"},
		{"holdfast fence confirm beta --i", "--i-checked-that-it-is-off\n"},
		{"holdfast import clp.conf --o", "--output\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char command[1024], got[256] = "";
		FILE *f;

		snprintf(command, sizeof(command),
			 "bash -c '. packaging/completions/holdfast.bash; holdfast() { "
			 "case $1 in group) printf \"NAME S\\nweb o\\nwiki o\\n\";; "
			 "resource) printf \"NAME S\\nfip1 o\\n\";; "
			 "monitor) printf \"NAME S\\ndisk o\\nhttp o\\n\";; "
			 "*) printf \"NAME S\\nalpha o\\nbeta o\\n\";; esac; }; line=\"%s\"; "
			 "read -ra COMP_WORDS <<<\"$line\"; "
			 "[[ $line != *\" \" ]] || COMP_WORDS+=(\"\"); "
			 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _holdfast; "
			 "echo \"${COMPREPLY[*]}\"'",
			 cases[i].words);
		f = popen(command, "r");
		assert_non_null(f);
		(void)!fgets(got, sizeof(got), f);
		(void)pclose(f);
		if (strcmp(got, cases[i].reply) != 0)
			fail_msg("'%s' completes to %s", cases[i].words, got);
	}
}

/* ---- status ---- */

static void test_status_exit(void **state)
{
	static const struct {
		const char *fixture;
		enum cli_exit code;
		const char *first;
	} cases[] = {
		{"healthy", CLI_OK, "healthy: both groups are online"},
		{"node-down", CLI_FAILED, "degraded: all groups"},
		{"failover", CLI_DOWN, "down: group failover1"},
		{"no-quorum", CLI_UNSAFE, "unprotected: no quorum"},
		{"hostile", CLI_FAILED, "\\x1b[31mhealthy"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct result r;

		agent_start(cases[i].fixture);
		r = run("status");
		assert_int_equal(r.code, cases[i].code);
		assert_ptr_equal(r.out, strstr(r.out, cases[i].first));
		assert_null(strchr(r.out, '\x1b'));
		assert_string_equal(r.err, "");
		done(&r);
	}
}

static void test_status_views(void **state)
{
	static const struct {
		const char *line, *begin;
	} cases[] = {
		{"status -s", "healthy: "},
		{"status --local --long", "healthy: "},
		{"status -g", " ======================  GROUPMAP"},
		{"status --heartbeats", " ================== HEARTBEAT"},
		{"status -m", " ====================  MONITOR"},
		{"--no-color status -i", " =======================  CLUSTER INFO"},
	};
	json_t *json, *want;

	(void)state;
	agent_start("healthy");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct result r = run(cases[i].line);

		assert_int_equal(r.code, CLI_OK);
		assert_ptr_equal(r.out, strstr(r.out, cases[i].begin));
		done(&r);
	}
	agent_start("monitors");
	expect("status --mon web-http", CLI_FAILED, "   On gamma ", NULL);
	expect("status --mon db-unit --detail", CLI_FAILED,
	       "   interval                                               : \"10s\"\n"
	       "   retries                                                : 3\n"
	       " ====",
	       NULL);
	expect("status --grp failover2", CLI_FAILED, " [Group1 : failover2]\n", NULL);
	expect("status --sv gamma --detail", CLI_FAILED, ": disk-root web-http\n", NULL);
	expect("status --xcl", CLI_FAILED, " [Exclusion0 : apart]\n", NULL);
	expect("status --cl --detail", CLI_FAILED, ": 2h 0m 5s\n", NULL);
	expect("status -m --detail", CLI_FAILED, "[o] : Error, 1 restart, dummy failure\n", NULL);
	expect("status -i --detail", CLI_FAILED, " [Monitor2 : db-unit]\n", NULL);
	expect("status --mon nope", CLI_FAILED, NULL, "there is no monitor 'nope'");
	json = run_json("status --mon db-unit --json", CLI_FAILED);
	assert_int_equal(json_object_size(json), 2);
	assert_int_equal(json_array_size(json_object_get(json, "monitors")), 1);
	json_decref(json);
	agent_start("healthy");
	/* JSON is the Status object and the schema, nothing else. */
	json = run_json("status --json", CLI_OK);
	want = json_load_file("tests/golden/cli/healthy.json", 0, NULL);
	json_object_del(json, "schema");
	assert_true(json_equal(json, want));
	json_decref(json);
	json_decref(want);
}

static void test_lists(void **state)
{
	json_t *json;

	(void)state;
	agent_start("healthy");
	expect("group list", CLI_OK,
	       "NAME       STATUS  CURRENT  WANTED  SERVERS\n"
	       "failover1  Online  alpha    online  alpha,beta,gamma\n"
	       "failover2  Online  beta     online  beta,gamma\n",
	       NULL);
	expect("server list beta", CLI_OK,
	       "NAME  STATUS  STATE   MODE    ROLE\n"
	       "beta  Online  member  online  host\n",
	       NULL);
	expect("resource list fip1", CLI_OK,
	       "NAME  STATUS  CURRENT  TYPE  GROUP\n"
	       "fip1  Online  alpha    fip   failover1\n",
	       NULL);
	expect("resource list nope", CLI_FAILED, NULL, "there is no resource 'nope'");
	expect("monitor list nope", CLI_FAILED, NULL, "there is no monitor 'nope'");
	expect("group list nope", CLI_FAILED, NULL, "there is no group 'nope'");
	json = run_json("server list --json", CLI_OK);
	assert_int_equal(json_array_size(json_object_get(json, "servers")), 3);
	json_decref(json);
	agent_start("monitors");
	expect("monitor list web-http", CLI_OK,
	       "NAME      STATUS   TYPE   RECOVERS   SERVERS\n"
	       "web-http  Caution  httpw  failover1  alpha=Caution,beta=Offline,gamma=Error\n",
	       NULL);
}

/* ---- no agent ---- */

static void test_no_agent(void **state)
{
	json_t *json;

	(void)state;
	agent_stop();
	expect("status", CLI_NO_AGENT, NULL, "agent not reachable at /tmp/test_cli");
	expect("status", CLI_NO_AGENT, NULL, "is holdfastd running?");
	expect("status --socket /no/such/socket", CLI_NO_AGENT, NULL,
	       "agent not reachable at /no/such/socket: No such file");
	expect("group stop web", CLI_NO_AGENT, NULL, "agent not reachable");
	expect("server stop web", CLI_NO_AGENT, NULL, "agent not reachable");
	expect("cluster stop", CLI_NO_AGENT, NULL, "agent not reachable");
	expect("cluster suspend", CLI_NO_AGENT, NULL, "agent not reachable");
	expect("toratio show", CLI_NO_AGENT, NULL, "agent not reachable");
	expect("toratio set 2 1m", CLI_NO_AGENT, NULL, "agent not reachable");
	expect("events -f", CLI_NO_AGENT, NULL, "agent not reachable");
	json = run_json("status --json", CLI_NO_AGENT);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "error"), "name")),
		"NoAgent");
	json_decref(json);
}

/* ---- changes ---- */

static void test_changes(void **state)
{
	json_t *json;

	(void)state;
	agent_start("healthy");
	expect("group start web", CLI_OK, "group web: accepted by the cluster\n", NULL);
	expect("group start web beta", CLI_OK, "group web: accepted", NULL);
	expect("group stop idle", CLI_OK, "group idle: nothing to do", NULL);
	expect("group move nope", CLI_FAILED, NULL, "there is no group 'nope'");
	expect("server stop nope", CLI_FAILED, NULL, "there is no server 'nope'");
	expect("group move refused", CLI_FAILED, NULL,
	       "refused: no server can take group refused\n");
	expect("server start alpha", CLI_FAILED, NULL, "the agent does not know 'server start'");
	expect("group stop slow --timeout 0.05", CLI_TIMEOUT, NULL,
	       "group 'slow': not answered in time");
	json = run_json("group start web --json", CLI_OK);
	assert_string_equal(json_string_value(json_object_get(json, "answer")), "accepted");
	json_decref(json);
	json = run_json("group start refused --json", CLI_FAILED);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "error"), "name")),
		"no-target");
	json_decref(json);
}

static void test_operations(void **state)
{
	json_t *json;

	(void)state;
	agent_start("monitors");
	expect("cluster start", CLI_OK, "cluster: accepted by the cluster\n", NULL);
	expect("cluster suspend --wait", CLI_OK, "cluster: done\n", NULL);
	expect("cluster resume", CLI_OK, "cluster: accepted", NULL);
	expect("resource start fip1", CLI_OK, "resource fip1: accepted", NULL);
	expect("resource stop idle", CLI_OK, "resource idle: nothing to do", NULL);
	expect("resource start bad --wait", CLI_FAILED, "resource bad: starting fip1",
	       "resource start failed");
	expect("resource stop nope", CLI_FAILED, NULL,
	       "there is no resource 'nope'; 'holdfast resource list' shows them");
	expect("resource stop slow --timeout 50ms", CLI_TIMEOUT, NULL,
	       "resource 'slow': not answered in time");
	expect("monitor suspend disk", CLI_OK, "monitor disk: {\"monitor\":\"disk\"}\n", NULL);
	expect("monitor resume disk --server alpha", CLI_OK,
	       "{\"monitor\":\"disk\",\"server\":\"alpha\"}\n", NULL);
	expect("monitor fail nope", CLI_FAILED, NULL, "there is no monitor 'nope'");
	expect("monitor unfail disk", CLI_OK, "monitor disk: ", NULL);
	json = run_json("monitor fail disk --json", CLI_OK);
	assert_string_equal(json_string_value(json_object_get(json, "monitor")), "disk");
	json_decref(json);
	json = run_json("cluster resume --json", CLI_OK);
	assert_string_equal(json_string_value(json_object_get(json, "command")), "cluster resume");
	json_decref(json);
}

static void test_ratio(void **state)
{
	json_t *json;

	(void)state;
	agent_start("healthy");
	expect("toratio show", CLI_OK,
	       "present toratio : 1\ntimeout         : 1000 ms\nlease           : 1200 ms\n", NULL);
	agent_start("monitors");
	expect("toratio show", CLI_OK,
	       "present toratio : 3\ntime left       : 2h 0m 5s\ntimeout         : 3000 ms\n"
	       "lease           : 3600 ms\n",
	       NULL);
	json = run_json("toratio show --json", CLI_OK);
	assert_int_equal(json_integer_value(json_object_get(json, "ratio")), 3);
	json_decref(json);
	expect("toratio set 3 2m", CLI_OK, "timeout ratio: {\"ratio\":3,\"time_us\":120000000}\n",
	       NULL);
	expect("toratio set 10000 30d", CLI_OK, "\"time_us\":2592000000000}", NULL);
	expect("toratio set 2 4h --wait", CLI_FAILED,
	       "{\"ratio\":2,\"time_us\":14400000000,\"wait\":true}", "before it was done");
	expect("toratio set 1", CLI_OK, "timeout ratio: {\"ratio\":1}\n", NULL);
	expect("toratio reset", CLI_OK, "timeout ratio: {}\n", NULL);
}

static void test_wait(void **state)
{
	json_t *json;

	(void)state;
	agent_start("healthy");
	expect("group start web --wait", CLI_OK,
	       "group web: accepted by the cluster\ngroup web: starting fip1\ngroup web: done\n",
	       NULL);
	expect("group start idle --wait", CLI_OK, "group idle: nothing to do, it is so already\n",
	       NULL);
	expect("group start bad --wait", CLI_FAILED, "group bad: starting fip1\n",
	       "group start failed; 'holdfast events' says why");
	expect("group start unfinished --wait", CLI_FAILED, "starting",
	       "stopped reporting before it was done");
	expect("group start nope --wait", CLI_FAILED, NULL, "there is no group 'nope'");
	expect("group start slow --wait --timeout 50ms", CLI_TIMEOUT, "group slow: stopping\n",
	       "not finished in time");
	json = run_json("group move web --wait --json", CLI_OK);
	assert_true(json_is_true(json_object_get(json, "done")));
	assert_true(json_is_false(json_object_get(json, "failed")));
	json_decref(json);
}

static void test_confirmation(void **state)
{
	(void)state;
	agent_start("stopped");
	expect("server stop alpha", CLI_OK, "server alpha: accepted", NULL); /* it runs nothing */
	agent_start("node-down");
	expect("server stop beta", CLI_USAGE, NULL,
	       "  group failover1 will move to gamma\n"
	       "  group failover2 will move to gamma\n"
	       "holdfast: 'server stop' was not confirmed: to do this without a terminal, say "
	       "--yes");
	expect("server stop beta --yes", CLI_OK, "server beta: accepted", NULL);
	expect("server stop -y beta --wait", CLI_OK, "server beta: done", NULL);
	expect("server shutdown beta", CLI_USAGE, NULL,
	       "  group failover1 will move to gamma\n"
	       "  group failover2 will move to gamma\n"
	       "  server beta will be powered off\n");
	expect("server reboot gamma", CLI_USAGE, NULL, "  server gamma will be rebooted\n");
	expect("server reboot gamma --yes", CLI_OK, "server gamma: accepted", NULL);
	expect("server shutdown nope", CLI_FAILED, NULL, "there is no server 'nope'");
	expect("cluster stop", CLI_USAGE, NULL,
	       "  group failover1 will STOP\n  group failover2 will STOP\n"
	       "holdfast: 'cluster stop' was not confirmed");
	expect("cluster shutdown", CLI_USAGE, NULL,
	       "  server beta will be powered off\n  server gamma will be powered off\nholdfast: ");
	expect("cluster reboot --yes --wait", CLI_OK, "cluster: done\n", NULL);
	expect("cluster stop -y", CLI_OK, "cluster: accepted", NULL);
}

/* Where groups go: not where a critical monitor fails, a rule forbids it or they failed before. */
static void test_places(void **state)
{
	(void)state;
	agent_start("monitors");
	expect("server stop alpha", CLI_USAGE, NULL,
	       "  group failover1 will STOP: no other server can take it\n");
	expect("server stop beta", CLI_USAGE, NULL,
	       "  group failover2 will STOP: no other server can take it\n");
	agent_start("healthy");
	expect("server stop alpha", CLI_USAGE, NULL, "  group failover1 will move to beta\n");
}

/* On a terminal it asks. */
static void answer_on_terminal(const char *line, const char *answer, enum cli_exit code,
			       const char *out, const char *question)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct result r;
	FILE *in;

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	in = fopen(ptsname(master), "r+");
	assert_non_null(in);
	assert_int_equal(write(master, answer, strlen(answer)), (ssize_t)strlen(answer));
	r = run_with(in, line);
	assert_int_equal(r.code, code);
	assert_string_equal(r.out, out);
	assert_non_null(strstr(r.err, question));
	done(&r);
	fclose(in);
	close(master);
}

static void test_confirmation_on_terminal(void **state)
{
	(void)state;
	agent_start("node-down");
	answer_on_terminal("server stop beta", "y\n", CLI_OK,
			   "server beta: accepted by the cluster\n",
			   "  group failover2 will move to gamma\nStop server beta? [y/N] ");
	answer_on_terminal("server stop beta", "n\n", CLI_FAILED, "", "Stop server beta? ");
	answer_on_terminal("server stop beta", "\n", CLI_FAILED, "", "Stop server beta? ");
	answer_on_terminal("server stop beta", "\x04", CLI_FAILED, "", "?"); /* end of file */
	answer_on_terminal("fence off beta", "y\n", CLI_OK,
			   "beta: level 1: bmc: off: ok, ordered \\x1b (0.21 s)\n"
			   "beta: is off, confirmed (3.20 s)\n",
			   "Switch off server beta? [y/N] ");
	answer_on_terminal("fence off beta", "n\n", CLI_FAILED, "", "nothing was changed");
	answer_on_terminal("fence reset beta", "\n", CLI_FAILED, "", "Reset server beta? [y/N] ");
	answer_on_terminal("fence cycle beta", "\x04", CLI_FAILED, "",
			   "Cycle the power of server beta? [y/N] ");
}

/* ---- fencing ---- */

static void test_fence_status(void **state)
{
	json_t *json;

	(void)state;
	agent_start("healthy");
	expect("fence status", CLI_OK, "    beta ............: Normal  ", NULL);
	expect("fence status nope", CLI_FAILED, NULL, "there is no server 'nope'");
	agent_start("node-down");
	expect("fence status", CLI_FAILED, "      order          : fencing by alpha FAILED, again",
	       NULL);
	expect("fence status alpha", CLI_OK, "   *alpha ...........: Normal  ", NULL);
	expect("fence status gamma", CLI_FAILED, "being fenced by alpha, level 2, try 1", NULL);
	expect("fence status delta --long", CLI_FAILED, "to be fenced by gamma in 3s", NULL);
	expect("fence status epsilon", CLI_OK, "confirmed off by gamma", NULL);
	json = run_json("fence status epsilon --json", CLI_OK);
	assert_int_equal(json_array_size(json_object_get(json, "servers")), 1);
	json_decref(json);
	json = run_json("fence status --json", CLI_FAILED);
	assert_int_equal(json_array_size(json_object_get(json, "servers")), 7);
	json_decref(json);
	expect("fence history", CLI_OK, "beta      off     confirmed  23 s, level 2, cluster\n",
	       NULL);
	expect("fence history beta --detail", CLI_OK, "pdu:3 off: ok, 0.21 s\n", NULL);
	expect("fence history -n 0", CLI_OK, NULL, NULL);
	expect("fence history nope", CLI_FAILED, NULL, "there is no server 'nope'");
	json = run_json("fence history --json", CLI_OK);
	assert_int_equal(json_array_size(json_object_get(json, "orders")), 5);
	json_decref(json);
	agent_stop();
	expect("fence status", CLI_NO_AGENT, NULL, "agent not reachable");
	expect("fence status -h other", CLI_NO_AGENT, NULL, "no way to other servers");
	expect("fence off beta", CLI_NO_AGENT, NULL, "agent not reachable");
}

static void test_fence_orders(void **state)
{
	json_t *json;

	(void)state;
	agent_start("node-down");
	/* What will happen is said, and nothing is done without a yes. */
	expect("fence off beta", CLI_USAGE, NULL,
	       "  server beta will be switched off at once, without a stop in good order\n"
	       "  by bmc-beta, else pdu:3 + pdu:4\n"
	       "  group failover1 runs on it and is cut off; then it is taken over by gamma\n"
	       "  group failover2 runs on it and is cut off; then it is taken over by gamma\n"
	       "holdfast: 'fence off' was not confirmed: to do this without a terminal, say --yes");
	expect("fence reset zeta", CLI_USAGE, NULL,
	       "  it is a member of the cluster: 'holdfast server shutdown zeta' stops it");
	expect("fence cycle beta", CLI_USAGE, NULL, "will be switched off and on again at once");
	expect("fence off nope", CLI_FAILED, NULL, "there is no server 'nope'");
	expect("fence off nope -y", CLI_FAILED, NULL, "there is no server 'nope'");
	expect("fence off beta --yes", CLI_OK, "beta: is off, confirmed (3.20 s)\n", NULL);
	expect("fence reset beta -y", CLI_OK, "beta: was reset (3.20 s)\n", NULL);
	expect("fence cycle beta -y", CLI_OK, "beta: was switched off and on again", NULL);
	expect("fence on beta", CLI_OK, "beta: was switched on (3.20 s)\n", NULL);
	expect("fence off gamma -y", CLI_FAILED, "gamma: level 1: bmc: off: ok",
	       "holdfast: gamma: failed: bmc: reads on\n");
	expect("fence off delta -y", CLI_FAILED, NULL, "refused: server delta is being fenced");
	expect("fence off epsilon -y", CLI_FAILED, "ordered", "the agent stopped reporting");
	expect("fence off zeta -y --timeout 50ms", CLI_TIMEOUT, "ordered", "not finished in time");
	expect("fence off beta --yes --timeout soon", CLI_USAGE, NULL, "'soon' is not a time");
	json = run_json("fence off beta -y --json", CLI_OK);
	assert_string_equal(json_string_value(json_object_get(json, "result")), "confirmed");
	json_decref(json);
	json = run_json("fence off gamma -y --json", CLI_FAILED);
	assert_string_equal(json_string_value(json_object_get(json, "power")), "on");
	json_decref(json);
}

static void test_fence_test(void **state)
{
	json_t *json;

	(void)state;
	agent_start("healthy");
	expect("fence test beta", CLI_OK, "beta: Normal, all devices answer (3.20 s)\n", NULL);
	expect("fence test gamma", CLI_FAILED, "gamma: level 1", "gamma: failed: bmc: reads on");
	expect("fence test", CLI_OK, "beta: Normal", NULL); /* alpha is the one that is asked */
	json = run_json("fence test --json", CLI_OK);
	assert_int_equal(json_array_size(json_object_get(json, "tests")), 1);
	json_decref(json);
	agent_start("node-down");
	expect("fence test --timeout 50ms", CLI_FAILED, "beta: Normal", "gamma: failed");
}

static void test_fence_confirm(void **state)
{
	json_t *json;

	(void)state;
	agent_start("healthy");
	expect("fence confirm beta", CLI_USAGE, NULL, "look at the machine, its power strip");
	expect("fence confirm beta", CLI_USAGE, NULL,
	       "'fence confirm' needs --i-checked-that-it-is-off: holdfast fence confirm beta "
	       "--i-checked-that-it-is-off\n");
	/* No shorter way to say it. */
	expect("fence confirm beta --yes", CLI_USAGE, NULL, "unknown option '--yes'");
	expect("fence confirm beta --i-checked", CLI_USAGE, NULL, "unknown option");
	expect("fence confirm beta --i-checked-that-it-is-of", CLI_USAGE, NULL, "unknown option");
	expect("fence confirm beta --i-checked-that-it-is-off", CLI_OK,
	       "beta: counts as off, by your word\n", "are lost\n");
	expect("fence confirm gamma --i-checked-that-it-is-off", CLI_FAILED, NULL,
	       "refused: server gamma: it is heard");
	json = run_json("fence confirm beta --json", CLI_USAGE);
	assert_non_null(json_object_get(json, "error"));
	json_decref(json);
	json = run_json("fence confirm beta --i-checked-that-it-is-off --json", CLI_OK);
	assert_string_equal(json_string_value(json_object_get(json, "answer")), "accepted");
	json_decref(json);
}

static void test_permission(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0) {
		print_message("SKIPPED: needs root to become another user\n");
		return;
	}
	agent_start("healthy");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct result r;

		if (setgroups(0, NULL) < 0 || setresgid(2, 2, 2) < 0 || /* bin: may view */
		    setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(99);
		r = run("status");
		if (r.code != CLI_OK)
			_exit(98);
		r = run("group stop web");
		if (r.code != CLI_DENIED ||
		    !strstr(r.err,
			    "permission denied: 'group stop' needs root or a member of group "
			    "'daemon' (the right to change)\n"))
			_exit(97);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- events, explain, config ---- */

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void expect_lines(const char *line, size_t n, const char *begin)
{
	struct result r = run(line);

	if (r.code != CLI_OK || count_lines(r.out) != n || strstr(r.out, begin) != r.out)
		fail_msg("holdfast %s: exit %d\n%s%s", line, (int)r.code, r.out, r.err);
	done(&r);
}

static void test_events(void **state)
{
	json_t *json;
	struct result r;

	(void)state;
	agent_start("healthy");
	expect_lines(
		"events", 25,
		"     1  2024-11-23 22:13:21.123  notice   alpha       something\\x0ahappened\n");
	expect_lines("events -n 3", 3, "    23  ");
	expect_lines("events -n0", 0, "");
	expect_lines("events --since 20", 5, "    21  ");
	/* error, and what is worse: of a kind that is not known here */
	expect_lines("events --severity error", 10, "     3  ");
	expect_lines("events --severity warning --lines 4", 4, "    19  ");
	expect_lines("events --follow", 13, "    16  ");
	expect_lines("events -f -n 1", 4, "    25  ");
	expect_lines("events -f --since 22 --severity error", 3, "    23  ");
	json = run_json("events --json -n 2", CLI_OK);
	assert_int_equal(json_array_size(json_object_get(json, "events")), 2);
	json_decref(json);

	r = run("events --json --follow -n 2");
	assert_int_equal(count_lines(r.out), 5);
	for (char *line = strtok(r.out, "\n"); line; line = strtok(NULL, "\n")) {
		json = json_loads(line, 0, NULL);
		assert_int_equal(json_integer_value(json_object_get(json, "schema")), 1);
		assert_true(json_is_integer(json_object_get(json, "number")));
		json_decref(json);
	}
	done(&r);
}

static void test_explain(void **state)
{
	json_t *json;

	(void)state;
	agent_start("healthy");
	expect("explain", CLI_OK,
	       "the last failover\n\n"
	       "       at ms    step ms  node                what\n"
	       "       0.000     +0.000  alpha               last beat of beta\n"
	       "    1234.568  +1234.568  a-long-server-name  address announced\n"
	       "\nEvidence:\n  - beat 17 of beta\n"
	       "\nNow:\n  - waits for beta\n",
	       NULL);
	expect("explain web", CLI_OK, "web\n\n", NULL);
	expect("explain --event 5", CLI_OK, "the last failover\n", NULL);
	expect("explain --event 5000", CLI_FAILED, NULL, "there is no event 5000");
	json = run_json("explain --json", CLI_OK);
	assert_int_equal(json_array_size(json_object_get(json, "steps")), 2);
	json_decref(json);
}

static void test_config_show(void **state)
{
	(void)state;
	agent_start("healthy");
	expect("config show", CLI_OK, "a = 1;\n\tb = \"\\x1b\";\n", NULL);
}

/* In a child, since the command becomes the daemon. Returns its exit code. */
static int check_config(const char *line, char *out, size_t size)
{
	int status, p[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct result r;

		(void)dup2(p[1], STDOUT_FILENO);
		close(p[0]);
		close(p[1]);
		r = run(line);
		(void)!write(STDOUT_FILENO, r.err, strlen(r.err));
		_exit((int)r.code);
	}
	close(p[1]);
	n = read(p[0], out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_config_check(void **state)
{
	char file[160], text[512], *old = strdup(getenv("PATH"));
	FILE *f;

	(void)state;
	assert_non_null(old);
	snprintf(file, sizeof(file), "%s/holdfastd", directory);
	setenv("PATH", directory, 1);
	f = fopen(file, "w");
	assert_non_null(f);
	fputs("#!/bin/sh\necho \"$#:$1:$2:$3\"\nexit 78\n", f);
	fclose(f);
	/* There, but not a program: that is what is said. */
	assert_int_equal(check_config("config check x.conf", text, sizeof(text)), CLI_FAILED);
	assert_non_null(strstr(text, "cannot run holdfastd"));
	assert_non_null(strstr(text, strerror(EACCES)));
	assert_int_equal(chmod(file, 0755), 0);
	assert_int_equal(check_config("config check x.conf", text, sizeof(text)), 78);
	assert_string_equal(text, "2:--check:x.conf:\n");
	assert_int_equal(check_config("config check --json -- -x", text, sizeof(text)), 78);
	assert_string_equal(text, "3:--check:./-x:--json\n");
	assert_int_equal(check_config("import clp.conf old.conf", text, sizeof(text)), 78);
	assert_string_equal(text, "2:--import:old.conf:\n");
	assert_int_equal(check_config("import clp.conf -o new.conf -- -x", text, sizeof(text)), 78);
	assert_string_equal(text, "4:--import:./-x:--output\n");
	assert_int_equal(check_config("import clp.conf x --json", text, sizeof(text)), CLI_USAGE);
	assert_non_null(strstr(text, "there is no --json"));
	unlink(file);
	setenv("PATH", old, 1);
	free(old);
}

static void test_keygen(void **state)
{
	char file[160], line[256];
	struct stat st;
	json_t *json;

	(void)state;
	snprintf(file, sizeof(file), "%s/key", directory);
	snprintf(line, sizeof(line), "keygen %s", file);
	expect(line, CLI_OK, "key written", NULL);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	expect(line, CLI_FAILED, NULL, "exists; to put a new key in front");
	snprintf(line, sizeof(line), "keygen --rotate --json %s", file);
	json = run_json(line, CLI_OK);
	assert_true(json_is_true(json_object_get(json, "rotated")));
	json_decref(json);
	expect("keygen /no/such/folder/key", CLI_FAILED, NULL, "/no/such/folder/key");
	unlink(file);
}

/* ---- watch ---- */

/* Reads from `fd` until `text` came. */
static void read_until(int fd, const char *text)
{
	static char buf[262144];
	size_t n = 0;

	memset(buf, 0, sizeof(buf));
	while (!strstr(buf, text)) {
		ssize_t got = read(fd, buf + n, sizeof(buf) - 1 - n);

		if (got <= 0)
			fail_msg("'%s' did not come; got: %s", text, buf);
		n += (size_t)got;
	}
}

static pid_t start_watch(const char *option, int *ret_fd)
{
	int p[2];
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *argv[] = {(char *)"holdfast", (char *)"status", (char *)"--watch=0.1",
				(char *)option, NULL};
		FILE *out = fdopen(p[1], "w"), *in = fopen("/dev/null", "r");

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(p[0]);
		alarm(30);
		_exit((int)cli_run(option ? 4 : 3, argv, in, out, stderr));
	}
	close(p[1]);
	*ret_fd = p[0];
	return pid;
}

static void end_watch(pid_t pid, int fd)
{
	close(fd);
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* It goes on over restarts of the agent. */
static void test_watch(void **state)
{
	pid_t pid;
	int fd;

	(void)state;
	agent_start("healthy");
	pid = start_watch(NULL, &fd);
	read_until(fd, "healthy: both groups");
	agent_stop();
	read_until(fd, "holdfast: agent not reachable");
	agent_start("failover");
	read_until(fd, "down: group failover1");
	end_watch(pid, fd);

	agent_start("healthy");
	pid = start_watch("--json", &fd);
	read_until(fd, "}\n{\"schema\":1,");
	agent_stop();
	read_until(fd, "{\"schema\":1,\"error\":{\"name\":\"NoAgent\"");
	end_watch(pid, fd);
}

/* An agent that takes the call and never answers is not reachable either. */
static void test_hanging_agent(void **state)
{
	(void)state;
	agent_start("healthy");
	assert_int_equal(kill(agent, SIGSTOP), 0);
	expect("status", CLI_NO_AGENT, NULL, "no answer from the agent in time");
	assert_int_equal(kill(agent, SIGCONT), 0);
}

static int prepare(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERR);
	setenv("TZ", "UTC", 1);
	if (!mkdtemp(directory) || chmod(directory, 0755) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/agent.sock", directory);
	setenv("HOLDFAST_SOCKET", path, 1);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	agent_stop();
	unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_bash_completion),
		cmocka_unit_test(test_status_exit),
		cmocka_unit_test(test_status_views),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_no_agent),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_confirmation),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_confirmation_on_terminal),
		cmocka_unit_test(test_fence_status),
		cmocka_unit_test(test_fence_orders),
		cmocka_unit_test(test_fence_test),
		cmocka_unit_test(test_fence_confirm),
		cmocka_unit_test(test_permission),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_config_show),
		cmocka_unit_test(test_config_check),
		cmocka_unit_test(test_keygen),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_hanging_agent),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
