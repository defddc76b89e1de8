/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_RENDER_H
#define HF_CLI_RENDER_H

/*
 * Text from a Status object, in the layouts that scripts of clpstat's users parse. They are
 * fixed column by column: holdfast(8), OUTPUT.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Parts of the configuration list, as bits. */
enum render_part {
	RENDER_CLUSTER = 1 << 0,
	RENDER_SERVERS = 1 << 1,
	RENDER_HEARTBEATS = 1 << 2,
	RENDER_GROUPS = 1 << 3,
	RENDER_RESOURCES = 1 << 4,
	RENDER_MONITORS = 1 << 5,
	RENDER_EXCLUSIONS = 1 << 6,
	RENDER_ALL = (1 << 7) - 1,
};

struct render {
	FILE *out;
	bool color;
	bool long_names;      /* not cut: the columns move */
	bool detail;	      /* settings, counters */
	unsigned int parts;   /* of render_info(); 0: all */
	const char *only;     /* the one object that render_info() shows; NULL: all */
	const json_t *status; /* in lists: what a row is a part of */
};

/* The verdict line and what to know beside it, without the block that follows. */
void render_verdict(const struct render *render, const json_t *status);
void render_summary(const struct render *render, const json_t *status);
void render_groups(const struct render *render, const json_t *status);
void render_heartbeats(const struct render *render, const json_t *status);
void render_monitors(const struct render *render, const json_t *status);
void render_info(const struct render *render, const json_t *status);
/* Of a reply of FenceStatus; only about the server called `only`, NULL: all. */
void render_fence(const struct render *render, const json_t *fencing);
/* Of a reply of FenceHistory. */
void render_fence_history(const struct render *render, const json_t *reply);

/* ---- inside: render_*.c ---- */

/* The status if it is one of the twelve words, else "Unknown". */
const char *render_status_word(const char *status);
/* The word in its colour, filled up with blanks to `width`. */
void render_status(const struct render *render, const char *status, size_t width);
/* " ====== TITLE ====" with this many '=' on either side; the end line without a title. */
void render_title(const struct render *render, size_t left, const char *title, size_t right);
void render_end(const struct render *render);
/* " [Monitor0 : name]", "   Label      : value", the same for lists and the settings of `row`. */
void render_section(const struct render *render, const char *kind, size_t i, const char *name);
void render_label(const struct render *render, const char *text);
void render_text_row(const struct render *render, const char *name, const char *value);
void render_number_row(const struct render *render, const char *name, double value);
void render_settings(const struct render *render, const json_t *row);
/* One monitor of the configuration list; the statistics if they are asked for. */
void render_monitor_info(const struct render *render, const json_t *monitor, const json_t *status);
/* What is to be known of a monitor on one server beside its status, with `detail`. */
void render_monitor_counters(const struct render *render, const json_t *place);
/* What the monitor says on that server, "" if it is not configured there; *ret_row (may be NULL):
 * the row about that server, if there is one. */
const char *render_monitor_on(const json_t *monitor, const json_t *server, const json_t **ret_row);
/* "  Cluster : name" and the list "   *server0 : name". */
void render_cluster_line(const struct render *render, const json_t *status);
void render_server_list(const struct render *render, const json_t *status);
/* 'o' up, 'x' down, '-' unknown */
char render_server_mark(const json_t *server);
/* How many columns of a name are shown where it has `width`. */
size_t render_cut(const struct render *render, size_t width);
/* Lines of the summary: "   *name .......: Online", "      name      : Normal           comment";
 * of the latter the name with its ':', or that and the status. */
void render_head(const struct render *render, char mark, const json_t *object);
void render_item(const struct render *render, const char *name, const char *status,
		 const char *comment);
void render_item_name(const struct render *render, const char *name);
void render_item_status(const struct render *render, const char *name, const char *status);

/* ---- render_fence.c ---- */

/* What the status says of the fencing of `server`; NULL: it has no device, and no order. */
const json_t *render_fencing_of(const json_t *status, const char *server);
/* "n1 fences it, level 1 try 2": the order in `row`. False: there is none. */
bool render_fence_state(const struct render *render, const json_t *row);
/* With the map of heartbeats: what the checks say, and the watchdog. */
void render_fence_checks(const struct render *render, const json_t *status);

/* ---- heartbeat.c: what this node knows of who hears whom ---- */

#define HEARTBEATS_MAX 8

/* How many links there are: names lanhb1..lanhbN. */
unsigned int heartbeat_count(const json_t *status);
/* State of link `link` (from 0) as a heartbeat resource of `server`. */
const char *heartbeat_status(const json_t *status, const json_t *server, unsigned int link);
/* Whether `from` hears `to` on `link` of `n_links`: 'o', 'x', or '-' if it is not known here. */
char heartbeat_mark(const json_t *from, const json_t *to, unsigned int link, unsigned int n_links);

/* The same for the kernels: names lankhb1..lankhbN; 0 where no kernel path is wanted. A row is
 * about the kernel of `server`, or `to`, and whether it answers. */
unsigned int kernel_heartbeat_count(const json_t *status);
const char *kernel_heartbeat_status(const json_t *status, const json_t *server, unsigned int link);
char kernel_heartbeat_mark(const json_t *status, const json_t *from, const json_t *to,
			   unsigned int link);

#endif
