/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/watchdog.h"

#include "agent/agent.h"
#include "agent/watchdog_guard.h"

#include "util/clock.h"
#include "util/log.h"
#include "util/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* Where the descriptor is, for the program that this process executes in its place. */
#define VARIABLE "HOLDFAST_WATCHDOG_FD"
/* Its name among those that the service manager keeps for the next agent. */
#define FD_NAME "watchdog"

static void say(struct agent *agent, enum event_id id, uint64_t arg, const char *text)
{
	struct event event = record_event(agent, id);

	event.node = agent->self;
	event.arg[0] = arg;
	(void)snprintf(event.text, sizeof event.text, "%s", text);
	record_add(agent, &event);
}

/* ---- one that a former agent left open ---- */

/* Of descriptors that the service manager kept: ours, the others are closed. */
static int kept_by_manager(void)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), found = -1;

	for (int i = 0; i < n; i++) {
		if (found < 0 && names[i] && strcmp(names[i], FD_NAME) == 0)
			found = SD_LISTEN_FDS_START + i;
		else
			(void)close(SD_LISTEN_FDS_START + i);
	}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return found;
}

static int find_inherited(void)
{
	const char *value = getenv(VARIABLE);
	int kept = kept_by_manager(), fd = -1;
	uint64_t number;

	if (value && parse_u64(value, STDERR_FILENO + 1, INT_MAX, &number) >= 0 &&
	    fcntl((int)number, F_SETFD, FD_CLOEXEC) >= 0)
		fd = (int)number;
	(void)unsetenv(VARIABLE);
	if (fd < 0)
		return kept;
	if (kept >= 0)
		(void)close(kept); /* the same */
	return fd;
}

static bool adopt(struct watchdog *ret)
{
	_cleanup_close_ int fd = find_inherited();

	if (fd < 0 || watchdog_adopt(&watchdog_io_kernel, fd, ret) < 0)
		return false;
	(void)TAKE_FD(fd);
	return true;
}

/* ---- start ---- */

static struct watchdog_times times_of(const struct config *config)
{
	uint64_t margin_us = config->timing.lease_margin_us / 2; /* rules W3, W4 */

	return (struct watchdog_times){
		.timeout_s = (unsigned int)(config->watchdog.timeout_us / USEC_PER_SEC),
		.most_s = config->takeover == TAKEOVER_LEASE
				  ? (unsigned int)(margin_us / USEC_PER_SEC)
				  : 0,
	};
}

static void say_armed(struct agent *agent, bool taken_over)
{
	const struct watchdog *w = &agent->guard->device;
	const char *device = agent->config->watchdog.device;
	char text[EVENT_TEXT_SIZE];

	(void)snprintf(text, sizeof text, "%.30s, %.24s%s%s", device ? device : "a former device",
		       w->identity, taken_over ? ", taken over" : "",
		       w->nowayout ? ", nowayout" : "");
	say(agent, EVENT_WATCHDOG_ARMED, w->timeout_s * USEC_PER_SEC, text);
	if (strcmp(w->identity, "Software Watchdog") == 0)
		agent_warn(agent, "the watchdog is softdog, a part of the kernel: it does not "
				  "reset a server whose kernel hangs");
	if (w->nowayout || !w->closes)
		agent_warn(agent,
			   "the watchdog cannot be disarmed: when the agent is stopped for longer "
			   "than %u s this server is reset",
			   w->timeout_s);
}

static int arm(struct agent *agent, const struct watchdog *device, bool taken_over)
{
	const struct config *config = agent->config;
	const struct watchdog_times times = times_of(config);
	struct guard *guard = calloc(1, sizeof *guard);

	if (!guard)
		return -ENOMEM; /* before anything is told: it ticks on */
	guard_init(guard, device, &times, clock_boot);
	guard->unwanted = !config->watchdog.device;
	if (guard->unwanted)
		guard->timeout_s = device->timeout_s;
	agent->guard = guard;
	/* The kernel feeds a device once more when the last descriptor of it is closed without a
	 * good-bye: kept open it is reset in time, whatever becomes of this process. */
	notify_manager_fd(agent->notify, "FDSTORE=1\nFDNAME=" FD_NAME "\nFDPOLL=0", device->fd);
	say_armed(agent, taken_over);
	return 0;
}

static void refuse(struct agent *agent, int r, char error[EVENT_TEXT_SIZE])
{
	const char *device = agent->config->watchdog.device;
	char holder[48];

	if (r == -EBUSY && watchdog_holder(device, holder, sizeof holder))
		(void)snprintf(error, EVENT_TEXT_SIZE, "%.30s is in use by %s", device, holder);
	(void)snprintf(agent->watchdog_error, sizeof agent->watchdog_error, "%s", error);
	say(agent, EVENT_WATCHDOG_REFUSED, 0, error);
	agent_warn(agent, "no watchdog guards this server: %s", error);
}

/* Groups of which the configuration says that the watchdog enforces their leases. */
static int is_needed(const struct agent *agent, int r)
{
	for (uint16_t g = 0; g < agent->config->n_groups; g++) {
		if (!config_group_needs_watchdog(agent->config, g))
			continue;
		log_err("no watchdog: %s. Group %s relies on it: the agent does not run without",
			agent->watchdog_error, agent->config->groups[g].name);
		return r;
	}
	return 0;
}

int watchdog_start(struct agent *agent)
{
	const struct config *config = agent->config;
	char error[EVENT_TEXT_SIZE] = "";
	struct watchdog device;
	int r;

	if (adopt(&device))
		return arm(agent, &device, true);
	if (!config->watchdog.device)
		return 0;
	r = watchdog_open(&watchdog_io_kernel, config->watchdog.device, times_of(config), &device,
			  error);
	if (r >= 0)
		return arm(agent, &device, false);
	refuse(agent, r, error);
	return is_needed(agent, r);
}

/* ---- while it runs ---- */

static void say_news(struct agent *agent, enum guard_news news)
{
	const struct guard *g = agent->guard;

	switch (news) {
	case GUARD_SILENT:
		say(agent, EVENT_WATCHDOG_SILENT, guard_left_us(g, clock_boot()), "");
		break;
	case GUARD_SERVED:
		log_notice("nothing here runs without a lease any more: the watchdog is fed again");
		break;
	case GUARD_FAILING:
		log_err("the watchdog: %s", g->error);
		break;
	case GUARD_WORKS:
		log_notice("the watchdog can be fed again");
		break;
	case GUARD_DISARMED:
		notify_manager(agent->notify, "FDSTOREREMOVE=1\nFDNAME=" FD_NAME);
		say(agent, EVENT_WATCHDOG_CLOSED, 0, "none is configured any more");
		break;
	case GUARD_SAME:
	default:
		break;
	}
}

void watchdog_turn(struct agent *agent, bool progress)
{
	struct core_self_info self;
	struct guard_look look = {.progress = progress};

	if (!agent->guard)
		return;
	core_self_info(agent->core, clock_boot(), &self);
	look.quiet = self.holds_nothing;
	look.lease_until = self.lease_valid ? self.lease_until : HA_TIME_ZERO;
	say_news(agent, guard_serve(agent->guard, &look));
}

ha_time watchdog_deadline(const struct agent *agent)
{
	return agent->guard ? guard_deadline(agent->guard) : HA_TIME_NEVER;
}

void watchdog_status(const struct agent *agent, ha_time now, struct watchdog_status *ret)
{
	const struct guard *g = agent->guard;

	*ret = (struct watchdog_status){.device = agent->config->watchdog.device,
					.identity = "",
					.error = agent->watchdog_error};
	if (!g || !g->armed)
		return;
	ret->identity = g->device.identity;
	ret->timeout_us = g->device.timeout_s * USEC_PER_SEC;
	ret->fed_us = guard_fed_us(g, now);
	ret->armed = true;
	ret->silent = g->silent || g->over;
	ret->nowayout = g->device.nowayout || !g->device.closes;
	ret->error = g->error;
}

bool watchdog_reset(struct agent *agent)
{
	if (!agent->guard || !agent->guard->armed)
		return false;
	guard_reset(agent->guard);
	return true;
}

void watchdog_panic(struct agent *agent)
{
	if (agent->guard && !guard_panic(agent->guard))
		log_debug("the watchdog makes no panic before its reset");
}

/* ---- end ---- */

void watchdog_end(struct agent *agent)
{
	struct core_self_info self;

	if (!agent->guard)
		return;
	core_self_info(agent->core, clock_boot(), &self);
	if (agent->guard->armed && agent->left && self.holds_nothing && !agent->guard->over) {
		notify_manager(agent->notify, "FDSTOREREMOVE=1\nFDNAME=" FD_NAME);
		guard_close(agent->guard);
		say(agent, EVENT_WATCHDOG_CLOSED, 0, "");
	} else if (agent->guard->armed) {
		log_warning("the watchdog ticks on: it resets this server unless an agent comes");
	}
	free(agent->guard);
	agent->guard = NULL;
}

void watchdog_hand_over(struct agent *agent)
{
	char number[16];

	if (!agent->guard || !agent->guard->armed)
		return;
	(void)snprintf(number, sizeof number, "%d", agent->guard->device.fd);
	if (fcntl(agent->guard->device.fd, F_SETFD, 0) < 0 || setenv(VARIABLE, number, 1) < 0)
		log_err("the watchdog cannot be handed over: %s", strerror(errno));
	free(agent->guard);
	agent->guard = NULL;
}
