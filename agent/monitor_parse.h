/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_MONITOR_PARSE_H
#define HF_AGENT_MONITOR_PARSE_H

/* What monitors read from others: servers, files, the network, programs. Pure. */

#include "util/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- HTTP ---- */

#define HTTP_PATH_MAX	1024
#define HTTP_HEADER_MAX 16384 /* bytes of a header that are read */

struct http_url {
	char host[64]; /* numeric, without brackets */
	char port[8];
	char path[HTTP_PATH_MAX];
};
/* "http://ADDRESS[:PORT][/PATH]", an IPv6 address in brackets. -EINVAL. */
_must_check_ int http_url_parse(const char *text, struct http_url *ret);

struct http_reply {
	unsigned int status; /* of the status line, once it was read */
	size_t bytes;
	bool in_header; /* behind the status line */
	bool bad;	/* it was none */
	size_t line_n;
	char line[64]; /* its first bytes */
};
/*
 * Takes in the next bytes of a reply; begin with a zeroed struct. 1: the header is complete and
 * `status` is final; 0: more is needed; -EBADMSG: that is not HTTP; -EMSGSIZE: no end of the
 * header within HTTP_HEADER_MAX bytes.
 */
_must_check_ int http_reply_feed(struct http_reply *reply, const char *data, size_t n);

/* ---- processes ---- */

/* The first line of a pid file. -EINVAL: it is no number of a process. */
_must_check_ int pid_file_parse(const char *text, size_t n, int32_t *ret_pid);

struct proc_stat {
	int32_t pid;
	char name[64];
	char state;	      /* 'R', 'S', 'D', 'Z', ... */
	uint64_t start_ticks; /* since boot */
};
/* A line of /proc/PID/stat. -EBADMSG. */
_must_check_ int proc_stat_parse(const char *text, size_t n, struct proc_stat *ret);

/* ---- ICMP echo ---- */

#define ECHO_SIZE 24

struct echo {
	uint16_t id; /* a ping socket has its own */
	uint16_t sequence;
	uint64_t cookie;
};
/* A request. `v6`: the kernel adds the checksum. */
void echo_build(const struct echo *echo, bool v6, uint8_t ret[ECHO_SIZE]);
/* A reply to one of ours. `ip_header`: what raw sockets of IPv4 put before it. -EBADMSG: it is
 * something else. */
_must_check_ int echo_parse(const uint8_t *data, size_t n, bool v6, bool ip_header,
			    struct echo *ret);

/* ---- output of programs ---- */

#define LINE_MAX_BYTES 192

/* The line that is being written, and the last whole one that was not empty. */
struct lines {
	size_t n;
	char now[LINE_MAX_BYTES], last[LINE_MAX_BYTES];
};
/* Takes in bytes up to the end of the next line; returns how many. *ret_line: it is complete and
 * stands in `last`. Of a long line the end is left out. */
size_t lines_feed(struct lines *lines, const char *data, size_t n, bool *ret_line);
/* There is no more: what was not ended counts as a line. */
bool lines_end(struct lines *lines);

#endif
