/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading of a configuration from beginning to end, and what the rest of the agent asks of one. */
#include "agent/config.h"
#include "agent/config_internal.h"
#include "util/hash.h"

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

struct config *config_free(struct config *config)
{
	if (!config)
		return NULL;
	for (uint16_t i = 0; i < config->n_resources; i++) {
		free_words(config->resources[i].start);
		free_words(config->resources[i].stop);
		free(config->resources[i].user);
	}
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

/* ---- hashes ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash64(hash, text, strlen(text) + 1);
}

/* What indexes and votes on the wire mean: nodes that differ in it must not form a view. */
static uint64_t safety_hash(const struct config *config)
{
	uint64_t hash = hash_text(HASH64_INIT, config->cluster_name);

	hash = hash64_u64(hash, config->n_nodes);
	for (uint8_t i = 0; i < config->n_nodes; i++) {
		hash = hash_text(hash, config->nodes[i].name);
		hash = hash64_u64(hash, config->nodes[i].votes);
		hash = hash64_u64(hash, config->nodes[i].witness);
	}
	hash = hash64_u64(hash, config->takeover);
	hash = hash64_u64(hash, config->n_groups);
	for (uint16_t i = 0; i < config->n_groups; i++)
		hash = hash_text(hash, config->groups[i].name);
	hash = hash64_u64(hash, config->n_resources);
	for (uint16_t i = 0; i < config->n_resources; i++) {
		hash = hash_text(hash, config->resources[i].name);
		hash = hash64_u64(hash, config->resources[i].group);
	}
	return hash;
}

/* Where a node keeps its files is its own business: two nodes may differ in that. */
static char *print_shared(struct config *config)
{
	char **own[] = {&config->key_file, &config->state_directory, &config->run_directory,
			&config->socket_path};
	char *saved[sizeof own / sizeof *own], nothing[] = "", *text;

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		saved[i] = *own[i];
		*own[i] = nothing;
	}
	text = config_print(config);
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		*own[i] = saved[i];
	return text;
}

static int fill_hashes(struct config *config)
{
	_cleanup_free_ char *text = print_shared(config);

	if (!text)
		return -ENOMEM;
	config->hash = hash_text(HASH64_INIT, text);
	config->safety_hash = safety_hash(config);
	return 0;
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
	config_check_parts(config, parts, report);
	if (report->errors == 0 && fill_hashes(config) < 0)
		config_report_error(report, 0, "out of memory");
	config_report_sort(report);
	if (report->errors)
		return -EINVAL;
	*ret = TAKE_PTR(config);
	return 0;
}

/* Reads all of `fd`, one byte more than the limit at most. */
static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	_cleanup_free_ char *text = malloc(CONFIG_FILE_MAX + 2);
	size_t n = 0;

	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t r = read(fd, text + n, CONFIG_FILE_MAX + 1 - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	text[n] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_size = n;
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
	return read_all(fd, ret_text, ret_size);
}

static void check_program(const struct resource_config *resource, const char *key, char **words,
			  struct config_report *report)
{
	if (words && access(words[0], X_OK) < 0)
		config_report_warning(report, resource->line,
				      "resource \"%s\": %s = \"%.200s\": no such program on this "
				      "machine, or it cannot be executed: %s",
				      resource->name, key, words[0], strerror(errno));
}

/* Things that may be right on another node, or may be put right before they are needed. */
static void check_surroundings(const struct config *config, mode_t mode,
			       struct config_report *report)
{
	if (mode & (S_IWGRP | S_IWOTH))
		config_report_warning(report, 0,
				      "others than the owner may write this file, which names "
				      "programs that run as root: chmod go-w");
	for (uint16_t i = 0; i < config->n_resources; i++) {
		check_program(&config->resources[i], "start", config->resources[i].start, report);
		check_program(&config->resources[i], "stop", config->resources[i].stop, report);
	}
	config_report_sort(report);
}

int config_load(const char *path, struct config **ret, struct config_report *report)
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
	if (r == 0)
		check_surroundings(*ret, mode, report);
	return r;
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

static void timing_to_core(const struct timing_config *timing, struct core_config *ret)
{
	ret->interval_us = timing->interval_us;
	ret->timeout_us = timing->timeout_us;
	ret->lease_us = timing->lease_us;
	ret->lease_margin_us = timing->lease_margin_us;
	ret->drift_ppm = timing->drift_ppm;
	ret->late_percent = timing->late_percent;
	ret->startup_wait_us = timing->startup_wait_us;
	ret->request_timeout_us = timing->request_timeout_us;
	ret->flap_limit = timing->flap_limit;
	ret->flap_window_us = timing->flap_window_us;
	ret->failure_expiry_us = timing->failure_expiry_us;
	ret->quarantine_us = timing->quarantine_us;
	ret->quarantine_max_us = timing->quarantine_max_us;
}

static void resource_to_core(const struct resource_config *resource,
			     struct core_resource_config *ret)
{
	memcpy(ret->name, resource->name, sizeof ret->name);
	ret->group = resource->group;
	ret->address = resource->type == RESOURCE_TYPE_FIP;
	ret->start_retries = resource->start_retries;
	ret->n_deps = resource->n_deps;
	memcpy(ret->deps, resource->deps, sizeof ret->deps);
	ret->start_timeout_us = resource->start_timeout_us;
	ret->stop_timeout_us = resource->stop_timeout_us;
}

void config_to_core(const struct config *config, uint8_t self, struct core_config *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->n_nodes = config->n_nodes;
	ret->self = self;
	ret->n_links = config->n_links;
	ret->n_groups = config->n_groups;
	ret->n_resources = config->n_resources;
	ret->takeover = (uint8_t)config->takeover;
	ret->config_hash = config->hash;
	ret->safety_hash = config->safety_hash;
	timing_to_core(&config->timing, ret);
	for (uint8_t i = 0; i < config->n_nodes; i++) {
		memcpy(ret->nodes[i].name, config->nodes[i].name, sizeof ret->nodes[i].name);
		ret->nodes[i].votes = config->nodes[i].votes;
		ret->nodes[i].hosts = !config->nodes[i].witness;
	}
	for (uint16_t i = 0; i < config->n_groups; i++) {
		const struct group_config *group = &config->groups[i];

		memcpy(ret->groups[i].name, group->name, sizeof group->name);
		ret->groups[i].autostart = group->autostart;
		ret->groups[i].n_nodes = group->n_nodes;
		memcpy(ret->groups[i].nodes, group->nodes, sizeof group->nodes);
	}
	for (uint16_t i = 0; i < config->n_resources; i++)
		resource_to_core(&config->resources[i], &ret->resources[i]);
}
