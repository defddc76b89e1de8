/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taking over from a former agent (rule K10). Nothing is pinned: the programs that it left attached
 * are found by our handle at tc, and their maps by them.
 */
#include "hb/kernel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PROGRAM_MAPS_MAX 16

/* The maps of one attached program. */
struct maps {
	int state_fd, addresses_fd;
	__u32 state_id, state_bytes;
	bool usable; /* the state has a form that we can write */
};

struct search {
	struct kernel_left *left;
	__u32 taken_id; /* of the state map to go on with; 0: none yet */
};

static void close_maps(struct maps *maps)
{
	cleanup_closep(&maps->state_fd);
	cleanup_closep(&maps->addresses_fd);
}

void kernel_left_close(struct kernel_left *left)
{
	cleanup_closep(&left->state_fd);
	cleanup_closep(&left->addresses_fd);
	left->state_fd = left->addresses_fd = -1;
}

static int note_map(__u32 id, struct maps *maps)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = {};
	__u32 size = sizeof info;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	if (strcmp(info.name, KERNEL_STATE_NAME) == 0 && maps->state_fd < 0) {
		maps->usable = info.type == BPF_MAP_TYPE_ARRAY && info.max_entries == 1 &&
			       info.map_flags & BPF_F_MMAPABLE &&
			       info.value_size == sizeof(struct kernel_state);
		maps->state_id = info.id;
		maps->state_bytes = info.value_size;
		maps->state_fd = TAKE_FD(fd);
	} else if (strcmp(info.name, KERNEL_ADDRESS_NAME) == 0 && maps->addresses_fd < 0 &&
		   info.type == BPF_MAP_TYPE_HASH && info.key_size == 16 && info.value_size == 4) {
		maps->addresses_fd = TAKE_FD(fd);
	}
	return 0;
}

static int find_maps(__u32 program, struct maps *ret)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program);
	__u32 ids[PROGRAM_MAPS_MAX] = {};
	struct bpf_prog_info info = {.nr_map_ids = PROGRAM_MAPS_MAX, .map_ids = (uintptr_t)ids};
	__u32 size = sizeof info;

	*ret = (struct maps){.state_fd = -1, .addresses_fd = -1};
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	for (__u32 i = 0; i < info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++) {
		int r = note_map(ids[i], ret);

		if (r < 0)
			return r;
	}
	return 0;
}

/* False: it is of another form. */
static bool reset_state(int fd)
{
	struct kernel_state *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	bool known;

	if (s == MAP_FAILED)
		return false;
	known = s->abi == KERNEL_ABI && s->bytes == sizeof *s;
	if (known)
		lease_take_over(s);
	(void)munmap(s, sizeof *s);
	return known;
}

void kernel_take_addresses(int from_fd, int to_fd)
{
	uint8_t key[16], *last = NULL;
	const __u32 one = 1;

	/* Bounded: elements that others remove meanwhile send the walk back to its start. */
	for (unsigned int i = 0; i < 2 * KERNEL_ADDRESSES_MAX; i++) {
		if (bpf_map_get_next_key(from_fd, last, key) < 0)
			return;
		last = key;
		(void)bpf_map_update_elem(to_fd, key, &one, BPF_ANY);
	}
}

static void take_maps(struct search *search, struct maps *maps)
{
	struct kernel_left *left = search->left;
	bool reset = maps->usable && maps->addresses_fd >= 0 && reset_state(maps->state_fd);

	if (reset && search->taken_id == 0) {
		search->taken_id = maps->state_id;
		/* addresses of other forms that were found before */
		if (left->addresses_fd >= 0)
			kernel_take_addresses(left->addresses_fd, maps->addresses_fd);
		cleanup_closep(&left->addresses_fd);
		left->state_fd = TAKE_FD(maps->state_fd);
		left->addresses_fd = TAKE_FD(maps->addresses_fd);
		return;
	}
	left->others = true;
	left->foreign = left->foreign || !reset;
	if (left->addresses_fd >= 0 && maps->addresses_fd >= 0)
		kernel_take_addresses(maps->addresses_fd, left->addresses_fd);
	else if (maps->addresses_fd >= 0)
		left->addresses_fd = TAKE_FD(maps->addresses_fd);
}

static int take_hook(const struct kernel_hook *hook, void *arg, char error[HB_ERROR_SIZE])
{
	struct search *search = arg;
	int id = kernel_hook_query(hook), r;
	struct maps maps;

	if (id == 0 || id == -EEXIST)
		return 0;
	r = id < 0 ? id : find_maps((__u32)id, &maps);
	if (r >= 0 && (search->taken_id == 0 || maps.state_id != search->taken_id))
		take_maps(search, &maps);
	if (id > 0)
		close_maps(&maps);
	return r < 0 ? kernel_error(error, r, "cannot look at the maps of a former agent") : 0;
}

int kernel_take(struct kernel_left *ret, char error[HB_ERROR_SIZE])
{
	struct search search = {.left = ret};
	int r;

	*ret = (struct kernel_left){.state_fd = -1, .addresses_fd = -1};
	r = kernel_hooks_each(take_hook, &search, error);
	return r < 0 ? r : 0;
}

static int forget_hook(const struct kernel_hook *hook, void *arg, char error[HB_ERROR_SIZE])
{
	int id = kernel_hook_query(hook), r;
	struct maps maps;
	uint8_t key[16];

	(void)arg;
	if (id == 0 || id == -EEXIST)
		return 0;
	r = id < 0 ? id : find_maps((__u32)id, &maps);
	/* Hints of them may stay: they only cost a look. */
	for (unsigned int i = 0; r >= 0 && i < KERNEL_ADDRESSES_MAX && maps.addresses_fd >= 0;
	     i++) {
		if (bpf_map_get_next_key(maps.addresses_fd, NULL, key) < 0)
			break;
		if (bpf_map_delete_elem(maps.addresses_fd, key) < 0)
			r = -errno;
	}
	if (id > 0)
		close_maps(&maps);
	return r < 0 ? kernel_error(error, r, "cannot change the maps of a former agent") : 0;
}

int hb_kernel_forget(char error[HB_ERROR_SIZE])
{
	int r;

	kernel_error_begin();
	r = kernel_hooks_each(forget_hook, NULL, error);
	return r < 0 ? r : 0;
}
