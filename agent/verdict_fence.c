/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fencing means for the verdict: who could not be fenced, and who is being. */
#include "agent/verdict.h"

#include <stdio.h>

static const char *name_of(const struct verdict_facts *f, uint8_t node)
{
	return node < f->n_nodes ? f->nodes[node].name : "nobody";
}

char *verdict_proof(const struct verdict_facts *f, uint8_t node, char text[VERDICT_TEXT_SIZE])
{
	const struct verdict_node *n = &f->nodes[node];
	const char *by = name_of(f, n->fence_executor);

	text[0] = '\0';
	if (n->fence_state == FENCE_DELAYED || n->fence_state == FENCE_RUNNING)
		(void)snprintf(text, VERDICT_TEXT_SIZE, "; %s is fencing it", by);
	else if (n->fence_state == FENCE_FAILED)
		(void)snprintf(text, VERDICT_TEXT_SIZE, "; %s could not fence it", by);
	else if (f->takeover_fence && n->fence_check == FENCE_CHECK_NONE)
		(void)snprintf(text, VERDICT_TEXT_SIZE, "; no device can fence it");
	return text;
}

/* ---- orders ---- */

static void check_order(const struct verdict_facts *f, const struct verdict_node *n,
			struct verdict *v)
{
	const char *by = name_of(f, n->fence_executor);

	switch ((enum fence_state)n->fence_state) {
	case FENCE_DELAYED:
	case FENCE_RUNNING:
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v, "%s is being fenced by %s", n->name, by);
		break;
	case FENCE_FAILED:
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v,
			    "%s could NOT be fenced by %s: it is tried again, nothing of it is "
			    "taken over; see 'holdfast fence status'",
			    n->name, by);
		break;
	case FENCE_IDLE:
	case FENCE_CONFIRMED:
	case FENCE_STATE_COUNT_:
	default:
		break;
	}
}

/* ---- checks ---- */

/* A group that would be lost with the node, since nobody could prove that it is off. */
static const struct verdict_group *at_stake(const struct verdict_facts *f, uint8_t node)
{
	for (uint16_t g = 0; f->takeover_fence && g < f->n_groups; g++)
		if (f->groups[g].wanted && f->groups[g].current == node)
			return &f->groups[g];
	return NULL;
}

static void check_devices(const struct verdict_facts *f, uint8_t node, struct verdict *v)
{
	const struct verdict_node *n = &f->nodes[node];
	const struct verdict_group *group = at_stake(f, node);

	if (n->fence_check == FENCE_CHECK_ERROR && n->member && group) {
		verdict_set_level(v, VERDICT_UNPROTECTED);
		verdict_add(v,
			    "%s could not be fenced, no level of its devices answers: group %s "
			    "would not be taken over",
			    n->name, group->name);
	} else if (n->fence_check == FENCE_CHECK_ERROR) {
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v, "%s could not be fenced: no level of its devices answers", n->name);
	} else if (n->fence_check == FENCE_CHECK_DEGRADED) {
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v,
			    "fencing of %s: only another level answers than the first, or not to "
			    "every server",
			    n->name);
	}
}

void verdict_check_fencing(const struct verdict_facts *f, struct verdict *v)
{
	for (uint8_t n = 0; n < f->n_nodes; n++) {
		check_order(f, &f->nodes[n], v);
		check_devices(f, n, v);
	}
}

/* ---- ties ---- */

/* Rule X4: nobody fences on boot, so somebody has to come, or a person to say that it is off. */
static void check_boot(const struct verdict_facts *f, struct verdict *v)
{
	for (uint8_t i = 0; i < f->n_nodes; i++) {
		const struct verdict_node *n = &f->nodes[i];

		if (n->votes == 0 || n->with ||
		    (n->state != PEER_UNKNOWN && n->state != PEER_SILENT))
			continue;
		verdict_add(v,
			    "%s was not seen since this agent started, so it is not fenced: this "
			    "node waits for it; if it is off: 'holdfast fence confirm'",
			    n->name);
		return;
	}
}

void verdict_check_tie(const struct verdict_facts *f, struct verdict *v)
{
	if (f->tie) {
		verdict_set_level(v, VERDICT_UNPROTECTED);
		verdict_add(v, "only half of the votes is heard, and the other half is fenced%s",
			    f->lease_by_half ? "; what runs here goes on meanwhile" : "");
	} else if (f->fence_tie && !f->quorate && f->self_mode == NODE_MODE_ONLINE) {
		check_boot(f, v);
	}
}
