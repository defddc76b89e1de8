/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a device's parameters are what its agent takes. */
#include "agent/fence_metadata.h"

#include "agent/fence_process.h"
#include "agent/fence_unit.h"
#include "util/clock.h"
#include "util/parse.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define READ_US	    (15 * USEC_PER_SEC) /* Python on a loaded machine */
#define SECONDS_MAX 86400

struct check {
	const struct fence_metadata *meta;
	const struct fence_device_config *device;
	unsigned int plugs, found;
	fence_metadata_say_fn say;
	void *userdata;
};

__attribute__((format(printf, 2, 3))) static void say(struct check *check, const char *format, ...)
{
	char text[FENCE_METADATA_WHY];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	check->found++;
	check->say(text, check->userdata);
}

/* Splits "name=value"; the length of the name. */
static size_t name_length(const char *pair)
{
	return strcspn(pair, "=");
}

static bool is_seconds(const char *s)
{
	size_t n = strspn(s, "0123456789.");

	return n > 0 && (s[n] == '\0' || (s[n] == 's' && s[n + 1] == '\0'));
}

static bool is_flag(const char *s)
{
	static const char *const words[] = {"1",   "0",	   "yes",   "no", "on",
					    "off", "true", "false", "y",  "n"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	return false;
}

static void check_value(struct check *check, const struct fence_meta_param *param,
			const char *value)
{
	const char *s = value;
	uint64_t number;

	switch (param->kind) {
	case FENCE_META_INTEGER:
		s += *s == '-';
		if (parse_u64(s, 0, INT64_MAX, &number) < 0)
			say(check, "%s is a number, not \"%.60s\"", param->name, value);
		break;
	case FENCE_META_SECOND:
		s += *s == '-';
		if (!is_seconds(s))
			say(check, "%s is a number of seconds, not \"%.60s\"", param->name, value);
		break;
	case FENCE_META_BOOLEAN:
		if (*value && !is_flag(value))
			say(check, "%s is 1 or 0, not \"%.60s\"", param->name, value);
		break;
	case FENCE_META_SELECT:
		if (param->n_options > 0 && !fence_metadata_has_option(check->meta, param, value))
			say(check, "%s has no choice \"%.60s\"", param->name, value);
		break;
	case FENCE_META_STRING:
	default:
		break;
	}
}

static void check_pairs(struct check *check, char *const *pairs, bool secret)
{
	for (size_t i = 0; pairs && pairs[i]; i++) {
		const struct fence_meta_param *param;
		char name[FENCE_METADATA_NAME];
		size_t n = name_length(pairs[i]);

		(void)snprintf(name, sizeof name, "%.*s", (int)n, pairs[i]);
		param = n < sizeof name ? fence_metadata_find(check->meta, name) : NULL;
		if (!param)
			say(check, "the fence agent has no parameter %.60s", name);
		else if (!secret)
			check_value(check, param, pairs[i] + n + 1);
	}
}

static bool has_pair(char *const *pairs, const char *name)
{
	for (size_t i = 0; pairs && pairs[i]; i++)
		if (name_length(pairs[i]) == strlen(name) &&
		    strncmp(pairs[i], name, strlen(name)) == 0)
			return true;
	return false;
}

static bool is_given(const struct check *check, const char *name)
{
	if (*name == '\0')
		return false;
	if (has_pair(check->device->parameters, name) || has_pair(check->device->secrets, name))
		return true;
	return check->plugs == 2 && strcmp(name, "plug") == 0;
}

/* Under its name, one of before, or one that names a file or a program in its place. */
static bool is_given_somehow(const struct check *check, const struct fence_meta_param *param)
{
	static const char *const ways[] = {"_file", "_script"};
	char other[FENCE_METADATA_NAME + 8];

	if (is_given(check, param->name) || is_given(check, param->obsoletes))
		return true;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		(void)snprintf(other, sizeof other, "%s%s", param->name, ways[i]);
		if (is_given(check, other))
			return true;
	}
	return false;
}

static bool is_ours_to_give(const char *name)
{
	return strcmp(name, "action") == 0 || strcmp(name, "nodename") == 0;
}

static void check_needed(struct check *check)
{
	for (uint16_t i = 0; i < check->meta->n_params; i++) {
		const struct fence_meta_param *param = &check->meta->params[i];

		if (!param->required || param->deprecated || param->has_default ||
		    is_ours_to_give(param->name) || is_given_somehow(check, param))
			continue;
		if (strcmp(param->name, "plug") == 0)
			say(check, "the fence agent needs a plug: write \"%s:PLUG\" in the level",
			    check->device->name);
		else
			say(check, "the fence agent needs the parameter %s", param->name);
	}
}

unsigned int fence_metadata_check(const struct fence_metadata *meta,
				  const struct fence_device_config *device, unsigned int plugs,
				  fence_metadata_say_fn say_fn, void *userdata)
{
	struct check check = {.meta = meta,
			      .device = device,
			      .plugs = plugs,
			      .say = say_fn,
			      .userdata = userdata};

	check_pairs(&check, device->parameters, false);
	check_pairs(&check, device->secrets, true);
	check_needed(&check);
	if (plugs > 0 && !fence_metadata_find(meta, "plug"))
		say(&check, "the fence agent has no parameter plug: give the place with a "
			    "parameter of the device");
	if (!fence_metadata_offers(meta, FENCE_META_OFF))
		say(&check, "the fence agent has no action off");
	if (!fence_metadata_offers(meta, FENCE_META_STATUS) &&
	    fence_unit_kind(device->agent) != FENCE_UNIT_SCRIPT)
		say(&check, "the fence agent has no action status: what it switches off could not "
			    "be read, and never counts as off");
	return check.found;
}

/* ---- running agents ---- */

static void wait_process(struct fence_process *p)
{
	while (p->pid > 0) {
		struct pollfd fds[] = {{.fd = p->pidfd, .events = POLLIN},
				       {.fd = p->output_fd, .events = POLLIN}};
		uint64_t us = ha_time_since(fence_process_deadline(p), clock_boot());

		(void)poll(fds, 2, (int)(us / USEC_PER_MSEC) + 1);
		fence_process_serve(p, clock_boot());
	}
}

int fence_metadata_read(const char *path, struct fence_metadata *ret, char why[FENCE_METADATA_WHY])
{
	_cleanup_free_ char *data = malloc(FENCE_METADATA_MAX);
	struct fence_output output = {.data = data, .size = FENCE_METADATA_MAX};
	const struct fence_command command = {.path = path,
					      .argument = "metadata",
					      .head = "",
					      .body = "",
					      .until = ha_time_add(clock_boot(), READ_US)};
	char parse_why[FENCE_METADATA_WHY - 40] = "";
	struct fence_process process;
	const char *xml;
	int r = -EIO;

	if (!data)
		return -ENOMEM;
	fence_process_start(&process, &command, &output);
	wait_process(&process);
	if (process.end == FENCE_ENDED_EXIT && process.code == 0) {
		/* warnings may stand before it */
		xml = memmem(output.data, output.n, "<?xml", 5);
		if (!xml)
			xml = output.data;
		r = fence_metadata_parse(xml, output.n - (size_t)(xml - output.data), ret, why);
		(void)snprintf(parse_why, sizeof parse_why, "%.*s", (int)sizeof parse_why - 1,
			       r < 0 ? why : "");
	} else {
		fence_process_describe(&process, parse_why, sizeof parse_why);
	}
	if (r < 0)
		(void)snprintf(why, FENCE_METADATA_WHY, "the action metadata: %s", parse_why);
	return r;
}

struct report {
	fence_metadata_report_fn report;
	unsigned int line;
	void *userdata;
};

static void report_problem(const char *problem, void *userdata)
{
	const struct report *report = userdata;

	report->report(report->line, problem, report->userdata);
}

/* As fence_metadata_check() wants it. */
static unsigned int plugs_of(const struct config *config, uint8_t device)
{
	unsigned int with = 0, without = 0;

	for (uint8_t n = 0; n < config->n_nodes; n++)
		for (uint8_t l = 0; l < config->nodes[n].n_fence_levels; l++) {
			const struct fence_level_config *level = &config->nodes[n].fence[l];

			for (uint8_t i = 0; i < level->n_devices; i++) {
				if (level->devices[i].device != device)
					continue;
				with += level->devices[i].plug != NULL;
				without += level->devices[i].plug == NULL;
			}
		}
	if (with == 0)
		return 0;
	return without == 0 ? 2 : 1;
}

static int read_of(const struct fence_device_config *device, struct fence_metadata *meta,
		   struct report *report)
{
	char path[PATH_MAX], why[FENCE_METADATA_WHY];
	int r = fence_unit_find_agent(device->agent, path, why, sizeof why);

	if (r >= 0)
		r = fence_metadata_read(path, meta, why);
	if (r < 0)
		report_problem(r == -ENOMEM ? "no memory" : why, report);
	return r;
}

void fence_metadata_check_config(const struct config *config, fence_metadata_report_fn report,
				 void *userdata)
{
	_cleanup_free_ struct fence_metadata *meta = calloc(1, sizeof *meta);
	bool done[FENCE_DEVICES_MAX] = {false};

	for (uint8_t i = 0; meta && i < config->fencing.n_devices; i++) {
		const struct fence_device_config *first = &config->fencing.devices[i];
		struct report to = {report, first->line, userdata};
		int r = done[i] ? -EALREADY : read_of(first, meta, &to);

		for (uint8_t k = i; k < config->fencing.n_devices; k++) {
			const struct fence_device_config *device = &config->fencing.devices[k];

			if (done[k] || strcmp(device->agent, first->agent) != 0)
				continue;
			done[k] = true;
			to.line = device->line;
			if (r >= 0)
				(void)fence_metadata_check(meta, device, plugs_of(config, k),
							   report_problem, &to);
		}
	}
}
