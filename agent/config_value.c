/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values that are one word: how each type is read from the file and written back. */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/un.h>

#define PATH_LEN_MAX   1023
#define SOCKET_LEN_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - 1)

/* ---- text ---- */

/* Length of the UTF-8 sequence at `s`, 0 if it is none (overlong, surrogate) or means a control
 * character beyond ASCII, which some terminals obey. */
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t min;
	} forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	uint32_t code;
	size_t n = 0;

	while (n < 4 && (s[0] & forms[n].mask) != forms[n].lead)
		n++;
	if (n == 4)
		return 0;
	code = s[0] & (uint32_t)(unsigned char)~forms[n].mask;
	for (size_t i = 1; i <= n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code >= 0x80 && code < 0xa0)
		return 0;
	if (code < forms[n].min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n + 1;
}

bool config_text_valid(const char *text, bool any_text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		bool control = *s < ' ' || *s == 0x7f;
		size_t n = utf8_length(s);

		if (n == 0 || (control && !(any_text && (*s == '\n' || *s == '\t'))))
			return false;
		s += n;
	}
	return true;
}

void config_print_string(const char *text, FILE *out)
{
	(void)fputc('"', out);
	for (; *text; text++) {
		if (*text == '\n')
			(void)fputs("\\n", out);
		else if (*text == '\t')
			(void)fputs("\\t", out);
		else if (*text == '"' || *text == '\\')
			(void)fprintf(out, "\\%c", *text);
		else
			(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}

void config_print_begin(const struct config_slot *slot, FILE *out)
{
	unsigned int section = slot->key->section;
	int depth = 1;

	if (section & (SECTION_RESOURCE | SECTIONS_OF_RESOURCES | SECTION_LEVEL))
		depth = 4;
	else if (section == SECTION_DEVICE)
		depth = 3;
	else if (section == SECTION_FENCING)
		depth = 1;
	else if (section > SECTION_AGENT)
		depth = 2;
	(void)fprintf(out, "%.*s%s = ", depth, "\t\t\t\t", slot->key->name);
}

int config_string_set(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static void *field_of(const struct config_slot *slot)
{
	return (char *)slot->object + slot->key->offset;
}

void config_print_text(const struct config_slot *slot, const char *text, FILE *out)
{
	if (!text || !*text)
		return;
	config_print_begin(slot, out);
	config_print_string(text, out);
	(void)fputs(";\n", out);
}

static void print_array(const struct config_slot *slot, FILE *out)
{
	config_print_text(slot, field_of(slot), out);
}

void config_print_pointer(const struct config_slot *slot, FILE *out)
{
	char *text;

	memcpy(&text, field_of(slot), sizeof text);
	config_print_text(slot, text, out);
}

static int parse_name_value(const struct config_slot *slot, const char *text,
			    struct config_why *why)
{
	if (parse_name(text) < 0)
		return config_why_set(why,
				      "a name has 1 to %d of the characters A-Z a-z 0-9 _ - . "
				      "and does not begin with - or .",
				      NAME_SIZE - 1);
	(void)snprintf(field_of(slot), NAME_SIZE, "%s", text);
	return 0;
}

static int parse_comment(const struct config_slot *slot, const char *text, struct config_why *why)
{
	enum { SIZE = sizeof((struct group_config *)NULL)->comment };

	if (strlen(text) >= SIZE)
		return config_why_set(why, "it has %zu bytes, at most %d fit", strlen(text),
				      SIZE - 1);
	(void)snprintf(field_of(slot), SIZE, "%s", text);
	return 0;
}

static int parse_absolute(const struct config_slot *slot, const char *text, size_t max,
			  struct config_why *why)
{
	if (text[0] != '/')
		return config_why_set(why, "a path must be absolute: begin it with /");
	if (strlen(text) > max)
		return config_why_set(why, "the path has %zu bytes, at most %zu fit", strlen(text),
				      max);
	return config_string_set(field_of(slot), text);
}

static int parse_path(const struct config_slot *slot, const char *text, struct config_why *why)
{
	return parse_absolute(slot, text, PATH_LEN_MAX, why);
}

static int parse_socket(const struct config_slot *slot, const char *text, struct config_why *why)
{
	return parse_absolute(slot, text, SOCKET_LEN_MAX, why);
}

static int parse_account(const struct config_slot *slot, const char *text, struct config_why *why)
{
	if (parse_name(text) < 0)
		return config_why_set(why, "this cannot be the name of an account or group");
	return config_string_set(field_of(slot), text);
}

bool config_interface_valid(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n < NET_IFNAME_MAX && !strpbrk(text, "/: ") && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

static int parse_interface(const struct config_slot *slot, const char *text, struct config_why *why)
{
	if (!config_interface_valid(text))
		return config_why_set(why,
				      "this cannot be the name of an interface (1 to %d "
				      "characters without / : or blank)",
				      NET_IFNAME_MAX - 1);
	(void)snprintf(field_of(slot), NET_IFNAME_MAX, "%s", text);
	return 0;
}

/* ---- numbers ---- */

void config_number_store(const struct config_slot *slot, uint64_t v)
{
	void *field = field_of(slot);
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	switch (slot->key->type->width) {
	case 1:
		memcpy(field, &v8, sizeof v8);
		break;
	case 2:
		memcpy(field, &v16, sizeof v16);
		break;
	case 4:
		memcpy(field, &v32, sizeof v32);
		break;
	default:
		memcpy(field, &v, sizeof v);
		break;
	}
}

uint64_t config_number_load(const struct config_slot *slot)
{
	const void *field = field_of(slot);
	uint64_t v = 0;
	uint32_t v32;
	uint16_t v16;

	switch (slot->key->type->width) {
	case 1:
		return *(const uint8_t *)field;
	case 2:
		memcpy(&v16, field, sizeof v16);
		return v16;
	case 4:
		memcpy(&v32, field, sizeof v32);
		return v32;
	default:
		memcpy(&v, field, sizeof v);
		return v;
	}
}

static int parse_number(const struct config_slot *slot, const char *text, struct config_why *why)
{
	const struct config_key *key = slot->key;
	uint64_t v;

	if (parse_u64(text, key->min, key->max, &v) < 0)
		return config_why_set(why, "must be a number from %" PRIu64 " to %" PRIu64,
				      key->min, key->max);
	config_number_store(slot, v);
	return 0;
}

static void print_number(const struct config_slot *slot, FILE *out)
{
	config_print_begin(slot, out);
	(void)fprintf(out, "%" PRIu64 ";\n", config_number_load(slot));
}

static int parse_percent(const struct config_slot *slot, const char *text, struct config_why *why)
{
	const struct config_key *key = slot->key;
	char digits[8];
	size_t n = strlen(text);
	uint64_t v;

	if (n && text[n - 1] == '%')
		n--;
	(void)snprintf(digits, sizeof digits, "%.*s", (int)n, text);
	if (n >= sizeof digits || parse_u64(digits, key->min, key->max, &v) < 0)
		return config_why_set(why,
				      "must be a share from \"%" PRIu64 "%%\" to \"%" PRIu64 "%%\"",
				      key->min, key->max);
	config_number_store(slot, v);
	return 0;
}

static void print_percent(const struct config_slot *slot, FILE *out)
{
	config_print_begin(slot, out);
	(void)fprintf(out, "\"%" PRIu64 "%%\";\n", config_number_load(slot));
}

static int parse_duration(const struct config_slot *slot, const char *text, struct config_why *why)
{
	const struct config_key *key = slot->key;
	char min[DURATION_STRLEN], max[DURATION_STRLEN];
	uint64_t us;
	int r = parse_duration_us(text, &us);

	if (r == -EINVAL)
		return config_why_set(why, "this is no duration: write a number with its unit (us, "
					   "ms, s, m, h, d), such as \"500ms\"");
	if (r < 0 || us < key->min || us > key->max)
		return config_why_set(why, "must be \"%s\" to \"%s\"",
				      format_duration(min, key->min),
				      format_duration(max, key->max));
	if (us % key->type->unit)
		return config_why_set(why, "must be a whole number of %s",
				      key->type->unit == USEC_PER_SEC ? "seconds" : "milliseconds");
	config_number_store(slot, us / key->type->unit);
	return 0;
}

static void print_duration(const struct config_slot *slot, FILE *out)
{
	char text[DURATION_STRLEN];

	config_print_begin(slot, out);
	(void)fprintf(out, "\"%s\";\n",
		      format_duration(text, config_number_load(slot) * slot->key->type->unit));
}

/* ---- words ---- */

static int parse_bool(const struct config_slot *slot, const char *text, struct config_why *why)
{
	(void)why; /* the library has seen to it that it is a boolean */
	*(bool *)field_of(slot) = strcmp(text, "true") == 0;
	return 0;
}

static void print_bool(const struct config_slot *slot, FILE *out)
{
	config_print_begin(slot, out);
	(void)fprintf(out, "%s;\n", *(const bool *)field_of(slot) ? "true" : "false");
}

const char *config_takeover_to_string(enum takeover takeover)
{
	return takeover == TAKEOVER_FENCE ? "fence" : "lease";
}

static int parse_takeover(const struct config_slot *slot, const char *text, struct config_why *why)
{
	enum takeover *field = field_of(slot);

	if (strcmp(text, "lease") == 0)
		*field = TAKEOVER_LEASE;
	else if (strcmp(text, "fence") == 0)
		*field = TAKEOVER_FENCE;
	else
		return config_why_set(why, "must be \"lease\" or \"fence\"");
	return 0;
}

static void print_takeover(const struct config_slot *slot, FILE *out)
{
	config_print_text(slot, config_takeover_to_string(*(const enum takeover *)field_of(slot)),
			  out);
}

/* ---- types ---- */

#define STRING(text) .expect = (text), .kinds = KIND_STRING
#define NUMBER(w)    .expect = "a number without quotes", .kinds = KIND_NUMBER, .width = (w)
#define DURATION(w, u)                                                                           \
	.expect = "a duration in quotes, such as \"500ms\"", .kinds = KIND_STRING | KIND_NUMBER, \
	.width = (w), .unit = (u), .parse = parse_duration, .print = print_duration

const struct config_type config_type_name = {STRING("a name in quotes"), .parse = parse_name_value,
					     .print = print_array};
const struct config_type config_type_comment = {STRING("a text in quotes"), .parse = parse_comment,
						.print = print_array};
const struct config_type config_type_path = {STRING("a path in quotes"), .parse = parse_path,
					     .print = config_print_pointer};
const struct config_type config_type_socket = {STRING("a path in quotes"), .parse = parse_socket,
					       .print = config_print_pointer};
const struct config_type config_type_account = {STRING("a name in quotes"), .parse = parse_account,
						.print = config_print_pointer};
const struct config_type config_type_interface = {STRING("a name in quotes"),
						  .parse = parse_interface, .print = print_array};
const struct config_type config_type_number8 = {NUMBER(1), .parse = parse_number,
						.print = print_number};
const struct config_type config_type_number16 = {NUMBER(2), .parse = parse_number,
						 .print = print_number};
const struct config_type config_type_number32 = {NUMBER(4), .parse = parse_number,
						 .print = print_number};
const struct config_type config_type_percent = {.expect = "a share such as \"80%\"",
						.kinds = KIND_STRING | KIND_NUMBER,
						.width = 4,
						.parse = parse_percent,
						.print = print_percent};
const struct config_type config_type_percent8 = {.expect = "a share such as \"90%\"",
						 .kinds = KIND_STRING | KIND_NUMBER,
						 .width = 1,
						 .parse = parse_percent,
						 .print = print_percent};
const struct config_type config_type_duration = {DURATION(8, 1)};
const struct config_type config_type_duration_ms = {DURATION(4, 1000)};
const struct config_type config_type_duration_s = {DURATION(4, 1000000)};
const struct config_type config_type_bool = {.expect = "true or false, without quotes",
					     .kinds = KIND_BOOL,
					     .parse = parse_bool,
					     .print = print_bool};
const struct config_type config_type_takeover = {STRING("\"lease\" or \"fence\""),
						 .parse = parse_takeover, .print = print_takeover};
