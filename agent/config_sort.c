/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Puts the resources of each group in an order in which they can be started. */
#include "agent/config_internal.h"

#include <string.h>

struct order {
	uint16_t n;
	uint16_t old[RESOURCES_MAX]; /* in the new order, the old indexes */
	uint16_t new[RESOURCES_MAX]; /* the reverse */
	bool placed[RESOURCES_MAX];
};

static bool ready(const struct resource_config *resource, const struct order *order)
{
	for (uint8_t i = 0; i < resource->n_deps; i++)
		if (!order->placed[resource->deps[i]])
			return false;
	return true;
}

/* Places the first resource of the group that can be started next. Taking the first one each time
 * keeps the order of the file wherever no dependency speaks against it. */
static bool place_next(const struct config *config, uint16_t group, struct order *order)
{
	for (uint16_t i = 0; i < config->n_resources; i++) {
		const struct resource_config *resource = &config->resources[i];

		if (resource->group != group || order->placed[i] || !ready(resource, order))
			continue;
		order->placed[i] = true;
		order->new[i] = order->n;
		order->old[order->n++] = i;
		return true;
	}
	return false;
}

/* A dependency of resource `i` that could not be placed. */
static uint16_t next_in_circle(const struct config *config, uint16_t i, const struct order *order)
{
	const struct resource_config *resource = &config->resources[i];
	uint8_t k = 0;

	while (order->placed[resource->deps[k]])
		k++;
	return resource->deps[k];
}

/* What could not be placed is in a circle or leads to one: names one circle. */
static void report_circle(const struct config *config, uint16_t first, const struct order *order,
			  struct config_report *report)
{
	uint16_t start = first, at;
	char path[200];
	int n;

	for (uint16_t i = 0; i < config->n_resources; i++)
		start = next_in_circle(config, start, order); /* now it is surely inside */
	at = start;
	n = snprintf(path, sizeof path, "%s", config->resources[at].name);
	do {
		at = next_in_circle(config, at, order);
		n += snprintf(path + n, sizeof path - (size_t)n, " -> %s",
			      config->resources[at].name);
	} while (at != start && n < (int)(sizeof path - NAME_SIZE - 8));
	config_report_error(report, config->resources[start].line,
			    "resource \"%s\": depends: the dependencies form a circle: %s%s",
			    config->resources[start].name, path, at == start ? "" : " -> ...");
}

static bool place_group(const struct config *config, uint16_t group, struct order *order,
			struct config_report *report)
{
	while (place_next(config, group, order))
		;
	for (uint16_t i = 0; i < config->n_resources; i++) {
		if (config->resources[i].group == group && !order->placed[i]) {
			report_circle(config, i, order, report);
			return false;
		}
	}
	return true;
}

static void sort_deps(struct resource_config *resource)
{
	for (uint8_t i = 1; i < resource->n_deps; i++) {
		uint16_t moving = resource->deps[i];
		uint8_t to = i;

		for (; to > 0 && resource->deps[to - 1] > moving; to--)
			resource->deps[to] = resource->deps[to - 1];
		resource->deps[to] = moving;
	}
}

void config_sort_resources(struct config *config, struct config_report *report)
{
	_cleanup_free_ struct resource_config *sorted = NULL;
	struct order order = {.n = 0};
	bool circle = false;

	for (uint16_t group = 0; group < config->n_groups; group++)
		circle |= !place_group(config, group, &order, report);
	if (circle || order.n == 0)
		return;
	sorted = calloc(order.n, sizeof *sorted);
	if (!sorted) {
		config_report_error(report, 0, "out of memory");
		return;
	}
	for (uint16_t i = 0; i < order.n; i++) {
		sorted[i] = config->resources[order.old[i]];
		for (uint8_t k = 0; k < sorted[i].n_deps; k++)
			sorted[i].deps[k] = order.new[sorted[i].deps[k]];
		sort_deps(&sorted[i]);
	}
	memcpy(config->resources, sorted, order.n * sizeof *sorted);
}
