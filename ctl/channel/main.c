/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfast-channel: started by holdfastd, with its settings on standard input. It gives up all that
 * makes root strong and keeps only its name: the agent's socket knows it by that. */
#include "include/channel.h"
#include "util/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define DESCRIPTORS_MAX 512
#define NICENESS	5

/* Ports below 1024 need one capability more; which port it is, is not known yet. */
#define KEPT CAP_NET_BIND_SERVICE

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	for (int i = 0; i <= CAP_LAST_CAP; i++)
		if (i != KEPT && prctl(PR_CAPBSET_DROP, i) < 0 && errno != EINVAL && errno != EPERM)
			return -errno;
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	data[CAP_TO_INDEX(KEPT)].effective &= CAP_TO_MASK(KEPT);
	data[CAP_TO_INDEX(KEPT)].permitted &= CAP_TO_MASK(KEPT);
	data[1 - CAP_TO_INDEX(KEPT)] = (struct __user_cap_data_struct){0};
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].inheritable = 0;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int harden(void)
{
	const struct rlimit no_core = {0}, files = {DESCRIPTORS_MAX, DESCRIPTORS_MAX};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &no_core) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	(void)setpriority(PRIO_PROCESS, 0, NICENESS); /* never before a heartbeat */
	return drop_capabilities();
}

int main(int argc, char **argv)
{
	int type = 0, r;
	socklen_t n = sizeof type;

	(void)argv;
	log_set_name(CHANNEL_PROGRAM);
	if (argc > 1 || getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
	    type != SOCK_SEQPACKET) {
		(void)fprintf(stderr, CHANNEL_PROGRAM
			      ": is started by holdfastd, with its settings on standard input\n");
		return 64;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	r = harden();
	if (r < 0) {
		log_err("channel: cannot give up privileges: %s", strerror(-r));
		return 1;
	}
	return channel_run(STDIN_FILENO);
}
