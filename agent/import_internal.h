/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_IMPORT_INTERNAL_H
#define HF_AGENT_IMPORT_INTERNAL_H

/*
 * Shared by the files of the import only. The way of a file: text -> UTF-8 -> tree -> what is
 * carried over is marked `used` as it is written -> what is left is listed.
 */

#include "agent/config_internal.h"
#include "agent/import.h"

#define IMPORT_DEPTH_MAX 32
#define IMPORT_NODES_MAX 100000
#define IMPORT_TEXT_MAX	 4095
#define IMPORT_TAG_MAX	 64
#define IMPORT_NAME_MAX	 255

/* Where scripts that lie beside clp.conf are expected to be copied to. */
#define IMPORT_SCRIPTS "/etc/holdfast/scripts"

/* An element, or an attribute of one other than name and id ("@attribute"). */
struct import_node {
	char *tag;
	char *name; /* its attribute name, or id; NULL */
	char *text; /* without blanks around it; NULL if there is none */
	unsigned int line;
	bool used;		   /* carried over, or said why not */
	bool carried;		   /* a group, resource or monitor that the result has */
	const char *why;	   /* not carried over, and nothing below it */
	struct import_node *group; /* of a resource */
	struct import_node *parent, *child, *last, *next;
};

struct import_note {
	unsigned int line;
	bool lost;
	char *text; /* "path: ..." */
};

struct import {
	const char *file;
	struct import_node *root;
	FILE *out;
	bool failed; /* out of memory */
	struct import_note *notes;
	size_t n_notes;
	bool resources_alone, monitors_alone; /* final_action_alone of each */
};

/* ---- reading ---- */

/* Converts by the encoding that the XML declaration names. */
_must_check_ int import_to_utf8(const char *data, size_t size, char **ret_text, size_t *ret_size,
				struct import_error *error);
_must_check_ int import_parse(const char *data, size_t size, struct import_node **ret,
			      struct import_error *error);
struct import_node *import_node_free(struct import_node *node);
_must_check_ int import_error_set(struct import_error *error, unsigned int line, const char *format,
				  ...) __attribute__((format(printf, 3, 4)));

/* ---- the tree ---- */

/* The next child of `parent` with this tag behind `after` (NULL: the first), or NULL. */
struct import_node *import_next(const struct import_node *parent, const struct import_node *after,
				const char *tag);
/* The child with this tag and name, or NULL. */
struct import_node *import_named(const struct import_node *parent, const char *tag,
				 const char *name);
/* The element at a path of tags below `node`, or NULL. */
struct import_node *import_find(struct import_node *node, const char *path);
/* Its text, NULL if it has none. The element is used by that. */
const char *import_text(struct import_node *node, const char *path);
/* A number; false if there is none, or a bad one, which is said. The element is used by that. */
bool import_number(struct import *import, struct import_node *node, const char *path, uint64_t max,
		   uint64_t *ret);
/* The same, where a number is a switch: 0 or 1. */
bool import_switch(struct import *import, struct import_node *node, const char *path, bool *ret);

/* Not carried over, for a reason of its own; carried over, but it means something else. Both use
 * the element. */
void import_lost(struct import *import, struct import_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void import_remark(struct import *import, struct import_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Everything that nobody used is not carried over. */
void import_list_rest(struct import *import);
/* Why elements of this place are not carried over. */
const char *import_reason(const struct import_node *node);

/* ---- writing ---- */

/* A name as we have them: as it is, but for characters and length. */
const char *import_name(const char *name, char out[NAME_SIZE]);
/* Writes name = "..."; and says so if it is another than in the file. */
void import_put_name(struct import *import, const char *tabs, struct import_node *node,
		     const char *name);
void import_put_string(struct import *import, const char *tabs, const char *key, const char *text);
/* The text of `comment`, if there is one. */
void import_put_comment(struct import *import, const char *tabs, struct import_node *node);
/* A command: what an absolute path with arguments says, or a script of its own folder. */
void import_put_command(struct import *import, const char *tabs, const char *key,
			struct import_node *node, const char *text);
/* Likewise for a script that lies beside clp.conf: scripts/A/B/FILE. */
void import_put_script(struct import *import, const char *tabs, const char *key,
		       struct import_node *node, const char *const where[3]);

enum import_kind { IMPORT_NUMBER, IMPORT_SECONDS, IMPORT_BOOL, IMPORT_NOT, IMPORT_WORD };

/* A value that is carried over as it is. */
struct import_row {
	const char *path, *key;
	enum import_kind kind;
	uint64_t min, max;
	const char *const *words; /* IMPORT_WORD: by number */
};
/* Up to a row without a path. */
void import_put_rows(struct import *import, const char *tabs, struct import_node *node,
		     const struct import_row *rows);
/* A final action by its code (spec, section 7.2). */
enum import_final { IMPORT_FINAL_START, IMPORT_FINAL_STOP, IMPORT_FINAL_MONITOR };
void import_put_final(struct import *import, const char *tabs, struct import_node *node,
		      enum import_final when);

/* ---- the parts ---- */

void import_cluster(struct import *import);
void import_nodes(struct import *import);
/* Which groups and resources are carried over: before anything that names one is written. */
void import_choose(struct import *import);
void import_groups(struct import *import);
void import_exclusions(struct import *import);
/* What stands in the braces of a resource. */
void import_resource(struct import *import, struct import_node *node);
void import_monitors(struct import *import);
/* The resource with this name that is carried over, of whatever type; NULL. */
struct import_node *import_find_resource(struct import *import, const char *name);
struct import_node *import_find_group(struct import *import, const char *name);
/* Declarations of types, which say nothing that the elements do not. */
void import_use_types(struct import_node *parent);

#endif
