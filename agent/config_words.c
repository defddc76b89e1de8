/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values that are one of a few words. */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int config_word_find(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -ENOENT;
}

static int refuse_word(const char *const *words, struct config_why *why)
{
	char list[sizeof why->text - 16];
	size_t n = 0;

	list[0] = '\0';
	for (size_t i = 0; words[i] && n < sizeof list; i++)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s\"%s\"",
				      i == 0	     ? ""
				      : words[i + 1] ? ", "
						     : " or ",
				      words[i]);
	return config_why_set(why, "must be %s", list);
}

static int parse_word(const struct config_slot *slot, const char *text, struct config_why *why)
{
	int i = config_word_find(slot->key->type->words, text);

	if (i < 0)
		return refuse_word(slot->key->type->words, why);
	config_number_store(slot, (uint64_t)i);
	return 0;
}

static void print_word(const struct config_slot *slot, FILE *out)
{
	config_print_text(slot, slot->key->type->words[config_number_load(slot)], out);
}

/* ---- types of resources and monitors ---- */

static const char *const resource_words[] = {
	[RESOURCE_TYPE_FIP] = "fip",	     [RESOURCE_TYPE_EXEC] = "exec",
	[RESOURCE_TYPE_SYSTEMD] = "systemd", [RESOURCE_TYPE_OCF] = "ocf",
	[RESOURCE_TYPE_OCF + 1] = NULL,
};
static const char *const monitor_words[] = {
	[MONITOR_FIPW] = "fipw",   [MONITOR_IPW] = "ipw",	    [MONITOR_MIIW] = "miiw",
	[MONITOR_GENW] = "genw",   [MONITOR_PIDW] = "pidw",	    [MONITOR_PSW] = "psw",
	[MONITOR_USERW] = "userw", [MONITOR_SYSTEMDW] = "systemdw", [MONITOR_TCPW] = "tcpw",
	[MONITOR_HTTPW] = "httpw", [MONITOR_DISKW] = "diskw",	    [MONITOR_TYPE_COUNT_] = NULL,
};

const char *config_resource_type_to_string(enum resource_type type)
{
	return type <= RESOURCE_TYPE_OCF ? resource_words[type] : "?";
}

const char *config_monitor_type_to_string(enum monitor_type type)
{
	return type < MONITOR_TYPE_COUNT_ ? monitor_words[type] : "?";
}

/* ---- final actions ---- */

static bool final_fits(const struct config_key *key, enum final_action action)
{
	if (action == FINAL_STOP_RESOURCE)
		return key->type == &config_type_monitor_final;
	if (action == FINAL_STOP_GROUP)
		return key->type != &config_type_stop_final;
	if (action == FINAL_CONTINUE)
		return key->type != &config_type_monitor_final;
	return true;
}

static int refuse_final(const struct config_key *key, struct config_why *why)
{
	char list[sizeof why->text - 24];
	size_t n = 0;

	list[0] = '\0';
	for (int i = 0; i < FINAL_ACTION_COUNT_ && n < sizeof list; i++)
		if (final_fits(key, (enum final_action)i))
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "",
					      final_action_to_string((enum final_action)i));
	return config_why_set(why, "must be one of %s", list);
}

static int parse_final(const struct config_slot *slot, const char *text, struct config_why *why)
{
	for (int i = 0; i < FINAL_ACTION_COUNT_; i++) {
		enum final_action action = (enum final_action)i;

		if (strcmp(final_action_to_string(action), text) != 0)
			continue;
		if (!final_fits(slot->key, action))
			break;
		config_number_store(slot, action);
		return 0;
	}
	return refuse_final(slot->key, why);
}

static void print_final(const struct config_slot *slot, FILE *out)
{
	enum final_action action = (enum final_action)config_number_load(slot);

	config_print_text(slot, final_action_to_string(action), out);
}

/* ---- thresholds ---- */

static int parse_failovers(const struct config_slot *slot, const char *text, struct config_why *why)
{
	const struct config_key *key = slot->key;
	uint64_t v = FAILOVERS_NODES;

	if (strcmp(text, "nodes") != 0 && parse_u64(text, key->min, key->max, &v) < 0)
		return config_why_set(why,
				      "must be a number from %" PRIu64 " to %" PRIu64
				      ", or \"nodes\" for the number of nodes of the group",
				      key->min, key->max);
	config_number_store(slot, v);
	return 0;
}

static void print_failovers(const struct config_slot *slot, FILE *out)
{
	uint64_t v = config_number_load(slot);

	config_print_begin(slot, out);
	if (v == FAILOVERS_NODES)
		(void)fputs("\"nodes\";\n", out);
	else
		(void)fprintf(out, "%" PRIu64 ";\n", v);
}

/* ---- sets and words that are looked up later ---- */

/* Word i is the bit of value 1 << i of enum stop_wait. */
static const char *const stop_wait_words[] = {"cluster", "server", "group", NULL};

static int parse_stop_wait(const struct config_slot *slot, const char *text, struct config_why *why)
{
	int i = config_word_find(stop_wait_words, text);
	uint8_t *field = (uint8_t *)slot->object + slot->key->offset;

	if (i < 0)
		return refuse_word(stop_wait_words, why);
	if (*field & 1 << i)
		return config_why_set(why, "\"%s\" stands there twice", text);
	*field = (uint8_t)(*field | 1 << i);
	return 0;
}

static void print_stop_wait(const struct config_slot *slot, FILE *out)
{
	const uint8_t *field = (const uint8_t *)slot->object + slot->key->offset;
	size_t n = 0;

	for (size_t i = 0; stop_wait_words[i]; i++) {
		if (!(*field & 1 << i))
			continue;
		config_print_next(slot, n++, out);
		config_print_string(stop_wait_words[i], out);
	}
	config_print_end(n, out);
}

/* Taken together with `target` when all names are known: config_resolve.c. */
static int parse_timing(const struct config_slot *slot, const char *text, struct config_why *why)
{
	if (config_word_find(slot->key->type->words, text) < 0)
		return refuse_word(slot->key->type->words, why);
	return 0;
}

static void print_timing(const struct config_slot *slot, FILE *out)
{
	const struct monitor_config *monitor = slot->object;
	bool always = monitor->active_group == UINT16_MAX && monitor->active_resource == UINT16_MAX;

	config_print_text(slot, always ? "always" : "active", out);
}

/* ---- types ---- */

#define WORD(w, ...) \
	.expect = "a word in quotes", .kinds = KIND_STRING, .width = (w), .words = __VA_ARGS__
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PLAIN	   .parse = parse_word, .print = print_word
#define FINAL                                                                   \
	.expect = "a word in quotes, such as \"reboot\"", .kinds = KIND_STRING, \
	.width = sizeof(enum final_action), .parse = parse_final, .print = print_final

const struct config_type config_type_resource = {WORD(sizeof(enum resource_type), resource_words),
						 PLAIN};
const struct config_type config_type_monitor = {WORD(sizeof(enum monitor_type), monitor_words),
						PLAIN};
const struct config_type config_type_failover = {WORD(1, WORDS("auto", "manual")), PLAIN};
const struct config_type config_type_failback = {WORD(1, WORDS("manual", "auto")), PLAIN};
const struct config_type config_type_kernel_path = {WORD(1, WORDS("auto", "off")), PLAIN};
const struct config_type config_type_fence_action = {WORD(1, WORDS("reboot", "off")), PLAIN};
const struct config_type config_type_wait_end = {WORD(1, WORDS("cancel", "continue")), PLAIN};
const struct config_type config_type_exclusion = {WORD(1, WORDS("normal", "absolute")), PLAIN};
const struct config_type config_type_method = {
	WORD(sizeof(enum disk_method), WORDS("space", "read", "write")), PLAIN};
const struct config_type config_type_timing = {WORD(0, WORDS("always", "active")),
					       .parse = parse_timing, .print = print_timing};
const struct config_type config_type_stop_wait = {
	.expect = "a list of the words \"cluster\", \"server\" and \"group\"",
	.kinds = KIND_LIST | KIND_STRING,
	.parse = parse_stop_wait,
	.print = print_stop_wait};
const struct config_type config_type_failovers = {.expect = "a number, or \"nodes\"",
						  .kinds = KIND_STRING | KIND_NUMBER,
						  .width = 1,
						  .parse = parse_failovers,
						  .print = print_failovers};
const struct config_type config_type_start_final = {FINAL};
const struct config_type config_type_stop_final = {FINAL};
const struct config_type config_type_monitor_final = {FINAL};
