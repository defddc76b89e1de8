/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded: adds the seconds written in $CLOCKSTEP_FILE to the wall clock of one program. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long step_s(void)
{
	const char *path = getenv("CLOCKSTEP_FILE");
	char text[32] = "";
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	static int (*real)(clockid_t, struct timespec *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(id, t);
	if (r == 0 && id == CLOCK_REALTIME)
		t->tv_sec += step_s();
	return r;
}
