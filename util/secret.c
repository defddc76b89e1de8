/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/secret.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

void secret_guard_process(void)
{
	/* 1 and not 0: then no dump goes to a program (core_pattern "|"), either. Children have it
	 * too; the flag they lose when they execute. */
	struct rlimit none = {1, 1};

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	/* Libraries copy passwords and free the copies: free() overwrites what it is given. */
	(void)mallopt(M_PERTURB, 0xa5);
}

int secret_arena_open(struct secret_arena *arena, size_t size)
{
	char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (data == MAP_FAILED)
		return -errno;
	/* Without the privilege to lock memory it may be swapped, which is no reason to fail. */
	(void)mlock(data, size);
	(void)madvise(data, size, MADV_DONTDUMP);
	*arena = (struct secret_arena){.data = data, .size = size};
	return 0;
}

void secret_arena_close(struct secret_arena *arena)
{
	if (!arena->data)
		return;
	explicit_bzero(arena->data, arena->size);
	(void)munmap(arena->data, arena->size);
	*arena = (struct secret_arena){0};
}

__attribute__((format(printf, 3, 4))) static int refuse(char why[SECRET_WHY], int error,
							const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, SECRET_WHY, format, ap);
	va_end(ap);
	return -error;
}

static int check_step(const char *path, bool last, bool secret, char why[SECRET_WHY])
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return refuse(why, errno, "%.200s: %s", path, strerror(errno));
	if (st.st_uid != 0)
		return refuse(why, EINVAL, "%.200s does not belong to root", path);
	/* In a sticky folder nobody can replace what is root's. */
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && (last || !(st.st_mode & S_ISVTX)))
		return refuse(why, EINVAL, "%.200s can be written by others than root", path);
	if (last && !S_ISREG(st.st_mode))
		return refuse(why, EINVAL, "%.200s is no file", path);
	if (last && secret && (st.st_mode & (S_IRGRP | S_IROTH)))
		return refuse(why, EINVAL, "%.200s can be read by others than root", path);
	return 0;
}

int secret_path_check(const char *path, bool secret, char ret_path[PATH_MAX], char why[SECRET_WHY])
{
	char real[PATH_MAX], step[PATH_MAX];
	int r;

	if (path[0] != '/')
		return refuse(why, EINVAL, "%.200s is no absolute path", path);
	if (!realpath(path, real))
		return refuse(why, errno, "%.200s: %s", path, strerror(errno));
	memcpy(step, real, sizeof step);
	r = check_step(step, true, secret, why);
	for (char *slash = strrchr(step, '/'); r >= 0 && slash && slash > step;
	     slash = strrchr(step, '/')) {
		*slash = '\0';
		r = check_step(step, false, false, why);
	}
	if (r < 0)
		return r;
	memcpy(ret_path, real, sizeof real);
	return 0;
}
