/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters of fence agents: the standard input, the command line, checks with names. */
#include "fence/api_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct fence_param params[] = {
	{.name = "ip", .old_name = "ipaddr", .letter = 'a', .text = "address"},
	{.name = "port",
	 .letter = 'u',
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "623",
	 .min = 1,
	 .max = 65535,
	 .text = "port"},
	{.name = "password", .old_name = "passwd", .letter = 'p', .secret = true, .text = "secret"},
	{.name = "mode",
	 .kind = FENCE_KIND_SELECT,
	 .options = "fast|slow",
	 .fallback = "slow",
	 .text = "mode"},
	{.name = "plus", .kind = FENCE_KIND_BOOLEAN, .text = "flag"},
};
static const struct fence_driver driver = {
	.name = "fence_test",
	.short_text = "test",
	.long_text = "a < b & \"c\"",
	.params = params,
	.n_params = FENCE_LENGTH(params),
	.actions = FENCE_ACTION_BIT(FENCE_ACTION_OFF) | FENCE_ACTION_BIT(FENCE_ACTION_STATUS),
};

/* Input and check; the complaint, or "". The buffer stays, as the values point into it. */
static const char *take(struct fence_args *args, const char *text)
{
	static char buffer[4096];
	static struct fence_error error;

	error.text[0] = '\0';
	assert_true(strlen(text) < sizeof buffer);
	strcpy(buffer, text);
	assert_int_equal(fence_args_init(args, &driver, &error), 0);
	if (fence_input_parse(args, buffer, strlen(text), &error) == 0 &&
	    fence_args_check(args, &error) == 0)
		return "";
	assert_true(error.text[0] != '\0');
	return error.text;
}

static void good_input(void **state)
{
	struct fence_args a;

	(void)state;
	assert_string_equal(take(&a, "# a comment\n\n  action=OFF\nip=10.0.0.1\nip=10.0.0.2\n"
				     "password=a=b #c \nnodename=n1\nplus=yes\npower_timeout=1.5\n"
				     "pcmk_host_map=x\nport=\n"),
			    "");
	assert_int_equal(fence_args_action(&a), FENCE_ACTION_OFF);
	assert_string_equal(fence_string(&a, "ip"), "10.0.0.2");      /* the last one counts */
	assert_string_equal(fence_string(&a, "password"), "a=b #c "); /* as it is */
	assert_int_equal(fence_integer(&a, "port"), 623);	      /* empty: not given */
	assert_true(fence_flag(&a, "plus"));
	assert_int_equal(fence_seconds_us(&a, "power_timeout"), 1500000);
	assert_int_equal(fence_seconds_us(&a, "login_timeout"), 5000000);
	assert_null(a.unknown);
	/* Old names, no newline at the end, an empty password. */
	assert_string_equal(take(&a, "option=status\nipaddr=::1\npasswd="), "");
	assert_string_equal(fence_string(&a, "ip"), "::1");
	assert_string_equal(fence_string(&a, "password"), "");
	assert_int_equal(fence_args_action(&a), FENCE_ACTION_STATUS);
	assert_string_equal(take(&a, "action=off\nfrob=1\n"), "");
	assert_string_equal(a.unknown, "frob"); /* ignored, as the interface says, but told */
}

static void bad_input(void **state)
{
	static const struct {
		const char *text, *complaint;
	} rows[] = {
		{"", "action is missing"},
		{"action=frob\n", "action=frob is not known to fence_test"},
		{"action=on\n", "action=on is not known"}, /* this driver has none */
		{"action=\n", "action is missing"},
		{"action=off\nport=0\n", "port=0 is not a number from 1 to 65535"},
		{"action=off\nport=65536\n", "port=65536"},
		{"action=off\nport=6x\n", "port=6x"},
		{"action=off\nmode=quick\n", "mode=quick is none of fast|slow"},
		{"action=off\nmode=fast|slow\n", "mode=fast|slow is none"},
		{"action=off\nmode=slo\n", "mode=slo is none"},
		{"action=off\nplus=maybe\n", "plus=maybe is neither yes nor no"},
		{"action=off\npower_timeout=-1\n", "power_timeout=-1 is not a number of seconds"},
		{"action=off\npower_timeout=1h\n", "power_timeout=1h"},
		{"action=off\npower_timeout=86401\n", "power_timeout=86401"},
		{"action=off\nretry_on=101\n", "retry_on=101"},
		{"action=off\nsecretword\n", "line 2 of the standard input has no '='"},
		{"action=off\n=x\n", "line 2 of the standard input has no name"},
		{"action=off\na b=x\n", "line 2 of the standard input has no name"},
		{"action=off\nip=a\rb\n", "ip has a control character"},
		{"action=validate-all\nport=x\n", "port=x"},
	};
	struct fence_args a;

	(void)state;
	for (size_t i = 0; i < FENCE_LENGTH(rows); i++) {
		const char *said = take(&a, rows[i].text);

		if (!strstr(said, rows[i].complaint))
			fail_msg("%s: said \"%s\"", rows[i].text, said);
		assert_null(strstr(said, "secretword")); /* it may be a password */
	}
}

static void nul_and_long(void **state)
{
	char text[] = "action=off\nip=a\0b\n",
	     long_one[FENCE_SECRET_MAX + 64] = "action=off\npassword=";
	struct fence_error error = {0};
	struct fence_args a;

	(void)state;
	assert_int_equal(fence_args_init(&a, &driver, &error), 0);
	assert_true(fence_input_parse(&a, text, sizeof text - 1, &error) < 0);
	assert_non_null(strstr(error.text, "NUL"));
	memset(long_one + strlen(long_one), 'x', FENCE_SECRET_MAX + 1);
	assert_string_equal(take(&a, long_one), "password is longer than 512 bytes");
}

static const char *options(struct fence_args *a, int argc, char **argv)
{
	static struct fence_error error;
	bool stop = true;

	error.text[0] = '\0';
	assert_int_equal(fence_args_init(a, &driver, &error), 0);
	if (fence_options_parse(a, argc, argv, &stop, &error) == 0) {
		assert_false(stop);
		return "";
	}
	return error.text;
}

static void command_line(void **state)
{
	char name[] = "fence_test", o[] = "-o", off[] = "off", a[] = "-a10.0.0.1";
	char timeout[] = "--power-timeout=7", v[] = "-v", old[] = "--ipaddr=::1";
	char p[] = "-p", secret[] = "hunter2", joined[] = "-phunter2",
	     with[] = "--password=hunter2";
	char frob[] = "--frob", stray[] = "hunter2";
	char *good[] = {name, o, off, a, timeout, v, NULL}, *olds[] = {name, old, NULL};
	char *bad1[] = {name, p, secret, NULL}, *bad2[] = {name, joined, NULL};
	char *bad3[] = {name, with, NULL}, *bad4[] = {name, frob, NULL}, *bad5[] = {name, o, NULL};
	char *bad6[] = {name, stray, NULL};
	char **const bad[] = {bad1, bad2, bad3};
	struct fence_args args;

	(void)state;
	assert_string_equal(options(&args, 6, good), "");
	assert_string_equal(fence_string(&args, "action"), "off");
	assert_string_equal(fence_string(&args, "ip"), "10.0.0.1");
	assert_int_equal(fence_seconds_us(&args, "power_timeout"), 7000000);
	assert_true(fence_flag(&args, "verbose"));
	assert_string_equal(options(&args, 2, olds), "");
	assert_string_equal(fence_string(&args, "ip"), "::1");
	for (size_t i = 0; i < FENCE_LENGTH(bad); i++) {
		const char *said = options(&args, i == 0 ? 3 : 2, bad[i]);

		assert_non_null(strstr(said, "password on the command line"));
		assert_null(strstr(said, "hunter2"));
		assert_null(fence_string(&args, "password"));
	}
	/* What was there already is wiped: ps shows it no longer. */
	assert_true(secret[0] == '\0' && joined[2] == '\0' && with[strlen("--password=")] == '\0');
	assert_non_null(strstr(options(&args, 2, bad4), "argument 1 is no option"));
	assert_non_null(strstr(options(&args, 2, bad5), "option -o needs a value"));
	assert_string_equal(options(&args, 2, bad6), "argument 1 is no option, see --help");
}

static void metadata(void **state)
{
	char text[16384] = "";
	FILE *f = fmemopen(text, sizeof text - 1, "w");
	struct fence_error error;
	struct fence_args a;

	(void)state;
	assert_non_null(f);
	assert_int_equal(fence_args_init(&a, &driver, &error), 0);
	fence_metadata_print(&a, f);
	fclose(f);
	assert_non_null(strstr(text, "<longdesc>a &lt; b &amp; &quot;c&quot;</longdesc>"));
	assert_non_null(strstr(text, "<parameter name=\"action\" unique=\"0\" required=\"1\""));
	assert_non_null(strstr(text, "<parameter name=\"ip\" unique=\"0\" required=\"0\" "
				     "obsoletes=\"ipaddr\">"));
	assert_non_null(strstr(text, "<parameter name=\"passwd\" unique=\"0\" required=\"0\" "
				     "deprecated=\"1\">"));
	assert_non_null(strstr(text, "<option value=\"fast\" />"));
	assert_non_null(strstr(text, "<action name=\"off\" />"));
	assert_non_null(strstr(text, "<action name=\"validate-all\" />"));
	assert_null(strstr(text, "<action name=\"on\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_input),	cmocka_unit_test(bad_input),
		cmocka_unit_test(nul_and_long), cmocka_unit_test(command_line),
		cmocka_unit_test(metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
