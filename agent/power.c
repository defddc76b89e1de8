/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/power.h"

#include "agent/agent.h"
#include "agent/exec_env.h"
#include "agent/fence.h"
#include "agent/watchdog.h"

#include "util/clock.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sysexits.h>
#include <systemd/sd-bus.h>

#define LOGIND_TIMEOUT_US (10 * USEC_PER_SEC)

const char *power_word(enum final_action action)
{
	switch (action) {
	case FINAL_SHUTDOWN:
		return "shutdown";
	case FINAL_REBOOT:
		return "reboot";
	case FINAL_PANIC:
	case FINAL_WATCHDOG_PANIC: /* the watchdog besides, if there is one */
		return "panic";
	case FINAL_NONE:
	case FINAL_CONTINUE:
	case FINAL_STOP_GROUP:
	case FINAL_STOP_SERVICE:
	case FINAL_STOP_RESOURCE:
	case FINAL_WATCHDOG_RESET:
	case FINAL_BMC_RESET:
	case FINAL_BMC_OFF:
	case FINAL_BMC_CYCLE:
	case FINAL_BMC_NMI:
	case FINAL_IO_FENCE:
	case FINAL_ACTION_COUNT_:
	default:
		return NULL;
	}
}

/* ---- the agent's side ---- */

static void say(struct agent *agent, const struct core_action *action, enum event_id id,
		const char *text)
{
	struct event event = record_event(agent, id);
	uint16_t resource = action->power.resource;

	event.node = agent->self;
	event.resource = resource;
	if (resource < agent->config->n_resources)
		event.group = agent->config->resources[resource].group;
	event.arg[0] = action->power.action;
	event.arg[1] = action->power.monitor;
	(void)snprintf(event.text, sizeof event.text, "%s", text);
	record_add(agent, &event);
}

static int run(struct agent *agent, const char *word)
{
	char self[PATH_MAX] = "", flag[] = "--power", argument[32];
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = {path, NULL};
	char *with_command[] = {agent->config->power_command, argument, NULL};
	char *without[] = {self, flag, argument, NULL};
	struct exec_program program = {
		.name = "power",
		.argv = agent->config->power_command ? with_command : without,
		.env = env,
	};

	(void)snprintf(argument, sizeof argument, "%s", word);
	if (!agent->config->power_command && readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return -errno;
	agent->power_operation = (agent->power_operation + 1) & ~EXEC_KIND_MASK;
	program.operation = agent->power_operation | EXEC_KIND_POWER;
	return exec_run(agent->exec, &program);
}

/* Rule W5, by the agent's own watchdog. True: no process is needed for it. */
static bool by_watchdog(struct agent *agent, const struct core_action *action)
{
	if (action->power.action == FINAL_WATCHDOG_PANIC)
		watchdog_panic(agent);
	if (action->power.action != FINAL_WATCHDOG_RESET)
		return false;
	if (watchdog_reset(agent)) {
		say(agent, action, EVENT_POWER_ACTION, "the watchdog is not fed any more");
		return true;
	}
	say(agent, action, EVENT_FINAL_IMPOSSIBLE, "no watchdog guards this server");
	log_err("the final action watchdog-reset cannot be taken: no watchdog guards this server");
	return true;
}

static void impossible(struct agent *agent, const struct core_action *action, const char *why)
{
	say(agent, action, EVENT_FINAL_IMPOSSIBLE, why);
	log_err("the final action %s cannot be taken: %s",
		final_action_to_string(action->power.action), why);
}

/* Nobody may be left to hear of a success. */
static void devices_done(struct agent *agent, const struct fence_end *end)
{
	char text[EVENT_TEXT_SIZE];

	(void)snprintf(text, sizeof text, "%.95s", end->text);
	if (end->ok)
		log_notice("the power of this machine is being switched by its devices");
	else
		impossible(agent, &agent->power_own, text);
}

/* Rule W5, by the first of this node's own levels that can. */
static void by_devices(struct agent *agent, const struct core_action *action)
{
	static const enum fence_verb verbs[] = {
		[FINAL_BMC_RESET] = FENCE_VERB_RESET,
		[FINAL_BMC_OFF] = FENCE_VERB_OFF,
		[FINAL_BMC_CYCLE] = FENCE_VERB_CYCLE,
		[FINAL_BMC_NMI] = FENCE_VERB_DIAG,
	};
	char text[EVENT_TEXT_SIZE];
	int r;

	if (agent->config->nodes[agent->self].n_fence_levels == 0) {
		impossible(agent, action, "no fencing device is configured");
		return;
	}
	say(agent, action, EVENT_POWER_ACTION, "by this server's own fencing devices");
	record_publish(agent, clock_boot()); /* while there is somebody to write it down */
	agent->power_own = *action;
	r = fencing_self(agent, verbs[action->power.action], devices_done);
	if (r >= 0)
		return;
	(void)snprintf(text, sizeof text, "cannot start a process: %s", strerror(-r));
	impossible(agent, action, text);
}

static bool is_by_devices(uint8_t action)
{
	return action == FINAL_BMC_RESET || action == FINAL_BMC_OFF || action == FINAL_BMC_CYCLE ||
	       action == FINAL_BMC_NMI;
}

void power_action(struct agent *agent, const struct core_action *action)
{
	const char *word = power_word(action->power.action);
	char text[EVENT_TEXT_SIZE];
	int r;

	if (!agent->config->power_command && by_watchdog(agent, action))
		return;
	/* a stand-in is told everything: it stands for the devices too */
	if (!word && agent->config->power_command)
		word = final_action_to_string(action->power.action);
	if (!word && is_by_devices(action->power.action)) {
		by_devices(agent, action);
		return;
	}
	if (!word) {
		impossible(agent, action, "no fencing device is configured");
		return;
	}
	say(agent, action, EVENT_POWER_ACTION,
	    agent->config->power_command ? agent->config->power_command : "");
	record_publish(agent, clock_boot()); /* while there is somebody to write it down */
	log_notice("%s of this machine", word);
	r = run(agent, word);
	if (r < 0) {
		(void)snprintf(text, sizeof text, "cannot start a process: %s", strerror(-r));
		say(agent, action, EVENT_FINAL_IMPOSSIBLE, text);
	}
}

bool power_done(struct agent *agent, uint32_t operation, uint8_t result, const char *text)
{
	if ((operation & EXEC_KIND_MASK) != EXEC_KIND_POWER)
		return false;
	if (result != RESOURCE_RESULT_OK)
		log_err("the power of this machine could not be switched: %s",
			text && *text ? text : "failed");
	else
		log_notice("the power of this machine is being switched");
	(void)agent;
	return true;
}

/* ---- holdfastd --power ---- */

static int ask_logind(const char *method)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	int r;

	r = sd_bus_open_system(&bus);
	if (r < 0) {
		log_warning("cannot reach the system bus: %s", strerror(-r));
		return r;
	}
	(void)sd_bus_set_method_call_timeout(bus, LOGIND_TIMEOUT_US); /* fails only on a bad bus */
	r = sd_bus_call_method(bus, "org.freedesktop.login1", "/org/freedesktop/login1",
			       "org.freedesktop.login1.Manager", method, &error, NULL, "b", 0);
	if (r < 0)
		log_warning("logind refuses %s: %s", method,
			    error.message ? error.message : strerror(-r));
	sd_bus_error_free(&error);
	sd_bus_flush_close_unref(bus);
	return r < 0 ? r : 0;
}

static int ask_kernel(const char *word, int command)
{
	log_warning("asking the kernel for %s, without an orderly end of the system", word);
	sync();
	if (reboot(command) < 0)
		return -errno;
	return 0;
}

static int panic(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, "c", 1);
	(void)close(fd);
	return n < 0 ? -errno : 0;
}

int power_main(int argc, char **argv)
{
	const char *word = argc == 2 ? argv[1] : "";
	int r;

	if (strcmp(word, "shutdown") == 0) {
		r = ask_logind("PowerOff");
		if (r < 0)
			r = ask_kernel(word, (int)LINUX_REBOOT_CMD_POWER_OFF);
	} else if (strcmp(word, "reboot") == 0) {
		r = ask_logind("Reboot");
		if (r < 0)
			r = ask_kernel(word, (int)LINUX_REBOOT_CMD_RESTART);
	} else if (strcmp(word, "panic") == 0) {
		r = panic();
	} else {
		log_err("--power %s: not one of shutdown, reboot, panic", word);
		return EX_USAGE;
	}
	if (r < 0)
		log_err("%s failed: %s", word, strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
