/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *verdict_level_to_string(enum verdict_level level)
{
	static const char *const names[VERDICT_LEVEL_COUNT_] = {
		[VERDICT_HEALTHY] = "healthy",
		[VERDICT_DEGRADED] = "degraded",
		[VERDICT_DOWN] = "down",
		[VERDICT_UNPROTECTED] = "unprotected",
	};

	return level < VERDICT_LEVEL_COUNT_ ? names[level] : "unknown";
}

/* Reasons are added most important first. */
void verdict_add(struct verdict *v, const char *format, ...)
{
	size_t at = v->n_reasons++;
	va_list ap;

	if (at >= VERDICT_REASONS_MAX)
		return;
	va_start(ap, format);
	(void)vsnprintf(v->reasons[at], VERDICT_TEXT_SIZE, format, ap);
	va_end(ap);
}

/* Levels are not ordered by number: a later check must not hide an earlier, worse finding. */
void verdict_set_level(struct verdict *v, enum verdict_level level)
{
	if (v->level == VERDICT_HEALTHY ||
	    (v->level == VERDICT_DEGRADED && level != VERDICT_HEALTHY))
		v->level = level;
}

static void check_quorum(const struct verdict_facts *f, struct verdict *v)
{
	if (f->quorate && f->lease_valid)
		return;
	verdict_set_level(v, VERDICT_UNPROTECTED);
	if (f->self_mode == NODE_MODE_STOPPED || f->self_mode == NODE_MODE_STOPPING)
		verdict_add(v, "the cluster service on this node is stopped");
	else if (!f->quorate)
		verdict_add(v, "no quorum: this node is in no view, %u of %u votes are needed",
			    f->votes_total / 2 + 1, f->votes_total);
	else
		verdict_add(v, "this node has no valid lease, so it may hold no group");
}

char *verdict_hold(enum group_hold hold, const char *other, char text[VERDICT_TEXT_SIZE])
{
	static const char *const sentences[GROUP_HOLD_COUNT_] = {
		[GROUP_HOLD_NONE] = "",
		[GROUP_HOLD_SUSPENDED] = "the cluster is suspended",
		[GROUP_HOLD_MANUAL] = "its failover is manual, start or move it by command",
		[GROUP_HOLD_LIMIT] = "it has failed over too often, start or move it by command",
		[GROUP_HOLD_EXCLUDED] = "an exclusion rule forbids it on every server that is left",
		[GROUP_HOLD_UNFIT] = "a critical monitor is in error on every server that is left",
		[GROUP_HOLD_WAIT] = "it waits for group ",
		[GROUP_HOLD_WAIT_FAILED] =
			"what it waited for did not come in time, start it by command: group ",
		[GROUP_HOLD_STALLED] = "it waits for a server whose agent is stalled",
	};
	bool waits = hold == GROUP_HOLD_WAIT || hold == GROUP_HOLD_WAIT_FAILED;

	(void)snprintf(text, VERDICT_TEXT_SIZE, "%s%s",
		       hold < GROUP_HOLD_COUNT_ ? sentences[hold] : "",
		       !waits  ? ""
		       : other ? other
			       : "?");
	return text;
}

static void check_held(const struct verdict_facts *f, const struct verdict_group *g,
		       struct verdict *v)
{
	const char *other = g->waits_for < f->n_groups ? f->groups[g->waits_for].name : NULL;
	char why[VERDICT_TEXT_SIZE];

	verdict_add(v, "group %s is held: %.*s", g->name, VERDICT_TEXT_SIZE - NAME_SIZE - 20,
		    verdict_hold((enum group_hold)g->held, other, why));
}

static void add_blocked(const struct verdict_facts *f, const struct verdict_group *g, uint8_t by,
			struct verdict *v)
{
	char how[VERDICT_TEXT_SIZE];

	verdict_add(v, "group %s waits for proof that %s does not run it%.80s", g->name,
		    f->nodes[by].name, verdict_proof(f, by, how));
}

/* In a tie the view is still there: what a silent member of it runs is not known to run. */
static bool is_lost(const struct verdict_facts *f, const struct verdict_group *g)
{
	return f->tie && g->wanted && g->current < f->n_nodes &&
	       f->nodes[g->current].state == PEER_SILENT;
}

static bool is_online(const struct verdict_facts *f, const struct verdict_group *g)
{
	return g->state == GROUP_ONLINE && !g->failed && !is_lost(f, g);
}

static void check_group(const struct verdict_facts *f, const struct verdict_group *g,
			struct verdict *v)
{
	if (!g->wanted || is_online(f, g))
		return;
	if (f->quorate)
		verdict_set_level(v, VERDICT_DOWN);
	if (is_lost(f, g))
		add_blocked(f, g, g->current, v);
	else if (g->held != GROUP_HOLD_NONE)
		check_held(f, g, v);
	else if (g->failed)
		verdict_add(v, "group %s failed on every node that could take it", g->name);
	else if (g->state == GROUP_STARTING && g->current < f->n_nodes)
		verdict_add(v, "group %s is starting on %s", g->name, f->nodes[g->current].name);
	else if (g->state == GROUP_STOPPING)
		verdict_add(v, "group %s is stopping, to be started elsewhere", g->name);
	else if (g->state == GROUP_STOP_FAILED)
		verdict_add(v, "group %s could not be stopped%s%s, so no other node may start it",
			    g->name, g->current < f->n_nodes ? " on " : "",
			    g->current < f->n_nodes ? f->nodes[g->current].name : "");
	else if (g->blocked_by < f->n_nodes)
		add_blocked(f, g, g->blocked_by, v);
	else if (f->starting)
		verdict_add(v, "group %s waits until the cluster has started up", g->name);
	else
		verdict_add(v, "group %s is not online", g->name);
}

/* Would the votes of the view without `node` still be a quorum? And of all nodes without it: if
 * not, the configuration has no redundancy, which is no news to anybody. */
static bool quorum_depends_on(const struct verdict_facts *f, unsigned int node)
{
	uint32_t left = 2 * (f->votes_view - f->nodes[node].votes);

	/* Exactly half goes on, and the other half is fenced (rule X9). */
	return f->nodes[node].member &&
	       (f->fence_tie ? left < f->votes_total : left <= f->votes_total);
}

static bool quorum_always_depends_on(const struct verdict_facts *f, unsigned int node)
{
	uint32_t left = 2 * (f->votes_total - f->nodes[node].votes);

	return f->fence_tie ? left < f->votes_total : left <= f->votes_total;
}

static void check_votes(const struct verdict_facts *f, struct verdict *v)
{
	for (uint8_t n = 0; n < f->n_nodes; n++) {
		if (!quorum_depends_on(f, n))
			continue;
		if (quorum_always_depends_on(f, n)) {
			verdict_add(
				v,
				"losing %s always ends the quorum: no other nodes have a majority",
				f->nodes[n].name);
			continue;
		}
		verdict_set_level(v, VERDICT_UNPROTECTED);
		verdict_add(
			v,
			"losing one more node (%s) would end the quorum: %u of %u votes are here",
			f->nodes[n].name, f->votes_view, f->votes_total);
		return;
	}
}

static void check_spare(const struct verdict_facts *f, const struct verdict_group *g,
			struct verdict *v)
{
	node_mask spare = g->allowed & ~g->failed_on;

	if (!g->wanted || g->state != GROUP_ONLINE || g->current >= f->n_nodes)
		return;
	spare &= ~node_bit(g->current);
	for (uint8_t n = 0; n < f->n_nodes; n++)
		if (!f->nodes[n].usable || !f->nodes[n].hosts || f->nodes[n].unfit)
			spare &= ~node_bit(n);
	if (g->failover_manual)
		verdict_add(v, "group %s is not failed over by itself: its failover is manual",
			    g->name);
	if (spare || g->failover_manual)
		return;
	if (node_mask_count(g->allowed) < 2) {
		verdict_add(v, "group %s can run on one node only", g->name);
		return;
	}
	verdict_set_level(v, VERDICT_UNPROTECTED);
	verdict_add(v, "group %s has no spare node: losing %s would stop it", g->name,
		    f->nodes[g->current].name);
}

static const char *why_absent(uint8_t state)
{
	switch ((enum peer_state)state) {
	case PEER_UNKNOWN:
		return "has not been heard since this agent started";
	case PEER_HEARD:
		return "is heard but not yet in the view";
	case PEER_SILENT:
		return "is silent";
	case PEER_LEFT:
		return "has left in good order";
	case PEER_ISOLATED:
		return "is isolated: it is heard but does not hear enough of the others";
	case PEER_QUARANTINED:
		return "is in quarantine because it kept coming and going";
	case PEER_MISMATCH:
		return "has another configuration of nodes, votes or groups";
	case PEER_STALLED:
		return "is stalled: its kernel answers, its agent does not run";
	case PEER_MEMBER:
	case PEER_STATE_COUNT_:
	default:
		return "is not usable";
	}
}

static void check_node(const struct verdict_facts *f, const struct verdict_node *n,
		       struct verdict *v)
{
	if (!n->member && f->quorate) {
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v, "%s %s", n->name, why_absent(n->state));
	} else if (n->member && n->leaving) {
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v, "%s is leaving", n->name);
	}
	if (n->member && n->stalled_us) {
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v,
			    "%s is stalled since %llu.%llu s: its agent does not run, its kernel "
			    "answers and keeps its lease; all changes wait for it",
			    n->name, (unsigned long long)(n->stalled_us / USEC_PER_SEC),
			    (unsigned long long)(n->stalled_us / 100000 % 10));
	}
	if (n->links_down) {
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v, "%u link%s to %s %s down", n->links_down,
			    n->links_down > 1 ? "s" : "", n->name,
			    n->links_down > 1 ? "are" : "is");
	}
	if (n->config_differs) {
		verdict_set_level(v, VERDICT_DEGRADED);
		verdict_add(v, "%s runs another configuration than this node", n->name);
	}
}

static void write_text(const struct verdict_facts *f, struct verdict *v)
{
	unsigned int wanted = 0, online = 0, members = 0;
	const char *said = "";

	for (uint16_t g = 0; g < f->n_groups; g++) {
		wanted += f->groups[g].wanted;
		online += f->groups[g].wanted && is_online(f, &f->groups[g]);
	}
	for (uint8_t n = 0; n < f->n_nodes; n++)
		members += f->nodes[n].member;
	switch (v->level) {
	case VERDICT_HEALTHY:
		said = "service up, protected";
		break;
	case VERDICT_DEGRADED:
		said = "service up, protected, but degraded";
		break;
	case VERDICT_DOWN:
		said = "SERVICE DOWN";
		break;
	case VERDICT_UNPROTECTED:
		said = (f->quorate || f->lease_by_half) && f->lease_valid
			       ? "service up, NOT PROTECTED"
			       : "NO QUORUM, nothing runs here";
		break;
	case VERDICT_LEVEL_COUNT_:
	default:
		break;
	}
	(void)snprintf(v->text, sizeof v->text,
		       "%s: %u of %u groups online, %u of %u nodes in view", said, online, wanted,
		       members, f->n_nodes);
}

void verdict_judge(const struct verdict_facts *facts, struct verdict *ret)
{
	*ret = (struct verdict){.level = VERDICT_HEALTHY};
	check_quorum(facts, ret);
	verdict_check_mode(facts, ret);
	for (uint16_t g = 0; g < facts->n_groups; g++)
		check_group(facts, &facts->groups[g], ret);
	verdict_check_tie(facts, ret); /* a group that is down is worse */
	if (facts->quorate) {
		check_votes(facts, ret);
		for (uint16_t g = 0; g < facts->n_groups; g++)
			check_spare(facts, &facts->groups[g], ret);
	}
	if (!facts->store_ok) {
		verdict_set_level(ret, VERDICT_DEGRADED);
		verdict_add(ret, "the state file of this node cannot be written: see its events");
	}
	for (uint8_t n = 0; n < facts->n_nodes; n++)
		check_node(facts, &facts->nodes[n], ret);
	verdict_check_fencing(facts, ret);
	verdict_check_monitors(facts, ret);
	write_text(facts, ret);
	if (ret->n_reasons > VERDICT_REASONS_MAX) {
		(void)snprintf(ret->reasons[VERDICT_REASONS_MAX - 1], VERDICT_TEXT_SIZE,
			       "and %zu more reasons", ret->n_reasons - VERDICT_REASONS_MAX + 1);
		ret->n_reasons = VERDICT_REASONS_MAX;
	}
}
