/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * holdfastd --simulate: reads {"config": text, "status": {...}} from standard input (what
 * `holdfast simulate` or `holdfast simulate --save` gets from the agent), plays, and prints the
 * decisions in their order.
 */
#include "agent/agent.h"
#include "agent/simulate.h"

#include "util/parse.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define INPUT_MAX	(16 * 1024 * 1024)
#define HORIZON_DEFAULT (3600 * USEC_PER_SEC)
#define ASKED_MAX	32 /* of each option */

/* Options as given: names can be looked up only when the configuration is read. */
struct asked {
	const char *config_path;
	const char *down[ASKED_MAX], *cut[ASKED_MAX], *leave[ASKED_MAX], *fail[ASKED_MAX];
	size_t n_down, n_cut, n_leave, n_fail;
	uint64_t program_us, horizon_us;
	bool json;
};

struct play {
	struct config *config;
	struct core_seed *seed;
	struct simulate_question question;
	struct simulate_answer answer;
	bool json;
};

__attribute__((format(printf, 1, 2))) static int complain(const char *format, ...)
{
	va_list ap;

	(void)fputs("holdfast simulate: ", stderr);
	va_start(ap, format);
	(void)vfprintf(stderr, format, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return -EINVAL;
}

/* ---- options ---- */

enum {
	OPTION_CONFIG = 256,
	OPTION_DOWN,
	OPTION_CUT,
	OPTION_LEAVE,
	OPTION_FAIL,
	OPTION_PROGRAMS,
	OPTION_FOR,
	OPTION_JSON
};

static const struct option options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"down", required_argument, NULL, OPTION_DOWN},
	{"cut", required_argument, NULL, OPTION_CUT},
	{"leave", required_argument, NULL, OPTION_LEAVE},
	{"fail", required_argument, NULL, OPTION_FAIL},
	{"program-time", required_argument, NULL, OPTION_PROGRAMS},
	{"for", required_argument, NULL, OPTION_FOR},
	{"json", no_argument, NULL, OPTION_JSON},
	{NULL, 0, NULL, 0},
};

static int take(const char **list, size_t *n, const char *name)
{
	if (*n == ASKED_MAX)
		return complain("--%s was given more than %d times", name, ASKED_MAX);
	list[(*n)++] = optarg;
	return 0;
}

static int take_time(const char *name, uint64_t *ret)
{
	if (parse_duration_us(optarg, ret) < 0)
		return complain("--%s needs a duration such as \"2s\", not \"%s\"", name, optarg);
	return 0;
}

static int take_option(struct asked *a, int option)
{
	switch (option) {
	case OPTION_CONFIG:
		a->config_path = optarg;
		return 0;
	case OPTION_DOWN:
		return take(a->down, &a->n_down, "down");
	case OPTION_CUT:
		return take(a->cut, &a->n_cut, "cut");
	case OPTION_LEAVE:
		return take(a->leave, &a->n_leave, "leave");
	case OPTION_FAIL:
		return take(a->fail, &a->n_fail, "fail");
	case OPTION_PROGRAMS:
		return take_time("program-time", &a->program_us);
	case OPTION_FOR:
		return take_time("for", &a->horizon_us);
	case OPTION_JSON:
		a->json = true;
		return 0;
	default:
		return -EINVAL; /* getopt said what is wrong */
	}
}

static int parse_options(int argc, char **argv, struct asked *a)
{
	int option, r;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		r = take_option(a, option);
		if (r < 0)
			return r;
	}
	return optind < argc ? complain("unexpected argument \"%s\"", argv[optind]) : 0;
}

/* ---- input ---- */

static int read_input(json_t **ret)
{
	json_error_t error;
	json_t *root;

	root = json_loadf(stdin, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
	if (!root)
		return complain("the state on standard input, line %d: %s", error.line, error.text);
	if (!json_is_string(json_object_get(root, "config")) ||
	    !json_is_object(json_object_get(root, "status"))) {
		json_decref(root);
		return complain("the state on standard input needs a text \"config\" and an "
				"object \"status\"");
	}
	*ret = root;
	return 0;
}

static int load_config(const struct asked *a, const json_t *state, struct config **ret)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	const char *name = a->config_path ? a->config_path : "the live configuration";
	int r;

	if (!report)
		return -ENOMEM;
	r = a->config_path
		    ? config_load(a->config_path, ret, report)
		    : config_load_text(name, json_string_value(json_object_get(state, "config")),
				       ret, report);
	if (r >= 0)
		return 0;
	for (size_t i = 0; i < report->n; i++)
		if (!report->problem[i].warning)
			(void)complain("%s:%u: %s", name, report->problem[i].line,
				       report->problem[i].text);
	return report->n ? -EINVAL : complain("%s: %s", name, strerror(-r));
}

/* ---- the question ---- */

static int find_node(const struct play *p, const char *option, const char *name, uint8_t *ret)
{
	int n = config_find_node(p->config, name);

	if (n < 0)
		return complain("--%s: there is no server \"%s\"", option, name);
	*ret = (uint8_t)n;
	return 0;
}

static int ask_nodes(struct play *p, const char *option, const char *const *names, size_t n,
		     node_mask *ret)
{
	uint8_t node = NODE_NONE;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = find_node(p, option, names[i], &node);
		if (r >= 0 && !node_mask_has(p->seed->up, node))
			r = complain("--%s: server %s is down already", option, names[i]);
		if (r >= 0)
			*ret |= node_bit(node);
	}
	return r;
}

/* "A,B": these two do not hear each other; "A": nobody hears it. */
static int ask_cut(struct play *p, const char *text)
{
	char first[NAME_SIZE] = "";
	const char *comma = strchr(text, ',');
	size_t n = comma ? (size_t)(comma - text) : strlen(text);
	uint8_t a = NODE_NONE, b = NODE_NONE;
	node_mask others = ~0U;
	unsigned int other;
	int r;

	if (n >= sizeof first)
		return complain("--cut: \"%s\" is no server", text);
	(void)snprintf(first, sizeof first, "%.*s", (int)n, text);
	r = find_node(p, "cut", first, &a);
	if (r >= 0 && comma)
		r = find_node(p, "cut", comma + 1, &b);
	if (r < 0)
		return r;
	if (a == b)
		return complain("--cut: \"%s\" names one server twice", text);
	if (comma)
		others = node_bit(b);
	others &= ~node_bit(a);
	p->question.cut[a] |= others;
	node_mask_for_each (other, others)
		p->question.cut[other] |= node_bit(a);
	return 0;
}

/* Where a monitor works now: what it follows runs there, else the first server of its list. */
static uint8_t place_of(const struct play *p, uint16_t monitor)
{
	for (uint8_t n = 0; n < p->config->n_nodes; n++) {
		uint8_t s = p->seed->monitor_actuals[n][monitor].status;

		if (node_mask_has(p->seed->up, n) && s != MONITOR_OFFLINE && s != MONITOR_UNUSED)
			return n;
	}
	return (uint8_t)node_mask_first(p->config->monitors[monitor].nodes);
}

/* "MONITOR" or "MONITOR@NODE" */
static int ask_fail(struct play *p, const char *text)
{
	struct simulate_question *q = &p->question;
	const char *at = strchr(text, '@');
	char name[NAME_SIZE];
	int m, n, r = 0;
	uint8_t node;

	n = snprintf(name, sizeof name, "%.*s", at ? (int)(at - text) : (int)strlen(text), text);
	m = n < (int)sizeof name ? config_find_monitor(p->config, name) : -ENOENT;
	if (m < 0)
		return complain("--fail: there is no monitor \"%s\"", text);
	if (q->n_fails == SIMULATE_FAILS_MAX)
		return complain("--fail was given more than %d times", SIMULATE_FAILS_MAX);
	node = place_of(p, (uint16_t)m);
	if (at)
		r = find_node(p, "fail", at + 1, &node);
	if (r < 0)
		return r;
	q->fail[q->n_fails].monitor = (uint16_t)m;
	q->fail[q->n_fails++].node = node;
	return 0;
}

static int ask(struct play *p, const struct asked *a)
{
	struct simulate_question *q = &p->question;
	int r;

	q->times = (struct simulate_times){.network_us = 200,
					   .disk_us = 2000,
					   .address_us = 1000,
					   .program_us = a->program_us,
					   .fence_us = USEC_PER_SEC};
	q->horizon_us = a->horizon_us;
	r = ask_nodes(p, "down", a->down, a->n_down, &q->down);
	if (r >= 0)
		r = ask_nodes(p, "leave", a->leave, a->n_leave, &q->leave);
	for (size_t i = 0; r >= 0 && i < a->n_cut; i++)
		r = ask_cut(p, a->cut[i]);
	for (size_t i = 0; r >= 0 && i < a->n_fail; i++)
		r = ask_fail(p, a->fail[i]);
	return r;
}

/* ---- the answer ---- */

static const char *node_name(const struct config *config, uint8_t node)
{
	const char *name = names_node(config, node);

	return name ? name : "nowhere";
}

static void print_text(const struct play *p)
{
	struct event_names names = names_of(p->config);
	const struct simulate_answer *a = &p->answer;
	char message[512];

	for (size_t i = 0; i < a->n; i++) {
		const struct simulate_line *l = &a->lines[i];

		(void)printf("%+10.3f s  %-12s %s\n", (double)l->at_us / 1e6,
			     node_name(p->config, l->event.origin),
			     event_format(&l->event, &names, message, sizeof message));
	}
	if (!a->n)
		(void)printf("Nothing would happen.\n");
	(void)printf("\n%-16s %-12s %-12s %s\n", "GROUP", "BEFORE", "AFTER", "OUT OF SERVICE");
	for (uint16_t g = 0; g < p->config->n_groups; g++) {
		(void)printf("%-16s %-12s %-12s ", p->config->groups[g].name,
			     node_name(p->config, a->before[g]), node_name(p->config, a->after[g]));
		if (a->before[g] == NODE_NONE && a->after[g] == NODE_NONE)
			(void)printf("-\n");
		else if (a->outage_us[g] == UINT64_MAX)
			(void)printf("until somebody acts\n");
		else
			(void)printf("%.3f s\n", (double)a->outage_us[g] / 1e6);
	}
	if (!a->quiet)
		(void)printf("\nNot at rest after %.0f s: it would go on.\n",
			     (double)a->end_us / 1e6);
}

static json_t *line_json(const struct play *p, const struct simulate_line *l)
{
	struct event_names names = names_of(p->config);
	const struct event_info *info = event_info(l->event.id);
	char message[512];

	return json_pack("{s:I,s:s,s:i,s:s,s:s}", "at_us", (json_int_t)l->at_us, "origin",
			 node_name(p->config, l->event.origin), "id", (int)l->event.id, "name",
			 info ? info->name : "", "message",
			 event_format(&l->event, &names, message, sizeof message));
}

static json_t *group_json(const struct play *p, uint16_t g)
{
	const struct simulate_answer *a = &p->answer;

	return json_pack("{s:s,s:s?,s:s?,s:o}", "name", p->config->groups[g].name, "before",
			 names_node(p->config, a->before[g]), "after",
			 names_node(p->config, a->after[g]), "outage_us",
			 a->outage_us[g] == UINT64_MAX ? json_null()
						       : json_integer((json_int_t)a->outage_us[g]));
}

static int print_json(const struct play *p)
{
	json_t *decisions = json_array(), *groups = json_array(), *root;
	_cleanup_free_ char *budget = config_budget(p->config);
	int r;

	for (size_t i = 0; i < p->answer.n; i++)
		(void)json_array_append_new(decisions, line_json(p, &p->answer.lines[i]));
	for (uint16_t g = 0; g < p->config->n_groups; g++)
		(void)json_array_append_new(groups, group_json(p, g));
	root = json_pack("{s:i,s:o,s:o,s:b,s:I,s:s}", "schema", 1, "decisions", decisions, "groups",
			 groups, "quiet", p->answer.quiet, "end_us", (json_int_t)p->answer.end_us,
			 "budget", budget ? budget : "");
	if (!root)
		return -ENOMEM;
	r = json_dumpf(root, stdout, JSON_INDENT(2)) < 0 ? -EIO : 0;
	(void)fputc('\n', stdout);
	json_decref(root);
	return r;
}

static int print_answer(const struct play *p)
{
	_cleanup_free_ char *budget = NULL;

	if (p->json)
		return print_json(p);
	print_text(p);
	budget = config_budget(p->config);
	if (budget)
		(void)printf("\n%s", budget);
	return fflush(stdout) == 0 ? 0 : -errno;
}

static int simulate(const struct asked *a, struct play *p)
{
	json_t *state = NULL;
	char why[256] = "";
	int r;

	p->json = a->json;
	p->seed = calloc(1, sizeof *p->seed);
	r = p->seed ? read_input(&state) : -ENOMEM;
	if (r >= 0)
		r = load_config(a, state, &p->config);
	if (r >= 0) {
		r = simulate_seed(p->config, json_object_get(state, "status"), p->seed, why,
				  sizeof why);
		if (r < 0)
			(void)complain("%s", why);
	}
	json_decref(state);
	if (r >= 0)
		r = ask(p, a);
	if (r >= 0)
		r = simulate_run(p->config, p->seed, &p->question, &p->answer);
	return r < 0 ? r : print_answer(p);
}

int simulate_main(int argc, char **argv)
{
	struct asked a = {.horizon_us = HORIZON_DEFAULT};
	struct play p = {0};
	int r = parse_options(argc, argv, &a);

	if (r < 0)
		return EX_USAGE;
	r = simulate(&a, &p);
	if (r == -ENOMEM)
		(void)complain("no memory");
	simulate_answer_clear(&p.answer);
	free(p.seed);
	(void)config_free(p.config);
	return r < 0 ? EX_DATAERR : EX_OK;
}
