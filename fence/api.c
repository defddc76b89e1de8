/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A driver program from its input to its exit code. */
#include "fence/act.h"
#include "fence/api_internal.h"
#include "fence/run.h"

#include "util/clock.h"
#include "util/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARENA_SIZE (FENCE_INPUT_MAX + 4096)
#define AGAIN_US   (5 * USEC_PER_SEC) /* an off without effect is ordered again */
#define FAIL_US	   USEC_PER_SEC	      /* a BMC in trouble is not flooded with sessions */
#define SPARE_US   (2 * USEC_PER_SEC) /* of the deadline, for what is not counted */

struct program {
	const struct fence_driver *driver;
	struct secret_arena arena; /* input and secrets */
	struct secret_arena state; /* the device's */
	struct fence_args args;
	struct fence_act act;
	void *device;
};

static void complain(const struct program *p, const char *what, const char *text)
{
	(void)fprintf(stderr, "%s: %s%s%s\n", p->driver->name, what, what[0] ? ": " : "", text);
}

static ha_time shell_now(void *userdata)
{
	(void)userdata;
	return clock_boot();
}

static void shell_sleep(void *userdata, uint64_t us)
{
	struct timespec t = {
		.tv_sec = (time_t)(us / USEC_PER_SEC),
		.tv_nsec = (long)(us % USEC_PER_SEC * 1000),
	};

	(void)userdata;
	while (clock_nanosleep(CLOCK_BOOTTIME, 0, &t, &t) == EINTR)
		;
}

static void shell_trace(void *userdata, const char *line)
{
	complain(userdata, "", line);
}

/* The standard input, once, as it is. */
static int read_input(struct program *p, struct fence_error *error)
{
	char *text = p->arena.data;
	size_t n = 0;

	for (;;) {
		ssize_t r = read(STDIN_FILENO, text + n, FENCE_INPUT_MAX - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fence_fail(error, true, "cannot read the standard input: %s",
					  strerror(errno));
		if (r == 0)
			break;
		n += (size_t)r;
		if (n == FENCE_INPUT_MAX)
			return fence_fail(error, true, "the standard input is longer than %u bytes",
					  FENCE_INPUT_MAX);
	}
	p->arena.used = n + 1;
	return fence_input_parse(&p->args, text, n, error);
}

/* Parameters from wherever they come. 1: nothing is left to do. */
static int read_parameters(struct program *p, int argc, char **argv, struct fence_error *error)
{
	bool stop = false;
	int r;

	r = fence_args_init(&p->args, p->driver, error);
	if (r < 0)
		return r;
	r = argc > 1 ? fence_options_parse(&p->args, argc, argv, &stop, error)
		     : read_input(p, error);
	if (r < 0 || stop)
		return r < 0 ? r : 1;
	r = fence_args_check(&p->args, error);
	if (r < 0)
		return r;
	if (p->args.action == FENCE_ACTION_METADATA) {
		fence_metadata_print(&p->args, stdout);
		return 1;
	}
	if (p->args.unknown) {
		(void)fprintf(stderr, "%s: parameter %.64s is not known and is ignored\n",
			      p->driver->name, p->args.unknown);
	}
	return 0;
}

static void set_timing(struct program *p)
{
	const struct fence_args *a = &p->args;

	p->act = (struct fence_act){
		.driver = p->driver,
		.device = p->device,
		.timing = {.power_timeout_us = fence_seconds_us(a, "power_timeout"),
			   .power_wait_us = fence_seconds_us(a, "power_wait"),
			   .poll_us = fence_seconds_us(a, "stonith_status_sleep"),
			   .confirm_us = fence_seconds_us(a, "confirm_wait"),
			   .fail_us = FAIL_US,
			   .again_us = AGAIN_US,
			   .retry_on = (unsigned int)fence_integer(a, "retry_on")},
		.now = shell_now,
		.sleep = shell_sleep,
		.trace = fence_flag(a, "verbose") ? shell_trace : NULL,
		.userdata = p,
	};
	if (p->act.timing.poll_us < 10 * USEC_PER_MSEC) /* never a busy loop */
		p->act.timing.poll_us = 10 * USEC_PER_MSEC;
}

/* The wall deadline: as given, or what may be needed at most. */
static uint64_t deadline_us(const struct program *p)
{
	const struct fence_timing *t = &p->act.timing;
	uint64_t session = fence_seconds_us(&p->args, "login_timeout") +
			   fence_seconds_us(&p->args, "shell_timeout");
	uint64_t attempt = t->power_timeout_us + t->power_wait_us + session;
	uint64_t us = fence_seconds_us(&p->args, "deadline");

	if (us > 0)
		return us;
	us = SPARE_US + session;
	switch (p->args.action) {
	case FENCE_ACTION_REBOOT:
		return us + attempt * (2 + t->retry_on) + fence_seconds_us(&p->args, "delay");
	case FENCE_ACTION_ON:
		return us + attempt * (1 + t->retry_on);
	case FENCE_ACTION_OFF:
	case FENCE_ACTION_SOFT:
	case FENCE_ACTION_CYCLE:
	case FENCE_ACTION_RESET:
	case FENCE_ACTION_DIAG:
		return us + attempt + fence_seconds_us(&p->args, "delay");
	case FENCE_ACTION_NONE:
	case FENCE_ACTION_METADATA:
	case FENCE_ACTION_VALIDATE:
	case FENCE_ACTION_STATUS:
	case FENCE_ACTION_MONITOR:
	case FENCE_ACTION_LIST:
	case FENCE_ACTION_COUNT:
		break;
	}
	return us;
}

static enum fence_proof off(struct program *p, enum fence_order how, struct fence_error *error)
{
	enum fence_proof proof;

	if (p->driver->off)
		proof = p->driver->off(p->device,
				       ha_time_add(clock_boot(), p->act.timing.power_timeout_us),
				       error);
	else
		proof = fence_act_off(&p->act, how, error);
	if (proof == FENCE_CONFIRMED_OFF)
		fence_deadline_proved();
	return proof;
}

static int run_off(struct program *p, enum fence_order how, struct fence_error *error)
{
	if (off(p, how, error) != FENCE_CONFIRMED_OFF)
		return -EIO;
	(void)puts(how == FENCE_ORDER_CYCLE ? "Success: Cycled, power was seen off"
					    : "Success: Powered OFF");
	return FENCE_EXIT_OK;
}

/* Off must be proved; whether it comes back is no matter for who asked for fencing. */
static int run_reboot(struct program *p, struct fence_error *error)
{
	const struct fence_param *method = fence_args_find(&p->args, "method");
	bool cycle = method && strcmp(fence_string(&p->args, "method"), "cycle") == 0;
	enum fence_power power = FENCE_POWER_UNKNOWN;
	int r = 0;

	if (cycle) {
		r = fence_act_read(&p->act, &power, error);
		if (r < 0)
			return r;
		if (power == FENCE_POWER_ON)
			return run_off(p, FENCE_ORDER_CYCLE, error);
	}
	if (off(p, FENCE_ORDER_OFF, error) != FENCE_CONFIRMED_OFF)
		return -EIO;
	r = fence_act_on(&p->act, error);
	if (r < 0)
		complain(p, "it was off, but does not come back", error->text);
	(void)puts(r < 0 ? "Success: Powered OFF" : "Success: Rebooted");
	return FENCE_EXIT_OK;
}

static int run_order(struct program *p, enum fence_order order, struct fence_error *error)
{
	int r = fence_act_order(&p->act, order, error);

	if (r < 0)
		return r;
	(void)printf("%s was accepted, which proves nothing: wait for a new incarnation\n",
		     order == FENCE_ORDER_RESET ? "Reset" : "Diagnostic interrupt");
	return FENCE_EXIT_OK;
}

static int run_status(struct program *p, struct fence_error *error)
{
	enum fence_power power;
	int r = fence_act_read(&p->act, &power, error);

	if (r < 0)
		return r;
	(void)printf("Status: %s\n", power == FENCE_POWER_OFF ? "OFF" : "ON");
	return power == FENCE_POWER_OFF ? FENCE_EXIT_STATUS_OFF : FENCE_EXIT_OK;
}

static int run_monitor(struct program *p, struct fence_error *error)
{
	ha_time until = ha_time_add(clock_boot(), p->act.timing.power_timeout_us);
	enum fence_power power;

	if (p->driver->monitor)
		return p->driver->monitor(p->device, until, error);
	return fence_act_read(&p->act, &power, error);
}

/* An exit code, or -errno with the reason. */
static int run_action(struct program *p, struct fence_error *error)
{
	switch (p->args.action) {
	case FENCE_ACTION_OFF:
		return run_off(p, FENCE_ORDER_OFF, error);
	case FENCE_ACTION_SOFT:
		return run_off(p, FENCE_ORDER_SOFT, error);
	case FENCE_ACTION_CYCLE:
		return run_off(p, FENCE_ORDER_CYCLE, error);
	case FENCE_ACTION_REBOOT:
		return run_reboot(p, error);
	case FENCE_ACTION_ON: {
		int r = fence_act_on(&p->act, error);

		if (r >= 0)
			(void)puts("Success: Powered ON");
		return r;
	}
	case FENCE_ACTION_RESET:
		return run_order(p, FENCE_ORDER_RESET, error);
	case FENCE_ACTION_DIAG:
		return run_order(p, FENCE_ORDER_DIAG, error);
	case FENCE_ACTION_STATUS:
		return run_status(p, error);
	case FENCE_ACTION_MONITOR:
		return run_monitor(p, error);
	case FENCE_ACTION_LIST:
		if (!p->driver->list) {
			(void)puts("N/A");
			return FENCE_EXIT_OK;
		}
		return p->driver->list(p->device, stdout);
	case FENCE_ACTION_VALIDATE:
		return FENCE_EXIT_OK;
	case FENCE_ACTION_NONE:
	case FENCE_ACTION_METADATA:
	case FENCE_ACTION_COUNT:
		break;
	}
	return fence_fail(error, true, "no such action");
}

static int prepare(struct program *p, struct fence_error *error)
{
	int r;

	p->device = p->state.data;
	set_timing(p);
	fence_deadline_arm(p->driver->name, deadline_us(p));
	r = fence_secrets_load(&p->args, &p->arena, error);
	return r < 0 ? r : p->driver->check(&p->args, p->device, error);
}

static bool switches_off(enum fence_action action)
{
	return action == FENCE_ACTION_OFF || action == FENCE_ACTION_REBOOT ||
	       action == FENCE_ACTION_RESET || action == FENCE_ACTION_CYCLE ||
	       action == FENCE_ACTION_DIAG || action == FENCE_ACTION_SOFT;
}

int fence_main(const struct fence_driver *driver, int argc, char **argv)
{
	struct program p = {.driver = driver};
	struct fence_error error = {0};
	int r;

	secret_guard_process();
	r = secret_arena_open(&p.arena, ARENA_SIZE);
	if (r >= 0)
		r = secret_arena_open(&p.state, driver->device_size);
	if (r < 0) {
		complain(&p, "no memory", strerror(-r));
		return FENCE_EXIT_FAILED;
	}
	r = read_parameters(&p, argc, argv, &error);
	if (r == 0) {
		r = prepare(&p, &error);
		if (r >= 0 && switches_off(p.args.action))
			shell_sleep(NULL, fence_seconds_us(&p.args, "delay"));
		if (r >= 0)
			r = run_action(&p, &error);
	} else if (r == 1) {
		r = FENCE_EXIT_OK;
	}
	if (r < 0) {
		complain(&p, fence_action_name(p.args.action), error.text);
		r = FENCE_EXIT_FAILED;
	}
	if (fflush(stdout) != 0 && r == FENCE_EXIT_OK && !switches_off(p.args.action))
		r = FENCE_EXIT_FAILED; /* what was asked for was not told */
	secret_arena_close(&p.arena);
	secret_arena_close(&p.state);
	return r;
}
