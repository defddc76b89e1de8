/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CHANNEL_LINE_H
#define HF_CHANNEL_LINE_H

/* The few lines that are spoken before bytes are only carried. Pure; docs/channel.md. */

#include "include/cluster.h"
#include "util/cleanup.h"

#include <sys/types.h>

#define CHANNEL_LINE_MAX 512 /* with its end */
#define CHANNEL_VERSION	 1

/* For whom a connection is opened. */
struct channel_open {
	bool change; /* else only the right to view */
	uid_t uid;
};

/* Texts of `n` bytes, without the end of the line. -EINVAL. */

/* What a local client says: the name of a node, or one of its addresses. */
#define CHANNEL_TARGET_SIZE 64
_must_check_ int line_parse_target(const char *text, size_t n, char ret[CHANNEL_TARGET_SIZE]);
/* "open 1 change 1000". -EPROTONOSUPPORT: another version. */
_must_check_ int line_parse_open(const char *text, size_t n, struct channel_open *ret);
/* "ok": 0; "error WORD SENTENCE", of printable characters: -EREMOTEIO. */
_must_check_ int line_parse_answer(const char *text, size_t n);

/* With the end of the line, terminated; returns the length. */
size_t line_write_open(const struct channel_open *open, char ret[CHANNEL_LINE_MAX]);
/* What cannot be shown, and what does not fit, is left out. */
size_t line_write_error(const char *word, const char *sentence, char ret[CHANNEL_LINE_MAX]);

#endif
