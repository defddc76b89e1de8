/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_SIM_KERNEL_H
#define HF_SIM_KERNEL_H

/* The kernel path of a simulated node: the real map and the real logic of hb/bpf. */

#include "include/core.h"

#include <linux/types.h>

#include "hb/bpf/layout.h"

#define SIM_LINKS_MAX 3

struct world;
struct node;
struct rng;

/* What hb_lan knows of one path of probes; it begins anew with each agent. */
struct probe_path {
	uint64_t probed, answered;  /* newest stamps, us */
	uint64_t arrived;	    /* local, of `newest` */
	struct kernel_probe newest; /* answer that nobody has read yet */
	bool waits;
	uint16_t count; /* datagrams in the socket */
};

struct sim_kernel {
	bool works;  /* this node has the kernel path */
	bool probes; /* its agent sends probes */
	struct kernel_state map;
	uint64_t base;		   /* generation of the present agent's lease number 0 */
	struct kernel_probe *late; /* probes that reached a paused machine */
	size_t n_late;
	struct probe_path path[NODES_MAX][SIM_LINKS_MAX];
};

void kernel_power_on(struct world *w, struct node *n);
/* Rule K10; before the core is made. */
void kernel_take_over(struct world *w, struct node *n);
/* The agent's glue: what agent/step.c does with the map. */
void kernel_sent(struct world *w, struct node *n, uint64_t sequence);
void kernel_lease(struct world *w, struct node *n, const struct core_action *action);
void kernel_delegate(struct world *w, struct node *n, struct core_event *ret);
/* Whether the core is to be told what the kernel was granted, before it takes in anything else. */
bool kernel_due(const struct world *w, const struct node *n);
void kernel_read(const struct world *w, const struct node *n, struct core_event *ret);
/* A probe or an answer reaches the machine. */
void kernel_receive(struct world *w, struct node *n, const struct kernel_probe *p);
void kernel_wake(struct world *w, struct node *n);	   /* a paused machine goes on */
void kernel_read_answers(struct world *w, struct node *n); /* a stalled agent does */
void kernel_agent_gone(struct node *n);
bool kernel_leased(const struct world *w, const struct node *n);
/* When the lease in force ends by what is known; local time. 0: there is none. */
uint64_t kernel_until(const struct node *n);

/* probe.c, the way of probes over the network. */
struct probe_record {
	struct kernel_probe probe;
	bool valid;
};
void probe_send(struct world *w, struct node *n);
void probe_transmit(struct world *w, uint8_t from, uint8_t to, const struct kernel_probe *p);
void probe_replay(struct world *w, uint8_t from, uint8_t to, struct rng *rng);

#endif
