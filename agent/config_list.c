/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses, and values that are lists of words: links, members, commands. */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- addresses ---- */

/* Reads an address without prefix or zone. Returns the family, or -EINVAL. */
static int parse_address(const char *text, union config_address *ret)
{
	if (inet_pton(AF_INET, text, &ret->v4) == 1)
		return AF_INET;
	if (inet_pton(AF_INET6, text, &ret->v6) == 1)
		return AF_INET6;
	return -EINVAL;
}

/* Why no host can have this address for itself, or NULL. */
static const char *address_useless(int family, const union config_address *address)
{
	uint32_t v4 = ntohl(address->v4.s_addr);

	if (family == AF_INET) {
		if (v4 >> 24 == 0)
			return "it is not the address of a host";
		if (v4 >> 28 >= 0xe)
			return "it is a multicast, broadcast or reserved address";
		return NULL;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(&address->v6))
		return "it is not the address of a host";
	if (IN6_IS_ADDR_MULTICAST(&address->v6))
		return "it is a multicast address";
	if (IN6_IS_ADDR_V4MAPPED(&address->v6))
		return "it is an IPv4 address in disguise: write it as such";
	return NULL;
}

int config_address_parse(const char *text, union config_address *ret, const char **ret_useless)
{
	int family = parse_address(text, ret);

	if (family < 0)
		return family;
	*ret_useless = address_useless(family, ret);
	return family;
}

static bool address_loopback(int family, const union config_address *address)
{
	if (family == AF_INET)
		return ntohl(address->v4.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&address->v6);
}

static int parse_link(const struct config_slot *slot, const char *text, struct config_why *why)
{
	struct node_config *node = slot->object;
	struct sockaddr_storage *link = &node->link[node->n_links];
	union config_address address;
	int family = parse_address(text, &address);
	const char *useless;

	if (family < 0)
		return config_why_set(why, "%s is not an IPv4 or IPv6 address%s", text,
				      strpbrk(text, "/%") ? ": leave out prefix and zone" : "");
	useless = address_useless(family, &address);
	if (useless)
		return config_why_set(why, "%s cannot be used: %s", text, useless);
	if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address.v6))
		return config_why_set(why,
				      "%s is link-local and differs in meaning from node to "
				      "node: use a global or unique local (fd00::/8) address",
				      text);
	memset(link, 0, sizeof *link);
	link->ss_family = (sa_family_t)family;
	if (family == AF_INET)
		((struct sockaddr_in *)link)->sin_addr = address.v4;
	else
		((struct sockaddr_in6 *)link)->sin6_addr = address.v6;
	node->n_links++;
	return 0;
}

static void print_address(int family, const void *address, FILE *out)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(family, address, text, sizeof text);
	(void)fputs(text, out);
}

void config_print_next(const struct config_slot *slot, size_t i, FILE *out)
{
	if (i)
		(void)fputs(", ", out);
	else {
		config_print_begin(slot, out);
		(void)fputs("[ ", out);
	}
}

void config_print_end(size_t n, FILE *out)
{
	if (n)
		(void)fputs(" ];\n", out);
}

static void print_links(const struct config_slot *slot, FILE *out)
{
	const struct node_config *node = slot->object;

	for (uint8_t i = 0; i < node->n_links; i++) {
		const struct sockaddr_storage *link = &node->link[i];

		config_print_next(slot, i, out);
		(void)fputc('"', out);
		if (link->ss_family == AF_INET)
			print_address(AF_INET, &((const struct sockaddr_in *)link)->sin_addr, out);
		else
			print_address(AF_INET6, &((const struct sockaddr_in6 *)link)->sin6_addr,
				      out);
		(void)fputc('"', out);
	}
	config_print_end(node->n_links, out);
}

/* IPv4 addresses of a subnet that no host can have. */
static bool host_part_reserved(const struct in_addr *address, uint64_t prefix)
{
	uint32_t host_mask = prefix < 31 ? UINT32_MAX >> prefix : 0;
	uint32_t host = ntohl(address->s_addr) & host_mask;

	return host_mask && (host == 0 || host == host_mask);
}

/* The prefix behind the '/' of an address, 0 if there is none. */
static int parse_prefix(const char *text, int family, uint64_t *ret_prefix, struct config_why *why)
{
	uint64_t max = family == AF_INET ? 32 : 128;

	*ret_prefix = 0;
	if (!text)
		return 0;
	if (parse_u64(text + 1, 1, max, ret_prefix) < 0)
		return config_why_set(
			why, "the prefix behind / must be a number from 1 to %" PRIu64, max);
	return 0;
}

static int parse_fip(const struct config_slot *slot, const char *text, struct config_why *why)
{
	struct net_fip_config *fip = (void *)((char *)slot->object + slot->key->offset);
	char host[INET6_ADDRSTRLEN + 1];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	union config_address address;
	const char *useless;
	uint64_t prefix;
	int family;

	(void)snprintf(host, sizeof host, "%.*s", n < sizeof host ? (int)n : 0, text);
	family = parse_address(host, &address);
	if (family < 0)
		return config_why_set(why,
				      "must be an IPv4 or IPv6 address with or without prefix, "
				      "such as \"10.0.0.100/24\"");
	useless = address_useless(family, &address);
	if (useless)
		return config_why_set(why, "%s", useless);
	if (address_loopback(family, &address))
		return config_why_set(why, "a loopback address is seen by this machine only");
	if (parse_prefix(slash, family, &prefix, why) < 0)
		return -EINVAL;
	if (family == AF_INET && prefix && host_part_reserved(&address.v4, prefix))
		return config_why_set(why, "it is the network or broadcast address of its subnet");
	fip->family = family;
	fip->prefix = (uint8_t)prefix;
	if (family == AF_INET)
		fip->address.v4 = address.v4;
	else
		fip->address.v6 = address.v6;
	return 0;
}

static void print_fip(const struct config_slot *slot, FILE *out)
{
	const struct net_fip_config *fip = (void *)((char *)slot->object + slot->key->offset);

	config_print_begin(slot, out);
	(void)fputc('"', out);
	print_address(fip->family, &fip->address, out);
	if (fip->prefix)
		(void)fprintf(out, "/%u", fip->prefix);
	(void)fputs("\";\n", out);
}

/* ---- lists of names ---- */

static int parse_member(const struct config_slot *slot, const char *text, struct config_why *why)
{
	struct group_config *group = slot->object;
	int node = config_find_node(slot->config, text);

	if (node < 0)
		return config_why_set(why, "there is no node \"%.40s\" in nodes", text);
	if (slot->config->nodes[node].witness)
		return config_why_set(why, "node \"%s\" is a witness and never holds a group",
				      text);
	for (uint8_t i = 0; i < group->n_nodes; i++)
		if (group->nodes[i] == node)
			return config_why_set(why, "node \"%s\" stands there twice", text);
	group->nodes[group->n_nodes++] = (uint8_t)node;
	return 0;
}

static void print_members(const struct config_slot *slot, FILE *out)
{
	const struct group_config *group = slot->object;

	for (uint8_t i = 0; i < group->n_nodes; i++) {
		config_print_next(slot, i, out);
		config_print_string(slot->config->nodes[group->nodes[i]].name, out);
	}
	config_print_end(group->n_nodes, out);
}

/* ---- commands ---- */

size_t config_words_count(char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

int config_words_add(char ***words, const char *text)
{
	size_t n = config_words_count(*words);
	char **more = realloc(*words, (n + 2) * sizeof *more);

	if (!more)
		return -ENOMEM;
	*words = more;
	more[n + 1] = NULL;
	more[n] = strdup(text);
	return more[n] ? 0 : -ENOMEM;
}

static int parse_word(const struct config_slot *slot, const char *text, struct config_why *why)
{
	char ***field = (void *)((char *)slot->object + slot->key->offset);

	if (!*field && text[0] != '/')
		return config_why_set(why,
				      "the program \"%.60s\" needs its whole path, beginning "
				      "with /",
				      text);
	return config_words_add(field, text);
}

static void print_command(const struct config_slot *slot, FILE *out)
{
	char **words;
	size_t n;

	memcpy(&words, (char *)slot->object + slot->key->offset, sizeof words);
	n = config_words_count(words);
	for (size_t i = 0; i < n; i++) {
		config_print_next(slot, i, out);
		config_print_string(words[i], out);
	}
	config_print_end(n, out);
}

/* ---- types ---- */

const struct config_type config_type_fip = {.expect = "an address in quotes",
					    .kinds = KIND_STRING,
					    .parse = parse_fip,
					    .print = print_fip};
const struct config_type config_type_links = {
	.expect = "a list of addresses, such as [ \"10.0.0.1\", \"10.1.0.1\" ]",
	.kinds = KIND_LIST | KIND_STRING,
	.parse = parse_link,
	.print = print_links};
const struct config_type config_type_members = {
	.expect = "a list of names of nodes, such as [ \"n1\", \"n2\" ]",
	.kinds = KIND_LIST | KIND_STRING,
	.parse = parse_member,
	.print = print_members};
const struct config_type config_type_command = {
	.expect = "a list of words, the program first, such as [ \"/usr/bin/app\", \"--daemon\" ]",
	.kinds = KIND_LIST,
	.any_text = true,
	.parse = parse_word,
	.print = print_command};
