/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/target.h"

#include "cli/call.h"
#include "cli/field.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define PART_MAX	   8192 /* six times as much as JSON fits into a message */
#define PREPARE_TIMEOUT_US 40000000ULL

/* ---- calls ---- */

static void explain(struct target *target, const char *method, int r)
{
	const struct ctl_client *client = target->client;
	const char *message, *error;

	if (r != -EREMOTEIO) {
		snprintf(target->error, sizeof(target->error), "%s: %s", method, strerror(-r));
		return;
	}
	error = ctl_client_error(client);
	message = field_string(ctl_client_error_parameters(client), "message");
	if (!*message && strstr(error, "PermissionDenied"))
		message = "permission denied: the right to change is needed";
	else if (!*message && strstr(error, "Method"))
		message = "its agent is of a version that does not know this";
	else if (!*message)
		message = error;
	snprintf(target->error, sizeof(target->error), "%s", message);
}

int target_call(struct target *target, const char *method, json_t *parameters, uint64_t timeout_us,
		json_t **ret)
{
	json_t *reply = NULL;
	char full[96];
	int r;

	if (!target->client) {
		json_decref(parameters);
		return -ENOTCONN;
	}
	snprintf(full, sizeof(full), AGENT_INTERFACE "%s", method);
	r = ctl_client_call(target->client, full, parameters, timeout_us, &reply);
	if (r < 0) {
		explain(target, method, r);
		return r;
	}
	if (ret)
		*ret = reply;
	else
		json_decref(reply);
	return 0;
}

static int connect_to(struct cli *cli, struct target *target)
{
	const char *host = target->self ? cli->host : target->name;
	int r;

	target->client = ctl_client_free(target->client);
	target->error[0] = '\0';
	r = host ? ctl_client_connect_host(cli->socket, host, target->error, &target->client)
		 : ctl_client_connect(cli->socket, &target->client);
	if (r < 0 && !target->error[0])
		snprintf(target->error, sizeof(target->error), "%s", strerror(-r));
	return r;
}

int target_refresh(struct target *target)
{
	json_t *reply = NULL;
	int r = target_call(target, "GetStatus", NULL, CALL_TIMEOUT_US, &reply);

	if (r < 0)
		return r;
	json_decref(target->status);
	target->status = json_incref(json_object_get(reply, "status"));
	json_decref(reply);
	return 0;
}

int target_reconnect(struct cli *cli, struct target *target)
{
	int r = connect_to(cli, target);

	return r < 0 ? r : target_refresh(target);
}

const char *target_mode(const struct target *target)
{
	return field_string(field_find(target->status, "servers", target->name), "mode");
}

/* ---- all of them ---- */

void targets_done(struct targets *targets)
{
	for (size_t i = 0; i < targets->n; i++) {
		targets->of[i].client = ctl_client_free(targets->of[i].client);
		json_decref(targets->of[i].status);
		json_decref(targets->of[i].prepared);
	}
	json_decref(targets->status);
	*targets = (struct targets){0};
}

/* Whether the agent that we ask hears it: then it must be reached, or it would be passed over. */
static bool takes_part(const json_t *server)
{
	static const char *const states[] = {"member", "stalled", "heard", "isolated",
					     "quarantined"};

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(field_string(server, "state"), states[i]) == 0)
			return true;
	return field_bool(server, "self");
}

enum cli_exit targets_find(struct cli *cli, struct targets *ret)
{
	const json_t *servers;
	enum cli_exit code = call_status(cli, &ret->status);

	if (code != CLI_OK)
		return code;
	servers = field_array(ret->status, "servers");
	for (size_t i = 0; i < json_array_size(servers) && ret->n < TARGETS_MAX; i++) {
		const json_t *server = json_array_get(servers, i);
		struct target *target = &ret->of[ret->n++];

		snprintf(target->name, sizeof(target->name), "%s", field_string(server, "name"));
		target->self = field_bool(server, "self");
		target->in_cluster = takes_part(server);
		if (connect_to(cli, target) >= 0 && target_refresh(target) < 0)
			target->client = ctl_client_free(target->client);
	}
	return CLI_OK;
}

/* ---- a configuration ---- */

/* At most PART_MAX bytes, not ending within a character. */
static size_t part_length(const char *text, size_t n)
{
	size_t k = n < PART_MAX ? n : PART_MAX;

	while (k < n && k > 0 && ((unsigned char)text[k] & 0xc0) == 0x80)
		k--;
	return k;
}

static int send_text(struct target *target, const char *id, const char *text, size_t n)
{
	size_t at = 0;

	do {
		size_t part = part_length(text + at, n - at);
		int r = target_call(target, "ConfigPut",
				    json_pack("{s:s, s:I, s:s%}", "id", id, "offset",
					      (json_int_t)at, "text", text + at, part),
				    CALL_TIMEOUT_US, NULL);

		if (r < 0)
			return r;
		at += part;
	} while (at < n);
	return 0;
}

int target_prepare(struct target *target, const char *text, size_t n)
{
	unsigned long long random = 0;
	json_t *reply = NULL;
	char id[32];
	int r;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(id, sizeof(id), "%016llx", random);
	r = send_text(target, id, text, n);
	if (r >= 0)
		r = target_call(target, "ConfigPrepare", json_pack("{s:s}", "id", id),
				PREPARE_TIMEOUT_US, &reply);
	if (r < 0)
		return r;
	json_decref(target->prepared);
	target->prepared = reply;
	return 0;
}

/* ---- the file ---- */

/* Line of the first byte that is no UTF-8, 0: all is. */
static unsigned int bad_line(const char *text, size_t n)
{
	unsigned int line = 1;

	for (size_t at = 0; at < n; line++) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t length = end ? (size_t)(end - text) - at : n - at;
		json_t *json = json_stringn(text + at, length);

		json_decref(json);
		if (!json)
			return line;
		at += length + 1;
	}
	return 0;
}

enum cli_exit config_read_file(struct cli *cli, const char *path, char **ret, size_t *ret_n)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	unsigned int line;
	size_t n = 0;
	int r = fd < 0 ? -errno : file_read_all(fd, CONFIG_TEXT_MAX + 1, &text, &n);

	if (r >= 0 && n > CONFIG_TEXT_MAX)
		return cli_fail(cli, CLI_FAILED, "TooLong", "%s: over 1 MiB", path);
	if (r < 0 || !text)
		return cli_fail(cli, CLI_FAILED, "NoFile", "%s: %s", path, strerror(-r));
	if (memchr(text, '\0', n))
		return cli_fail(cli, CLI_FAILED, "NoText",
				"%s: there is a NUL byte in it: this is no text file", path);
	line = bad_line(text, n);
	if (line)
		return cli_fail(cli, CLI_FAILED, "NoText", "%s:%u: this line is not UTF-8", path,
				line);
	*ret = TAKE_PTR(text);
	*ret_n = n;
	return CLI_OK;
}
