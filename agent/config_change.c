/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/config_change.h"

#include "agent/config_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- the keys of one object, as lines ---- */

/* The text of an object, "key = value;" on a line each, cut into lines. */
struct lines {
	char *text;
	char **line;
	size_t n;
	bool *used;
};

static void lines_free(struct lines *lines)
{
	free(lines->text);
	free(lines->line);
	free(lines->used);
}
#define _cleanup_lines_ _cleanup_(lines_free)

/* Line `i`; there are as many as were cut. */
static const char *line_at(const struct lines *lines, size_t i)
{
	assert(lines->line && lines->line[i]);
	return lines->line[i];
}

/* Without the blanks before it and the semicolon behind it. */
static char *trim(char *line)
{
	size_t n;

	line += strspn(line, " \t");
	n = strlen(line);
	if (n > 0 && line[n - 1] == ';')
		line[n - 1] = '\0';
	return line;
}

static int cut(struct lines *lines)
{
	size_t n = 1;
	char *save = NULL;

	for (const char *s = lines->text; *s; s++)
		n += *s == '\n';
	lines->line = calloc(n, sizeof *lines->line);
	lines->used = calloc(n, sizeof *lines->used);
	if (!lines->line || !lines->used)
		return -ENOMEM;
	for (char *s = strtok_r(lines->text, "\n", &save); s; s = strtok_r(NULL, "\n", &save))
		lines->line[lines->n++] = trim(s);
	return 0;
}

static int print_object(const struct config *config, unsigned int sections, const void *object,
			struct lines *ret)
{
	size_t size;
	FILE *out = open_memstream(&ret->text, &size);

	if (!out)
		return -ENOMEM;
	config_print_keys(config, sections, object, out);
	if (fclose(out) != 0)
		return -ENOMEM;
	return cut(ret);
}

/* Length of the key with the " = " behind it; the whole line if there is none. */
static size_t key_length(const char *line)
{
	const char *equal = strstr(line, " = ");

	return equal ? (size_t)(equal - line) + 3 : strlen(line);
}

static bool same_key(const char *a, const char *b)
{
	size_t n = key_length(a);

	return n == key_length(b) && strncmp(a, b, n) == 0;
}

/* The line of the same key that was not taken yet; NULL: none. */
static const char *take(struct lines *lines, const char *like)
{
	for (size_t i = 0; i < lines->n; i++) {
		if (lines->used[i] || !same_key(line_at(lines, i), like))
			continue;
		lines->used[i] = true;
		return lines->line[i];
	}
	return NULL;
}

/* ---- kinds of objects ---- */

/* An object of a configuration in a list; `group` is that of resources, the node of levels, else
 * NULL. */
struct item {
	const char *name, *group;
	const void *object;
	unsigned int sections;
};

static bool item_cluster(const struct config *c, size_t i, struct item *ret)
{
	*ret = (struct item){.name = "", .object = c, .sections = SECTION_CLUSTER};
	return i == 0;
}

static bool item_agent(const struct config *c, size_t i, struct item *ret)
{
	*ret = (struct item){.name = "", .object = c, .sections = SECTION_AGENT};
	return i == 0;
}

static bool item_node(const struct config *c, size_t i, struct item *ret)
{
	if (i >= c->n_nodes)
		return false;
	*ret = (struct item){
		.name = c->nodes[i].name, .object = &c->nodes[i], .sections = SECTION_NODE};
	return true;
}

static bool item_group(const struct config *c, size_t i, struct item *ret)
{
	if (i >= c->n_groups)
		return false;
	*ret = (struct item){
		.name = c->groups[i].name, .object = &c->groups[i], .sections = SECTION_GROUP};
	return true;
}

static bool item_resource(const struct config *c, size_t i, struct item *ret)
{
	const struct resource_config *r = &c->resources[i];

	if (i >= c->n_resources)
		return false;
	*ret = (struct item){.name = r->name,
			     .group = c->groups[r->group].name,
			     .object = r,
			     .sections = SECTION_RESOURCE | (unsigned int)SECTION_FIP << r->type};
	return true;
}

static bool item_exclusion(const struct config *c, size_t i, struct item *ret)
{
	if (i >= c->n_exclusions)
		return false;
	*ret = (struct item){.name = c->exclusions[i].name,
			     .object = &c->exclusions[i],
			     .sections = SECTION_EXCLUSION};
	return true;
}

static bool item_monitor(const struct config *c, size_t i, struct item *ret)
{
	const struct monitor_config *m = &c->monitors[i];

	if (i >= c->n_monitors)
		return false;
	*ret = (struct item){.name = m->name,
			     .object = m,
			     .sections = SECTION_MONITOR | (unsigned int)SECTION_FIPW << m->type};
	return true;
}

static bool item_fencing(const struct config *c, size_t i, struct item *ret)
{
	*ret = (struct item){.name = "", .object = c, .sections = SECTION_FENCING};
	return i == 0;
}

static bool item_device(const struct config *c, size_t i, struct item *ret)
{
	if (i >= c->fencing.n_devices)
		return false;
	*ret = (struct item){.name = c->fencing.devices[i].name,
			     .object = &c->fencing.devices[i],
			     .sections = SECTION_DEVICE};
	return true;
}

static bool item_level(const struct config *c, size_t i, struct item *ret)
{
	static const char names[FENCE_LEVELS_MAX][2] = {"1", "2", "3", "4", "5", "6", "7", "8"};

	for (uint8_t n = 0; n < c->n_nodes; n++) {
		if (i < c->nodes[n].n_fence_levels) {
			*ret = (struct item){.name = names[i],
					     .group = c->nodes[n].name,
					     .object = &c->nodes[n].fence[i],
					     .sections = SECTION_LEVEL};
			return true;
		}
		i -= c->nodes[n].n_fence_levels;
	}
	return false;
}

typedef bool (*item_fn)(const struct config *config, size_t i, struct item *ret);

static const struct {
	const char *word;
	item_fn at;
} kinds[] = {
	{"cluster", item_cluster}, {"agent", item_agent},	{"node", item_node},
	{"group", item_group},	   {"resource", item_resource}, {"exclusion", item_exclusion},
	{"fencing", item_fencing}, {"device", item_device},	{"fence level", item_level},
	{"monitor", item_monitor},
};

static bool find_item(const struct config *config, item_fn at, const struct item *like,
		      struct item *ret)
{
	for (size_t i = 0; at(config, i, ret); i++)
		if (strcmp(ret->name, like->name) == 0 &&
		    (!like->group || strcmp(ret->group, like->group) == 0))
			return true;
	return false;
}

/* ---- differences ---- */

struct report {
	FILE *out;
	size_t n, dropped;
};

static bool next_line(struct report *report)
{
	if (report->n == CONFIG_DIFFERENCES_MAX) {
		report->dropped++;
		return false;
	}
	report->n++;
	return true;
}

static bool is_own_business(const char *line)
{
	static const char *const keys[] = {"key_file", "state_directory",  "run_directory",
					   "socket",   "script_directory", "power_command"};
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strlen(keys[i]) == n && strncmp(line, keys[i], n) == 0)
			return true;
	return false;
}

static void say_object(const char *word, const struct item *item, FILE *out)
{
	(void)fprintf(out, "%s%s%s", word, *item->name ? " " : "", item->name);
	if (item->group)
		(void)fprintf(out, " of %s %s", item->sections == SECTION_LEVEL ? "node" : "group",
			      item->group);
}

static void say_line(struct report *report, const char *word, const struct item *item,
		     const char *from, const char *to)
{
	const char *line = to ? to : from;
	size_t n = line ? key_length(line) : 0;

	if (!line)
		return;
	if ((item->sections & SECTION_AGENT) && is_own_business(line))
		return;
	if (from && to && strcmp(from, to) == 0)
		return;
	if (!next_line(report))
		return;
	say_object(word, item, report->out);
	(void)fprintf(report->out, ": %.*s: ", (int)(n > 3 ? n - 3 : n), line);
	if (from && to)
		(void)fprintf(report->out, "%s -> %s\n", from + n, to + n);
	else
		(void)fprintf(report->out, "%s %s\n", line + n, to ? "added" : "removed");
}

static int compare_item(const struct config *from, const struct config *to, size_t kind,
			const struct item items[2], struct report *report)
{
	_cleanup_lines_ struct lines a = {0}, b = {0};
	int r = print_object(from, items[0].sections, items[0].object, &a);

	if (r >= 0)
		r = print_object(to, items[1].sections, items[1].object, &b);
	if (r < 0)
		return r;
	for (size_t i = 0; i < a.n; i++)
		say_line(report, kinds[kind].word, &items[0], line_at(&a, i),
			 take(&b, line_at(&a, i)));
	for (size_t i = 0; i < b.n; i++)
		if (!b.used[i])
			say_line(report, kinds[kind].word, &items[1], NULL, line_at(&b, i));
	return 0;
}

static int say_added(const struct config *to, size_t kind, const struct item *item,
		     struct report *report)
{
	_cleanup_lines_ struct lines lines = {0};
	const char *separator = ": ";
	int r = print_object(to, item->sections, item->object, &lines);

	if (r < 0)
		return r;
	if (!next_line(report))
		return 0;
	say_object(kinds[kind].word, item, report->out);
	(void)fputs(" added", report->out);
	for (size_t i = 0; i < lines.n; i++) {
		if (strncmp(line_at(&lines, i), "name = ", 7) == 0)
			continue;
		(void)fprintf(report->out, "%s%s", separator, line_at(&lines, i));
		separator = "; ";
	}
	(void)fputc('\n', report->out);
	return 0;
}

static int compare_kind(const struct config *from, const struct config *to, size_t kind,
			struct report *report)
{
	struct item items[2];
	int r = 0;

	for (size_t i = 0; r >= 0 && kinds[kind].at(from, i, &items[0]); i++) {
		if (find_item(to, kinds[kind].at, &items[0], &items[1])) {
			r = compare_item(from, to, kind, items, report);
		} else if (next_line(report)) {
			say_object(kinds[kind].word, &items[0], report->out);
			(void)fputs(" removed\n", report->out);
		}
	}
	for (size_t i = 0; r >= 0 && kinds[kind].at(to, i, &items[1]); i++)
		if (!find_item(from, kinds[kind].at, &items[1], &items[0]))
			r = say_added(to, kind, &items[1], report);
	return r;
}

static bool same_order(const struct config *from, const struct config *to, item_fn at)
{
	struct item a, b;

	for (size_t i = 0;; i++) {
		bool more = at(from, i, &a), also = at(to, i, &b);

		if (more != also)
			return false;
		if (!more)
			return true;
		if (strcmp(a.name, b.name) != 0)
			return false;
	}
}

/* The same objects in another order: then numbers of objects are others, and the hash is too. */
static void compare_order(const struct config *from, const struct config *to, struct report *report)
{
	for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
		if (!same_order(from, to, kinds[kind].at) && next_line(report))
			(void)fprintf(report->out, "%ss are in another order\n", kinds[kind].word);
}

char *config_differences(const struct config *from, const struct config *to)
{
	struct report report = {0};
	char *text = NULL;
	size_t size;
	int r = 0;

	report.out = open_memstream(&text, &size);
	if (!report.out)
		return NULL;
	for (size_t kind = 0; r >= 0 && kind < sizeof kinds / sizeof *kinds; kind++)
		r = compare_kind(from, to, kind, &report);
	if (report.n == 0 && from->hash != to->hash)
		compare_order(from, to, &report);
	if (report.dropped)
		(void)fprintf(report.out, "and %zu differences more\n", report.dropped);
	if (fclose(report.out) != 0)
		r = -ENOMEM;
	if (r < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- what has to stop ---- */

/* Keys that say how a resource is looked after, not what it is. */
static bool is_harmless(const char *line)
{
	static const char *const keys[] = {
		"comment",	    "start_timeout",   "stop_timeout",
		"retries",	    "stop_retries",    "failovers",
		"on_start_failure", "on_stop_failure", "final_action_alone"};
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strlen(keys[i]) == n && strncmp(line, keys[i], n) == 0)
			return true;
	return false;
}

/* Whether it is another thing. Without memory to know it counts as one. */
static bool resource_changed(const struct config *from, const struct config *to,
			     const struct item items[2])
{
	_cleanup_lines_ struct lines a = {0}, b = {0};

	if (print_object(from, items[0].sections, items[0].object, &a) < 0 ||
	    print_object(to, items[1].sections, items[1].object, &b) < 0)
		return true;
	for (size_t i = 0; i < a.n; i++) {
		const char *line = line_at(&a, i), *other = take(&b, line);

		if (!is_harmless(line) && (!other || strcmp(other, line) != 0))
			return true;
	}
	for (size_t i = 0; i < b.n; i++)
		if (!b.used[i] && !is_harmless(line_at(&b, i)))
			return true;
	return false;
}

void config_affected(const struct config *from, const struct config *to,
		     uint8_t ret[GROUPS_MAX / 8])
{
	struct item items[2];

	memset(ret, 0, GROUPS_MAX / 8);
	for (size_t i = 0; item_resource(from, i, &items[0]); i++) {
		uint16_t g = from->resources[i].group;

		if (!find_item(to, item_resource, &items[0], &items[1]) ||
		    resource_changed(from, to, items))
			ret[g / 8] |= (uint8_t)(1U << g % 8);
	}
}

/* ---- what a process that runs cannot take ---- */

static void compare_nodes(const struct config *from, const struct config *to, FILE *out)
{
	bool same = from->n_nodes == to->n_nodes;

	for (uint8_t n = 0; same && n < from->n_nodes; n++) {
		const struct node_config *a = &from->nodes[n], *b = &to->nodes[n];

		if (strcmp(a->name, b->name) != 0) {
			same = false;
			break;
		}
		if (a->votes != b->votes || a->witness != b->witness)
			(void)fprintf(out, "votes or role of node %s\n", a->name);
		if (a->n_links != b->n_links || memcmp(a->link, b->link, sizeof a->link) != 0)
			(void)fprintf(out, "links of node %s\n", a->name);
	}
	if (!same)
		(void)fputs("nodes, or their order\n", out);
}

static bool same_string(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

char *config_restart_reasons(const struct config *from, const struct config *to)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (strcmp(from->cluster_name, to->cluster_name) != 0)
		(void)fputs("name of the cluster\n", out);
	if (from->port != to->port)
		(void)fputs("port\n", out);
	if (from->takeover != to->takeover)
		(void)fputs("takeover\n", out);
	else if (config_fence_tie(from) != config_fence_tie(to))
		(void)fputs("that fencing breaks ties: a node has a level now, or has none\n", out);
	if (config_relies_on_watchdogs(from) != config_relies_on_watchdogs(to) ||
	    (config_relies_on_watchdogs(to) &&
	     from->timing.lease_margin_us != to->timing.lease_margin_us))
		(void)fputs("lease_margin, which waits for watchdogs\n", out);
	if (from->kernel_path != to->kernel_path)
		(void)fputs("kernel_path\n", out);
	compare_nodes(from, to, out);
	if (from->realtime != to->realtime)
		(void)fputs("realtime of the agent\n", out);
	if (from->event_records != to->event_records)
		(void)fputs("number of event records\n", out);
	if (!same_string(from->change_group, to->change_group) ||
	    !same_string(from->view_group, to->view_group))
		(void)fputs("system groups of the agent's socket\n", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

int config_keep_own(struct config *config, const struct config *own)
{
	char **mine[] = {&config->key_file,	  &config->state_directory,  &config->run_directory,
			 &config->socket_path,	  &config->script_directory, &config->power_command,
			 &config->watchdog.device};
	char *const theirs[] = {own->key_file,	     own->state_directory,  own->run_directory,
				own->socket_path,    own->script_directory, own->power_command,
				own->watchdog.device};
	bool watchdog = !same_string(config->watchdog.device, own->watchdog.device) ||
			config->watchdog.timeout_us != own->watchdog.timeout_us;
	int changed = watchdog ? 1 : 0;

	config->watchdog.timeout_us = own->watchdog.timeout_us;
	for (size_t i = 0; i < sizeof mine / sizeof *mine; i++) {
		char *copy;

		if (same_string(*mine[i], theirs[i]))
			continue;
		copy = theirs[i] ? strdup(theirs[i]) : NULL;
		if (theirs[i] && !copy)
			return -ENOMEM;
		free(*mine[i]);
		*mine[i] = copy;
		changed = 1;
	}
	return changed;
}
