/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A node knows of its own links how each one works, and of other pairs of nodes only whether
 * they hear each other at all. This file makes the most of it and no more.
 */
#include "cli/field.h"
#include "cli/render.h"

#include <string.h>

static const json_t *find_link(const json_t *server, unsigned int link)
{
	const json_t *links = field_array(server, "links");

	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *row = json_array_get(links, i);

		if (field_integer(row, "link") == (json_int_t)link)
			return row;
	}
	return NULL;
}

unsigned int heartbeat_count(const json_t *status)
{
	const json_t *servers = field_array(status, "servers");
	unsigned int n = 0;

	for (size_t i = 0; i < json_array_size(servers); i++)
		for (unsigned int link = n; link < HEARTBEATS_MAX; link++)
			if (find_link(json_array_get(servers, i), link))
				n = link + 1;
	return n;
}

static bool is_offline(const json_t *server)
{
	const char *status = field_string(server, "status");

	return strcmp(status, "Offline") == 0 || strcmp(status, "Unknown") == 0;
}

static const char *pair_status(const json_t *peer, unsigned int link)
{
	const json_t *row = find_link(peer, link);

	return row ? field_string(row, "status") : "Unused";
}

/* When nobody is up to be heard, the socket still tells whether the link works at this end. */
static const char *socket_status(const json_t *servers, unsigned int link)
{
	bool used = false;

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *row = find_link(json_array_get(servers, i), link);

		if (!row || strcmp(field_string(row, "status"), "Unused") == 0)
			continue;
		if (field_bool(row, "open"))
			return "Normal";
		used = true;
	}
	return used ? "Error" : "Unused";
}

/* This node's own end: over all peers that are up. */
static const char *own_status(const json_t *status, unsigned int link)
{
	const json_t *servers = field_array(status, "servers");
	size_t good = 0, bad = 0;

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *peer = json_array_get(servers, i);
		const char *pair = pair_status(peer, link);

		if (field_bool(peer, "self") || is_offline(peer))
			continue;
		good += strcmp(pair, "Normal") == 0;
		bad += strcmp(pair, "Error") == 0;
	}
	if (good > 0)
		return bad > 0 ? "Caution" : "Normal";
	if (bad > 0)
		return "Error";
	return socket_status(servers, link);
}

/* Whether this node is heard or hears on `link` with anybody else than `peer`. */
static bool works_with_others(const json_t *status, const json_t *peer, unsigned int link)
{
	const json_t *servers = field_array(status, "servers");

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *other = json_array_get(servers, i);

		if (other != peer && !field_bool(other, "self") && !is_offline(other) &&
		    strcmp(pair_status(other, link), "Normal") == 0)
			return true;
	}
	return false;
}

static size_t count_peers_up(const json_t *status)
{
	const json_t *servers = field_array(status, "servers");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(servers); i++)
		n += !field_bool(json_array_get(servers, i), "self") &&
		     !is_offline(json_array_get(servers, i));
	return n;
}

const char *heartbeat_status(const json_t *status, const json_t *server, unsigned int link)
{
	const char *pair;

	if (is_offline(server))
		return render_status_word(field_string(server, "status"));
	if (field_bool(server, "self"))
		return own_status(status, link);
	pair = pair_status(server, link);
	/* If this node hears nobody on that link, its own end is to blame, and of the peer only
	 * this one pair is known to be broken. */
	if (strcmp(pair, "Error") == 0 && !works_with_others(status, server, link) &&
	    count_peers_up(status) > 1)
		return "Caution";
	return render_status_word(pair);
}

static bool hears(const json_t *from, const char *name)
{
	const json_t *names = field_array(from, "hears");

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *s = json_string_value(json_array_get(names, i));

		if (s && strcmp(s, name) == 0)
			return true;
	}
	return false;
}

static char pair_mark(const json_t *peer, unsigned int link)
{
	const char *pair = pair_status(peer, link);

	if (strcmp(pair, "Normal") == 0)
		return 'o';
	return strcmp(pair, "Error") == 0 ? 'x' : '-';
}

char heartbeat_mark(const json_t *from, const json_t *to, unsigned int link, unsigned int n_links)
{
	const json_t *paths;

	if (is_offline(from))
		return '-';
	if (from == to)
		return find_link(from, link) || field_bool(from, "self") ? 'o' : '-';
	if (field_bool(from, "self"))
		return pair_mark(to, link);
	if (!hears(from, field_string(to, "name")))
		return 'x';
	paths = json_object_get(json_object_get(from, "paths"), field_string(to, "name"));
	for (size_t i = 0; i < json_array_size(paths); i++)
		if (json_integer_value(json_array_get(paths, i)) == (json_int_t)link)
			return 'o';
	if (json_is_array(paths))
		return find_link(from, link) ? 'x' : '-';
	/* An older agent tells only whom it hears. With this node it shares the links that work
	 * here. */
	if (n_links == 1 || (field_bool(to, "self") && pair_mark(from, link) == 'o'))
		return 'o';
	return '-';
}

/* ---- kernels ---- */

unsigned int kernel_heartbeat_count(const json_t *status)
{
	const json_t *kernel = field_object(status, "kernel");

	if (!kernel || strcmp(field_string(kernel, "state"), "off") == 0)
		return 0;
	return heartbeat_count(status);
}

static bool kernel_is_on(const json_t *status)
{
	return strcmp(field_string(field_object(status, "kernel"), "state"), "on") == 0;
}

/* A kernel may well answer on a server whose agent is dead. */
const char *kernel_heartbeat_status(const json_t *status, const json_t *server, unsigned int link)
{
	const json_t *row = find_link(server, link);
	const char *word = row ? field_string(row, "kernel_status") : "Unused";

	if (is_offline(server) && strcmp(word, "Normal") != 0)
		return render_status_word(field_string(server, "status"));
	if (field_bool(server, "self"))
		return kernel_is_on(status) ? "Normal" : "Error";
	return render_status_word(word);
}

/* Only what this node's probes tell: of what others ask and hear it knows nothing. */
char kernel_heartbeat_mark(const json_t *status, const json_t *from, const json_t *to,
			   unsigned int link)
{
	const char *word = kernel_heartbeat_status(status, to, link);

	if (from != to && !field_bool(from, "self"))
		return '-';
	if (strcmp(word, "Normal") == 0)
		return 'o';
	return strcmp(word, "Error") == 0 || strcmp(word, "Offline") == 0 ? 'x' : '-';
}
