/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_HB_KERNEL_H
#define HF_HB_KERNEL_H

/* Inside of the kernel path in user space: hb/kernel*.c. docs/kernel.md has the rules. */

#include "include/kernel.h"

#include <bpf/libbpf.h>
#include <linux/types.h>
#include <net/if.h>

/* behind their types */
#include "hb/bpf/writer.h"

/* What marks our filters at tc. Priority 1: before what others have there. */
#define KERNEL_TC_HANDLE     0x4846 /* "HF" */
#define KERNEL_TC_PRIORITY   1
#define KERNEL_ADDRESSES_MAX 512 /* elements of hf_addresses */
#define KERNEL_STATE_NAME    "hf_state"
#define KERNEL_ADDRESS_NAME  "hf_addresses"
#define KERNEL_PROGRAM_NAME  "hf_" /* so all of ours begin */

_Static_assert(HB_KEYS_MAX == KERNEL_KEYS_MAX && LINKS_MAX == KERNEL_LINKS_MAX &&
		       NODES_MAX == KERNEL_NODES_MAX,
	       "the agent and its kernel agree");

enum kernel_program {
	PROGRAM_INGRESS,
	PROGRAM_EGRESS,
	PROGRAM_INGRESS_L3, /* of devices without a link-layer header */
	PROGRAM_EGRESS_L3,
	PROGRAM_COUNT_
};

struct kernel_address {
	uint8_t key[16]; /* of hf_addresses */
	bool ours;	 /* this process protected it */
};

struct kernel_interfaces {
	int *index;
	unsigned int n, size;
};

struct hb_kernel {
	struct bpf_object *object;
	int state_fd, addresses_fd; /* of the object */
	int program_fd[PROGRAM_COUNT_];
	struct hb_kernel_program program[PROGRAM_COUNT_];
	/* that carried the programs at the last walk, in its order; where the next look begins */
	struct kernel_interfaces carry;
	unsigned int turn;
	struct kernel_state *state; /* the map, shared with the programs */
	uint64_t number;	    /* of the lease that the present generation is of */
	bool numbered;		    /* there is one */
	unsigned int n_addresses;
	struct kernel_address address[KERNEL_ADDRESSES_MAX]; /* what hf_addresses holds */
};

/* ---- hb/kernel_error.c ---- */

/* From now on libbpf's lines are kept, not printed. */
void kernel_error_begin(void);
/* Writes "what: reason; likely cause; what libbpf said". Returns r. */
int kernel_error(char error[HB_ERROR_SIZE], int r, const char *what);

/* ---- hb/kernel_load.c ---- */

/* Opens and loads the programs, on the maps of these descriptors (-1: on new ones). */
_must_check_ int kernel_load(struct hb_kernel *kernel, int state_fd, int addresses_fd,
			     char error[HB_ERROR_SIZE]);

/* ---- hb/kernel_tc.c ---- */

/* One direction of one interface. */
struct kernel_hook {
	int index;
	char name[IF_NAMESIZE];
	bool link_layer; /* it has Ethernet headers */
	bool egress;
	bool enslaved; /* of a bond, which carries the programs for it */
};

typedef int kernel_hook_f(const struct kernel_hook *hook, void *arg, char error[HB_ERROR_SIZE]);
/*
 * Calls `f` for every hook of the namespace but loopback's. Returns how many interfaces had no
 * failure at all; the first failure, with what `f` wrote, if there was one. An interface that went
 * meanwhile is no failure.
 */
_must_check_ int kernel_hooks_each(kernel_hook_f *f, void *arg, char error[HB_ERROR_SIZE]);
/* The program of ours there: its id; 0: none; -EEXIST: something foreign has our handle. */
_must_check_ int kernel_hook_query(const struct kernel_hook *hook);
/* Puts our program there, in place of one of ours that is there. */
_must_check_ int kernel_hook_attach(const struct kernel_hook *hook, int program_fd,
				    char error[HB_ERROR_SIZE]);
/* Takes our program away, if one is there, and clsact if nothing is left in it. */
_must_check_ int kernel_hook_detach(const struct kernel_hook *hook, char error[HB_ERROR_SIZE]);

/* ---- hb/kernel_attach.c ---- */

/* 1: it was put there; 0: it is there already. */
_must_check_ int kernel_attach_hook(struct hb_kernel *kernel, const struct kernel_hook *hook,
				    char error[HB_ERROR_SIZE]);

/* ---- hb/kernel_take.c ---- */

/* What former agents left in force. */
struct kernel_left {
	int state_fd, addresses_fd; /* maps to go on with; -1: none */
	bool others;		    /* programs are attached that use other maps */
	bool foreign;		    /* and of these some could not be reset */
};

/*
 * Finds the maps of attached programs and resets all of them (rule K10): before anything else, and
 * also if the kernel path cannot be begun afterwards. What another set protects is added to
 * the first one.
 */
_must_check_ int kernel_take(struct kernel_left *ret, char error[HB_ERROR_SIZE]);
void kernel_left_close(struct kernel_left *left);
/* Copies protected addresses from a map of former agents. */
void kernel_take_addresses(int from_fd, int to_fd);

/* ---- hb/kernel_map.c ---- */

/* Maps state_fd and notes what is protected. */
_must_check_ int kernel_map_open(struct hb_kernel *kernel, char error[HB_ERROR_SIZE]);
/* Writes who we are. Nothing is answered meanwhile. */
void kernel_map_configure(struct hb_kernel *kernel, const struct hb_kernel_config *config);

#endif
