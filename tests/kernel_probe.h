/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_KERNEL_PROBE_H
#define HF_TESTS_KERNEL_PROBE_H

/* Between what the core says and hears and what hb/bpf/lease.h works on, without a datagram. */

#include <linux/types.h>

#include "hb/bpf/lease.h"
#include "include/core.h"

static inline struct kernel_probe kernel_probe_of(uint8_t from, uint8_t to, const struct probe *p)
{
	return (struct kernel_probe){
		.type = KERNEL_PROBE,
		.from = from,
		.to = to,
		.flags = (__u8)((p->grant ? KERNEL_FLAG_GRANT : 0) |
				(p->outside ? KERNEL_FLAG_OUTSIDE : 0)),
		.incarnation = p->incarnation,
		.stamp = p->stamp.us,
		.lease_epoch = p->lease_epoch,
		.installed = p->installed,
		.to_incarnation = p->to_incarnation,
		.token = p->token,
		.lease_us = p->lease_us,
	};
}

static inline struct core_event kernel_answer_of(const struct kernel_probe *p)
{
	return (struct core_event){
		.type = CORE_EVENT_PROBE_ANSWER,
		.probe = {.link = p->link,
			  .answer = {.incarnation = p->incarnation,
				     .stamp = {p->stamp},
				     .from_incarnation = p->to_incarnation,
				     .token = p->token,
				     .lease_us = p->lease_us,
				     .lease_epoch = p->to_lease_epoch,
				     .progress = p->progress,
				     .age_us = p->age_us,
				     .from = p->from,
				     .grant = (p->flags & KERNEL_FLAG_GRANT) != 0,
				     .gone = (p->flags & KERNEL_FLAG_GONE) != 0,
				     .leased = (p->flags & KERNEL_FLAG_LEASED) != 0}},
	};
}

#endif
