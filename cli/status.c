/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/call.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/watch.h"

#include <string.h>

struct view_option {
	const char *name;
	void (*render)(const struct render *render, const json_t *status);
	bool verdict;	    /* before it */
	unsigned int parts; /* of render_info() */
	/* The list in the Status object whose objects may be named; NULL: none. */
	const char *member;
	const char *kind; /* of GetSettings; NULL: it has none */
};

/* The maps begin with their title, as those who parse them expect; the verdict is for people. */
static const struct view_option views[] = {
	{"summary", render_summary, true, 0, NULL, NULL},
	{"groups", render_groups, false, 0, NULL, NULL},
	{"heartbeats", render_heartbeats, false, 0, NULL, NULL},
	{"monitors", render_monitors, false, 0, NULL, NULL},
	{"info", render_info, false, 0, NULL, NULL},
	{"cl", render_info, false, RENDER_CLUSTER, NULL, "cluster"},
	{"sv", render_info, false, RENDER_SERVERS, "servers", "server"},
	{"hb", render_info, false, RENDER_HEARTBEATS, NULL, NULL},
	{"grp", render_info, false, RENDER_GROUPS, "groups", "group"},
	{"rsc", render_info, false, RENDER_RESOURCES, "resources", "resource"},
	{"mon", render_info, false, RENDER_MONITORS, "monitors", "monitor"},
	{"xcl", render_info, false, RENDER_EXCLUSIONS, "exclusions", "exclusion"},
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
	chosen = chosen ? chosen : &views[0];
	if (args->arg[0] && !chosen->member)
		return cli_usage(cli, "--%s takes no name: '%s' is one argument too many",
				 chosen->name, args->arg[0]);
	*ret = chosen;
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

/* Puts the settings of the objects of one kind beside what the status says of them. */
static enum cli_exit add_settings(struct cli *cli, json_t *status, const struct view_option *of,
				  const char *name)
{
	_cleanup_json_ json_t *reply = NULL;
	json_t *parameters = json_pack("{s:s, s:s*}", "kind", of->kind, "name", name);
	const json_t *objects;
	enum cli_exit code;

	code = call_agent(cli, "GetSettings", parameters, CALL_TIMEOUT_US, &reply);
	if (code != CLI_OK)
		return code;
	objects = field_array(reply, "objects");
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *object = json_array_get(objects, i), *row = status;

		if (of->member)
			row = field_find(status, of->member, field_string(object, "name"));
		if (row) /* of a status that is ours alone */
			(void)json_object_set_new((json_t *)(uintptr_t)row, "settings",
						  json_string(field_string(object, "text")));
	}
	return CLI_OK;
}

/* --info --detail: of every kind. */
static enum cli_exit add_details(struct cli *cli, json_t *status, const struct view_option *view,
				 const char *name)
{
	enum cli_exit code = CLI_OK;

	if (view->kind)
		return add_settings(cli, status, view, name);
	for (size_t i = 0; i < sizeof(views) / sizeof(*views) && code == CLI_OK; i++)
		if (views[i].kind && strcmp(view->name, "info") == 0)
			code = add_settings(cli, status, &views[i], NULL);
	return code;
}

/* The one object that was named must be there. */
static enum cli_exit check_name(struct cli *cli, const json_t *status,
				const struct view_option *view, const char *name)
{
	if (!name || field_find(status, view->member, name))
		return CLI_OK;
	return cli_fail(cli, CLI_FAILED, "NoSuchObject", "there is no %s '%s'", view->kind, name);
}

/* All of the status; of views with a name of their own only their list. */
static enum cli_exit print_status(struct cli *cli, json_t *status, const struct view_option *view,
				  const char *name)
{
	const json_t *rows;
	json_t *wanted;

	if (!view->member)
		return cli_print_json(cli, json_incref(status));
	rows = field_array(status, view->member);
	wanted = json_array();
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);

		if (!name || strcmp(field_string(row, "name"), name) == 0)
			(void)json_array_append(wanted, row);
	}
	return cli_print_json(cli, json_pack("{s:o}", view->member, wanted));
}

/* Asks once and prints to cli->out. */
static enum cli_exit show(struct cli *cli, const struct cli_args *args,
			  const struct view_option *view)
{
	_cleanup_json_ json_t *status = NULL;
	const char *name = args->arg[0];
	const struct render render = {.out = cli->out,
				      .color = cli->color,
				      .long_names = cli_has(args, "long"),
				      .detail = cli_has(args, "detail"),
				      .parts = view->parts,
				      .only = name};
	enum cli_exit code;

	code = call_status(cli, &status);
	if (code == CLI_OK)
		code = check_name(cli, status, view, name);
	if (code == CLI_OK && render.detail)
		code = add_details(cli, status, view, name);
	if (code != CLI_OK)
		return code;
	if (cli->json) {
		code = print_status(cli, status, view, name);
		return code == CLI_OK ? level_exit(status) : code;
	}
	if (view->verdict)
		render_verdict(&render, status);
	view->render(&render, status);
	return level_exit(status);
}

static enum cli_exit show_view(struct cli *cli, const struct cli_args *args, const void *view)
{
	return show(cli, args, view);
}

enum cli_exit cli_status(struct cli *cli, const struct cli_args *args)
{
	const struct view_option *view = &views[0];
	enum cli_exit code = choose_view(cli, args, &view);

	return code == CLI_OK ? watch_show(cli, args, show_view, view) : code;
}
