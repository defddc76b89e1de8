/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why the kernel path is refused: in words that lead to the cause. */
#include "hb/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define CAUSE_SIZE 160
#define SAID_SIZE  160

#define OLDEST_MAJOR 5
#define OLDEST_MINOR 14

/* libbpf prints through a function without an argument, so what it said is kept here. */
static _Thread_local char said[SAID_SIZE];

/* Lines that frame what counts. */
static bool is_frame(const char *line)
{
	static const char *const frames[] = {
		"processed ",	     "-- END PROG", "failed to load", "failed to perform",
		"verification time", "stack depth", "max_states"};

	if (!*line)
		return true;
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		if (strstr(line, frames[i]))
			return true;
	}
	return false;
}

/* Keeps the last line that says something. */
static void keep(char *text)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, "libbpf: ", 8) == 0)
			line += 8;
		if (!is_frame(line))
			(void)snprintf(said, sizeof said, "%s", line);
	}
}

static int catch_line(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text;
	int n;

	if (level != LIBBPF_WARN)
		return 0;
	n = vasprintf(&text, format, args);
	if (n < 0)
		return 0;
	keep(text);
	free(text);
	return n;
}

void kernel_error_begin(void)
{
	said[0] = '\0';
	(void)libbpf_set_print(catch_line);
}

static bool has_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data) < 0)
		return true; /* not known to be missing */
	return data[capability / 32].effective >> capability % 32 & 1;
}

static bool read_line(const char *path, char *ret, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, ret, size - 1) : -1;

	if (n <= 0)
		return false;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return true;
}

/* What of the agent's capabilities is missing; NULL: nothing. */
static const char *missing_capability(void)
{
	if (!has_capability(CAP_NET_ADMIN))
		return "CAP_NET_ADMIN is missing";
	if (has_capability(CAP_SYS_ADMIN))
		return NULL;
	if (!has_capability(CAP_BPF))
		return "CAP_BPF is missing";
	if (!has_capability(CAP_PERFMON))
		return "CAP_PERFMON is missing";
	return "CAP_SYS_ADMIN is missing, which the maps of a former agent need";
}

static void explain_permission(char ret[CAUSE_SIZE])
{
	char lockdown[64] = "", setting[16] = "?";

	if (read_line("/sys/kernel/security/lockdown", lockdown, sizeof lockdown) &&
	    !strstr(lockdown, "[none]")) {
		(void)snprintf(ret, CAUSE_SIZE, "the kernel is locked down: %s", lockdown);
		return;
	}
	(void)read_line("/proc/sys/kernel/unprivileged_bpf_disabled", setting, sizeof setting);
	(void)snprintf(ret, CAUSE_SIZE,
		       "in a container, or refused by a security module "
		       "(kernel.unprivileged_bpf_disabled is %s)",
		       setting);
}

static void explain_kernel(char ret[CAUSE_SIZE])
{
	unsigned long major, minor;
	struct utsname name;
	char *rest;

	if (uname(&name) < 0)
		return;
	major = strtoul(name.release, &rest, 10);
	minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
	if (major > OLDEST_MAJOR || (major == OLDEST_MAJOR && minor >= OLDEST_MINOR))
		(void)snprintf(ret, CAUSE_SIZE, "kernel %s does not take it", name.release);
	else
		(void)snprintf(ret, CAUSE_SIZE, "kernel %s is older than %d.%d", name.release,
			       OLDEST_MAJOR, OLDEST_MINOR);
}

int kernel_error(char error[HB_ERROR_SIZE], int r, const char *what)
{
	const char *missing = r == -EPERM || r == -EACCES ? missing_capability() : NULL;
	char cause[CAUSE_SIZE] = "";

	if (missing) { /* that says it all */
		(void)snprintf(error, HB_ERROR_SIZE, "%s: %s", what, missing);
		return -EPERM;
	}
	if (r == -EACCES) /* of a program: the verifier's, not a matter of permission */
		r = -EINVAL;
	switch (-r) {
	case EPERM:
		explain_permission(cause);
		break;
	case ENOSYS:
	case EOPNOTSUPP:
	case EINVAL:
	case E2BIG:
		explain_kernel(cause);
		break;
	default:
		break;
	}
	(void)snprintf(error, HB_ERROR_SIZE, "%s: %s%s%.100s%s%.70s", what, strerror(-r),
		       cause[0] ? "; " : "", cause, said[0] ? "; " : "", said);
	return r;
}
