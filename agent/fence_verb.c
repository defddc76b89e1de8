/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/fence_verb.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define METADATA_US (15 * USEC_PER_SEC)

static const char *const verb_names[FENCE_VERB_COUNT_] = {
	[FENCE_VERB_OFF] = "off",     [FENCE_VERB_ON] = "on",	    [FENCE_VERB_RESET] = "reset",
	[FENCE_VERB_CYCLE] = "cycle", [FENCE_VERB_TEST] = "test",   [FENCE_VERB_STATUS] = "status",
	[FENCE_VERB_DIAG] = "diag",   [FENCE_VERB_CHECK] = "check",
};

static const char *const power_names[] = {
	[FENCE_READ_UNKNOWN] = "unknown",
	[FENCE_READ_ON] = "on",
	[FENCE_READ_OFF] = "off",
};

const char *fence_verb_to_string(enum fence_verb verb)
{
	return verb < FENCE_VERB_COUNT_ ? verb_names[verb] : "unknown";
}

int fence_verb_from_string(const char *word)
{
	for (int i = 0; i < FENCE_VERB_COUNT_; i++)
		if (strcmp(word, verb_names[i]) == 0)
			return i;
	return -EINVAL;
}

const char *fence_power_word_to_string(enum fence_power_word power)
{
	return power <= FENCE_READ_OFF ? power_names[power] : "unknown";
}

uint64_t fence_verb_limit_us(const struct config *config, uint8_t target, uint8_t level,
			     enum fence_verb verb)
{
	uint64_t us = config_fence_level_us(config, target, level);

	switch (verb) {
	case FENCE_VERB_RESET: /* their way is asked for, and may be off and on */
	case FENCE_VERB_CYCLE:
	case FENCE_VERB_DIAG:
	case FENCE_VERB_TEST:
		return METADATA_US + 2 * us;
	case FENCE_VERB_CHECK: /* monitor and status */
		return 2 * us;
	case FENCE_VERB_OFF:
	case FENCE_VERB_ON:
	case FENCE_VERB_STATUS:
	case FENCE_VERB_COUNT_:
	default:
		return us;
	}
}

/* ---- lines ---- */

/* A string that fits, cut if it is `text`; absent is empty. */
static bool take_string(const json_t *line, const char *key, char *to, size_t size)
{
	const json_t *value = json_object_get(line, key);
	const char *s = json_string_value(value);

	to[0] = '\0';
	if (!value || json_is_null(value))
		return true;
	if (!s || json_string_length(value) >= size)
		return false;
	memcpy(to, s, json_string_length(value) + 1);
	return true;
}

static bool take_time(const json_t *line, uint64_t *ret_us)
{
	const json_t *value = json_object_get(line, "took_us");

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret_us = (uint64_t)json_integer_value(value);
	return true;
}

static bool take_step(const json_t *line, struct fence_step *step)
{
	step->ok = json_is_true(json_object_get(line, "ok"));
	return take_string(line, "device", step->device, sizeof step->device) &&
	       take_string(line, "plug", step->plug, sizeof step->plug) &&
	       take_string(line, "step", step->step, sizeof step->step) &&
	       take_string(line, "text", step->text, sizeof step->text) &&
	       take_time(line, &step->took_us) && step->device[0] && step->step[0];
}

static bool take_end(const json_t *line, struct fence_line *ret)
{
	struct fence_end *end = &ret->end;
	char result[16], state[16];

	if (!take_string(line, "result", result, sizeof result) ||
	    !take_string(line, "state", state, sizeof state) ||
	    !take_string(line, "text", end->text, sizeof end->text) ||
	    !take_time(line, &end->took_us))
		return false;
	ret->is_end = true;
	ret->confirmed = strcmp(result, "confirmed") == 0;
	end->ok = ret->confirmed || strcmp(result, "done") == 0;
	if (!end->ok && strcmp(result, "failed") != 0)
		return false;
	for (unsigned int i = 0; i < sizeof power_names / sizeof *power_names; i++)
		if (strcmp(state, power_names[i]) == 0) {
			end->power = (uint8_t)i;
			return !ret->confirmed || i == FENCE_READ_OFF;
		}
	return false;
}

int fence_line_parse(const char *text, size_t n, struct fence_line *ret)
{
	json_t *line = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	bool ok = false;

	*ret = (struct fence_line){0};
	if (json_is_object(line))
		ok = json_object_get(line, "result") ? take_end(line, ret)
						     : take_step(line, &ret->step);
	json_decref(line);
	return ok ? 0 : -EBADMSG;
}
