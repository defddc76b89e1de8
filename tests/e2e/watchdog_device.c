/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A watchdog for a machine that has none: a file system (fuse(4)) with one file, `watchdog`, whose
 * opens, ioctls and writes come through the kernel and are answered here as a driver of the
 * kernel's watchdog core does: one opener, it counts from then on, a close without 'V' feeds it and
 * lets it tick, `reset` when it was not fed in time (and from then on nothing more).
 *
 *	watchdog_device DIRECTORY [nowayout] [step=SECONDS] [most=SECONDS]
 *
 * It mounts itself there, and writes a line for what happens: the time in microseconds of
 * CLOCK_MONOTONIC, what, and a number. It ends when its standard input does.
 */
#include <linux/fuse.h>
#include <linux/watchdog.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NODE	    2 /* of the file; 1 is the directory */
#define REQUEST_MAX (256 * 1024)

static int fuse = -1;
static bool nowayout, opened, counts, released;
static int step_s = 1, most_s = 65535, timeout_s = 60;
static uint64_t fed_us;

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void say(const char *what, long number)
{
	printf("%llu %s %ld\n", (unsigned long long)now_us(), what, number);
	fflush(stdout);
}

static void answer(uint64_t unique, int error, const void *data, size_t n)
{
	struct fuse_out_header head = {.unique = unique, .error = -error};
	struct iovec part[2] = {{&head, sizeof head}, {(void *)(uintptr_t)data, error ? 0 : n}};

	head.len = (uint32_t)(sizeof head + part[1].iov_len);
	if (writev(fuse, part, part[1].iov_len ? 2 : 1) < 0 && errno != ENOENT)
		say("bad-answer", errno);
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){.ino = node,
				  .mode = node == NODE ? S_IFREG | 0600 : S_IFDIR | 0700,
				  .nlink = 1,
				  .blksize = 512};
}

static void look_up(uint64_t unique, const char *name)
{
	struct fuse_entry_out entry = {.nodeid = NODE, .attr = attributes(NODE)};

	answer(unique, strcmp(name, "watchdog") ? ENOENT : 0, &entry, sizeof entry);
}

static void feed(const char *why, long number)
{
	fed_us = now_us();
	say(why, number);
}

static void open_it(const struct fuse_in_header *in)
{
	struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE};

	if (opened) {
		answer(in->unique, EBUSY, NULL, 0);
		say("busy", in->pid);
		return;
	}
	say("open", in->pid);
	if (!counts)
		fed_us = now_us();
	opened = counts = true;
	released = false;
	answer(in->unique, 0, &out, sizeof out);
}

static void stop(void)
{
	counts = nowayout;
}

static void close_it(void)
{
	opened = false;
	say("close", released);
	if (released)
		stop();
	else if (counts)
		fed_us = now_us();
}

static void write_it(const struct fuse_in_header *in, const struct fuse_write_in *w,
		     const char *data)
{
	struct fuse_write_out out = {.size = w->size};

	released = memchr(data, 'V', w->size) != NULL;
	fed_us = now_us();
	say("write", released);
	answer(in->unique, 0, &out, sizeof out);
}

/* Answered with the result and the argument behind it. */
static void control(const struct fuse_in_header *in, const struct fuse_ioctl_in *c, int value)
{
	struct {
		struct fuse_ioctl_out out;
		union {
			struct watchdog_info info;
			int value;
		} u;
	} a = {0};
	size_t n = sizeof a.out + sizeof a.u.value;

	switch (c->cmd) {
	case WDIOC_GETSUPPORT:
		a.u.info.options = WDIOF_MAGICCLOSE | WDIOF_SETTIMEOUT | WDIOF_KEEPALIVEPING;
		strcpy((char *)a.u.info.identity, "stand-in");
		n = sizeof a.out + sizeof a.u.info;
		break;
	case WDIOC_SETTIMEOUT:
		timeout_s = value > most_s ? most_s : (value + step_s - 1) / step_s * step_s;
		feed("timeout", timeout_s);
		a.u.value = timeout_s;
		break;
	case WDIOC_GETTIMEOUT:
		a.u.value = timeout_s;
		break;
	case WDIOC_KEEPALIVE:
		feed("feed", 0);
		break;
	case WDIOC_SETOPTIONS: /* to disable it: the argument does not come along */
		say("disable", nowayout);
		stop();
		break;
	default:
		answer(in->unique, ENOTTY, NULL, 0);
		return;
	}
	answer(in->unique, 0, &a, n);
}

static void begin(const struct fuse_in_header *in, const struct fuse_init_in *init)
{
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
				    .minor = FUSE_KERNEL_MINOR_VERSION,
				    .max_readahead = init->max_readahead,
				    .max_write = 4096};

	answer(in->unique, 0, &out, sizeof out);
}

static void serve(const struct fuse_in_header *in, const char *body)
{
	struct fuse_attr_out attr = {.attr = attributes(in->nodeid)};

	switch (in->opcode) {
	case FUSE_INIT:
		begin(in, (const void *)body);
		break;
	case FUSE_LOOKUP:
		look_up(in->unique, body);
		break;
	case FUSE_GETATTR:
		answer(in->unique, 0, &attr, sizeof attr);
		break;
	case FUSE_OPEN:
		open_it(in);
		break;
	case FUSE_RELEASE:
		close_it();
		answer(in->unique, 0, NULL, 0);
		break;
	case FUSE_WRITE:
		write_it(in, (const void *)body, body + sizeof(struct fuse_write_in));
		break;
	case FUSE_IOCTL: {
		const struct fuse_ioctl_in *c = (const void *)body;
		int value = 0;

		if (c->in_size >= sizeof value)
			memcpy(&value, body + sizeof *c, sizeof value);
		control(in, c, value);
		break;
	}
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* not answered */
	default:
		answer(in->unique, ENOSYS, NULL, 0);
		break;
	}
}

static int wait_ms(void)
{
	uint64_t at = fed_us + (uint64_t)timeout_s * 1000000, now = now_us();

	return !counts ? -1 : now >= at ? 0 : (int)((at - now) / 1000 + 1);
}

static void run(void)
{
	static char request[REQUEST_MAX] __attribute__((aligned(8)));

	for (;;) {
		struct pollfd fds[] = {{.fd = fuse, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
		int n = poll(fds, 2, wait_ms());

		if (counts && wait_ms() == 0) {
			say("reset", (long)((now_us() - fed_us) / 1000));
			counts = false; /* the machine is gone */
		}
		if (n <= 0)
			continue;
		if (fds[1].revents)
			return;
		if (read(fuse, request, sizeof request) >= (ssize_t)sizeof(struct fuse_in_header))
			serve((const void *)request, request + sizeof(struct fuse_in_header));
		else if (errno == ENODEV)
			return; /* unmounted */
	}
}

int main(int argc, char **argv)
{
	char options[64];

	for (int i = 2; i < argc; i++) {
		nowayout |= strcmp(argv[i], "nowayout") == 0;
		if (strncmp(argv[i], "step=", 5) == 0)
			step_s = atoi(argv[i] + 5);
		if (strncmp(argv[i], "most=", 5) == 0)
			most_s = atoi(argv[i] + 5);
	}
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (argc < 2 || fuse < 0 ||
	    mount("watchdog", argv[1], "fuse", MS_NOSUID | MS_NODEV, options)) {
		perror("watchdog_device");
		return 1;
	}
	say("mounted", getpid());
	run();
	umount2(argv[1], MNT_DETACH);
	return 0;
}
