/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_TESTS_STORE_SIM_H
#define HF_TESTS_STORE_SIM_H

/*
 * A disk in shared memory behind struct store_io, that can fail and be cut off: what was written
 * is in the page cache; only a sync brings it to the platter, by sectors of 512 bytes. A failed
 * sync forgets that pages were dirty, as Linux does. Used by the agent and the store process.
 */

#include "tests/unit/store_sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define SIM_INODES  8
#define SIM_NAMES   6
#define SIM_SECTOR  512
#define SIM_SECTORS 336
#define SIM_BYTES   (SIM_SECTORS * SIM_SECTOR)

enum sim_fault {
	SIM_EIO,	  /* the call fails; a part of it may have happened */
	SIM_ENOSPC,	  /* it fails, nothing happened */
	SIM_SHORT,	  /* a write of half the bytes; the rest works */
	SIM_SHORT_FULL,	  /* the same, then the disk is full */
	SIM_CRASH_BEFORE, /* power is cut before the call */
	SIM_CRASH_AFTER,  /* or right after it */
	SIM_FAULTS,
};

struct sim_inode {
	uint8_t cache[SIM_BYTES], platter[SIM_BYTES];
	size_t cache_size, platter_size;
	bool dirty[SIM_SECTORS];
};

struct sim_name {
	char name[32];
	int inode; /* -1: unused */
};

struct sim {
	struct sim_inode inode[SIM_INODES];
	struct sim_name cache[SIM_NAMES], platter[SIM_NAMES];
	int open; /* inode that is open, -1: none; the store opens one at a time */
	unsigned int calls, fail_at;
	unsigned int cut_syncs; /* power is cut before so many-th sync after the fault; 0: not */
	enum sim_fault fault;
	bool full_next, crashed;
	volatile bool hang; /* calls that write wait while it is set */
	struct sample_random random;
	struct store_io io;
};

/* What survives of a dirty sector when power is cut. */
enum sim_cut { SIM_CUT_NONE, SIM_CUT_ALL, SIM_CUT_PREFIX, SIM_CUT_RANDOM, SIM_CUTS };

static struct sim_name *sim_find(struct sim_name names[SIM_NAMES], const char *name)
{
	for (int i = 0; i < SIM_NAMES; i++)
		if (names[i].inode >= 0 && strcmp(names[i].name, name) == 0)
			return &names[i];
	return NULL;
}

static struct sim_name *sim_free_name(struct sim *sim)
{
	for (int i = 0; i < SIM_NAMES; i++)
		if (sim->cache[i].inode < 0)
			return &sim->cache[i];
	abort();
}

static bool sim_inode_used(const struct sim *sim, int inode)
{
	for (int i = 0; i < SIM_NAMES; i++)
		if (sim->cache[i].inode == inode || sim->platter[i].inode == inode)
			return true;
	return sim->open == inode;
}

/* Counts a call. 0: go on; otherwise it fails. *ret_after: power is cut when it is done. */
static int sim_enter(struct sim *sim, bool writes, bool *ret_short, bool *ret_after)
{
	const struct timespec step = {.tv_nsec = 1000 * 1000};

	while (writes && sim->hang)
		(void)nanosleep(&step, NULL);
	*ret_short = *ret_after = false;
	if (sim->crashed)
		return -EIO;
	if (sim->full_next) {
		sim->full_next = false;
		return -ENOSPC;
	}
	if (++sim->calls != sim->fail_at)
		return 0;
	switch (sim->fault) {
	case SIM_EIO:
		return -EIO;
	case SIM_ENOSPC:
		return -ENOSPC;
	case SIM_SHORT:
	case SIM_SHORT_FULL:
		*ret_short = true;
		return 0;
	case SIM_CRASH_BEFORE:
		sim->crashed = true;
		return -EIO;
	case SIM_CRASH_AFTER:
		*ret_after = true;
		return 0;
	case SIM_FAULTS:
	default:
		abort();
	}
}

static int sim_leave(struct sim *sim, bool after, int r)
{
	if (!after)
		return r;
	sim->crashed = true;
	return -EIO; /* nobody lives to see it */
}

static int sim_open(void *userdata, const char *name, int flags)
{
	struct sim *sim = userdata;
	struct sim_name *entry;
	bool is_short, after;
	int r = sim_enter(sim, flags & O_CREAT, &is_short, &after), inode;

	if (r < 0)
		return r;
	entry = sim_find(sim->cache, name);
	if (!entry && !(flags & O_CREAT))
		return sim_leave(sim, after, -ENOENT);
	if (flags & O_TRUNC) { /* as a new file */
		for (inode = 0; sim_inode_used(sim, inode); inode++)
			if (inode + 1 == SIM_INODES)
				abort();
		memset(&sim->inode[inode], 0, sizeof sim->inode[inode]);
		entry = entry ? entry : sim_free_name(sim);
		(void)snprintf(entry->name, sizeof entry->name, "%s", name);
		entry->inode = inode;
	}
	sim->open = entry->inode;
	return sim_leave(sim, after, 100 + sim->open);
}

static ssize_t sim_pread(void *userdata, int fd, void *buf, size_t n, uint64_t offset)
{
	struct sim *sim = userdata;
	struct sim_inode *inode = &sim->inode[fd - 100];
	bool is_short, after;
	int r = sim_enter(sim, false, &is_short, &after);

	if (r < 0)
		return r;
	if (offset > inode->cache_size)
		n = 0;
	else if (n > inode->cache_size - offset)
		n = inode->cache_size - offset;
	n = is_short ? (n + 1) / 2 : n;
	memcpy(buf, inode->cache + offset, n);
	return sim_leave(sim, after, (int)n);
}

static void sim_put(struct sim_inode *inode, const void *buf, size_t n, uint64_t offset)
{
	if (offset + n > SIM_BYTES)
		abort();
	if (n == 0)
		return;
	memcpy(inode->cache + offset, buf, n);
	if (offset + n > inode->cache_size)
		inode->cache_size = offset + n;
	for (size_t i = offset / SIM_SECTOR; i <= (offset + n - 1) / SIM_SECTOR; i++)
		inode->dirty[i] = true;
}

static ssize_t sim_pwrite(void *userdata, int fd, const void *buf, size_t n, uint64_t offset)
{
	struct sim *sim = userdata;
	struct sim_inode *inode = &sim->inode[fd - 100];
	bool is_short, after;
	int r = sim_enter(sim, true, &is_short, &after);

	if (r == -EIO && !sim->crashed) {
		size_t done = sample_next(&sim->random) % (n + 1);

		/* the page cache takes pages, never a part of a sector */
		sim_put(inode, buf, done - (done < n ? done % SIM_SECTOR : 0), offset);
	}
	if (r < 0)
		return r;
	if (is_short) {
		n = n / 2 + (n == 1);
		sim->full_next = sim->fault == SIM_SHORT_FULL;
	}
	sim_put(inode, buf, n, offset);
	return sim_leave(sim, after, (int)n);
}

static int sim_sync(void *userdata, int fd)
{
	struct sim *sim = userdata;
	struct sim_inode *inode = &sim->inode[fd - 100];
	bool is_short, after, faulty = sim->fail_at && sim->calls >= sim->fail_at;
	int r = sim_enter(sim, true, &is_short, &after);

	if (faulty && sim->cut_syncs && --sim->cut_syncs == 0)
		sim->crashed = true;
	if (sim->crashed)
		return -EIO;
	for (size_t i = 0; i < SIM_SECTORS; i++) {
		if (inode->dirty[i] && (r >= 0 || sample_next(&sim->random) % 2))
			memcpy(inode->platter + i * SIM_SECTOR, inode->cache + i * SIM_SECTOR,
			       SIM_SECTOR);
		inode->dirty[i] = false; /* after an error too: the page counts as clean */
	}
	inode->platter_size = inode->cache_size;
	return r < 0 ? r : sim_leave(sim, after, 0);
}

static int sim_size(void *userdata, int fd, uint64_t *ret_bytes)
{
	struct sim *sim = userdata;
	bool is_short, after;
	int r = sim_enter(sim, false, &is_short, &after);

	if (r < 0)
		return r;
	*ret_bytes = sim->inode[fd - 100].cache_size;
	return sim_leave(sim, after, 0);
}

static int sim_rename(void *userdata, const char *from, const char *to)
{
	struct sim *sim = userdata;
	struct sim_name *source, *target;
	bool is_short, after;
	int r = sim_enter(sim, true, &is_short, &after);

	if (r < 0)
		return r;
	source = sim_find(sim->cache, from);
	target = sim_find(sim->cache, to);
	if (!source)
		return -ENOENT;
	if (target)
		target->inode = -1;
	(void)snprintf(source->name, sizeof source->name, "%s", to);
	return sim_leave(sim, after, 0);
}

static int sim_link(void *userdata, const char *from, const char *to)
{
	(void)userdata;
	(void)from;
	(void)to;
	return -ENOTSUP;
}

static int sim_sync_directory(void *userdata)
{
	struct sim *sim = userdata;
	bool is_short, after;
	int r = sim_enter(sim, true, &is_short, &after);

	if (r < 0)
		return r;
	memcpy(sim->platter, sim->cache, sizeof sim->cache);
	return sim_leave(sim, after, 0);
}

static void sim_close(void *userdata, int fd)
{
	struct sim *sim = userdata;

	(void)fd;
	sim->open = -1;
}

/* Ends the life of the machine and begins the next one. */
static inline void sim_power_cut(struct sim *sim, enum sim_cut cut, unsigned int prefix)
{
	for (struct sim_inode *inode = sim->inode; inode < sim->inode + SIM_INODES; inode++) {
		unsigned int seen = 0;

		for (size_t i = 0; i < SIM_SECTORS; i++) {
			bool keep = cut == SIM_CUT_ALL ||
				    (cut == SIM_CUT_PREFIX && seen < prefix) ||
				    (cut == SIM_CUT_RANDOM && sample_next(&sim->random) % 2);

			if (inode->dirty[i] && keep)
				memcpy(inode->platter + i * SIM_SECTOR,
				       inode->cache + i * SIM_SECTOR, SIM_SECTOR);
			seen += inode->dirty[i];
			inode->dirty[i] = false;
		}
		memcpy(inode->cache, inode->platter, SIM_BYTES);
		if (cut == SIM_CUT_ALL)
			inode->platter_size = inode->cache_size;
		inode->cache_size = inode->platter_size;
	}
	if (cut == SIM_CUT_ALL || (cut == SIM_CUT_RANDOM && sample_next(&sim->random) % 2))
		memcpy(sim->platter, sim->cache, sizeof sim->cache);
	memcpy(sim->cache, sim->platter, sizeof sim->cache);
	sim->crashed = sim->full_next = false;
	sim->open = -1;
}

static inline struct sim *sim_new(void)
{
	struct sim *sim =
		mmap(NULL, sizeof *sim, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return sim == MAP_FAILED ? NULL : sim;
}

static inline void sim_reset(struct sim *sim, uint64_t seed)
{
	memset(sim, 0, sizeof *sim);
	for (int i = 0; i < SIM_NAMES; i++)
		sim->cache[i].inode = sim->platter[i].inode = -1;
	sim->open = -1;
	sim->random = sample_seed(seed);
	sim->io = (struct store_io){
		.open = sim_open,
		.pread = sim_pread,
		.pwrite = sim_pwrite,
		.sync = sim_sync,
		.size = sim_size,
		.rename = sim_rename,
		.link = sim_link,
		.sync_directory = sim_sync_directory,
		.close = sim_close,
		.userdata = sim,
	};
}

#endif
