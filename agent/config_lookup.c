/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to the table of keys: config_keys.c. */
#include "agent/config_internal.h"

#include <assert.h>
#include <string.h>

const struct config_key *config_key_find(unsigned int sections, const char *name)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(i)); i++)
		if ((key->section & sections) && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	if (a > b)
		a = b;
	return a < c ? a : c;
}

/* Number of letters to add, drop or change to get from one name to the other. */
static size_t edit_distance(const char *a, const char *b)
{
	enum { LEN_MAX = 48 };
	size_t n = strnlen(a, LEN_MAX), m = strnlen(b, LEN_MAX);
	size_t row[LEN_MAX + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[m];
}

static unsigned int relatives_of(unsigned int sections)
{
	if (sections & SECTION_MONITOR)
		return SECTIONS_OF_MONITORS;
	if (sections & SECTION_RESOURCE)
		return SECTIONS_OF_RESOURCES;
	return sections;
}

const struct config_key *config_key_nearest(unsigned int sections, const char *name)
{
	/* The same name in another section is more telling than a similar one in this; best in one
	 * of the same kind of object. */
	const struct config_key *key, *best = config_key_find(relatives_of(sections), name);
	size_t best_distance = strlen(name) / 3 + 2;

	if (!best)
		best = config_key_find(~0u, name);
	if (best)
		return best;
	for (size_t i = 0; (key = config_key_at(i)); i++) {
		bool begins = strlen(name) > 3 && strncmp(key->name, name, strlen(name)) == 0;
		size_t distance = begins ? 0 : edit_distance(name, key->name);

		if ((key->section & sections) && distance < best_distance) {
			best = key;
			best_distance = distance;
		}
	}
	return best;
}

const char *config_section_to_string(enum config_section section)
{
	/* In the order of the enumeration: one bit each. */
	static const char *const names[] = {
		"the file",
		"cluster",
		"agent",
		"nodes",
		"groups",
		"resources",
		"resources of type \"fip\"",
		"resources of type \"exec\"",
		"resources of type \"systemd\"",
		"resources of type \"ocf\"",
		"exclusions",
		"monitors",
		"monitors of type \"fipw\"",
		"monitors of type \"ipw\"",
		"monitors of type \"miiw\"",
		"monitors of type \"genw\"",
		"monitors of type \"pidw\"",
		"monitors of type \"psw\"",
		"monitors of type \"userw\"",
		"monitors of type \"systemdw\"",
		"monitors of type \"tcpw\"",
		"monitors of type \"httpw\"",
		"monitors of type \"diskw\"",
		"fencing",
		"devices of fencing",
		"fence of nodes",
		"watchdog of agent",
	};
	size_t i = (size_t)__builtin_ctz(section);

	static_assert(1 << (sizeof names / sizeof *names - 1) == SECTION_WATCHDOG, "one a section");
	return names[i];
}

unsigned int config_key_line(const struct config *config, const char *name)
{
	const struct config_key *key = config_key_find(SECTION_CLUSTER, name);

	static_assert(sizeof config->key_line / sizeof *config->key_line == CONFIG_CLUSTER_KEYS_MAX,
		      "one entry a key");
	assert(key && key - config_key_at(0) < CONFIG_CLUSTER_KEYS_MAX);
	return config->key_line[key - config_key_at(0)];
}
