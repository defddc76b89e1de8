/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/kernel.h"

#include "include/kernel.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOOK_US (5 * USEC_PER_SEC) /* a look may wait for others who change interfaces */

/* ---- start and end ---- */

static int detach(void)
{
	char error[HB_ERROR_SIZE] = "";
	int r = hb_kernel_detach(error);

	if (r < 0)
		log_err("cannot take the programs of a former kernel path off the interfaces, "
			"which may answer in this agent's name: %s",
			error[0] ? error : strerror(-r));
	return r;
}

/* What came of a walk over the interfaces. */
static void note_attached(struct agent *agent, int r, const char error[HB_ERROR_SIZE])
{
	struct kernel_view *view = &agent->kernel_view;

	view->attach_error = r < 0 ? r : 0;
	(void)snprintf(view->problem, sizeof view->problem, "%s",
		       r >= 0	  ? ""
		       : error[0] ? error
				  : strerror(-r));
	view->interfaces = hb_kernel_interfaces(agent->kernel);
}

static int load(struct agent *agent)
{
	_cleanup_free_ struct hb_kernel_config *kernel = calloc(1, sizeof *kernel);
	const struct config *config = agent->config;
	struct kernel_view *view = &agent->kernel_view;
	struct hb_keys keys;
	int r;

	if (!kernel)
		return -ENOMEM;
	kernel->cluster_id =
		hash64(HASH64_INIT, config->cluster_name, strlen(config->cluster_name));
	kernel->self = agent->self;
	kernel->n_nodes = config->n_nodes;
	kernel->n_links = config->n_links;
	kernel->port = config->port;
	for (uint8_t n = 0; n < config->n_nodes; n++) {
		kernel->votes[n] = config->nodes[n].votes;
		memcpy(kernel->address[n], config->nodes[n].link, sizeof kernel->address[n]);
	}
	r = agent_load_keys(agent, &keys);
	if (r < 0) {
		(void)snprintf(view->problem, sizeof view->problem, "the key file: %s",
			       strerror(-r));
		return r;
	}
	kernel->keys = &keys;
	r = hb_kernel_new(kernel, &agent->kernel, view->problem);
	hb_keys_wipe(&keys);
	return r;
}

int kernel_start(struct agent *agent)
{
	struct kernel_view *view = &agent->kernel_view;
	uint64_t began_us = clock_boot().us;
	char error[HB_ERROR_SIZE] = "";
	int r;

	if (agent->config->kernel_path == KERNEL_PATH_OFF) {
		r = detach();
		return r < 0 ? r : 0;
	}
	r = load(agent);
	if (r >= 0) {
		note_attached(agent, hb_kernel_attach(agent->kernel, error), error);
		r = view->interfaces ? 0 : view->attach_error;
	}
	log_debug("the kernel path took %" PRIu64 " us", clock_boot().us - began_us);
	if (r >= 0)
		return 0;
	agent->kernel = hb_kernel_free(agent->kernel);
	view->refused = r;
	if (!view->problem[0])
		(void)snprintf(view->problem, sizeof view->problem, "%s", strerror(-r));
	r = detach();
	return r < 0 ? r : 0;
}

static void say(struct agent *agent, enum event_id id, uint64_t arg, const char *text)
{
	struct event event = record_event(agent, id);

	event.node = agent->self;
	event.arg[0] = arg;
	(void)snprintf(event.text, sizeof event.text, "%.*s", EVENT_TEXT_SIZE - 1, text);
	record_add(agent, &event);
}

/* Groups of which the configuration was told that the kernel enforces their leases. */
static void say_groups(struct agent *agent)
{
	for (uint16_t g = 0; g < agent->config->n_groups; g++) {
		const char *name = agent->config->groups[g].name;
		struct event event = record_event(agent, EVENT_UNSAFE_CONFIG);

		if (!config_group_needs_kernel(agent->config, g) ||
		    config_group_unenforced(agent->config, g))
			continue; /* the latter is said anyway */
		event.group = g;
		(void)snprintf(event.text, sizeof event.text,
			       "without the kernel path only the agent enforces the lease of %s",
			       name);
		record_add(agent, &event);
		agent_warn(agent,
			   "group %s: without the kernel path only a running agent gives up its "
			   "addresses in time on this node",
			   name);
	}
}

static void say_attached(struct agent *agent)
{
	struct kernel_view *view = &agent->kernel_view;

	if (view->interfaces != view->interfaces_said)
		say(agent, EVENT_KERNEL_PATH, view->interfaces, "");
	view->interfaces_said = view->interfaces;
	if (view->attach_error == view->attach_said)
		return;
	view->attach_said = view->attach_error;
	if (view->attach_error) {
		log_err("%s", view->problem);
		say(agent, EVENT_KERNEL_INTERFACE, (uint64_t)-view->attach_error, view->problem);
	}
}

void kernel_say(struct agent *agent)
{
	struct kernel_view *view = &agent->kernel_view;

	if (agent->kernel)
		say_attached(agent);
	if (!view->refused)
		return;
	log_warning("no kernel path: %s; this agent alone enforces the leases of floating IPs",
		    view->problem);
	say(agent, EVENT_KERNEL_UNAVAILABLE, (uint64_t)-view->refused, view->problem);
	say_groups(agent);
}

void kernel_stop(struct agent *agent)
{
	agent->kernel = hb_kernel_free(agent->kernel); /* what is attached stays: rule K10 */
}

void kernel_forget(void)
{
	char error[HB_ERROR_SIZE] = "";
	int r = hb_kernel_forget(error);

	if (r < 0)
		log_warning("%s", error[0] ? error : strerror(-r));
}

static bool agent_runs(void)
{
	struct ctl_client *client = NULL;
	int r = ctl_client_connect(CTL_SOCKET_PATH, &client);

	(void)ctl_client_free(client);
	return r >= 0;
}

int kernel_detach_main(int argc, char **argv)
{
	int r;

	(void)argv;
	if (argc > 1) {
		(void)fprintf(stderr, "Usage: holdfastd --kernel-detach\n");
		return AGENT_EXIT_USAGE;
	}
	if (agent_runs()) {
		log_err("an agent runs on this node: stop it first");
		return AGENT_EXIT_BUSY;
	}
	r = detach();
	return agent_exit_code(r < 0 ? r : 0);
}

/* ---- changes ---- */

void kernel_set_keys(struct agent *agent, const struct hb_keys *keys)
{
	if (agent->kernel)
		hb_kernel_set_keys(agent->kernel, keys);
}

void kernel_look(struct agent *agent)
{
	char error[HB_ERROR_SIZE] = "";
	int r;

	if (!agent->kernel)
		return;
	r = hb_kernel_look(agent->kernel, error);
	if (r > 0)
		agent->kernel_view.interfaces_said = 0; /* also if others went meanwhile */
	note_attached(agent, r, error);
	say_attached(agent);
}

void kernel_housekeeping(struct agent *agent, ha_time now)
{
	struct kernel_view *view = &agent->kernel_view;

	if (!ha_time_reached(view->look_at, now))
		return;
	view->look_at = ha_time_add(now, LOOK_US);
	kernel_look(agent);
}

/* ---- leases ---- */

bool kernel_news(struct agent *agent, ha_time now, struct core_event *ret)
{
	struct hb_kernel_lease lease;

	if (!agent->kernel || !agent->lease_until.us)
		return false;
	hb_kernel_read(agent->kernel, now, &lease);
	if (lease.number != agent->lease_number ||
	    (!lease.refused_epoch && ha_time_before(now, agent->lease_until)))
		return false;
	*ret = (struct core_event){.type = CORE_EVENT_KERNEL,
				   .kernel = {.lease = lease.number,
					      .refused_epoch = lease.refused_epoch,
					      .refused_by = lease.refused_by}};
	memcpy(ret->kernel.until, lease.until, sizeof ret->kernel.until);
	return true;
}

void kernel_lease(struct agent *agent, const struct core_action *action)
{
	agent->lease_until = action->lease.until;
	agent->lease_number = action->lease.number;
	if (agent->kernel)
		hb_kernel_lease(agent->kernel, action->lease.number, action->lease.until,
				action->lease.epoch, action->lease.installed);
}

void kernel_delegate(struct agent *agent, struct core_event *ret)
{
	struct delegation delegation;

	core_delegation(agent->core, &delegation);
	*ret = (struct core_event){.type = CORE_EVENT_TAKEN_BACK,
				   .taken_back = {.number = delegation.number}};
	if (agent->kernel)
		hb_kernel_delegate(agent->kernel, &delegation, ret->taken_back.granted_at);
}

void kernel_sent(struct agent *agent, const struct vector *v, ha_time now)
{
	struct probe probe;

	/* A life begins for peers when it tells of itself: then it is on disk (rule P1). It is the
	 * first one, or that after `server stop` and `server start`. */
	if (agent->kernel && agent->kernel_incarnation != v->head.incarnation) {
		agent->kernel_incarnation = v->head.incarnation;
		hb_kernel_begin(agent->kernel, v->head.incarnation);
	}
	if (agent->kernel)
		hb_kernel_progress(agent->kernel, v->head.sequence, now);
	if (agent->config->kernel_path == KERNEL_PATH_OFF)
		return;
	for (uint8_t n = 0; n < agent->config->n_nodes; n++) {
		if (n == agent->self)
			continue;
		core_probe(agent->core, n, now, &probe);
		hb_lan_send_probe(agent->lan, n, &probe, now);
	}
}

/* ---- floating IPs ---- */

int kernel_protect(struct agent *agent, const struct net_fip_config *fip)
{
	return agent->kernel ? hb_kernel_protect(agent->kernel, fip->family, &fip->address) : 0;
}

void kernel_unprotect(struct agent *agent, const struct net_fip_config *fip)
{
	if (agent->kernel)
		hb_kernel_unprotect(agent->kernel, fip->family, &fip->address);
}

void kernel_cleaned(struct agent *agent)
{
	if (agent->kernel)
		(void)hb_kernel_prune(agent->kernel); /* the number is of no use */
}

bool kernel_enforces(const struct agent *agent)
{
	return agent->kernel && !agent->kernel_view.attach_error;
}
