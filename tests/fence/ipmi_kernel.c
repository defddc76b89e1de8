/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's IPMI driver, for a machine that has none: preloaded, it answers the ioctls of
 * linux/ipmi.h for the file $HOLDFAST_TEST_BMC/ipmi0, with the same files for the state of the
 * machine as tests/fence/bmc-power. Only chassis status and chassis control are there; the number
 * of each chassis control goes to the file `orders`.
 */
#include <linux/ipmi.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
int ioctl(int fd, unsigned long request, ...);

static int device = -1;
static unsigned char answer[64];
static unsigned short answer_n;
static unsigned char answer_netfn, answer_cmd;
static long answer_id;

static FILE *state_file(const char *name, const char *mode)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", getenv("HOLDFAST_TEST_BMC"), name);
	return fopen(path, mode);
}

static int is_on(void)
{
	FILE *f = state_file("power", "r");
	int c = f ? fgetc(f) : '1';

	if (f)
		fclose(f);
	return c != '0';
}

static void control(unsigned int what)
{
	FILE *f = state_file("orders", "a");

	if (f) {
		fprintf(f, "control %u\n", what);
		fclose(f);
	}
	if (what > 1)
		return;
	f = state_file("power", "w");
	if (f) {
		fprintf(f, "%u\n", what);
		fclose(f);
	}
}

static int take_request(const struct ipmi_req *req)
{
	uint64_t one = 1;

	answer_netfn = req->msg.netfn | 1;
	answer_cmd = req->msg.cmd;
	answer_id = req->msgid;
	answer[0] = 0;
	answer_n = 1;
	if (req->msg.netfn == 0 && req->msg.cmd == 1) {
		answer[1] = (unsigned char)is_on();
		answer[2] = answer[3] = 0;
		answer_n = 4;
	} else if (req->msg.netfn == 0 && req->msg.cmd == 2 && req->msg.data_len == 1) {
		control(req->msg.data[0]);
	} else {
		answer[0] = 0xc1;
	}
	return write(device, &one, sizeof one) < 0 ? -1 : 0;
}

static int give_answer(struct ipmi_recv *recv)
{
	uint64_t n;

	if (read(device, &n, sizeof n) < 0)
		return -1;
	recv->recv_type = IPMI_RESPONSE_RECV_TYPE;
	recv->msgid = answer_id;
	recv->msg.netfn = answer_netfn;
	recv->msg.cmd = answer_cmd;
	if (recv->msg.data_len < answer_n)
		answer_n = recv->msg.data_len;
	memcpy(recv->msg.data, answer, answer_n);
	recv->msg.data_len = answer_n;
	return 0;
}

int open(const char *path, int flags, ...)
{
	static int (*real)(const char *, int, ...);
	const char *base = strrchr(path, '/'), *dir = getenv("HOLDFAST_TEST_BMC");
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, int) : 0;
	va_end(ap);
	if (dir && base && strcmp(base, "/ipmi0") == 0 && strncmp(path, dir, strlen(dir)) == 0) {
		device = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		return device;
	}
	if (!real)
		real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	return real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, int) : 0;
	va_end(ap);
	return open(path, flags, mode);
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, void *);
	va_list ap;
	void *what;

	va_start(ap, request);
	what = va_arg(ap, void *);
	va_end(ap);
	if (fd < 0 || fd != device) {
		if (!real)
			real = (int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");
		return real(fd, request, what);
	}
	switch (request) {
	case IPMICTL_SEND_COMMAND:
		return take_request(what);
	case IPMICTL_RECEIVE_MSG:
	case IPMICTL_RECEIVE_MSG_TRUNC:
		return give_answer(what);
	case IPMICTL_SET_MY_ADDRESS_CMD:
		return 0;
	default:
		errno = ENOTTY;
		return -1;
	}
}
