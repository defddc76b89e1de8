/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fence_holdfast_script: the custom forced-stop script of CLUSTERPRO X as a fence agent. The
 * script gets CLP_FORCESTOP_MODE (0: check, 1: stop), CLP_SERVER_DOWN and CLP_SERVER_LOCAL, and
 * its exit code 0 is all the proof there is: it must wait until the server is off.
 */
#include "fence/script.h"

#include "fence/api_internal.h"
#include "fence/run.h"

#include <errno.h>
#include <string.h>

#define NAME_SIZE 256

struct script {
	char path[FENCE_PATH_SIZE];
	char down[NAME_SIZE + 32];
	char local[NAME_SIZE + 32];
};

static const struct fence_param params[] = {
	{.name = "script", .text = "The script; only root may be able to write it"},
	{.name = "plug", .old_name = "port", .letter = 'n', .text = "Name of the server to stop"},
	{.name = "nodename", .text = "The same, if there is no plug"},
	{.name = "server_local", .text = "Name of this server (default: its hostname)"},
};

static int script_check(const struct fence_args *args, void *device, struct fence_error *error)
{
	struct script *s = device;
	const char *path = fence_string(args, "script");
	const char *down = fence_string(args, "plug"), *local = fence_string(args, "server_local");
	char host[NAME_SIZE] = "";

	if (!path)
		return fence_fail(error, true, "script is missing");
	if (!down)
		down = fence_string(args, "nodename");
	if (!down && fence_args_action(args) == FENCE_ACTION_OFF)
		return fence_fail(error, true, "plug is missing: the server to stop");
	if (!local) {
		if (gethostname(host, sizeof host - 1) < 0)
			return fence_fail(error, true, "no hostname: %s", strerror(errno));
		local = host;
	}
	if ((down && strlen(down) >= NAME_SIZE) || strlen(local) >= NAME_SIZE)
		return fence_fail(error, true, "the name of a server is longer than %d bytes",
				  NAME_SIZE - 1);
	(void)snprintf(s->down, sizeof s->down, "CLP_SERVER_DOWN=%s", down ? down : "");
	(void)snprintf(s->local, sizeof s->local, "CLP_SERVER_LOCAL=%s", local);
	return fence_path_check(path, false, s->path, error);
}

static int call(struct script *s, bool stop, ha_time until, struct fence_error *error)
{
	char mode[] = "CLP_FORCESTOP_MODE=0";
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = {path, mode, s->down, s->local, NULL};
	struct fence_run run = {.path = s->path, .env = env, .until = until};
	int r;

	mode[sizeof mode - 2] = stop ? '1' : '0';
	r = fence_run(&run, NULL);
	if (r == 0)
		return 0;
	if (r == -ETIME)
		return fence_fail(error, true,
				  "%.200s did not end within power_timeout and was killed",
				  s->path);
	if (r == -EINTR)
		return fence_fail(error, true, "%.200s was ended by a signal", s->path);
	if (r < 0)
		return fence_fail(error, true, "%.200s: %s", s->path, strerror(-r));
	return fence_fail(error, true, "%.200s ended with %d%s", s->path, r,
			  r == 126 ? " (it cannot be run)" : "");
}

static enum fence_proof script_off(void *device, ha_time until, struct fence_error *error)
{
	return call(device, true, until, error) == 0 ? FENCE_CONFIRMED_OFF : FENCE_NOT_CONFIRMED;
}

static int script_monitor(void *device, ha_time until, struct fence_error *error)
{
	return call(device, false, until, error);
}

const struct fence_driver fence_script_driver = {
	.name = "fence_holdfast_script",
	.short_text = "Fence agent that runs a forced-stop script",
	.long_text =
		"Runs a custom forced-stop script of CLUSTERPRO X: CLP_FORCESTOP_MODE is 1 for "
		"off and 0 for monitor. Its exit code 0 is believed; nothing is read back.",
	.params = params,
	.n_params = FENCE_LENGTH(params),
	.actions = FENCE_ACTION_BIT(FENCE_ACTION_OFF),
	.device_size = sizeof(struct script),
	.check = script_check,
	.monitor = script_monitor,
	.off = script_off,
};
