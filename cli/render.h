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

struct render {
	FILE *out;
	bool color;
	bool long_names; /* not cut: the columns move */
};

/* The verdict line and what to know beside it, without the block that follows. */
void render_verdict(const struct render *render, const json_t *status);
void render_summary(const struct render *render, const json_t *status);
void render_groups(const struct render *render, const json_t *status);
void render_heartbeats(const struct render *render, const json_t *status);
void render_monitors(const struct render *render, const json_t *status);
void render_info(const struct render *render, const json_t *status);

/* ---- inside: render_*.c ---- */

/* The status if it is one of the twelve words, else "Unknown". */
const char *render_status_word(const char *status);
/* The word in its colour, filled up with blanks to `width`. */
void render_status(const struct render *render, const char *status, size_t width);
/* " ====== TITLE ====" with this many '=' on either side; the end line without a title. */
void render_title(const struct render *render, size_t left, const char *title, size_t right);
void render_end(const struct render *render);
/* "  Cluster : name" and the list "   *server0 : name". */
void render_cluster_line(const struct render *render, const json_t *status);
void render_server_list(const struct render *render, const json_t *status);
/* 'o' up, 'x' down, '-' unknown */
char render_server_mark(const json_t *server);

/* ---- heartbeat.c: what this node knows of who hears whom ---- */

#define HEARTBEATS_MAX 8

/* How many links there are: names lanhb1..lanhbN. */
unsigned int heartbeat_count(const json_t *status);
/* State of link `link` (from 0) as a heartbeat resource of `server`. */
const char *heartbeat_status(const json_t *status, const json_t *server, unsigned int link);
/* Whether `from` hears `to` on `link` of `n_links`: 'o', 'x', or '-' if it is not known here. */
char heartbeat_mark(const json_t *from, const json_t *to, unsigned int link, unsigned int n_links);

#endif
