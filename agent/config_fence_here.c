/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fencing needs on this machine: programs and files of secrets. Looks at files. */
#include "agent/config_internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool find_agent(const char *agent)
{
	static const char *const places[] = {"/usr/libexec/holdfast", "/usr/sbin"};
	char path[PATH_MAX];

	if (agent[0] == '/')
		return access(agent, X_OK) == 0;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", places[i], agent);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static void check_agent(const struct fence_device_config *device, struct config_report *report)
{
	static const char ours[] = "fence_holdfast_";
	bool own = strncmp(device->agent, ours, sizeof ours - 1) == 0;

	if (!find_agent(device->agent))
		config_report_warning(report, device->line,
				      "device \"%s\": agent = \"%.100s\": no such program on this "
				      "machine, or it cannot be executed%s",
				      device->name, device->agent,
				      device->agent[0] == '/' ? ""
				      : own ? ": it belongs to the package holdfast"
					    : ": many are in the package fence-agents");
}

static void check_secret(const struct fence_device_config *device, const char *secret,
			 struct config_report *report)
{
	const char *path = secret + strcspn(secret, "=") + 1;
	struct stat st;

	if (stat(path, &st) < 0)
		config_report_warning(report, device->line,
				      "device \"%s\": secrets: %.200s: %s: the device cannot be "
				      "used from this machine",
				      device->name, path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		config_report_warning(report, device->line,
				      "device \"%s\": secrets: %.200s: it is not a plain file",
				      device->name, path);
	else if (st.st_uid != 0 || (st.st_mode & (S_IRWXG | S_IRWXO)))
		config_report_warning(report, device->line,
				      "device \"%s\": secrets: %.200s: others than root may read "
				      "or change it, so it is not used: chown root, chmod 0600",
				      device->name, path);
}

void config_check_fencing_here(const struct config *config, struct config_report *report)
{
	for (uint8_t i = 0; i < config->fencing.n_devices; i++) {
		const struct fence_device_config *device = &config->fencing.devices[i];

		check_agent(device, report);
		for (size_t k = 0; device->secrets && device->secrets[k]; k++)
			check_secret(device, device->secrets[k], report);
	}
	if (config->watchdog.device && access(config->watchdog.device, F_OK) < 0)
		config_report_warning(report, config->watchdog.line,
				      "watchdog: device = \"%.200s\": %s: no driver is loaded, or "
				      "it has another name; without hardware, load softdog",
				      config->watchdog.device, strerror(errno));
}
