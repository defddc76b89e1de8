/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thread, one loop, one timer. A turn is: serve what is overdue, read one descriptor, step the
 * core with it, carry out the actions, set the timer. After a stall the core looks at its own
 * lease first, then the waiting heartbeats are taken in, and only then is anybody judged.
 */
#include "agent/agent.h"
#include "agent/apply.h"
#include "agent/channel.h"
#include "agent/fence.h"
#include "agent/files.h"
#include "agent/ctl_internal.h"
#include "agent/kernel.h"
#include "agent/script.h"
#include "agent/stage.h"
#include "agent/watchdog.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>

#define HOUSE_US	  USEC_PER_SEC
#define DRAIN_ROUNDS	  8 /* batches of datagrams taken in after a stall before going on */
#define STALL_MIN_US	  (10 * USEC_PER_MSEC)
#define STORE_ANSWERS	  16 /* of one turn */
#define LEAVE_EXTRA_US	  (10 * USEC_PER_SEC)
#define LEAVE_RESOURCE_US (3 * USEC_PER_SEC) /* to kill a program that does not end */
#define TIMER_ACCURACY_US 1 /* 0 would mean sd-event's default, a quarter of a second */

static const struct core_event tick = {.type = CORE_EVENT_TICK};

/* ---- descriptors ---- */

static void take_message(struct agent *agent, const struct hb_lan_message *m, ha_time now)
{
	const struct hb_decoded *d = &m->decoded;

	switch (d->type) {
	case HB_MESSAGE_VECTOR:
		step_now(agent,
			 &(struct core_event){.type = CORE_EVENT_VECTOR,
					      .vector = {.vector = &d->vector, .link = m->link}});
		break;
	case HB_MESSAGE_ANSWER:
		step_now(agent,
			 &(struct core_event){.type = CORE_EVENT_PROBE_ANSWER,
					      .probe = {.answer = d->answer, .link = m->link}});
		break;
	case HB_MESSAGE_BLOB:
	default:
		if (replicate_receive(agent->replicate, d->from, d->blob.data, d->blob.n, now) < 0)
			log_debug("malformed event records from node %u, ignoring", d->from);
		break;
	}
}

/* One bounded batch. Returns how many messages there were. */
static unsigned int receive(struct agent *agent)
{
	struct hb_lan_message message;
	ha_time now = clock_boot();
	unsigned int n = 0;

	while (hb_lan_receive(agent->lan, now, &message) > 0) {
		take_message(agent, &message, now);
		n++;
	}
	return n;
}

static void receive_store(struct agent *agent)
{
	struct store_answer answer;

	for (int i = 0; i < STORE_ANSWERS; i++) {
		int r = store_dispatch(agent->store, &answer);

		if (r == -EPIPE)
			log_err("the process that writes to disk has died; the next write starts "
				"it again");
		else if (r < 0)
			log_err("cannot talk to the process that writes to disk: %s", strerror(-r));
		if (r <= 0)
			return;
		step_store_answered(agent, &answer);
	}
}

/* ---- the timer ---- */

static bool life_is_due(const struct agent *agent, ha_time now)
{
	return (agent->watchdog_us && ha_time_reached(agent->watchdog_at, now)) ||
	       ha_time_reached(watchdog_deadline(agent), now);
}

/* Both watchdogs are fed only by a core that was stepped and has nothing overdue (rule W2). */
static void show_life(struct agent *agent)
{
	ha_time now = clock_boot();
	bool progress = agent->stepped && !ha_time_reached(core_deadline(agent->core), now);

	watchdog_turn(agent, progress);
	if (!progress)
		return;
	agent->stepped = false;
	if (!agent->watchdog_us || !ha_time_reached(agent->watchdog_at, now))
		return;
	notify_manager(agent->notify, "WATCHDOG=1");
	agent->watchdog_at = ha_time_add(now, agent->watchdog_us / 2);
}

static void tell_refusals(struct agent *agent, ha_time now)
{
	uint64_t counts[HB_REFUSAL_COUNT_];
	char text[REFUSALS_TEXT_SIZE];

	for (unsigned int r = 0; r < HB_REFUSAL_COUNT_; r++)
		counts[r] = hb_lan_refused(agent->lan, (enum hb_refusal)r);
	if (refusals_tell(&agent->refusals, counts, now, text))
		log_warning("%s; `holdfast status --json` counts them", text);
}

static void housekeeping(struct agent *agent, ha_time now)
{
	if (!ha_time_reached(agent->house_at, now))
		return;
	agent->house_at = ha_time_add(now, HOUSE_US);
	agent->peers_changed = true; /* looked at again, for it is cheap */
	(void)hb_lan_retry(agent->lan);
	kernel_housekeeping(agent, now);
	if (agent->journal_dropped) {
		log_warning("%llu events did not reach the journal, which does not keep up",
			    agent->journal_dropped);
		agent->journal_dropped = 0;
	}
	tell_refusals(agent, now);
	facts_collect(agent, now);
	facts_tell_manager(agent);
}

static void check_leave(struct agent *agent, ha_time now)
{
	if (!agent->leaving || !ha_time_reached(agent->leave_deadline, now))
		return;
	log_err("not everything could be stopped in time, giving up: `holdfast events` tells what");
	(void)sd_event_exit(agent->event, AGENT_EXIT_FAILURE); /* fails only if it has ended */
	agent->leave_deadline = HA_TIME_NEVER;
}

static void serve_timers(struct agent *agent, ha_time now)
{
	if (ha_time_reached(net_deadline(agent->net), now)) {
		net_dispatch(agent->net, now);
		resource_net_events(agent);
	}
	if (ha_time_reached(exec_deadline(agent->exec), now))
		exec_dispatch(agent->exec, now);
	channel_dispatch(agent, now);
	files_dispatch(agent, now);
	apply_dispatch(agent, now);
	scripts_dispatch(agent, now);
	fencing_dispatch(agent, now);
	if (ha_time_reached(stage_deadline(agent), now))
		stage_dispatch(agent, now);
	if (ha_time_reached(replicate_deadline(agent->replicate), now))
		replicate_dispatch(agent->replicate, now);
	housekeeping(agent, now);
	check_leave(agent, now);
}

static ha_time next_deadline(struct agent *agent)
{
	ha_time t = core_deadline(agent->core);

	t = ha_time_min(t, net_deadline(agent->net));
	t = ha_time_min(t, exec_deadline(agent->exec));
	t = ha_time_min(t, scripts_deadline(agent));
	t = ha_time_min(t, fencing_deadline(agent));
	t = ha_time_min(t, stage_deadline(agent));
	t = ha_time_min(t, channel_deadline(agent));
	t = ha_time_min(t, files_deadline(agent));
	t = ha_time_min(t, apply_deadline(agent));
	t = ha_time_min(t, replicate_deadline(agent->replicate));
	t = ha_time_min(t, agent->house_at);
	t = ha_time_min(t, watchdog_deadline(agent));
	if (agent->watchdog_us)
		t = ha_time_min(t, agent->watchdog_at);
	if (agent->leaving)
		t = ha_time_min(t, agent->leave_deadline);
	return t;
}

/* ---- turns ---- */

/* What waited in the sockets while this process did not run is news of others, to be heard
 * before they are judged; but not without end, should it come faster than it is read. */
static void drain(struct agent *agent)
{
	for (int i = 0; i < DRAIN_ROUNDS; i++)
		if (receive(agent) == 0)
			return;
}

static void turn_begin(struct agent *agent)
{
	ha_time now = clock_boot();
	uint64_t late_us = ha_time_since(now, agent->armed);
	uint64_t stall_us = agent->config->timing.interval_us;

	agent->in_turn = true;
	if (!ha_time_reached(agent->armed, now))
		return;
	if (late_us > agent->late_us_max)
		agent->late_us_max = late_us;
	if (stall_us < STALL_MIN_US)
		stall_us = STALL_MIN_US;
	if (late_us > stall_us) {
		step_now(agent, &tick); /* our own lease, first of all */
		drain(agent);
	}
	if (ha_time_reached(core_deadline(agent->core), clock_boot()) ||
	    life_is_due(agent, clock_boot()))
		step_now(agent, &tick);
	serve_timers(agent, clock_boot());
}

static void turn_end(struct agent *agent)
{
	int r;

	step_settle(agent);
	show_life(agent);
	agent->armed = ha_time_max(next_deadline(agent), clock_boot());
	agent->in_turn = false;
	r = sd_event_source_set_time(agent->timer, agent->armed.us);
	if (r >= 0)
		r = sd_event_source_set_enabled(agent->timer, SD_EVENT_ONESHOT);
	if (r >= 0)
		return;
	/* Without its timer the agent cannot keep any promise. */
	log_err("cannot set the timer: %s", strerror(-r));
	(void)sd_event_exit(agent->event, AGENT_EXIT_FAILURE);
}

void loop_turn(struct agent *agent)
{
	if (agent->in_turn)
		return;
	turn_begin(agent);
	turn_end(agent);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	loop_turn(userdata);
	return 0;
}

static int on_heartbeat(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	(void)fd;
	(void)events;
	turn_begin(agent);
	(void)receive(agent);
	turn_end(agent);
	return 0;
}

static int on_net(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	(void)fd;
	(void)events;
	turn_begin(agent);
	net_dispatch(agent->net, clock_boot());
	resource_net_events(agent);
	turn_end(agent);
	return 0;
}

static int on_store(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct agent *agent = userdata;

	(void)source;
	(void)fd;
	(void)events;
	turn_begin(agent);
	receive_store(agent);
	turn_end(agent);
	return 0;
}

/* ---- signals ---- */

uint64_t loop_leave_us(const struct config *config)
{
	uint64_t group_us[GROUPS_MAX] = {0}, longest = 0;

	for (uint16_t i = 0; i < config->n_resources; i++) {
		const struct resource_config *r = &config->resources[i];

		/* one after another at worst, each after a start that is cut short */
		group_us[r->group] += r->stop_timeout_us + LEAVE_RESOURCE_US;
	}
	for (uint16_t g = 0; g < config->n_groups; g++)
		if (group_us[g] > longest)
			longest = group_us[g];
	return longest + 2 * config->timing.timeout_us + LEAVE_EXTRA_US;
}

static int on_leave(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct agent *agent = userdata;
	uint64_t bound_us = loop_leave_us(agent->config);

	(void)source;
	if (agent->leaving)
		return 0;
	log_notice("leaving the cluster in good order, by signal %" PRIu32, si->ssi_signo);
	turn_begin(agent);
	agent->leaving = true;
	agent->leave_deadline = ha_time_add(clock_boot(), bound_us);
	notify_manager(agent->notify, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64,
		       (uint64_t)(bound_us + LEAVE_EXTRA_US));
	step_post(agent, &(struct core_event){.type = CORE_EVENT_LEAVE});
	turn_end(agent);
	return 0;
}

/* The key file is read by the loop itself: it is small, and on the disk that holds /etc. */
static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	struct agent *agent = userdata;
	struct hb_keys keys;

	(void)source;
	(void)si;
	if (agent_load_keys(agent, &keys) < 0)
		return 0; /* the old keys stay in force, and the reason was logged */
	turn_begin(agent);
	hb_lan_set_keys(agent->lan, &keys);
	kernel_set_keys(agent, &keys);
	channel_keys(agent, &keys);
	log_notice("read %s again: %u key%s, signing with %08" PRIx32, agent->config->key_file,
		   keys.n, keys.n == 1 ? "" : "s", keys.id[0]);
	hb_keys_wipe(&keys);
	turn_end(agent);
	return 0;
}

/* ---- life cycle ---- */

static int add_io(struct agent *agent, int fd, int64_t priority, sd_event_io_handler_t handler)
{
	sd_event_source *source = NULL;
	int r;

	r = sd_event_add_io(agent->event, &source, fd, EPOLLIN, handler, agent);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(source, priority);
	if (r >= 0)
		r = sd_event_source_set_floating(source, 1);
	sd_event_source_unref(source); /* the loop owns it now */
	return r < 0 ? r : 0;
}

static int add_signal(struct agent *agent, int number, sd_event_signal_handler_t handler)
{
	sd_event_source *source = NULL;
	int r;

	r = sd_event_add_signal(agent->event, &source, number, handler, agent);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(source, AGENT_PRIORITY_SIGNAL);
	if (r >= 0)
		r = sd_event_source_set_floating(source, 1);
	sd_event_source_unref(source);
	return r < 0 ? r : 0;
}

static int add_sources(struct agent *agent)
{
	int r;

	r = sd_event_add_time(agent->event, &agent->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_US,
			      on_timer, agent);
	if (r >= 0)
		r = sd_event_source_set_priority(agent->timer, AGENT_PRIORITY_TIMER);
	if (r >= 0)
		r = add_io(agent, hb_lan_fd(agent->lan), AGENT_PRIORITY_HEARTBEAT, on_heartbeat);
	if (r >= 0)
		r = add_io(agent, net_fd(agent->net), AGENT_PRIORITY_NET, on_net);
	if (r >= 0)
		r = add_io(agent, store_fd(agent->store), AGENT_PRIORITY_STORE, on_store);
	if (r >= 0)
		r = add_signal(agent, SIGTERM, on_leave);
	if (r >= 0)
		r = add_signal(agent, SIGINT, on_leave);
	if (r >= 0)
		r = add_signal(agent, SIGHUP, on_reload);
	return r;
}

int loop_init(struct agent *agent)
{
	int r;

	agent->armed = HA_TIME_NEVER;
	agent->house_at = clock_boot();
	agent->leave_deadline = HA_TIME_NEVER;
	r = sd_watchdog_enabled(0, &agent->watchdog_us);
	if (r <= 0)
		agent->watchdog_us = 0;
	r = add_sources(agent);
	if (r < 0)
		log_err("cannot set up the event loop: %s", strerror(-r));
	return r;
}

int loop_run(struct agent *agent)
{
	int r;

	agent->in_turn = true;
	step_now(agent, &tick);
	turn_end(agent);
	notify_manager(agent->notify, "READY=1");
	r = sd_event_loop(agent->event);
	if (r < 0) {
		log_err("the event loop failed: %s", strerror(-r));
		return AGENT_EXIT_FAILURE;
	}
	return r;
}
