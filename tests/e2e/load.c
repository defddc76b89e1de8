/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An overload at normal priority, for a time.
 *
 *   load LOOPS MEGABYTES SECONDS
 *
 * LOOPS processes that only compute, each in a session of its own (with autogroup each weighs as
 * much as a service), and one that writes to MEGABYTES of memory over and over. They end after
 * SECONDS, or with this process, however that ends. Says "loaded" once all of them run.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void compute(void)
{
	for (volatile unsigned long n = 0;; n++)
		;
}

static void devour(size_t megabytes)
{
	size_t n = megabytes << 20;
	char *memory = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	for (int value = 1;; value++)
		memset(memory, value, n);
}

static void child(pid_t parent, size_t megabytes)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)setsid();
	if (megabytes)
		devour(megabytes);
	compute();
}

int main(int argc, char **argv)
{
	int loops = argc == 4 ? atoi(argv[1]) : 0;
	long megabytes = argc == 4 ? atol(argv[2]) : 0, seconds = argc == 4 ? atol(argv[3]) : 0;
	pid_t self = getpid();

	if (argc != 4 || loops < 0 || megabytes < 0 || seconds <= 0) {
		(void)fprintf(stderr, "usage: load LOOPS MEGABYTES SECONDS\n");
		return 64;
	}
	for (int i = 0; i < loops + (megabytes > 0); i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("load: fork");
			return 1;
		}
		if (pid == 0)
			child(self, i == loops ? (size_t)megabytes : 0);
	}
	(void)puts("loaded");
	(void)fflush(stdout);
	(void)sleep((unsigned int)seconds);
	return 0; /* the children end with us */
}
