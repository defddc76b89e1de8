/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the verdict that comes from monitors and from what holds for the whole cluster. */
#include "agent/verdict.h"

#include <inttypes.h>
#include <stdio.h>

void verdict_check_mode(const struct verdict_facts *f, struct verdict *v)
{
	uint64_t minutes = f->ratio_left_us / (60 * USEC_PER_SEC);

	if (f->suspended) {
		verdict_set_level(v, VERDICT_UNPROTECTED);
		verdict_add(v, "the cluster is suspended: nothing is started, moved or restarted "
			       "before 'holdfast cluster resume'");
	}
	if (f->ratio > 1)
		verdict_add(v,
			    "timeouts are multiplied by %u for %" PRIu64 " h %" PRIu64 " min more",
			    f->ratio, minutes / 60, minutes % 60);
}

static void list_nodes(const struct verdict_facts *f, node_mask nodes,
		       char text[VERDICT_TEXT_SIZE / 2])
{
	size_t at = 0;
	unsigned int n;

	text[0] = '\0';
	node_mask_for_each (n, nodes) {
		if (n >= f->n_nodes || at + NAME_SIZE + 6 > VERDICT_TEXT_SIZE / 2) {
			(void)snprintf(text + at, VERDICT_TEXT_SIZE / 2 - at, ", ...");
			return;
		}
		at += (size_t)snprintf(text + at, VERDICT_TEXT_SIZE / 2 - at, "%s%s",
				       at ? ", " : "", f->nodes[n].name);
	}
}

static void check_monitor(const struct verdict_facts *f, const struct verdict_monitor *m,
			  struct verdict *v)
{
	char nodes[VERDICT_TEXT_SIZE / 2];

	if (m->in_error) {
		verdict_set_level(v, VERDICT_DEGRADED);
		list_nodes(f, m->in_error, nodes);
		verdict_add(v, "%smonitor %s is in error on %s%s", m->critical ? "critical " : "",
			    m->name, nodes, m->critical ? ": no group is placed there" : "");
	}
	if (m->failing) {
		list_nodes(f, m->failing, nodes);
		verdict_add(v, "monitor %s has a dummy failure on %s", m->name, nodes);
	}
	if (m->suspended) {
		list_nodes(f, m->suspended, nodes);
		verdict_add(v, "monitor %s is suspended on %s", m->name, nodes);
	}
}

void verdict_check_monitors(const struct verdict_facts *facts, struct verdict *verdict)
{
	/* The critical ones first: they take servers away. */
	for (uint16_t i = 0; i < facts->n_monitors; i++)
		if (facts->monitors[i].critical)
			check_monitor(facts, &facts->monitors[i], verdict);
	for (uint16_t i = 0; i < facts->n_monitors; i++)
		if (!facts->monitors[i].critical)
			check_monitor(facts, &facts->monitors[i], verdict);
}
