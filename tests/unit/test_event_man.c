/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * docs/man/holdfast-events.7 is printed from the catalogue; this fails when the two differ.
 *   build/test/test_event_man --print >docs/man/holdfast-events.7
 */
#include "include/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE "docs/man/holdfast-events.7"

static const char *const head =
	".\\\" SPDX-License-Identifier: GPL-3.0-or-later\n"
	".\\\" Printed by tests/unit/test_event_man.c from core/event_rows*.c: edit those.\n"
	".Dd November 24, 2025\n"
	".Dt HOLDFAST-EVENTS 7\n"
	".Os\n"
	".Sh NAME\n"
	".Nm holdfast-events\n"
	".Nd catalogue of the events of Holdfast\n"
	".Sh DESCRIPTION\n"
	"Every automatic action and every change of state of a Holdfast cluster leaves\n"
	"an event.\n"
	"Events are shown by\n"
	".Ql holdfast events\n"
	"and\n"
	".Ql holdfast explain ,\n"
	"are kept in a ring on the disk of every node, and go to the journal.\n"
	"Number and name of an event never change; a retired number is not used again.\n"
	".Pp\n"
	"An event carries the node that decided it (its origin), the time on the clock\n"
	"of that node, and what applies of: the node, group and resource it is about,\n"
	"the epoch, up to four arguments, and a text from a driver or the system.\n"
	"Arguments are numbers; durations are in microseconds, and a mask has bit\n"
	".Em i\n"
	"set for node (link)\n"
	".Em i .\n"
	"In the messages below a word in braces stands for such a value;\n"
	".Ql {text}\n"
	"is a colon and the text, or nothing, and\n"
	".Ql {1?a|b}\n"
	"one of the words, by the number in argument 1.\n"
	".Sh EVENTS\n";

static const char *const tail = ".Sh SEE ALSO\n"
				".Xr holdfast.conf 5 ,\n"
				".Xr holdfast 8 ,\n"
				".Xr holdfastd 8\n";

/* One character, with what roff would take for an escape protected. */
static size_t print_char(FILE *f, char c)
{
	if (c == '\\')
		(void)fputs("\\e", f);
	else if (c == '\'')
		(void)fputs("\\(aq", f);
	else
		(void)fputc(c, f);
	return c == '\\' || c == '\'' ? 4 : 1;
}

/* Lines of at most 79 bytes, each sentence on a new one, as mdoc likes it. */
static void print_text(FILE *f, const char *s)
{
	size_t column = 0;

	while (*s) {
		size_t word = strcspn(s, " ");
		bool ends = word > 0 && s[word - 1] == '.';

		if (column && column + 1 + word > 75) {
			(void)fputc('\n', f);
			column = 0;
		} else if (column) {
			column += print_char(f, ' ');
		}
		if (column == 0 && (*s == '.' || *s == '\''))
			(void)fputs("\\&", f);
		for (size_t i = 0; i < word; i++)
			column += print_char(f, s[i]);
		s += word + strspn(s + word, " ");
		if (ends && *s) {
			(void)fputc('\n', f);
			column = 0;
		}
	}
	(void)fputc('\n', f);
}

static void print_row(FILE *f, const struct event_info *row)
{
	(void)fprintf(f, ".It %u Sy %s Pq %s\n", row->id, row->name,
		      event_severity_to_string(row->severity));
	print_text(f, row->meaning);
	(void)fprintf(f, ".br\nMessage:\n");
	print_text(f, row->message);
	for (size_t i = 0; i < 4 && row->arg[i]; i++) {
		(void)fprintf(f, ".br\nArgument %zu:\n", i);
		print_text(f, row->arg[i]);
	}
}

static void print_page(FILE *f)
{
	static const char *const chapters[] = {"",
					       "The agent",
					       "Nodes and heartbeats",
					       "Views, leases and proofs",
					       "Groups and resources",
					       "Commands and configuration",
					       "Monitors"};
	const struct event_info *row;
	unsigned int chapter = 0;

	(void)fputs(head, f);
	for (size_t i = 0; (row = event_info_at(i)); i++) {
		if (row->id / 100U != chapter) {
			if (chapter)
				(void)fputs(".El\n", f);
			chapter = row->id / 100U;
			(void)fprintf(f, ".Ss %s\n.Bl -tag -width Ds\n",
				      chapter < 7 ? chapters[chapter] : "Others");
		}
		print_row(f, row);
	}
	(void)fputs(".El\n", f);
	(void)fputs(tail, f);
}

static void test_page_is_up_to_date(void **state)
{
	char *want = NULL, *have;
	size_t n = 0, got;
	FILE *f = open_memstream(&want, &n);

	(void)state;
	assert_non_null(f);
	print_page(f);
	assert_int_equal(fclose(f), 0);
	f = fopen(PAGE, "re");
	if (!f)
		fail_msg("cannot open %s", PAGE);
	have = calloc(1, n + 2);
	assert_non_null(have);
	got = fread(have, 1, n + 1, f);
	(void)fclose(f);
	if (got != n || memcmp(have, want, n) != 0)
		fail_msg("%s differs from the catalogue: run build/test/test_event_man --print >%s",
			 PAGE, PAGE);
	free(have);
	free(want);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_is_up_to_date),
	};

	if (argc == 2 && !strcmp(argv[1], "--print")) {
		print_page(stdout);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
