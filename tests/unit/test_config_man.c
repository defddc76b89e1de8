/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfast.conf(5) and the key table say the same: every key with its range and default, none more;
 * and the examples of the manual are accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/config_internal.h"
#include "util/parse.h"

#include <inttypes.h>
#include <string.h>

#define PAGE	  "docs/man/holdfast.conf.5"
#define PAGE_SIZE (128 * 1024)

static char *page;

/* Reads the page with escapes replaced by what they show. */
static int load_page(void **state)
{
	FILE *in = fopen(PAGE, "r");
	char *raw = calloc(1, PAGE_SIZE), *out;

	(void)state;
	page = calloc(1, PAGE_SIZE);
	if (!in || !raw || !page || fread(raw, 1, PAGE_SIZE - 1, in) == 0)
		return -1;
	fclose(in);
	out = page;
	for (const char *p = raw; *p;) {
		bool quote = strncmp(p, "\\(dq", 4) == 0, hyphen = strncmp(p, "\\-", 2) == 0;

		*out++ = quote ? '"' : hyphen ? '-' : *p;
		p += quote ? 4 : hyphen ? 2 : 1;
	}
	free(raw);
	return 0;
}

static int free_page(void **state)
{
	(void)state;
	free(page);
	return 0;
}

static const struct {
	enum config_section section;
	const char *heading;
} sections[] = {
	{SECTION_CLUSTER, "\n.SS cluster\n"},
	{SECTION_AGENT, "\n.SS agent\n"},
	{SECTION_WATCHDOG, "\n.SS watchdog\n"},
	{SECTION_LEVEL, "\n.SS fence of nodes\n"},
	{SECTION_FENCING, "\n.SS fencing\n"},
	{SECTION_DEVICE, "\n.SS devices of fencing\n"},
	{SECTION_NODE, "\n.SS nodes\n"},
	{SECTION_GROUP, "\n.SS groups\n"},
	{SECTION_RESOURCE, "\n.SS resources of every type\n"},
	{SECTION_FIP, "\n.SS resources of type fip\n"},
	{SECTION_EXEC, "\n.SS resources of type exec\n"},
	{SECTION_SYSTEMD, "\n.SS resources of type systemd\n"},
	{SECTION_OCF, "\n.SS resources of type ocf\n"},
	{SECTION_EXCLUSION, "\n.SS exclusions\n"},
	{SECTION_MONITOR, "\n.SS monitors of every type\n"},
	{SECTION_FIPW, "\n.SS monitors of type fipw\n"},
	{SECTION_IPW, "\n.SS monitors of type ipw\n"},
	{SECTION_MIIW, "\n.SS monitors of type miiw\n"},
	{SECTION_GENW, "\n.SS monitors of type genw\n"},
	{SECTION_PIDW, "\n.SS monitors of type pidw\n"},
	{SECTION_PSW, "\n.SS monitors of type psw\n"},
	{SECTION_USERW, "\n.SS monitors of type userw\n"},
	{SECTION_SYSTEMDW, "\n.SS monitors of type systemdw\n"},
	{SECTION_TCPW, "\n.SS monitors of type tcpw\n"},
	{SECTION_HTTPW, "\n.SS monitors of type httpw\n"},
	{SECTION_DISKW, "\n.SS monitors of type diskw\n"},
};
#define SECTIONS (sizeof sections / sizeof *sections)

static const char *heading_of(enum config_section section)
{
	for (size_t i = 0; i < SECTIONS; i++)
		if (sections[i].section == section)
			return sections[i].heading;
	fail_msg("no heading is known for %s", config_section_to_string(section));
	return "";
}

/* Copies from `start` to the next of the two marks. */
static char *part(const char *start, const char *mark, const char *other)
{
	const char *end = strstr(start, mark), *end2 = other ? strstr(start, other) : NULL;

	if (end2 && (!end || end2 < end))
		end = end2;
	return end ? strndup(start, (size_t)(end - start)) : strdup(start);
}

static char *section_text(enum config_section section)
{
	const char *heading = heading_of(section), *start = strstr(page, heading);

	if (!start)
		fail_msg("%s has no heading %s", PAGE, heading);
	return part(start + strlen(heading) - 1, "\n.SS ", "\n.SH ");
}

static void expect(const char *entry, const struct config_key *key, const char *text)
{
	if (!strstr(entry, text))
		fail_msg("%s: the entry of \"%s\" (%s) does not say \"%s\":\n%s", PAGE, key->name,
			 config_section_to_string(key->section), text, entry);
}

static void expect_range(const char *entry, const struct config_key *key)
{
	char text[2 * DURATION_STRLEN + 16], min[DURATION_STRLEN], max[DURATION_STRLEN];

	if (key->type && key->type->unit)
		snprintf(text, sizeof text, "\"%s\" to \"%s\"", format_duration(min, key->min),
			 format_duration(max, key->max));
	else if (key->type == &config_type_percent)
		snprintf(text, sizeof text, "\"%" PRIu64 "%%\" to \"%" PRIu64 "%%\"", key->min,
			 key->max);
	else if (key->type && (key->type->kinds & KIND_LIST))
		snprintf(text, sizeof text, "%" PRIu64 " to %" PRIu64 " ", key->min, key->max);
	else if (key->max)
		snprintf(text, sizeof text, "%" PRIu64, key->max);
	else
		return;
	expect(entry, key, text);
}

static void expect_default(const char *entry, const struct config_key *key)
{
	char text[80];

	if (key->required) {
		expect(entry, key, "required");
		return;
	}
	if (!key->fallback)
		return;
	snprintf(text, sizeof text,
		 key->type->kinds & KIND_STRING ? "default \"%s\"" : "default %s", key->fallback);
	expect(entry, key, text);
}

static void test_every_key(void **state)
{
	const struct config_key *key;

	(void)state;
	for (size_t i = 0; (key = config_key_at(i)); i++) {
		char head[64], *section, *entry;
		const char *start;

		if (key->section == SECTION_FILE)
			continue;
		section = section_text(key->section);
		snprintf(head, sizeof head, "\n.TP\n.B %s\n", key->name);
		start = strstr(section, head);
		if (!start)
			fail_msg("%s does not describe key \"%s\" of %s", PAGE, key->name,
				 config_section_to_string(key->section));
		entry = part(start + strlen(head), "\n.TP", NULL);
		for (char *p = entry; *p; p++)
			if (*p == '\n')
				*p = ' ';
		expect_range(entry, key);
		expect_default(entry, key);
		free(entry);
		free(section);
	}
}

static void test_no_other_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < SECTIONS; i++) {
		char *section = section_text(sections[i].section);
		char name[64];

		for (char *p = section; (p = strstr(p, "\n.TP\n.B ")); p++) {
			assert_int_equal(sscanf(p, " .TP .B %63[^\n]", name), 1);
			if (!config_key_find(sections[i].section, name))
				fail_msg("%s describes \"%s\", which is no key of %s", PAGE, name,
					 config_section_to_string(sections[i].section));
		}
		free(section);
	}
}

static void test_examples(void **state)
{
	static struct config_report report;
	const char *p = strstr(page, "\n.SH FENCING\n"); /* and EXAMPLES */
	size_t n = 0;

	(void)state;
	assert_non_null(p);
	while ((p = strstr(p, "\n.EX\n"))) {
		struct config *config = NULL;
		char *text = part(p + strlen("\n.EX\n"), "\n.EE", NULL);
		int r = config_load_text("example", text, &config, &report);

		if (r < 0)
			config_report_write(&report, PAGE, stderr);
		assert_int_equal(r, 0);
		config_free(config);
		free(text);
		n++;
		p++;
	}
	assert_int_equal(n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_no_other_key),
		cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests(tests, load_page, free_page);
}
