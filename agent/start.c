/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the command line to a running loop, and back; what stops a start is said in a sentence. */
#include "agent/agent.h"
#include "agent/apply.h"
#include "agent/channel.h"
#include "agent/fence.h"
#include "agent/files.h"
#include "agent/ctl_internal.h"
#include "agent/held.h"
#include "agent/kernel.h"
#include "agent/stage.h"
#include "agent/systemd.h"
#include "agent/watchdog.h"
#include "agent/realtime.h"

#include "util/clock.h"
#include "util/hash.h"
#include "util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define STORE_WAIT_US  (2 * USEC_PER_SEC)
#define HOST_NAME_SIZE 256

int agent_exit_code(int error)
{
	switch (-error) {
	case 0:
		return AGENT_EXIT_OK;
	case EBUSY:
	case EADDRINUSE:
		return AGENT_EXIT_BUSY;
	case EACCES:
	case EPERM:
		return AGENT_EXIT_PERMISSION;
	case ENOENT:
		return AGENT_EXIT_NO_INPUT;
	case EINVAL:
		return AGENT_EXIT_CONFIG;
	case EBADMSG:
		return AGENT_EXIT_DAMAGED;
	default:
		return AGENT_EXIT_FAILURE;
	}
}

/* ---- configuration ---- */

static void say_problem(const char *path, const struct config_problem *p)
{
	enum log_level level = p->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERR;

	if (p->line)
		log_at(level, "%s:%u: %s", path, p->line, p->text);
	else
		log_at(level, "%s: %s", path, p->text);
}

static int load_config(const char *path, struct config **ret, struct config_report *report,
		       char **ret_text)
{
	int r = config_load_keep(path, ret, report, ret_text);

	for (size_t i = 0; i < report->n; i++)
		say_problem(path, &report->problem[i]);
	if (r < 0 && report->errors == 0)
		log_err("cannot read %s: %s", path, strerror(-r));
	if (r == -EINVAL)
		log_err("%s has errors: `holdfastd --check %s` shows all of them", path, path);
	return r;
}

int agent_load_config(const char *path, struct config **ret, struct config_report *report)
{
	_cleanup_free_ char *text = NULL;

	return load_config(path, ret, report, &text);
}

static int find_self(struct agent *agent)
{
	char host[HOST_NAME_SIZE];
	const char *name = agent->options->node;
	int n;

	if (!name) {
		if (gethostname(host, sizeof host) < 0)
			return -errno;
		host[sizeof host - 1] = '\0';
		name = host;
	}
	n = config_find_node(agent->config, name);
	if (n < 0) {
		log_err("%s has no node named \"%s\"%s", agent->options->config_path, name,
			agent->options->node ? "" : " (the host name): give --node, or rename it");
		return -EINVAL;
	}
	agent->self = (uint8_t)n;
	return 0;
}

static int read_config(struct agent *agent)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	_cleanup_free_ char *text = NULL;
	int r;

	if (!report)
		return -ENOMEM;
	r = load_config(agent->options->config_path, &agent->config, report, &text);
	if (r < 0)
		return r;
	agent_config_warnings(agent, report);
	r = find_self(agent);
	return r < 0 ? r : apply_new(agent, TAKE_PTR(text));
}

int agent_load_keys(struct agent *agent, struct hb_keys *ret)
{
	char error[HB_ERROR_SIZE] = "";
	int r = hb_keys_load(agent->config->key_file, ret, error);

	if (r < 0)
		log_err("%s", error);
	return r;
}

/* ---- files ---- */

/* The directories are made by the unit or the package; a lone run makes the last one itself. */
static int make_directory(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST) {
		int r = -errno;

		log_err("cannot make the directory %s: %s", path, strerror(-r));
		return r;
	}
	return 0;
}

static int open_files(struct agent *agent, struct durable_state *ret_state, bool *ret_first)
{
	const struct config *config = agent->config;
	char error[STORE_ERROR_SIZE] = "";
	int r;

	r = make_directory(config->state_directory, 0750);
	if (r >= 0)
		r = make_directory(config->run_directory, 0755);
	if (r < 0)
		return r;
	r = store_new(&(struct store_config){.directory = config->state_directory,
					     .ring_records = config->event_records},
		      &agent->store, ret_state, ret_first, error);
	if (r < 0) {
		log_err("%s", error[0] ? error : strerror(-r));
		return r;
	}
	r = held_open(config->run_directory);
	if (r < 0) {
		log_err("cannot use the run directory %s: %s", config->run_directory, strerror(-r));
		return r;
	}
	agent->held_fd = r;
	return 0;
}

static int start_processes(struct agent *agent)
{
	struct exec_config exec = {
		.event = agent->event,
		.priority = AGENT_PRIORITY_EXEC,
		.done = resource_exec_done,
		.userdata = agent,
	};
	struct systemd_config systemd = {
		.event = agent->event,
		.priority = AGENT_PRIORITY_EXEC,
		.done = resource_exec_done,
		.userdata = agent,
	};
	int r = exec_new(&exec, &agent->exec);

	if (r < 0)
		log_err("cannot start the process that starts programs: %s", strerror(-r));
	else
		r = stage_new(agent);
	if (r >= 0)
		r = systemd_new(&systemd, &agent->systemd);
	if (r >= 0)
		r = files_new(&agent->files);
	if (r >= 0)
		r = fencing_new(agent, &agent->fencing);
	return r;
}

/* ---- leftovers ---- */

static size_t list_addresses(const struct config *config, struct net_fip_config *list)
{
	size_t n = 0;

	for (uint16_t i = 0; i < config->n_resources; i++)
		if (config->resources[i].type == RESOURCE_TYPE_FIP)
			list[n++] = config->resources[i].fip;
	return n;
}

static int clean_addresses(struct net *net, const struct config *config)
{
	_cleanup_free_ struct net_fip_config *list = NULL;
	size_t n;

	list = calloc(config->n_resources + 1U, sizeof *list);
	if (!list)
		return -ENOMEM;
	n = list_addresses(config, list);
	return net_clean(net, list, n);
}

static int find_leftovers(struct agent *agent)
{
	const struct config *config = agent->config;
	int removed;

	removed = clean_addresses(agent->net, config);
	if (removed > 0)
		log_notice("removed %d floating IP%s that a former agent left", removed,
			   removed == 1 ? "" : "s");
	if (removed < 0)
		log_warning("cannot remove all addresses of a former agent (%s): each is tried "
			    "again before this node takes part",
			    strerror(-removed));
	agent->addresses_cleaned = removed >= 0;
	agent->leftovers = calloc(config->n_resources + 1U, sizeof *agent->leftovers);
	if (!agent->leftovers)
		return -ENOMEM;
	for (uint16_t i = 0; i < config->n_resources; i++) {
		const struct resource_config *r = &config->resources[i];

		agent->leftovers[i] = r->type == RESOURCE_TYPE_FIP
					      ? removed < 0
					      : held_is_marked(agent->held_fd, r->name);
	}
	return 0;
}

/* ---- network ---- */

static int open_net(struct agent *agent)
{
	int r = net_new(&agent->net);

	if (r < 0)
		log_err("cannot open netlink for floating IPs: %s", strerror(-r));
	return r;
}

static int open_heartbeat(struct agent *agent)
{
	_cleanup_free_ struct hb_lan_config *lan = calloc(1, sizeof *lan);
	const struct config *config = agent->config;
	char error[HB_ERROR_SIZE] = "";
	int r;

	if (!lan)
		return -ENOMEM;
	lan->limits = (struct hb_limits){
		.cluster_id =
			hash64(HASH64_INIT, config->cluster_name, strlen(config->cluster_name)),
		.n_nodes = config->n_nodes,
		.n_groups = config->n_groups,
		.n_resources = config->n_resources,
		.n_monitors = config->n_monitors,
		.objects_hash = config->objects_hash,
	};
	lan->self = agent->self;
	lan->n_links = config->n_links;
	lan->port = config->port;
	lan->timeout_us = config->timing.timeout_us;
	lan->late_percent = config->timing.late_percent;
	for (uint8_t n = 0; n < config->n_nodes; n++)
		memcpy(lan->address[n], config->nodes[n].link, sizeof lan->address[n]);
	r = agent_load_keys(agent, &lan->keys);
	if (r < 0)
		return r;
	r = hb_lan_new(lan, &agent->lan, error);
	if (r < 0)
		log_err("%s", error[0] ? error : strerror(-r));
	else
		r = channel_start(agent, &lan->keys);
	hb_keys_wipe(&lan->keys);
	return r;
}

/* ---- core ---- */

static int make_trace(struct agent *agent, const struct core_config *config,
		      const struct durable_state *durable, ha_time now)
{
	_cleanup_free_ struct trace_start *start = calloc(1, sizeof *start);
	int r;

	if (!start)
		return -ENOMEM;
	start->config = *config;
	start->now = now;
	start->has_durable = durable != NULL;
	if (durable)
		start->durable = *durable;
	memcpy(start->leftovers, agent->leftovers, config->n_resources * sizeof(bool));
	r = trace_new(agent->options->trace_path, start, &agent->trace);
	if (r < 0)
		log_err("cannot write %s: %s", agent->options->trace_path, strerror(-r));
	return r;
}

static int make_core(struct agent *agent, const struct durable_state *durable)
{
	_cleanup_free_ struct core_config *config = calloc(1, sizeof *config);
	struct core_self_info info;
	ha_time now = clock_boot();
	int r;

	if (!config)
		return -ENOMEM;
	config_to_core(agent->config, agent->self, config);
	config->config_generation = agent->apply->generation;
	config->kernel = agent->kernel != NULL;
	r = core_new(config, durable, agent->leftovers, now, &agent->core);
	if (r < 0) {
		log_err("the configuration does not fit the core: %s", strerror(-r));
		return r;
	}
	core_self_info(agent->core, now, &info);
	agent->incarnation = info.incarnation;
	/* Peers may know records that were lost here, with a crash or with the event file: their
	 * numbers are not used again, as the store does not use its own again. */
	agent->own_number = store_origin_newest(agent->store, agent->self) + STORE_NUMBER_GAP;
	if (agent->own_number < STORE_NUMBERS_PER_RUN * info.incarnation)
		agent->own_number = STORE_NUMBERS_PER_RUN * info.incarnation;
	return agent->options->trace_path ? make_trace(agent, config, durable, now) : 0;
}

static int make_parts(struct agent *agent)
{
	struct replicate_config replicate = {
		.self = agent->self,
		.n_nodes = agent->config->n_nodes,
		.blob_max = HB_BLOB_MAX,
		.journal = record_journal(),
		.send = record_send_blob,
		.userdata = agent,
	};
	int r;

	agent->facts = calloc(1, sizeof *agent->facts);
	if (!agent->facts)
		return -ENOMEM;
	agent->published = store_next_number(agent->store) - 1;
	r = replicate_new(&replicate, clock_boot(), &agent->replicate);
	if (r >= 0)
		r = step_init(agent);
	return r;
}

/* ---- standing risks ---- */

static void protect(struct agent *agent)
{
	struct event event;
	int r = 0;

	if (agent->config->realtime)
		r = realtime_schedule();
	agent->realtime = agent->config->realtime && r >= 0;
	if (r < 0) {
		event = record_event(agent, EVENT_NO_REALTIME);
		event.node = agent->self;
		event.arg[0] = (uint64_t)-r;
		(void)snprintf(event.text, sizeof event.text, "%s", strerror(-r));
		record_add(agent, &event);
		agent_warn(agent, "no real-time priority (%s): beats may be late under load",
			   strerror(-r));
	}
	r = agent->config->realtime ? realtime_lock_memory() : 0;
	agent->memory_locked = agent->config->realtime && r >= 0;
	if (r < 0) {
		event = record_event(agent, EVENT_NO_MEMLOCK);
		event.node = agent->self;
		event.arg[0] = (uint64_t)-r;
		(void)snprintf(event.text, sizeof event.text, "%s", strerror(-r));
		record_add(agent, &event);
		agent_warn(agent, "memory is not locked (%s): swapping may stall the agent",
			   strerror(-r));
	}
}

static void say_started(struct agent *agent)
{
	struct event event = record_event(agent, EVENT_AGENT_STARTED);

	event.node = agent->self;
	event.arg[0] = agent->incarnation;
	event.arg[1] = (uint64_t)getpid();
	(void)snprintf(event.text, sizeof event.text, "version %s", HOLDFAST_VERSION);
	record_add(agent, &event);
}

static void say_risks(struct agent *agent)
{
	for (uint16_t g = 0; g < agent->config->n_groups; g++) {
		const char *name = agent->config->groups[g].name;
		struct event event = record_event(agent, EVENT_UNSAFE_CONFIG);

		if (!config_group_unenforced(agent->config, g))
			continue;
		event.group = g;
		(void)snprintf(event.text, sizeof event.text,
			       "the lease of group %s is enforced by the agent only", name);
		record_add(agent, &event);
	}
}

/* ---- life cycle ---- */

static void block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL); /* cannot fail with valid arguments */
	(void)signal(SIGPIPE, SIG_IGN);
}

/* The processes for disk and programs first, while little is open. Real-time priority last: they
 * must not inherit it, and nothing slow may run with it. */
static int start(struct agent *agent)
{
	_cleanup_free_ struct durable_state *state = calloc(1, sizeof *state);
	bool first = false;
	int r;

	if (!state)
		return -ENOMEM;
	r = read_config(agent);
	if (r >= 0)
		r = open_files(agent, state, &first);
	if (r >= 0)
		r = sd_event_new(&agent->event);
	if (r >= 0)
		r = start_processes(agent);
	if (r >= 0)
		r = notify_new(&agent->notify);
	if (r >= 0)
		r = open_net(agent);
	if (r >= 0)
		r = open_heartbeat(agent);
	if (r >= 0)
		r = ctl_start(agent);
	/* From here on no other agent runs on this node: its kernel path and its addresses would
	 * be taken away. */
	if (r >= 0)
		r = find_leftovers(agent);
	/* rule K12: what a former agent attached protects its addresses until they are gone */
	if (r >= 0)
		r = kernel_start(agent);
	if (r >= 0 && agent->addresses_cleaned)
		kernel_cleaned(agent);
	if (r >= 0)
		r = make_parts(agent);
	if (r >= 0)
		r = make_core(agent, first ? NULL : state);
	if (r >= 0)
		r = loop_init(agent);
	/* the last that may fail: a start that ends here would leave it ticking */
	if (r >= 0)
		r = watchdog_start(agent);
	if (r < 0)
		return r;
	apply_started(agent);
	say_started(agent);
	kernel_say(agent);
	say_risks(agent);
	protect(agent);
	return 0;
}

int agent_new(const struct agent_options *options, struct agent **ret)
{
	struct agent *agent = calloc(1, sizeof *agent);
	int r;

	if (!agent) {
		log_err("no memory");
		return -ENOMEM;
	}
	agent->options = options;
	agent->held_fd = -1;
	agent->lease_until = HA_TIME_ZERO;
	block_signals();
	r = start(agent);
	if (r < 0) {
		if (r == -ENOMEM)
			log_err("no memory");
		(void)agent_free(agent);
		return r;
	}
	*ret = agent;
	return 0;
}

struct agent *agent_free(struct agent *agent)
{
	if (!agent)
		return NULL;
	if (agent->core)
		resource_stop_addresses(agent);
	watchdog_end(agent);
	if (agent->store && agent->core && agent->replicate)
		record_publish(agent, clock_boot());
	ctl_stop(agent);
	stage_free(agent);
	agent->fencing = fencing_free(agent->fencing);
	agent->systemd = systemd_free(agent->systemd);
	agent->exec = exec_free(agent->exec);
	sd_event_source_disable_unref(agent->timer);
	kernel_stop(agent);
	agent->lan = hb_lan_free(agent->lan);
	agent->net = net_free(agent->net);
	agent->replicate = replicate_free(agent->replicate);
	agent->store = store_free(agent->store, STORE_WAIT_US);
	agent->trace = trace_free(agent->trace);
	agent->core = core_free(agent->core);
	agent->notify = notify_free(agent->notify);
	sd_event_unref(agent->event);
	if (agent->held_fd >= 0)
		(void)close(agent->held_fd);
	for (size_t i = 0; i < agent->n_warnings; i++)
		free(agent->warnings[i]);
	free(agent->facts);
	free(agent->queue.items);
	free(agent->actions);
	free(agent->more_actions);
	free(agent->runs);
	free(agent->leftovers);
	agent->config = config_free(agent->config);
	free(agent);
	return NULL;
}

/* ---- holdfastd --cleanup ---- */

static bool agent_answers(const char *socket_path)
{
	struct ctl_client *client = NULL;
	int r = ctl_client_connect(socket_path, &client);

	(void)ctl_client_free(client);
	return r >= 0;
}

/* Without a configuration the mark that the kernel keeps with an address has to do. */
int agent_cleanup(const char *config_path)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	struct config *config = NULL;
	struct net *net = NULL;
	int loaded, r;

	if (!report)
		return -ENOMEM;
	loaded = agent_load_config(config_path, &config, report);
	if (agent_answers(config ? config->socket_path : CTL_SOCKET_PATH)) {
		log_err("an agent runs on this node and looks after its addresses itself");
		(void)config_free(config);
		return -EBUSY;
	}
	r = net_new(&net);
	if (r >= 0)
		r = config ? clean_addresses(net, config) : net_clean(net, NULL, 0);
	if (r >= 0)
		kernel_forget();
	if (r < 0)
		log_err("cannot remove the floating IPs: %s", strerror(-r));
	else if (r > 0)
		log_notice("removed %d floating IP%s", r, r == 1 ? "" : "s");
	(void)net_free(net);
	(void)config_free(config);
	return r < 0 ? r : loaded < 0 ? loaded : 0;
}
