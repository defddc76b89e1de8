/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_MASK_H
#define HF_UTIL_MASK_H

/* A set of nodes: bit i is the node with id i. Pure. */

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t node_mask;

static inline node_mask node_bit(unsigned int node)
{
	return (node_mask)1 << node;
}

static inline bool node_mask_has(node_mask mask, unsigned int node)
{
	return node < 32 && (mask & node_bit(node));
}

static inline unsigned int node_mask_count(node_mask mask)
{
	return (unsigned int)__builtin_popcount(mask);
}

/* The lowest id in a set that is not empty. */
static inline unsigned int node_mask_first(node_mask mask)
{
	return (unsigned int)__builtin_ctz(mask);
}

/* for each node in `mask`, ascending: `node` must be a declared unsigned int. */
#define node_mask_for_each(node, mask)                                                   \
	for (node_mask _left = (mask); _left && ((node) = node_mask_first(_left), true); \
	     _left &= _left - 1)

#endif
