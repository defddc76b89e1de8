/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which interfaces carry the programs. To ask one of them costs some system calls, and there may be
 * hundreds: only those that are new are asked each time, and the others in turn.
 */
#include "hb/kernel.h"

#include <errno.h>

#define LOOK_AT 4 /* interfaces that were there before, at each look */

struct walk {
	struct hb_kernel *kernel;
	bool all; /* ask each */
	bool due; /* the one that it is at */
	unsigned int attached;
	struct kernel_interfaces carry; /* so far */
};

int kernel_attach_hook(struct hb_kernel *kernel, const struct kernel_hook *hook,
		       char error[HB_ERROR_SIZE])
{
	enum kernel_program p = hook->egress ? PROGRAM_EGRESS : PROGRAM_INGRESS;
	int r;

	if (!hook->link_layer)
		p = hook->egress ? PROGRAM_EGRESS_L3 : PROGRAM_INGRESS_L3;
	if (kernel_hook_query(hook) == (int)kernel->program[p].id)
		return 0;
	r = kernel_hook_attach(hook, kernel->program_fd[p], error);
	return r < 0 ? r : 1;
}

static bool carried(const struct kernel_interfaces *was, unsigned int place, int index)
{
	if (place < was->n && was->index[place] == index)
		return true; /* nearly always */
	for (unsigned int i = 0; i < was->n; i++)
		if (was->index[i] == index)
			return true;
	return false;
}

/* One that was removed and made again with the same index is found when its turn comes. */
static bool is_due(const struct walk *walk, int index)
{
	unsigned int place = walk->carry.n, turn = walk->kernel->turn;

	return walk->all || (place >= turn && place - turn < LOOK_AT) ||
	       !carried(&walk->kernel->carry, place, index);
}

static int note(struct kernel_interfaces *list, int index)
{
	int *more;

	if (list->n == list->size) {
		more = reallocarray(list->index, list->size + 64U, sizeof *more);
		if (!more)
			return -ENOMEM;
		list->index = more;
		list->size += 64;
	}
	list->index[list->n++] = index;
	return 0;
}

static int walk_hook(const struct kernel_hook *hook, void *arg, char error[HB_ERROR_SIZE])
{
	struct walk *walk = arg;
	int r = 0;

	if (!hook->egress) /* the first of two */
		walk->due = is_due(walk, hook->index);
	if (walk->due)
		r = kernel_attach_hook(walk->kernel, hook, error);
	if (r < 0)
		return r;
	walk->attached += r > 0 && hook->egress ? 1 : 0;
	if (!hook->egress)
		return 0;
	r = note(&walk->carry, hook->index);
	return r < 0 ? kernel_error(error, r, "interfaces") : 0;
}

static int take_walk(struct walk *walk, char error[HB_ERROR_SIZE])
{
	struct hb_kernel *kernel = walk->kernel;
	int r;

	kernel_error_begin();
	r = kernel_hooks_each(walk_hook, walk, error);
	free(kernel->carry.index);
	kernel->carry = walk->carry;
	return r;
}

int hb_kernel_attach(struct hb_kernel *kernel, char error[HB_ERROR_SIZE])
{
	struct walk walk = {.kernel = kernel, .all = true};

	return take_walk(&walk, error);
}

int hb_kernel_look(struct hb_kernel *kernel, char error[HB_ERROR_SIZE])
{
	struct walk walk = {.kernel = kernel};
	int r = take_walk(&walk, error);

	kernel->turn += LOOK_AT;
	if (kernel->turn >= kernel->carry.n)
		kernel->turn = 0;
	return r < 0 ? r : (int)walk.attached;
}

unsigned int hb_kernel_interfaces(const struct hb_kernel *kernel)
{
	return kernel->carry.n;
}
