/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/watch.h"

#include "util/time.h"

#include <string.h>
#include <time.h>

#define WATCH_DEFAULT_US (2 * USEC_PER_SEC)
#define WATCH_MIN_US	 (100 * USEC_PER_MSEC)

/* "--watch" alone has its default; *ret_us is 0 without it. */
static enum cli_exit read_option(struct cli *cli, const struct cli_args *args, uint64_t *ret_us)
{
	const char *text = cli_value(args, "watch");
	uint64_t us = text ? WATCH_DEFAULT_US : 0;
	enum cli_exit code;

	if (text && *text) {
		code = cli_time(cli, args, "watch", &us);
		if (code != CLI_OK)
			return code;
		if (us < WATCH_MIN_US)
			return cli_usage(cli, "--watch: at least 0.1 seconds");
	}
	*ret_us = us;
	return CLI_OK;
}

/* Draws over what is there: clearing the screen first would flicker. */
static void redraw(FILE *out, const char *text)
{
	fputs("\x1b[H", out);
	for (const char *s = text; *s;) {
		size_t n = strcspn(s, "\n");

		fwrite(s, 1, n, out);
		fputs("\x1b[K\n", out);
		s += n + (s[n] == '\n');
	}
	fputs("\x1b[J", out);
}

static void print_clock(FILE *f)
{
	time_t now = time(NULL);
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(f, "%s\n", text);
}

/* One picture, with the agent's absence as a picture too. */
static void show_once(struct cli *cli, const struct cli_args *args, watch_picture picture,
		      const void *what)
{
	_cleanup_free_ char *text = NULL;
	struct cli inner = *cli;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return; /* no memory now: the next round tries again */
	inner.out = f;
	inner.json_lines = true;
	if (!cli->json) {
		inner.err = f;
		print_clock(f);
	}
	(void)picture(&inner, args, what);
	if (fclose(f) != 0)
		return;
	if (cli->json)
		fputs(text, cli->out);
	else if (cli->terminal)
		redraw(cli->out, text);
	else
		fprintf(cli->out, "%s\n", text);
}

enum cli_exit watch_show(struct cli *cli, const struct cli_args *args, watch_picture picture,
			 const void *what)
{
	uint64_t us = 0;
	enum cli_exit code = read_option(cli, args, &us);
	struct timespec pause;

	if (code != CLI_OK)
		return code;
	if (us == 0)
		return picture(cli, args, what);
	pause.tv_sec = (time_t)(us / USEC_PER_SEC);
	pause.tv_nsec = (long)(us % USEC_PER_SEC) * 1000;
	for (;;) { /* until a signal ends the program, or nobody reads any more */
		show_once(cli, args, picture, what);
		if (fflush(cli->out) != 0)
			return CLI_FAILED;
		(void)nanosleep(&pause, NULL);
	}
}
