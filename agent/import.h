/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_IMPORT_H
#define HF_AGENT_IMPORT_H

/*
 * `holdfastd --import FILE`: a CLUSTERPRO X 4 or 5 configuration for Linux (clp.conf) in the syntax
 * of holdfast.conf(5), with a list of every element that is not carried over, or means something
 * else here.
 */

#include "agent/config.h"

#define IMPORT_FILE_MAX (4 * 1024 * 1024)

struct import_result {
	char *config; /* what becomes of the file */
	char *list;   /* "FILE:LINE: path/of/tag: not carried over: why" lines */
	size_t n_lost, n_notes;
	struct config_report report; /* of a check of `config`: what is to be done by hand */
};

struct import_error {
	unsigned int line; /* 0: the file as a whole */
	char text[256];
};

/* 0 with *ret, -EINVAL with `error` if it is no such file, -ENOMEM. `name` stands in the list. */
_must_check_ int import_data(const char *name, const char *data, size_t size,
			     struct import_result *ret, struct import_error *error);
void import_result_clear(struct import_result *result);

/* The arguments behind "--import". Returns the exit code. */
#define IMPORT_EXIT_HAND       1 /* written; it needs work by hand before it can be used */
#define IMPORT_EXIT_ERRORS     2 /* this is no such file */
#define IMPORT_EXIT_USAGE      64
#define IMPORT_EXIT_NOINPUT    66 /* it cannot be read */
#define IMPORT_EXIT_CANTCREATE 73 /* the result cannot be written */
int import_main(int argc, char **argv);

#endif
