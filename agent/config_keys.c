/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every key there is, one row each: this table feeds the parser, the defaults, the check for
 * unknown keys, config_print() and, by a test, the manual page. */
#include "agent/config_internal.h"
#include "agent/store.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)
#define ROW(s, n)   .section = (SECTION_##s), .name = (n)
#define TYPE(t)	    .type = &config_type_##t
#define AT(s, f)    .offset = offsetof(struct s, f)
#define MS(n)	    ((n)*USEC_PER_MSEC)
#define SECONDS(n)  ((n)*USEC_PER_SEC)
#define HOURS(n)    SECONDS((n)*3600)

/* clang-format off */
static const struct config_key keys[] = {
	{ROW(CLUSTER, "name"), TYPE(name), AT(config, cluster_name), .required = true,
	 .help = "name of the cluster; nodes of another one are not listened to"},
	{ROW(CLUSTER, "port"), TYPE(number16), AT(config, port), .min = 1, .max = 65535,
	 .fallback = "7410", .help = "UDP port of the heartbeat, on every link of every node"},
	{ROW(CLUSTER, "takeover"), TYPE(takeover), AT(config, takeover), .fallback = "lease",
	 .help = "what proves that a lost node holds nothing any more"},
	{ROW(CLUSTER, "detection_time"), TYPE(duration), AT(config, timing.detection_us),
	 .min = MS(30), .max = SECONDS(600), .fallback = "1s",
	 .help = "the one number: how fast a lost node is noticed"},
	{ROW(CLUSTER, "interval"), TYPE(duration), AT(config, timing.interval_us),
	 .min = MS(10), .max = SECONDS(60), .help = "time between two beats"},
	{ROW(CLUSTER, "timeout"), TYPE(duration), AT(config, timing.timeout_us),
	 .min = MS(30), .max = SECONDS(600), .help = "silence after which a node counts as failed"},
	{ROW(CLUSTER, "lease"), TYPE(duration), AT(config, timing.lease_us),
	 .min = MS(30), .max = SECONDS(6000),
	 .help = "how long a node may hold groups after its peers last heard it"},
	{ROW(CLUSTER, "lease_margin"), TYPE(duration), AT(config, timing.lease_margin_us),
	 .min = MS(1), .max = SECONDS(600),
	 .help = "time a node has to give up its groups when its lease ends"},
	{ROW(CLUSTER, "drift"), TYPE(number32), AT(config, timing.drift_ppm),
	 .min = 10, .max = 100000, .fallback = TEXT_OF(CONFIG_DRIFT_PPM),
	 .help = "bound on how much two clocks differ in speed, in parts per million"},
	{ROW(CLUSTER, "startup_wait"), TYPE(duration), AT(config, timing.startup_wait_us),
	 .min = MS(100), .max = CONFIG_DURATION_MAX,
	 .help = "how long the first nodes wait for the others when the whole cluster starts"},
	{ROW(CLUSTER, "request_timeout"), TYPE(duration), AT(config, timing.request_timeout_us),
	 .min = MS(100), .max = CONFIG_DURATION_MAX,
	 .help = "after this time a command that the cluster did not accept is given up"},
	{ROW(CLUSTER, "late_warning"), TYPE(percent), AT(config, timing.late_percent),
	 .min = 1, .max = 99, .fallback = TEXT_OF(CONFIG_LATE_PERCENT) "%",
	 .help = "a beat later than this share of timeout is reported"},
	{ROW(CLUSTER, "flap_limit"), TYPE(number32), AT(config, timing.flap_limit),
	 .min = 1, .max = 8, .fallback = TEXT_OF(CONFIG_FLAP_LIMIT),
	 .help = "a node lost this often within flap_window is quarantined"},
	{ROW(CLUSTER, "flap_window"), TYPE(duration), AT(config, timing.flap_window_us),
	 .min = SECONDS(1), .max = CONFIG_DURATION_MAX, .help = "see flap_limit"},
	{ROW(CLUSTER, "failure_expiry"), TYPE(duration),
	 AT(config, timing.failure_expiry_us), .min = SECONDS(1), .max = CONFIG_DURATION_MAX,
	 .help = "a group that is online for so long forgets where it failed before"},
	{ROW(CLUSTER, "quarantine"), TYPE(duration), AT(config, timing.quarantine_us),
	 .min = SECONDS(1), .max = CONFIG_DURATION_MAX,
	 .help = "first quarantine of a flapping node; doubles each time"},
	{ROW(CLUSTER, "quarantine_max"), TYPE(duration), AT(config, timing.quarantine_max_us),
	 .min = SECONDS(1), .max = CONFIG_DURATION_MAX, .help = "longest quarantine"},

	{ROW(AGENT, "key_file"), TYPE(path), AT(config, key_file),
	 .fallback = "/etc/holdfast/key", .help = "cluster key, made by holdfast keygen"},
	{ROW(AGENT, "state_directory"), TYPE(path), AT(config, state_directory),
	 .fallback = "/var/lib/holdfast", .help = "promises and events, kept across restarts"},
	{ROW(AGENT, "run_directory"), TYPE(path), AT(config, run_directory),
	 .fallback = "/run/holdfast", .help = "what need not survive a boot"},
	{ROW(AGENT, "socket"), TYPE(socket), AT(config, socket_path),
	 .help = "local socket of the agent; agent.sock in run_directory if it is not set"},
	{ROW(AGENT, "change_group"), TYPE(account), AT(config, change_group),
	 .fallback = "holdfast", .help = "system group that may give commands"},
	{ROW(AGENT, "view_group"), TYPE(account), AT(config, view_group),
	 .fallback = "holdfast-view", .help = "system group that may read the status"},
	{ROW(AGENT, "realtime"), TYPE(bool), AT(config, realtime), .fallback = "true",
	 .help = "ask for real-time priority and locked memory"},
	{ROW(AGENT, "event_records"), TYPE(number32), AT(config, event_records),
	 .min = 256, .max = 1000000, .fallback = TEXT_OF(EVENT_RING_DEFAULT),
	 .help = "number of events that are kept on disk"},

	{ROW(NODE, "name"), TYPE(name), AT(node_config, name), .required = true,
	 .help = "name of the node, as its host name"},
	{ROW(NODE, "links"), TYPE(links), .max = LINKS_MAX,
	 .help = "its addresses for heartbeats; link k talks to link k of the others"},
	{ROW(NODE, "votes"), TYPE(number32), AT(node_config, votes), .max = 100, .fallback = "1",
	 .help = "its weight in majorities"},
	{ROW(NODE, "witness"), TYPE(bool), AT(node_config, witness), .fallback = "false",
	 .help = "votes and grants leases, but never holds a group"},

	{ROW(GROUP, "name"), TYPE(name), AT(group_config, name), .required = true,
	 .help = "name of the failover group"},
	{ROW(GROUP, "comment"), TYPE(comment), AT(group_config, comment),
	 .help = "shown in the status"},
	{ROW(GROUP, "nodes"), TYPE(members), .min = 1, .max = NODES_MAX,
	 .help = "nodes that may hold it, best first; all but witnesses if it is not set"},
	{ROW(GROUP, "autostart"), TYPE(bool), AT(group_config, autostart), .fallback = "true",
	 .help = "start it when the cluster starts"},
	{ROW(GROUP, "accept_agent_enforced_lease"), TYPE(bool),
	 AT(group_config, accept_agent_enforced_lease), .fallback = "false",
	 .help = "accept that only a running agent gives this group up in time"},
	{ROW(GROUP, "resources"), .max = RESOURCES_MAX, .help = "what the group consists of"},

	{ROW(RESOURCE, "name"), TYPE(name), AT(resource_config, name), .required = true,
	 .help = "name of the resource, unique in the cluster"},
	{ROW(RESOURCE, "type"), TYPE(resource), AT(resource_config, type), .required = true,
	 .help = "fip: a floating IP; exec: programs that start and stop something"},
	{ROW(RESOURCE, "comment"), TYPE(comment), AT(resource_config, comment),
	 .help = "shown in the status"},
	{ROW(RESOURCE, "depends"), TYPE(depends), .max = DEPS_MAX,
	 .help = "resources of the same group that are started before it and stopped after it"},
	{ROW(RESOURCE, "retries"), TYPE(number8), AT(resource_config, start_retries), .max = 100,
	 .fallback = "0", .help = "how often a failed start is repeated on the same node"},

	{ROW(FIP, "address"), TYPE(fip), AT(resource_config, fip), .required = true,
	 .help = "the address, with or without the length of its prefix"},
	{ROW(FIP, "interface"), TYPE(interface), AT(resource_config, fip.interface),
	 .help = "where it is added; the one in whose subnet it lies if it is not set"},
	{ROW(FIP, "check"), TYPE(duration_ms), AT(resource_config, fip.check_ms),
	 .max = SECONDS(10), .fallback = "300ms",
	 .help = "how long to listen for a second owner before a start without proof; 0: not"},
	{ROW(FIP, "refresh"), TYPE(duration_s), AT(resource_config, fip.refresh_s),
	 .max = HOURS(24), .fallback = "60s",
	 .help = "the address is announced again this often; 0: never"},
	{ROW(FIP, "fail_on_link_down"), TYPE(bool), AT(resource_config, fip.fail_on_link_down),
	 .fallback = "true", .help = "it counts as lost when its interface has no carrier"},
	{ROW(FIP, "start_timeout"), TYPE(duration), AT(resource_config, start_timeout_us),
	 .min = SECONDS(1), .max = HOURS(1), .fallback = "15s", .help = "limit of its start"},
	{ROW(FIP, "stop_timeout"), TYPE(duration), AT(resource_config, stop_timeout_us),
	 .min = SECONDS(1), .max = HOURS(1), .fallback = "15s", .help = "limit of its stop"},

	{ROW(EXEC, "start"), TYPE(command), AT(resource_config, start), .min = 1,
	 .max = CONFIG_ARGV_MAX, .required = true,
	 .help = "program and arguments; it has started when this ends with exit code 0"},
	{ROW(EXEC, "stop"), TYPE(command), AT(resource_config, stop), .min = 1,
	 .max = CONFIG_ARGV_MAX, .required = true,
	 .help = "program and arguments; all is stopped when this ends with exit code 0"},
	{ROW(EXEC, "user"), TYPE(account), AT(resource_config, user),
	 .help = "account that the programs run as; root if it is not set"},
	{ROW(EXEC, "start_timeout"), TYPE(duration), AT(resource_config, start_timeout_us),
	 .min = MS(100), .max = HOURS(24), .fallback = "30m",
	 .help = "limit of the start program: then it is killed and the start has failed"},
	{ROW(EXEC, "stop_timeout"), TYPE(duration), AT(resource_config, stop_timeout_us),
	 .min = MS(100), .max = HOURS(24), .fallback = "30m",
	 .help = "limit of the stop program: then it is killed and the stop has failed"},

	{ROW(FILE, "cluster"), .required = true, .help = "the cluster as a whole"},
	{ROW(FILE, "agent"), .help = "the daemon: files, rights, scheduling"},
	{ROW(FILE, "nodes"), .min = 1, .max = NODES_MAX, .required = true,
	 .help = "the nodes; their order is their rank and must be the same everywhere"},
	{ROW(FILE, "groups"), .max = GROUPS_MAX, .help = "the failover groups"},
};
/* clang-format on */

const struct config_key *config_key_at(size_t i)
{
	return i < sizeof keys / sizeof *keys ? &keys[i] : NULL;
}

const struct config_key *config_key_find(unsigned int sections, const char *name)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(i)); i++)
		if ((key->section & sections) && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	if (a > b)
		a = b;
	return a < c ? a : c;
}

/* Number of letters to add, drop or change to get from one name to the other. */
static size_t edit_distance(const char *a, const char *b)
{
	enum { LEN_MAX = 48 };
	size_t n = strnlen(a, LEN_MAX), m = strnlen(b, LEN_MAX);
	size_t row[LEN_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[m];
}

const struct config_key *config_key_nearest(unsigned int sections, const char *name)
{
	/* The same name in another section is more telling than a similar one in this. */
	const struct config_key *key, *best = config_key_find(~0u, name);
	size_t best_distance = strlen(name) / 3 + 2;

	if (best)
		return best;
	for (size_t i = 0; (key = config_key_at(i)); i++) {
		bool begins = strlen(name) > 3 && strncmp(key->name, name, strlen(name)) == 0;
		size_t distance = begins ? 0 : edit_distance(name, key->name);

		if ((key->section & sections) && distance < best_distance) {
			best = key;
			best_distance = distance;
		}
	}
	return best;
}

const char *config_section_to_string(enum config_section section)
{
	switch (section) {
	case SECTION_FILE:
		return "the file";
	case SECTION_CLUSTER:
		return "cluster";
	case SECTION_AGENT:
		return "agent";
	case SECTION_NODE:
		return "nodes";
	case SECTION_GROUP:
		return "groups";
	case SECTION_RESOURCE:
		return "resources";
	case SECTION_FIP:
		return "resources of type \"fip\"";
	case SECTION_EXEC:
		return "resources of type \"exec\"";
	}
	return "?";
}

unsigned int config_key_line(const struct config *config, const char *name)
{
	const struct config_key *key = config_key_find(SECTION_CLUSTER, name);

	static_assert(sizeof config->key_line / sizeof *config->key_line == CONFIG_CLUSTER_KEYS_MAX,
		      "one entry a key");
	assert(key && key - keys < CONFIG_CLUSTER_KEYS_MAX);
	return config->key_line[key - keys];
}
