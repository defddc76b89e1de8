/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/world.h"

#include <string.h>

/* ---- the heap ---- */

static bool earlier(const struct happening_entry *a, const struct happening_entry *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void world_push(struct world *w, uint64_t at, struct happening_entry entry)
{
	struct heap *h = &w->heap;
	size_t i, parent;

	if (at == NEVER)
		return;
	if (h->n == h->room) {
		h->room = h->room ? h->room * 2 : 1024;
		h->entry = realloc(h->entry, h->room * sizeof(*h->entry));
		if (!h->entry)
			abort();
	}
	entry.at = at;
	entry.order = h->order++;
	for (i = h->n++; i > 0; i = parent) {
		parent = (i - 1) / 2;
		if (!earlier(&entry, &h->entry[parent]))
			break;
		h->entry[i] = h->entry[parent];
	}
	h->entry[i] = entry;
}

bool heap_pop(struct heap *h, struct happening_entry *ret)
{
	struct happening_entry last;
	size_t i = 0, child;

	if (h->n == 0)
		return false;
	*ret = h->entry[0];
	last = h->entry[--h->n];
	for (; (child = 2 * i + 1) < h->n; i = child) {
		if (child + 1 < h->n && earlier(&h->entry[child + 1], &h->entry[child]))
			child++;
		if (!earlier(&h->entry[child], &last))
			break;
		h->entry[i] = h->entry[child];
	}
	if (h->n)
		h->entry[i] = last;
	return true;
}

/* ---- its life ---- */

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	return w;
}

static void release(struct happening_entry *e)
{
	if (e->type == HAPPENS_PROBE)
		free(e->probe);
	else
		body_unref(e->body);
}

static void forget(struct world *w)
{
	struct happening_entry entry;

	while (heap_pop(&w->heap, &entry))
		release(&entry);
	for (unsigned int i = 0; i < w->n_nodes; i++) {
		node_release(&w->node[i]);
		memset(&w->node[i], 0, offsetof(struct node, deferred));
	}
	net_reset(&w->net);
	memset(&w->inv, 0, sizeof(w->inv));
	memset(&w->fencing, 0, sizeof(w->fencing));
	memset(w->active, 0, sizeof(w->active));
	w->n_nodes = 0;
	w->n_tokens = 0;
	w->n_repairs = 0;
	w->next_repair = 0;
	w->quarantine_seen = false;
	w->lost = 0;
	w->variant = 0;
	w->now = w->repair_at = w->done_since = w->broken_at = w->changing_until = 0;
	w->ends_at = NEVER;
	w->heap.order = 0;
	w->repairing = w->recovered = w->calm = w->violated = false;
}

struct world *world_free(struct world *w)
{
	if (!w)
		return NULL;
	forget(w);
	free(w->heap.entry);
	free(w->trace.ring);
	free(w);
	return NULL;
}

void world_violate(struct world *w, const char *invariant, const char *format, ...)
{
	char text[400];
	va_list args;

	if (w->violated)
		return;
	w->violated = true;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(w->violation, sizeof(w->violation), "%s at %.6f: %s", invariant,
		       (double)w->now / 1e6, text);
	trace(w, -1, "VIOLATION of %s: %s", invariant, text);
}

uint8_t world_coordinator(const struct world *w)
{
	struct core_self_info self;
	uint64_t epoch = 0;
	uint8_t best = NODE_NONE;

	for (uint8_t i = 0; i < w->s->config.n_nodes; i++) {
		if (!w->node[i].core || node_mask_has(w->lost, i))
			continue;
		core_self_info(w->node[i].core, HA_TIME_ZERO, &self);
		if (self.view.epoch > epoch) {
			epoch = self.view.epoch;
			best = self.view.coordinator;
		}
	}
	return best;
}

uint8_t world_owner(const struct world *w, unsigned int group)
{
	const struct core_config *c = &w->s->config;

	for (unsigned int r = 0; r < c->n_resources; r++)
		if (c->resources[r].group == group && w->inv.running[r])
			return (uint8_t)node_mask_first(w->inv.running[r]);
	return NODE_NONE;
}

/* ---- running ---- */

static void set_up(struct world *w, const struct schedule *s)
{
	forget(w);
	w->s = s;
	w->n_nodes = s->config.n_nodes;
	w->trace.ring_n = 0;
	w->net.rng = rng_make(s->seed, 2000);
	for (uint8_t i = 0; i < s->config.n_nodes; i++) {
		struct node *n = &w->node[i];

		n->id = i;
		n->config = s->config;
		n->config.self = i;
		n->timer = NEVER;
		n->kernel.works = node_mask_has(s->kernels, i);
		n->kernel.probes = s->probes;
		n->rng = rng_make(s->seed, 1000 + i);
		world_push(w, s->boot_us[i],
			   (struct happening_entry){.type = HAPPENS_BOOT, .node = i});
		if (s->fencing)
			world_push(
				w, rng_below(&n->rng, s->check_us),
				(struct happening_entry){.type = HAPPENS_FENCE_CHECK, .node = i});
	}
	for (uint32_t k = 0; k < s->n_faults; k++)
		if (!s->faults[k].dropped)
			world_push(w, s->faults[k].at_us,
				   (struct happening_entry){.type = HAPPENS_FAULT_BEGIN, .a = k});
	world_push(w, s->config.timeout_us, (struct happening_entry){.type = HAPPENS_LOOK});
}

static void tell_fenced(struct world *w, const struct happening_entry *e)
{
	struct core_event event = {.type = CORE_EVENT_FENCED};

	event.fenced.node = (uint8_t)e->a;
	event.fenced.incarnation = e->b;
	event.fenced.since.us = node_local(&w->node[e->node], w->now);
	trace(w, e->node, "fenced  n%u incarnation %llu is off", e->a, (unsigned long long)e->b);
	fence_over(w, e->a, e->b);
	node_event(w, &w->node[e->node], &event);
}

static void happen(struct world *w, const struct happening_entry *e)
{
	struct node *n = &w->node[e->node];

	switch ((enum happening)e->type) {
	case HAPPENS_DELIVER:
		node_deliver(w, n, e->body, e->link);
		body_unref(e->body);
		break;
	case HAPPENS_PROBE:
		kernel_receive(w, n, e->probe);
		free(e->probe);
		break;
	case HAPPENS_OPERATION_DONE:
		service_done(w, n, e->a, e->b);
		break;
	case HAPPENS_DISK_DONE:
		if (n->run == e->b)
			node_disk_done(w, n);
		break;
	case HAPPENS_FAULT_BEGIN:
		if (!w->repairing)
			fault_begin(w, e->a);
		break;
	case HAPPENS_FAULT_END:
		fault_end(w, e->a);
		break;
	case HAPPENS_FLAP:
		fault_flap(w, e->a);
		break;
	case HAPPENS_BOOT:
		if (!w->repairing || !node_mask_has(w->s->absent, e->node))
			node_boot(w, n);
		break;
	case HAPPENS_REQUEST:
		fault_request(w, e->a);
		break;
	case HAPPENS_FENCED:
		tell_fenced(w, e);
		break;
	case HAPPENS_WATCHDOG:
		service_watchdog(w, n);
		break;
	case HAPPENS_MONITOR:
		operate_check(w, n, e->a, e->b);
		break;
	case HAPPENS_SCRIPT:
		operate_script_done(w, n, e->a, e->b);
		break;
	case HAPPENS_DEVICE:
		fence_device(w, e->a, e->b, e->link);
		break;
	case HAPPENS_FENCE_DONE:
		fence_answered(w, e->a, e->b);
		break;
	case HAPPENS_FENCE_CHECK:
		fence_check(w, n);
		break;
	case HAPPENS_LOOK:
	default:
		recovery_look(w);
		break;
	}
	invariant_owners(w);
}

/* The node that ticks next; NULL if something else happens before. */
static struct node *next_tick(struct world *w)
{
	uint64_t at = w->heap.n ? w->heap.entry[0].at : NEVER;
	struct node *next = NULL;

	for (unsigned int i = 0; i < w->s->config.n_nodes; i++) {
		struct node *n = &w->node[i];

		if (n->core && !node_stalled(n) && n->timer < at) {
			at = n->timer;
			next = n;
		}
	}
	return next;
}

bool world_run(struct world *w, const struct schedule *s)
{
	struct happening_entry entry;
	struct node *n;

	set_up(w, s);
	while (!w->violated) {
		n = next_tick(w);
		if (n) {
			if (n->timer > w->ends_at)
				break;
			w->now = n->timer;
			node_tick(w, n);
			invariant_owners(w);
			continue;
		}
		if (!heap_pop(&w->heap, &entry))
			break;
		w->now = entry.at;
		if (w->now > w->ends_at) {
			release(&entry);
			break;
		}
		happen(w, &entry);
	}
	w->counts.schedules++;
	w->counts.simulated_us += w->now;
	return !w->violated;
}
