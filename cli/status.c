/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/call.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"
#include "util/time.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define WATCH_DEFAULT_US (2 * USEC_PER_SEC)
#define WATCH_MIN_US	 (100 * USEC_PER_MSEC)

struct view_option {
	const char *name;
	bool verdict;
	void (*render)(const struct render *render, const json_t *status);
};

/* The maps begin with their title, as those who parse them expect; the verdict is for people. */
static const struct view_option views[] = {
	{"summary", true, render_summary},
	{"groups", false, render_groups},
	{"heartbeats", false, render_heartbeats},
	{"monitors", false, render_monitors},
	{"info", false, render_info},
};

static enum cli_exit choose_view(struct cli *cli, const struct cli_args *args,
				 const struct view_option **ret)
{
	const struct view_option *chosen = NULL;

	for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++) {
		if (!cli_has(args, views[i].name))
			continue;
		if (chosen)
			return cli_usage(cli, "choose one of --%s and --%s", chosen->name,
					 views[i].name);
		chosen = &views[i];
	}
	*ret = chosen ? chosen : &views[0];
	return CLI_OK;
}

/* "--watch" alone has its default; *ret_us is 0 without it. */
static enum cli_exit read_watch(struct cli *cli, const struct cli_args *args, uint64_t *ret_us)
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

static enum cli_exit level_exit(const json_t *status)
{
	static const struct {
		const char *level;
		enum cli_exit code;
	} levels[] = {{"healthy", CLI_OK}, {"down", CLI_DOWN}, {"unprotected", CLI_UNSAFE}};
	const char *level = field_string(field_object(status, "verdict"), "level");

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (strcmp(level, levels[i].level) == 0)
			return levels[i].code;
	return CLI_FAILED;
}

/* Asks once and prints to cli->out. */
static enum cli_exit show(struct cli *cli, const struct cli_args *args,
			  const struct view_option *view)
{
	_cleanup_json_ json_t *status = NULL;
	const struct render render = {
		.out = cli->out, .color = cli->color, .long_names = cli_has(args, "long")};
	enum cli_exit code;

	code = call_status(cli, &status);
	if (code != CLI_OK)
		return code;
	if (cli->json) {
		code = cli_print_json(cli, json_incref(status));
		return code == CLI_OK ? level_exit(status) : code;
	}
	if (view->verdict)
		render_verdict(&render, status);
	view->render(&render, status);
	return level_exit(status);
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
static void watch_once(struct cli *cli, const struct cli_args *args, const struct view_option *view)
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
	(void)show(&inner, args, view);
	if (fclose(f) != 0)
		return;
	if (cli->json)
		fputs(text, cli->out);
	else if (cli->terminal)
		redraw(cli->out, text);
	else
		fprintf(cli->out, "%s\n", text);
}

static enum cli_exit watch(struct cli *cli, const struct cli_args *args,
			   const struct view_option *view, uint64_t us)
{
	const struct timespec pause = {.tv_sec = (time_t)(us / USEC_PER_SEC),
				       .tv_nsec = (long)(us % USEC_PER_SEC) * 1000};

	for (;;) { /* until a signal ends the program, or nobody reads any more */
		watch_once(cli, args, view);
		if (fflush(cli->out) != 0)
			return CLI_FAILED;
		(void)nanosleep(&pause, NULL);
	}
}

enum cli_exit cli_status(struct cli *cli, const struct cli_args *args)
{
	const struct view_option *view = &views[0];
	uint64_t watch_us = 0;
	enum cli_exit code;

	code = choose_view(cli, args, &view);
	if (code != CLI_OK)
		return code;
	code = read_watch(cli, args, &watch_us);
	if (code != CLI_OK)
		return code;
	if (watch_us > 0)
		return watch(cli, args, view, watch_us);
	return show(cli, args, view);
}
