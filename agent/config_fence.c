/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of fencing (docs/fencing.md, Configuration): agents, parameters, secrets, levels. */
#include "agent/config_internal.h"
#include "util/parse.h"

#include <errno.h>
#include <string.h>

#define LETTERS		  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS		  "0123456789"
#define PARAMETER_LEN_MAX 63
#define VALUE_LEN_MAX	  1023
#define AGENT_LEN_MAX	  255
#define PLUG_LEN_MAX	  100

static void *field_of(const struct config_slot *slot)
{
	return (char *)slot->object + slot->key->offset;
}

/* ---- words ---- */

static const enum final_action losses[] = {
	FINAL_STOP_GROUP,     FINAL_STOP_SERVICE, FINAL_REBOOT,	 FINAL_SHUTDOWN,  FINAL_PANIC,
	FINAL_WATCHDOG_RESET, FINAL_BMC_RESET,	  FINAL_BMC_OFF, FINAL_BMC_CYCLE, FINAL_BMC_NMI,
};

const char *config_quorum_loss_to_string(enum final_action action)
{
	return action == FINAL_STOP_GROUP ? "stop-groups" : final_action_to_string(action);
}

static int parse_quorum_loss(const struct config_slot *slot, const char *text,
			     struct config_why *why)
{
	char list[sizeof why->text - 24];
	size_t n = 0;

	list[0] = '\0';
	for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
		const char *word = config_quorum_loss_to_string(losses[i]);

		if (strcmp(word, text) == 0) {
			config_number_store(slot, losses[i]);
			return 0;
		}
		if (n < sizeof list)
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "",
					      word);
	}
	return config_why_set(why, "must be one of %s", list);
}

static void print_quorum_loss(const struct config_slot *slot, FILE *out)
{
	enum final_action action = (enum final_action)config_number_load(slot);

	config_print_text(slot, config_quorum_loss_to_string(action), out);
}

/* ---- devices ---- */

static int parse_fence_agent(const struct config_slot *slot, const char *text,
			     struct config_why *why)
{
	size_t n = strlen(text);
	bool name = strspn(text, LETTERS DIGITS "._-") == n && text[0] != '.' && text[0] != '-';

	if (n == 0 || n > AGENT_LEN_MAX || (text[0] != '/' && !name))
		return config_why_set(why, "must be the name of a fence agent, such as "
					   "\"fence_ipmilan\", or the whole path of one");
	return config_string_set(field_of(slot), text);
}

/* A part of a name of a parameter tells that its value is a secret; the end of one that it is only
 * where to find it. */
bool config_fence_secret(const char *name, size_t n)
{
	static const char *const parts[] = {"passw",	 "passphrase", "passcode", "secret",
					    "community", "token",      "apikey",   "credential"};
	static const char *const ends[] = {"_key", "-key", "_kg", "-kg", "k_g"};
	static const char *const files[] = {"_file", "_script", "_path"};
	char text[CONFIG_TEXT_MAX + 1]; /* also of a whole line */

	(void)snprintf(text, sizeof text, "%.*s", (int)(n < sizeof text ? n : sizeof text - 1),
		       name);
	n = strlen(text);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (n > strlen(files[i]) && strcasecmp(text + n - strlen(files[i]), files[i]) == 0)
			return false;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (n >= strlen(ends[i]) && strcasecmp(text + n - strlen(ends[i]), ends[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strcasestr(text, parts[i]))
			return true;
	return false;
}

/* Length of the name in "name=value", or an error. */
static int parameter_name(const char *text, struct config_why *why)
{
	/* Said by us in each order. */
	static const char *const ours[] = {"action", "option", "nodename"};
	int n = config_parameter_name(text, PARAMETER_LEN_MAX, why);

	if (n < 0)
		return n;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strlen(ours[i]) == (size_t)n && strncmp(ours[i], text, (size_t)n) == 0)
			return config_why_set(why,
					      "\"%s\" is given by Holdfast in each order: leave "
					      "it out",
					      ours[i]);
	return n;
}

static int parse_fence_parameter(const struct config_slot *slot, const char *text,
				 struct config_why *why)
{
	int n = parameter_name(text, why);

	if (n < 0)
		return n;
	if (config_fence_secret(text, (size_t)n))
		return config_why_set(why,
				      "\"%.*s\" is a secret and must not stand in this file: write "
				      "it into a file that only root can read (mode 0600), and say "
				      "secrets: { %.*s = \"/etc/holdfast/...\"; }",
				      n, text, n, text);
	if (strlen(text + n + 1) > VALUE_LEN_MAX)
		return config_why_set(why, "the value of \"%.*s\" is longer than %d bytes", n, text,
				      VALUE_LEN_MAX);
	return config_words_add((char ***)field_of(slot), text);
}

static int parse_secret(const struct config_slot *slot, const char *text, struct config_why *why)
{
	int n = parameter_name(text, why);

	if (n < 0)
		return n;
	if (text[n + 1] != '/')
		return config_why_set(
			why,
			"\"%.*s\" must be the whole path of a file that only root can "
			"read, with the secret in its first line; the secret itself "
			"must not stand here",
			n, text);
	if (strlen(text + n + 1) > VALUE_LEN_MAX)
		return config_why_set(why, "the path of \"%.*s\" is longer than %d bytes", n, text,
				      VALUE_LEN_MAX);
	return config_words_add((char ***)field_of(slot), text);
}

const char *config_fence_parameter(const struct fence_device_config *device, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; device->parameters && device->parameters[i]; i++)
		if (strncmp(device->parameters[i], name, n) == 0 && device->parameters[i][n] == '=')
			return device->parameters[i] + n + 1;
	return NULL;
}

/* ---- levels ---- */

int config_find_device(const struct config *config, const char *name)
{
	for (uint8_t i = 0; i < config->fencing.n_devices; i++)
		if (strcmp(config->fencing.devices[i].name, name) == 0)
			return i;
	return -ENOENT;
}

static int use_device(const struct config *config, const char *text, struct config_why *why)
{
	char name[NAME_SIZE];
	size_t n = strcspn(text, ":");
	int device;

	(void)snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : 0), text);
	device = config_find_device(config, name);
	if (device < 0)
		return config_why_set(why, "there is no device \"%.*s\" in fencing.devices",
				      (int)(n < 40 ? n : 40), text);
	return device;
}

static int parse_use(const struct config_slot *slot, const char *text, struct config_why *why)
{
	struct fence_level_config *level = slot->object;
	struct fence_use_config *use = &level->devices[level->n_devices];
	int device = use_device(slot->config, text, why);
	const char *plug = strchr(text, ':');

	if (device < 0)
		return device;
	plug = plug ? plug + 1 : NULL;
	if (plug && (!*plug || strlen(plug) > PLUG_LEN_MAX))
		return config_why_set(why, "the plug behind ':' must have 1 to %d bytes",
				      PLUG_LEN_MAX);
	for (uint8_t i = 0; i < level->n_devices; i++)
		if (level->devices[i].device == device &&
		    strcmp(level->devices[i].plug ? level->devices[i].plug : "",
			   plug ? plug : "") == 0)
			return config_why_set(why, "\"%.60s\" stands there twice", text);
	use->device = (uint8_t)device;
	if (plug && config_string_set(&use->plug, plug) < 0)
		return -ENOMEM;
	level->n_devices++;
	return 0;
}

static void print_use(const struct config_slot *slot, FILE *out)
{
	const struct fence_level_config *level = slot->object;

	for (uint8_t i = 0; i < level->n_devices; i++) {
		const struct fence_use_config *use = &level->devices[i];
		const char *name = slot->config->fencing.devices[use->device].name;
		char text[NAME_SIZE + PLUG_LEN_MAX + 2];

		(void)snprintf(text, sizeof text, "%s%s%s", name, use->plug ? ":" : "",
			       use->plug ? use->plug : "");
		config_print_next(slot, i, out);
		config_print_string(text, out);
	}
	config_print_end(level->n_devices, out);
}

/* ---- types ---- */

const struct config_type config_type_quorum_loss = {.expect = "a word in quotes, such as "
							      "\"reboot\"",
						    .kinds = KIND_STRING,
						    .width = 1,
						    .parse = parse_quorum_loss,
						    .print = print_quorum_loss};
const struct config_type config_type_fence_agent = {.expect = "the name of a fence agent in quotes",
						    .kinds = KIND_STRING,
						    .parse = parse_fence_agent,
						    .print = config_print_pointer};
const struct config_type config_type_fence_parameters = {
	.expect = "parameters by name, such as { ip = \"10.0.0.11\"; username = \"ha\"; }",
	.kinds = KIND_GROUP,
	.hidden = true,
	.parse = parse_fence_parameter,
	.print = config_print_named};
const struct config_type config_type_secrets = {
	.expect = "names of files, such as { password = \"/etc/holdfast/bmc1.secret\"; }",
	.kinds = KIND_GROUP,
	.hidden = true,
	.parse = parse_secret,
	.print = config_print_named};
const struct config_type config_type_uses = {
	.expect = "a list of names of devices, such as [ \"bmc1\" ] or [ \"pdu:3\", \"pdu:4\" ]",
	.kinds = KIND_LIST | KIND_STRING,
	.parse = parse_use,
	.print = print_use};
