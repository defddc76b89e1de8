/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading of a configuration from beginning to end, and what the rest of the agent asks of one. */
#include "agent/config.h"
#include "agent/config_internal.h"
#include "agent/kernel_allowed.h"
#include "agent/ocf.h"
#include "util/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void free_words(char **words)
{
	for (size_t i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

static void free_resource(struct resource_config *resource)
{
	free_words(resource->start);
	free_words(resource->stop);
	free_words(resource->parameters);
	free(resource->user);
	free(resource->unit);
	free(resource->agent);
}

static void free_monitor(struct monitor_config *monitor)
{
	free_words(monitor->before_restart);
	free_words(monitor->before_failover);
	free_words(monitor->before_final);
	free_words(monitor->addresses);
	free_words(monitor->command);
	free(monitor->interface);
	free(monitor->user);
	free(monitor->pid_file);
	free(monitor->process);
	free(monitor->watchdog);
	free(monitor->unit);
	free(monitor->address);
	free(monitor->url);
	free(monitor->path);
}

static void free_fencing(struct config *config)
{
	for (uint8_t i = 0; i < config->fencing.n_devices; i++) {
		free(config->fencing.devices[i].agent);
		free_words(config->fencing.devices[i].parameters);
		free_words(config->fencing.devices[i].secrets);
	}
	for (uint8_t i = 0; i < config->n_nodes; i++)
		for (uint8_t l = 0; l < config->nodes[i].n_fence_levels; l++)
			for (uint8_t k = 0; k < FENCE_LEVEL_DEVICES_MAX; k++)
				free(config->nodes[i].fence[l].devices[k].plug);
	free(config->watchdog.device);
}

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	for (uint16_t i = 0; i < config->n_resources; i++)
		free_resource(&config->resources[i]);
	for (uint16_t i = 0; i < config->n_monitors; i++)
		free_monitor(&config->monitors[i]);
	free_fencing(config);
	free(config->script_directory);
	free(config->power_command);
	free(config->key_file);
	free(config->state_directory);
	free(config->run_directory);
	free(config->socket_path);
	free(config->change_group);
	free(config->view_group);
	free(config);
	return NULL;
}

static void config_freep(struct config **config)
{
	(void)config_free(*config);
}

/* ---- loading ---- */

int config_load_text(const char *name, const char *text, struct config **ret,
		     struct config_report *report)
{
	_cleanup_(config_freep) struct config *config = calloc(1, sizeof *config);
	unsigned int parts = 0;

	memset(report, 0, sizeof *report);
	if (!config) {
		config_report_error(report, 0, "out of memory");
		return -ENOMEM;
	}
	if (config_scan(name, text, report) < 0 || config_parse(text, config, report, &parts) < 0)
		return -EINVAL;
	config_derive_timing(&config->timing);
	if (config_key_line(config, "lease_margin") == 0 &&
	    config->timing.lease_margin_us < config_watchdog_margin_us(config))
		config->timing.lease_margin_us = config_watchdog_margin_us(config);
	config_check_parts(config, parts, report);
	if (report->errors == 0 && config_fill_hashes(config) < 0)
		config_report_error(report, 0, "out of memory");
	config_report_sort(report);
	if (report->errors)
		return -EINVAL;
	*ret = TAKE_PTR(config);
	return 0;
}

static int read_file(const char *path, char **ret_text, size_t *ret_size, mode_t *ret_mode)
{
	/* O_NONBLOCK: a FIFO must not hold up the start. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	*ret_mode = st.st_mode;
	return file_read_all(fd, CONFIG_FILE_MAX + 1, ret_text, ret_size);
}

struct program {
	const char *what, *name, *key;
	char *const *words;
	unsigned int line;
};

static void check_program(const struct program *program, struct config_report *report)
{
	if (program->words && access(program->words[0], X_OK) < 0)
		config_report_warning(report, program->line,
				      "%s \"%s\": %s = \"%.200s\": no such program on this "
				      "machine, or it cannot be executed: %s",
				      program->what, program->name, program->key, program->words[0],
				      strerror(errno));
}

static void check_resource(const struct resource_config *r, struct config_report *report)
{
	char path[OCF_PATH_SIZE];

	check_program(&(struct program){"resource", r->name, "start", r->start, r->line}, report);
	check_program(&(struct program){"resource", r->name, "stop", r->stop, r->line}, report);
	if (!r->agent || ocf_path(r->agent, path) < 0)
		return;
	if (access(path, X_OK) < 0)
		config_report_warning(report, r->line,
				      "resource \"%s\": agent = \"%.100s\": no such agent on this "
				      "machine, or it cannot be executed: %s: %s",
				      r->name, r->agent, path, strerror(errno));
}

static void check_monitor(const struct monitor_config *m, struct config_report *report)
{
	const struct program programs[] = {
		{"monitor", m->name, "command", m->command, m->line},
		{"monitor", m->name, "before_restart", m->before_restart, m->line},
		{"monitor", m->name, "before_failover", m->before_failover, m->line},
		{"monitor", m->name, "before_final", m->before_final, m->line},
	};

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		check_program(&programs[i], report);
}

static void check_kernel(const struct config *config, struct config_report *report)
{
	bool needed = false;
	int r;

	for (uint16_t g = 0; g < config->n_groups; g++)
		needed |= config_group_needs_kernel(config, g);
	r = needed ? kernel_allowed() : 0;
	if (r < 0)
		config_report_warning(
			report, config_key_line(config, "kernel_path"),
			"cluster: kernel_path = \"auto\": this machine refuses BPF programs (%s): "
			"if it is one of the nodes, only its agent will enforce the leases of "
			"floating IPs here",
			strerror(-r));
}

void config_check_surroundings(const struct config *config, mode_t mode,
			       struct config_report *report)
{
	if (mode & (S_IWGRP | S_IWOTH))
		config_report_warning(report, 0,
				      "others than the owner may write this file, which names "
				      "programs that run as root: chmod go-w");
	if (config->power_command)
		config_report_warning(report, 0,
				      "agent: power_command = \"%.200s\" is run instead of power "
				      "off and reboot: leave it out but in tests",
				      config->power_command);
	check_kernel(config, report);
	config_check_fencing_here(config, report);
	for (uint16_t i = 0; i < config->n_resources; i++)
		check_resource(&config->resources[i], report);
	for (uint16_t i = 0; i < config->n_monitors; i++)
		check_monitor(&config->monitors[i], report);
	config_report_sort(report);
}

int config_load_keep(const char *path, struct config **ret, struct config_report *report,
		     char **ret_text)
{
	_cleanup_free_ char *text = NULL;
	mode_t mode = 0;
	size_t size = 0;
	int r = read_file(path, &text, &size, &mode);

	if (r < 0) {
		memset(report, 0, sizeof *report);
		config_report_error(report, 0, "cannot be read: %s", strerror(-r));
		return r;
	}
	assert(text);
	if (memchr(text, '\0', size)) {
		memset(report, 0, sizeof *report);
		config_report_error(report, 0, "there is a NUL byte in it: this is no text file");
		return -EINVAL;
	}
	r = config_load_text(path, text, ret, report);
	if (r < 0)
		return r;
	config_check_surroundings(*ret, mode, report);
	*ret_text = TAKE_PTR(text);
	return 0;
}

int config_load(const char *path, struct config **ret, struct config_report *report)
{
	_cleanup_free_ char *text = NULL;

	return config_load_keep(path, ret, report, &text);
}

/* ---- questions ---- */

int config_find_node(const struct config *config, const char *name)
{
	for (uint8_t i = 0; i < config->n_nodes; i++)
		if (strcmp(config->nodes[i].name, name) == 0)
			return i;
	return -ENOENT;
}

int config_find_group(const struct config *config, const char *name)
{
	for (uint16_t i = 0; i < config->n_groups; i++)
		if (strcmp(config->groups[i].name, name) == 0)
			return i;
	return -ENOENT;
}

int config_find_resource(const struct config *config, const char *name)
{
	for (uint16_t i = 0; i < config->n_resources; i++)
		if (strcmp(config->resources[i].name, name) == 0)
			return i;
	return -ENOENT;
}

int config_find_monitor(const struct config *config, const char *name)
{
	for (uint16_t i = 0; i < config->n_monitors; i++)
		if (strcmp(config->monitors[i].name, name) == 0)
			return i;
	return -ENOENT;
}
