/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands on groups, resources, monitors, servers and the whole cluster. */
#include "cli/change.h"

/* ---- groups ---- */

static enum cli_exit group(struct cli *cli, const struct cli_args *args, const char *method)
{
	struct change change = {.method = method,
				.kind = "group",
				.parameter = "group",
				.name = args->arg[0],
				.server = args->arg[1]};

	return change_run(cli, args, &change);
}

enum cli_exit cli_group_start(struct cli *cli, const struct cli_args *args)
{
	return group(cli, args, "GroupStart");
}

enum cli_exit cli_group_stop(struct cli *cli, const struct cli_args *args)
{
	return group(cli, args, "GroupStop");
}

enum cli_exit cli_group_move(struct cli *cli, const struct cli_args *args)
{
	return group(cli, args, "GroupMove");
}

/* ---- resources ---- */

enum cli_exit cli_resource_start(struct cli *cli, const struct cli_args *args)
{
	struct change change = {.method = "ResourceStart",
				.kind = "resource",
				.parameter = "resource",
				.name = args->arg[0],
				.server = cli_value(args, "server")};

	return change_run(cli, args, &change);
}

enum cli_exit cli_resource_stop(struct cli *cli, const struct cli_args *args)
{
	struct change change = {.method = "ResourceStop",
				.kind = "resource",
				.parameter = "resource",
				.name = args->arg[0]};

	return change_run(cli, args, &change);
}

/* ---- monitors ---- */

static enum cli_exit monitor(struct cli *cli, const struct cli_args *args, const char *method)
{
	struct change change = {.method = method,
				.kind = "monitor",
				.parameter = "monitor",
				.name = args->arg[0],
				.server = cli_value(args, "server")};

	return change_run(cli, args, &change);
}

enum cli_exit cli_monitor_suspend(struct cli *cli, const struct cli_args *args)
{
	return monitor(cli, args, "MonitorSuspend");
}

enum cli_exit cli_monitor_resume(struct cli *cli, const struct cli_args *args)
{
	return monitor(cli, args, "MonitorResume");
}

enum cli_exit cli_monitor_fail(struct cli *cli, const struct cli_args *args)
{
	return monitor(cli, args, "MonitorFail");
}

enum cli_exit cli_monitor_unfail(struct cli *cli, const struct cli_args *args)
{
	return monitor(cli, args, "MonitorUnfail");
}

/* ---- servers, and all of them ---- */

/* `confirm` NULL: it takes nothing away. */
static enum cli_exit server(struct cli *cli, const struct cli_args *args, const char *method,
			    struct confirm *confirm)
{
	struct change change = {
		.method = method, .kind = "server", .parameter = "server", .name = args->arg[0]};

	if (confirm) {
		enum cli_exit code;

		confirm->server = args->arg[0];
		code = confirm_change(cli, args, confirm);
		if (code != CLI_OK)
			return code;
	}
	return change_run(cli, args, &change);
}

enum cli_exit cli_server_start(struct cli *cli, const struct cli_args *args)
{
	return server(cli, args, "ServerStart", NULL);
}

enum cli_exit cli_server_stop(struct cli *cli, const struct cli_args *args)
{
	return server(cli, args, "ServerStop", &(struct confirm){.verb = "Stop"});
}

enum cli_exit cli_server_shutdown(struct cli *cli, const struct cli_args *args)
{
	return server(cli, args, "ServerShutdown",
		      &(struct confirm){.verb = "Shut down", .power = "powered off"});
}

enum cli_exit cli_server_reboot(struct cli *cli, const struct cli_args *args)
{
	return server(cli, args, "ServerReboot",
		      &(struct confirm){.verb = "Reboot", .power = "rebooted"});
}

static enum cli_exit cluster(struct cli *cli, const struct cli_args *args, const char *method,
			     const struct confirm *confirm)
{
	struct change change = {.method = method, .kind = "cluster"};
	enum cli_exit code;

	if (confirm) {
		code = confirm_change(cli, args, confirm);
		if (code != CLI_OK)
			return code;
	}
	return change_run(cli, args, &change);
}

enum cli_exit cli_cluster_start(struct cli *cli, const struct cli_args *args)
{
	return cluster(cli, args, "ClusterStart", NULL);
}

enum cli_exit cli_cluster_stop(struct cli *cli, const struct cli_args *args)
{
	return cluster(cli, args, "ClusterStop", &(struct confirm){.verb = "Stop"});
}

enum cli_exit cli_cluster_shutdown(struct cli *cli, const struct cli_args *args)
{
	return cluster(cli, args, "ClusterShutdown",
		       &(struct confirm){.verb = "Shut down", .power = "powered off"});
}

enum cli_exit cli_cluster_reboot(struct cli *cli, const struct cli_args *args)
{
	return cluster(cli, args, "ClusterReboot",
		       &(struct confirm){.verb = "Reboot", .power = "rebooted"});
}

enum cli_exit cli_cluster_suspend(struct cli *cli, const struct cli_args *args)
{
	return cluster(cli, args, "ClusterSuspend", NULL);
}

enum cli_exit cli_cluster_resume(struct cli *cli, const struct cli_args *args)
{
	return cluster(cli, args, "ClusterResume", NULL);
}
