/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands: command line, help, completions and manual are all checked against it. */
#include "cli/cli.h"

const struct cli_option cli_common_options[] = {
	{"json", 0, NULL, "print JSON for programs (\"schema\": 1)"},
	{"socket", 0, "PATH",
	 "socket of the agent (default $HOLDFAST_SOCKET or " CTL_SOCKET_PATH ")"},
	{"host", 'h', "SERVER",
	 "ask the agent of another server, by its name or address, through that of this one"},
	{"no-color", 0, NULL, "no colours, not even on a terminal ($NO_COLOR does the same)"},
	{"help", 0, NULL, "show this help"},
	{0},
};

static const struct cli_option status_options[] = {
	{"summary", 's', NULL, "servers, heartbeats, groups, resources and monitors (default)"},
	{"groups", 'g', NULL, "group map: which group runs where"},
	{"heartbeats", 'n', NULL, "heartbeat map: who hears whom on which link"},
	{"monitors", 'm', NULL, "monitor map: what each server's monitors say"},
	{"info", 'i', NULL, "the configuration the agents run with, as a list"},
	{"cl", 0, NULL, "of that the cluster only"},
	{"sv", 0, NULL, "the servers, or the one called NAME"},
	{"hb", 0, NULL, "the heartbeats"},
	{"grp", 0, NULL, "the groups, or one"},
	{"rsc", 0, NULL, "the resources, or one"},
	{"mon", 0, NULL, "the monitors, or one, with the statistics of their checks here"},
	{"xcl", 0, NULL, "the exclusion rules, or one"},
	{"detail", 0, NULL,
	 "more of it: all settings; with --monitors and --heartbeats the counters"},
	{"local", 0, NULL, "as this node sees it (always so; for scripts that say it)"},
	{"long", 0, NULL, "do not cut long names"},
	{"watch", 0, "=S", "show it again every S seconds (default 2) until interrupted"},
	{0},
};

#define WAIT_OPTIONS                                                                     \
	{"wait", 0, NULL, "show progress until it is done (exit 0) or failed (1)"},      \
	{                                                                                \
		"timeout", 0, "S",                                                       \
			"give up waiting after S seconds (exit 124); the command stays " \
			"in force. Default 60, with --wait 300"                          \
	}

static const struct cli_option wait_options[] = {WAIT_OPTIONS, {0}};

static const struct cli_option stop_options[] = {
	WAIT_OPTIONS,
	{"yes", 'y', NULL, "do not ask although groups will move or stop"},
	{0},
};

static const struct cli_option server_options[] = {
	WAIT_OPTIONS,
	{"server", 0, "NAME", "on this server only"},
	{0},
};

static const struct cli_option events_options[] = {
	{"follow", 'f', NULL, "go on with new events as they happen"},
	{"since", 0, "N", "only events after number N of this node's journal"},
	{"lines", 'n', "N", "only the newest N events (with --follow: to begin with; default 10)"},
	{"severity", 0, "LEVEL", "only info, notice, warning or error and what is worse"},
	{0},
};

static const struct cli_option explain_options[] = {
	{"event", 0, "N", "the failover around event N of this node's journal"},
	{0},
};

static const struct cli_option simulate_options[] = {
	{"down", 0, "SERVERS", "these servers lose power, as in n1,n2"},
	{"cut", 0, "A[,B]", "A and B do not hear each other any more; A alone: nobody hears it"},
	{"leave", 0, "SERVERS", "these servers are stopped in good order"},
	{"fail", 0, "MONITORS", "these monitors fail for good, as in web1@n1,db1"},
	{"config", 0, "FILE", "with this configuration instead of the present one"},
	{"program-time", 0, "TIME", "assume that each program takes so long (default 0)"},
	{"for", 0, "TIME", "stop after so much simulated time (default 1h)"},
	{"state", 0, "FILE", "from a state that --save wrote instead of the agent's"},
	{"save", 0, "FILE", "only write the present state to FILE"},
	{0},
};

static const struct cli_option drill_options[] = {
	{"by", 0, "WAY", "move (default), monitor, server, or hand: you make the fault"},
	{"monitor", 0, "NAME", "with --by monitor: this one"},
	{"back", 0, NULL, "move the group back afterwards"},
	{"force", 0, NULL, "also when the cluster is not healthy"},
	{"yes", 'y', NULL, "do not ask although the group will be interrupted"},
	{"timeout", 0, "S", "a step that takes longer has failed (default 300)"},
	{0},
};

static const struct cli_option import_options[] = {
	{"output", 'o', "FILE", "write into this new file, not to standard output"},
	{0},
};

static const struct cli_option script_options[] = {
	{"timeout", 0, "S", "end it after S seconds (default 180)"},
	{"log", 0, "FILE", "append its output to this file of that server (root only)"},
	{0},
};

#define FENCE_TIMEOUT "give up waiting after S seconds (exit 124); the order goes on. Default 300"

static const struct cli_option fence_status_options[] = {
	{"long", 0, NULL, "do not cut long names"},
	{"watch", 0, "=S", "show it again every S seconds (default 2) until interrupted"},
	{0},
};

static const struct cli_option fence_order_options[] = {
	{"yes", 'y', NULL, "do not ask although the server is cut off"},
	{"timeout", 0, "S", FENCE_TIMEOUT},
	{0},
};

static const struct cli_option fence_options[] = {{"timeout", 0, "S", FENCE_TIMEOUT}, {0}};

static const struct cli_option fence_history_options[] = {
	{"lines", 'n', "N", "only the newest N orders"},
	{"detail", 0, NULL, "with the steps of each device, and what it said"},
	{0},
};

static const struct cli_option fence_confirm_options[] = {
	{"i-checked-that-it-is-off", 0, NULL, "you did, at the machine: it has no power"},
	{0},
};

static const struct cli_option apply_options[] = {
	{"yes", 'y', NULL, "do not ask"},
	{"stop-groups", 0, NULL, "stop groups whose resources change, and start them again"},
	{"dry-run", 0, NULL, "check it on all servers and show what would change"},
	{"offline", 0, NULL, "only check it and put it in place, where no agent runs"},
	{"config", 0, "PATH", "with --offline: the file that is replaced"},
	{0},
};

static const struct cli_option export_options[] = {
	{"yes", 'y', NULL, "replace the file if it exists"},
	{0},
};

static const struct cli_option keygen_options[] = {
	{"rotate", 0, NULL, "put a fresh key in front of the file's present one"},
	{0},
};

#define ACCEPTED \
	"Returns when the cluster has accepted it: no member of it forgets it from then on."

const struct cli_command cli_commands[] = {
	{"status", "[NAME]", 0, 1, "verdict and state of the cluster",
	 "The first line is the verdict; the exit status says the same: 0 healthy, 1 degraded,\n"
	 "2 a service is down, 3 unprotected or no quorum, 4 agent not reachable.\n"
	 "NAME: with --sv, --grp, --rsc, --mon or --xcl, the one to show.",
	 status_options, cli_status},
	{"group start", "NAME [SERVER]", 1, 2, "start a group, on SERVER or where it fits best",
	 ACCEPTED, wait_options, cli_group_start},
	{"group stop", "NAME", 1, 1, "stop a group", ACCEPTED, wait_options, cli_group_stop},
	{"group move", "NAME [SERVER]", 1, 2, "move a group to SERVER or to the next best one",
	 ACCEPTED, wait_options, cli_group_move},
	{"group list", "[NAME]", 0, 1, "list the groups", NULL, NULL, cli_group_list},
	{"resource start", "NAME", 1, 1, "start a resource, with what it depends on", ACCEPTED,
	 server_options, cli_resource_start},
	{"resource stop", "NAME", 1, 1, "stop a resource, with what depends on it", ACCEPTED,
	 wait_options, cli_resource_stop},
	{"resource list", "[NAME]", 0, 1, "list the resources", NULL, NULL, cli_resource_list},
	{"monitor suspend", "NAME", 1, 1, "let a monitor not check, and cause nothing", ACCEPTED,
	 server_options, cli_monitor_suspend},
	{"monitor resume", "NAME", 1, 1, "let it check again", ACCEPTED, server_options,
	 cli_monitor_resume},
	{"monitor fail", "NAME", 1, 1, "dummy failure: every check counts as failed",
	 "What its recovery does is done for real. " ACCEPTED, server_options, cli_monitor_fail},
	{"monitor unfail", "NAME", 1, 1, "end a dummy failure", ACCEPTED, server_options,
	 cli_monitor_unfail},
	{"monitor list", "[NAME]", 0, 1, "list the monitors", NULL, NULL, cli_monitor_list},
	{"cluster start", "", 0, 0, "let all servers that were stopped host groups again", ACCEPTED,
	 wait_options, cli_cluster_start},
	{"cluster stop", "", 0, 0, "stop all groups and take all servers out", ACCEPTED,
	 stop_options, cli_cluster_stop},
	{"cluster suspend", "", 0, 0, "no automatic action from now on",
	 "Heartbeats, leases and monitors go on; a lost server is not replaced before\n"
	 "'cluster resume'. It stays so over restarts.",
	 wait_options, cli_cluster_suspend},
	{"cluster resume", "", 0, 0, "end of a suspension", ACCEPTED, wait_options,
	 cli_cluster_resume},
	{"cluster shutdown", "", 0, 0, "stop all, then power all servers off", ACCEPTED,
	 stop_options, cli_cluster_shutdown},
	{"cluster reboot", "", 0, 0, "stop all, then reboot all servers", ACCEPTED, stop_options,
	 cli_cluster_reboot},
	{"toratio set", "RATIO [TIME]", 1, 2, "multiply timeouts for a time, as in 'set 3 2h'",
	 "RATIO is 1 to 10000, TIME up to 30 days: 2m, 3h, 4d. Ratio 1 restores the timeouts at\n"
	 "once and takes no time. It holds for timeouts of heartbeats and monitors on all servers.",
	 wait_options, cli_toratio_set},
	{"toratio reset", "", 0, 0, "restore the timeouts", ACCEPTED, wait_options,
	 cli_toratio_reset},
	{"toratio show", "", 0, 0, "the ratio in force, and for how long", NULL, NULL,
	 cli_toratio_show},
	{"server start", "NAME", 1, 1, "let a server host groups again", ACCEPTED, wait_options,
	 cli_server_start},
	{"server stop", "NAME", 1, 1, "take a server out: its groups move or stop", ACCEPTED,
	 stop_options, cli_server_stop},
	{"server shutdown", "NAME", 1, 1, "take a server out, then power it off", ACCEPTED,
	 stop_options, cli_server_shutdown},
	{"server reboot", "NAME", 1, 1, "take a server out, then reboot it", ACCEPTED, stop_options,
	 cli_server_reboot},
	{"server list", "[NAME]", 0, 1, "list the servers", NULL, NULL, cli_server_list},
	{"events", "", 0, 0, "show what the agents did and saw", NULL, events_options, cli_events},
	{"explain", "[GROUP]", 0, 1, "the last failover step by step, with times and evidence",
	 NULL, explain_options, cli_explain},
	{"fence status", "[NODE]", 0, 1, "fencing devices, their checks, orders under way",
	 "Exit status 0: no server with devices is without a working level, and none is being\n"
	 "fenced; 1: one is; 4: agent not reachable.",
	 fence_status_options, cli_fence_status},
	{"fence test", "[NODE]", 0, 1, "try the devices of NODE, or of all; switches nothing",
	 "Proves credentials and reachability from the server that is asked.", fence_options,
	 cli_fence_test},
	{"fence off", "NODE", 1, 1, "switch a server off, and prove that it is",
	 "Exit status 0 only if it was read off afterwards; then its groups can be taken over.\n"
	 "'server shutdown' is the way in good order.",
	 fence_order_options, cli_fence_off},
	{"fence on", "NODE", 1, 1, "switch a server on", NULL, fence_options, cli_fence_on},
	{"fence reset", "NODE", 1, 1, "reset a server; proves nothing", NULL, fence_order_options,
	 cli_fence_reset},
	{"fence cycle", "NODE", 1, 1, "switch a server off and on; proves nothing", NULL,
	 fence_order_options, cli_fence_cycle},
	{"fence history", "[NODE]", 0, 1, "what the asked server's agent has ordered", NULL,
	 fence_history_options, cli_fence_history},
	{"fence confirm", "NODE", 1, 1, "say that a server is off, when no device can",
	 "Without the option it says what to check first. Refused while the server is heard.",
	 fence_confirm_options, cli_fence_confirm},
	{"simulate", "", 0, 0, "what would happen, decided by the same code; touches nothing",
	 "Prints every decision in its order with its time, then where each group would be.",
	 simulate_options, cli_simulate},
	{"drill", "GROUP [SERVER]", 1, 2, "a real failover test of a group, each step checked",
	 "Checks that the cluster is fit, says what will happen, does it, checks the result and\n"
	 "puts everything back. Exit status 0: every step went well; 1: one did not.",
	 drill_options, cli_drill},
	{"script run", "SCRIPT", 1, 1, "run a script of the script directory on the asked server",
	 "SCRIPT is the name of a file in agent.script_directory of that server, of root and\n"
	 "writable by nobody else. The exit status is that of the script; 124 if it was ended\n"
	 "because its time was over, 1 if it was not run.",
	 script_options, cli_script_run},
	{"config check", "FILE", 1, 1, "check a configuration file and print its time budget",
	 "Runs 'holdfastd --check FILE'.", NULL, cli_config_check},
	{"config apply", "FILE", 1, 1, "give all servers of the cluster another configuration",
	 "Every server checks it first; then all take it, or none does. What did not change goes\n"
	 "on running.",
	 apply_options, cli_config_apply},
	{"config export", "FILE", 1, 1, "write the configuration in force to a new file",
	 "With --host: that of another server.", export_options, cli_config_export},
	{"config diff", "[SERVER]", 0, 1, "compare what other servers work by with this one",
	 "Exit status 0: nothing is different, 1: the lines say what.", NULL, cli_config_diff},
	{"config show", "", 0, 0, "the settings the agent runs with", NULL, NULL, cli_config_show},
	{"import clp.conf", "FILE", 1, 1, "turn a configuration of CLUSTERPRO X into one of ours",
	 "Lists on standard error, line by line, what was not carried over or means something\n"
	 "else here. Exit status 0: the result can be used; 1: it needs work by hand, as listed.",
	 import_options, cli_import},
	{"keygen", "FILE", 1, 1, "create a heartbeat key",
	 "Copy the file to every node. With --rotate the former key is still accepted, so that\n"
	 "nodes can be changed one after the other.",
	 keygen_options, cli_keygen},
	{"version", "", 0, 0, "print the version", NULL, NULL, cli_version},
	{"help", "[COMMAND]", 0, 2, "show help", NULL, NULL, cli_help},
	{0},
};
