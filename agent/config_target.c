/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What resources start and monitors watch: units, agents, addresses, processes, devices. */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define UNIT_LEN_MAX	  255
#define COMM_LEN_MAX	  15 /* what the kernel keeps of the name of a process */
#define PARAMETER_LEN_MAX 64
#define DIGITS		  "0123456789"
#define LETTERS		  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static char **field_of(const struct config_slot *slot)
{
	return (void *)((char *)slot->object + slot->key->offset);
}

static void print_pointer(const struct config_slot *slot, FILE *out)
{
	config_print_text(slot, *field_of(slot), out);
}

/* ---- interfaces ---- */

static int parse_device(const struct config_slot *slot, const char *text, struct config_why *why)
{
	if (!config_interface_valid(text))
		return config_why_set(why,
				      "this cannot be the name of an interface (1 to %d "
				      "characters without / : or blank)",
				      NET_IFNAME_MAX - 1);
	return config_string_set(field_of(slot), text);
}

/* ---- systemd ---- */

/* The first `n_started` are kinds that can be started and stopped. */
static const char *const unit_suffixes[] = {".service", ".socket", ".mount", ".automount",
					    ".swap",	".target", ".path",  ".timer",
					    ".device",	".slice",  ".scope"};
#define SUFFIXES_STARTED 8
#define SUFFIXES_ALL	 (sizeof unit_suffixes / sizeof *unit_suffixes)

/* `suffix` with a name of at least one letter before it. */
static bool unit_is(const char *text, const char *suffix)
{
	size_t n = strlen(text), k = strlen(suffix);

	return n > k && strcmp(text + n - k, suffix) == 0;
}

static int check_unit(const char *text, size_t n_suffixes, struct config_why *why)
{
	size_t n = strlen(text), i = 0;

	if (n > UNIT_LEN_MAX || text[0] == '.' || strspn(text, LETTERS DIGITS ":-_.\\@") != n)
		return config_why_set(why, "this cannot be the name of a systemd unit");
	while (i < SUFFIXES_ALL && !unit_is(text, unit_suffixes[i]))
		i++;
	if (i == SUFFIXES_ALL)
		return config_why_set(why,
				      "the name of a unit needs its ending, such as "
				      "\"%.100s.service\"",
				      text);
	if (i >= n_suffixes)
		return config_why_set(why, "a unit of this kind cannot be started and stopped");
	if (text[n - strlen(unit_suffixes[i]) - 1] == '@')
		return config_why_set(why, "this is a template: name an instance of it, such as "
					   "\"name@instance.service\"");
	return 0;
}

static int parse_unit(const struct config_slot *slot, const char *text, struct config_why *why)
{
	int r = check_unit(text, SUFFIXES_STARTED, why);

	return r < 0 ? r : config_string_set(field_of(slot), text);
}

static int parse_unit_watched(const struct config_slot *slot, const char *text,
			      struct config_why *why)
{
	int r = check_unit(text, SUFFIXES_ALL, why);

	return r < 0 ? r : config_string_set(field_of(slot), text);
}

/* ---- OCF resource agents ---- */

/* One part of the path of an agent: no way out of its folder. */
static bool agent_part_valid(const char *text, size_t n)
{
	return n > 0 && n <= 64 && text[0] != '.' && strspn(text, LETTERS DIGITS "._-") >= n;
}

static int parse_agent(const struct config_slot *slot, const char *text, struct config_why *why)
{
	const char *colon;

	if (strncmp(text, "ocf:", 4) == 0)
		text += 4;
	colon = strchr(text, ':');
	if (!colon || !agent_part_valid(text, (size_t)(colon - text)) ||
	    !agent_part_valid(colon + 1, strlen(colon + 1)))
		return config_why_set(why, "must be provider and name of a resource agent, such as "
					   "\"heartbeat:IPaddr2\" or \"ocf:heartbeat:Dummy\"");
	return config_string_set(field_of(slot), text);
}

int config_parameter_name(const char *text, size_t most, struct config_why *why)
{
	size_t n = strcspn(text, "=");

	if (n == 0 || n > most || strspn(text, LETTERS DIGITS "_-") != n)
		return config_why_set(why,
				      "the name \"%.*s\" of a parameter must have 1 to %zu of the "
				      "characters A-Z a-z 0-9 _ -",
				      n < 40 ? (int)n : 40, text, most);
	return (int)n;
}

/* `text` is "name=value". */
static int parse_parameter(const struct config_slot *slot, const char *text, struct config_why *why)
{
	int n = config_parameter_name(text, PARAMETER_LEN_MAX, why);

	if (n < 0)
		return n;
	return config_words_add((char ***)(void *)field_of(slot), text);
}

void config_print_named(const struct config_slot *slot, FILE *out)
{
	char **words;

	memcpy(&words, (char *)slot->object + slot->key->offset, sizeof words);
	if (!words)
		return;
	config_print_begin(slot, out);
	(void)fputs("{ ", out);
	for (size_t i = 0; words[i]; i++) {
		int n = (int)strcspn(words[i], "=");

		(void)fprintf(out, "%.*s = ", n, words[i]);
		config_print_string(words[i] + n + 1, out);
		(void)fputs("; ", out);
	}
	(void)fputs("};\n", out);
}

/* ---- processes ---- */

static int parse_process(const struct config_slot *slot, const char *text, struct config_why *why)
{
	size_t n = strlen(text);

	if (text[0] == '/' && n < 1024)
		return config_string_set(field_of(slot), text);
	if (n == 0 || strchr(text, '/'))
		return config_why_set(why, "must be the name of a program without /, or its "
					   "whole path");
	if (n > COMM_LEN_MAX)
		return config_why_set(why,
				      "it has %zu bytes, and the kernel keeps %d of the name of "
				      "a process: give the whole path of the program",
				      n, COMM_LEN_MAX);
	return config_string_set(field_of(slot), text);
}

/* ---- addresses ---- */

/* The address as everybody writes it, so that two spellings of one are one. */
static int read_address(const char *text, char out[INET6_ADDRSTRLEN], struct config_why *why)
{
	union config_address address;
	const char *useless = NULL;
	int family = config_address_parse(text, &address, &useless);

	if (family < 0)
		return config_why_set(why, "%.60s is not an IPv4 or IPv6 address%s", text,
				      strpbrk(text, "/%") ? ": leave out prefix and zone"
							  : ": names are not looked up");
	if (useless)
		return config_why_set(why, "%s cannot be used: %s", text, useless);
	if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address.v6))
		return config_why_set(
			why, "%s is link-local and differs in meaning from node to node", text);
	return inet_ntop(family, &address, out, INET6_ADDRSTRLEN) ? 0 : -ENOMEM;
}

static int parse_address(const struct config_slot *slot, const char *text, struct config_why *why)
{
	char out[INET6_ADDRSTRLEN];
	int r = read_address(text, out, why);

	return r < 0 ? r : config_string_set(field_of(slot), out);
}

static int parse_addresses(const struct config_slot *slot, const char *text, struct config_why *why)
{
	char ***field = (void *)field_of(slot);
	char out[INET6_ADDRSTRLEN];
	int r = read_address(text, out, why);

	if (r < 0)
		return r;
	for (size_t i = 0; *field && (*field)[i]; i++)
		if (strcmp((*field)[i], out) == 0)
			return config_why_set(why, "%s stands there twice", out);
	return config_words_add(field, out);
}

static void print_addresses(const struct config_slot *slot, FILE *out)
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

/* ---- URLs ---- */

#define URL_EXAMPLE "such as \"http://10.0.0.9:8080/health\" or \"http://[fd00::9]/\""

/* The host of an URL without its brackets. `*at` goes behind it. */
static int url_host(const char **at, char out[INET6_ADDRSTRLEN + 1], struct config_why *why)
{
	bool bracket = **at == '[';
	const char *start = *at + bracket;
	size_t n = strcspn(start, bracket ? "]/" : ":/"), whole = strcspn(start, "/");

	if (bracket && start[n] != ']')
		return config_why_set(why, "the bracket of the IPv6 address is not closed");
	if (!bracket && memrchr(start, ':', whole) != memchr(start, ':', whole))
		return config_why_set(why, "an IPv6 address needs brackets, " URL_EXAMPLE);
	if (n == 0 || n > INET6_ADDRSTRLEN)
		return config_why_set(why, "the host must be an address: names are not looked up");
	(void)snprintf(out, INET6_ADDRSTRLEN + 1, "%.*s", (int)n, start);
	if (bracket && !strchr(out, ':'))
		return config_why_set(why, "brackets are for IPv6 addresses");
	*at = start + n + bracket;
	return 0;
}

/* The port of an URL, if there is one. `*at` goes behind it. */
static int url_port(const char **at, struct config_why *why)
{
	char port[8];
	uint64_t number;
	size_t n;

	if (**at != ':')
		return 0;
	n = strcspn(++*at, "/");
	(void)snprintf(port, sizeof port, "%.*s", n < sizeof port ? (int)n : 0, *at);
	*at += n;
	if (parse_u64(port, 1, 65535, &number) < 0)
		return config_why_set(why, "its port must be a number from 1 to 65535");
	return 0;
}

static int parse_url(const struct config_slot *slot, const char *text, struct config_why *why)
{
	char host[INET6_ADDRSTRLEN + 1], plain[INET6_ADDRSTRLEN];
	const char *at = text + strlen("http://");
	int r;

	if (strncmp(text, "https://", 8) == 0)
		return config_why_set(why, "https is not supported: use a monitor of type "
					   "\"genw\" with a program that asks the server");
	if (strncmp(text, "http://", 7) != 0)
		return config_why_set(why, "must begin with http://, " URL_EXAMPLE);
	r = url_host(&at, host, why);
	if (r == 0)
		r = read_address(host, plain, why);
	if (r == 0)
		r = url_port(&at, why);
	if (r < 0)
		return r;
	if (*at != '/')
		return config_why_set(why, "the address must be followed by a path, " URL_EXAMPLE);
	for (const char *p = at; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '#')
			return config_why_set(why, "blanks, # and characters beyond ASCII must be "
						   "written as %%XX in a path");
	return config_string_set(field_of(slot), text);
}

/* ---- types ---- */

#define STRING(text) .expect = (text), .kinds = KIND_STRING

const struct config_type config_type_device = {STRING("a name in quotes"), .parse = parse_device,
					       .print = print_pointer};
const struct config_type config_type_unit = {STRING("the name of a unit in quotes"),
					     .parse = parse_unit, .print = print_pointer};
const struct config_type config_type_unit_watched = {STRING("the name of a unit in quotes"),
						     .parse = parse_unit_watched,
						     .print = print_pointer};
const struct config_type config_type_agent = {STRING("the name of an agent in quotes"),
					      .parse = parse_agent, .print = print_pointer};
const struct config_type config_type_parameters = {
	.expect = "texts in quotes by name, such as { ip = \"10.0.0.9\"; }",
	.kinds = KIND_GROUP,
	.any_text = true,
	.parse = parse_parameter,
	.print = config_print_named};
const struct config_type config_type_process = {STRING("a name in quotes"), .parse = parse_process,
						.print = print_pointer};
const struct config_type config_type_address = {STRING("an address in quotes"),
						.parse = parse_address, .print = print_pointer};
const struct config_type config_type_addresses = {
	.expect = "a list of addresses, such as [ \"10.0.0.1\", \"10.1.0.1\" ]",
	.kinds = KIND_LIST | KIND_STRING,
	.parse = parse_addresses,
	.print = print_addresses};
const struct config_type config_type_url = {STRING("an URL in quotes"), .parse = parse_url,
					    .print = print_pointer};
