/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/call.h"
#include "cli/field.h"

#include <errno.h>
#include <string.h>

void call_cleanup_json(json_t **json)
{
	json_decref(*json);
}

void call_cleanup_client(struct ctl_client **client)
{
	*client = ctl_client_free(*client);
}

/* ---- errors of the connection ---- */

static enum cli_exit connect_host(struct cli *cli, struct ctl_client **ret)
{
	char error[CTL_HOST_ERROR_SIZE] = "";
	int r = ctl_client_connect_host(cli->socket, cli->host, error, ret);

	if (r >= 0)
		return CLI_OK;
	if (r == -EREMOTEIO)
		return cli_fail(cli, CLI_NO_AGENT, "NoAgent", "%s", error);
	if (r == -EACCES || r == -EPERM)
		return cli_fail(cli, CLI_DENIED, "PermissionDenied",
				"permission denied: cannot open " CTL_PEER_SOCKET " beside %s",
				cli->socket);
	return cli_fail(cli, CLI_NO_AGENT, "NoAgent",
			"no way to other servers through " CTL_PEER_SOCKET " beside %s: %s%s",
			cli->socket, strerror(-r),
			r == -ENOENT || r == -ECONNREFUSED ? " (is holdfastd running?)" : "");
}

enum cli_exit call_connect(struct cli *cli, struct ctl_client **ret)
{
	int r;

	if (cli->host)
		return connect_host(cli, ret);
	r = ctl_client_connect(cli->socket, ret);
	if (r >= 0)
		return CLI_OK;
	if (r == -EACCES || r == -EPERM)
		return cli_fail(cli, CLI_DENIED, "PermissionDenied",
				"permission denied: cannot open the agent's socket %s",
				cli->socket);
	return cli_fail(cli, CLI_NO_AGENT, "NoAgent", "agent not reachable at %s: %s%s",
			cli->socket, strerror(-r),
			r == -ENOENT || r == -ECONNREFUSED ? " (is holdfastd running?)" : "");
}

/* ---- errors the agent replied ---- */

static enum cli_exit fail_denied(struct cli *cli, const json_t *p)
{
	bool change = strcmp(field_string(p, "needs"), "view") != 0;
	const char *group = field_string(p, "group");

	if (!*group)
		return cli_fail(cli, CLI_DENIED, "PermissionDenied",
				"permission denied: '%s' needs root", cli->command);
	return cli_fail(
		cli, CLI_DENIED, "PermissionDenied",
		"permission denied: '%s' needs root or a member of group '%s' (the right to "
		"%s)",
		cli->command, group, change ? "change" : "view");
}

/* NoSuchGroup and its like: their only parameter is the name that there is not. */
static enum cli_exit fail_name(struct cli *cli, const char *error, const json_t *p)
{
	static const struct {
		const char *error, *kind, *shown_by;
	} rows[] = {
		{"NoSuchGroup", "group", "group list"},
		{"NoSuchServer", "server", "server list"},
		{"NoSuchResource", "resource", "resource list"},
		{"NoSuchMonitor", "monitor", "monitor list"},
		{"NoSuchExclusion", "exclusion", "status --xcl"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(error, rows[i].error) == 0)
			return cli_fail(cli, CLI_FAILED, error,
					"there is no %s '%s'; 'holdfast %s' shows them",
					rows[i].kind, field_string(p, rows[i].kind),
					rows[i].shown_by);
	return CLI_OK; /* it is another error */
}

static enum cli_exit fail_event(struct cli *cli, const json_t *p)
{
	return cli_fail(cli, CLI_FAILED, "NoSuchEvent",
			"there is no event %" JSON_INTEGER_FORMAT
			" in this node's journal; 'holdfast events' shows them",
			field_integer(p, "number"));
}

static enum cli_exit fail_refused(struct cli *cli, const json_t *p)
{
	const char *message = field_string(p, "message"), *answer = field_string(p, "answer");
	enum cli_exit code = CLI_FAILED;

	if (strcmp(answer, "timeout") == 0)
		code = CLI_TIMEOUT;
	else if (strcmp(answer, "no-quorum") == 0)
		code = CLI_UNSAFE;
	return cli_fail(cli, code, *answer ? answer : "Refused", "refused: %s",
			*message ? message : answer);
}

static enum cli_exit fail_busy(struct cli *cli, const json_t *p)
{
	(void)p;
	return cli_fail(cli, CLI_NO_AGENT, "Busy",
			"the agent has no connection free for this user; end one that waits or "
			"follows events");
}

static enum cli_exit fail_parameter(struct cli *cli, const json_t *p)
{
	return cli_fail(cli, CLI_FAILED, "InvalidParameter", "the agent does not accept this '%s'",
			field_string(p, "parameter"));
}

static enum cli_exit fail_method(struct cli *cli, const json_t *p)
{
	(void)p;
	return cli_fail(cli, CLI_FAILED, "NotImplemented",
			"the agent does not know '%s': it is of another version than this command "
			"(%s)",
			cli->command, HOLDFAST_VERSION);
}

static enum cli_exit fail_reply(struct cli *cli, const char *error, const json_t *parameters)
{
	static const struct {
		const char *error;
		enum cli_exit (*fail)(struct cli *cli, const json_t *parameters);
	} rows[] = {
		{AGENT_INTERFACE "PermissionDenied", fail_denied},
		{AGENT_INTERFACE "NoSuchEvent", fail_event},
		{AGENT_INTERFACE "Refused", fail_refused},
		{AGENT_INTERFACE "Busy", fail_busy},
		{"org.varlink.service.InvalidParameter", fail_parameter},
		{"org.varlink.service.MethodNotFound", fail_method},
		{"org.varlink.service.MethodNotImplemented", fail_method},
		{"org.varlink.service.InterfaceNotFound", fail_method},
	};
	enum cli_exit code;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(error, rows[i].error) == 0)
			return rows[i].fail(cli, parameters);
	if (strncmp(error, AGENT_INTERFACE, strlen(AGENT_INTERFACE)) == 0) {
		code = fail_name(cli, error + strlen(AGENT_INTERFACE), parameters);
		if (code != CLI_OK)
			return code;
	}
	return cli_fail(cli, CLI_FAILED, "AgentError", "the agent answered with the error %s",
			error);
}

enum cli_exit call_failed(struct cli *cli, const struct ctl_client *client, int r)
{
	switch (-r) {
	case EREMOTEIO:
		return fail_reply(cli, ctl_client_error(client),
				  ctl_client_error_parameters(client));
	case ETIMEDOUT:
		return cli_fail(cli, CLI_TIMEOUT, "Timeout", "no answer from the agent in time");
	case ECONNRESET:
		return cli_fail(cli, CLI_NO_AGENT, "NoAgent",
				"the agent closed the connection (it may have been stopped)");
	case EBADMSG:
		return cli_fail(cli, CLI_NO_AGENT, "BadMessage",
				"what answers at %s does not speak Varlink", cli->socket);
	case EMSGSIZE:
		return cli_fail(cli, CLI_USAGE, "TooLong", "the request is too long");
	default:
		return cli_fail(cli, CLI_FAILED, "Error", "asking the agent failed: %s",
				strerror(-r));
	}
}

/* ---- calls ---- */

enum cli_exit call_agent(struct cli *cli, const char *method, json_t *parameters,
			 uint64_t timeout_us, json_t **ret)
{
	_cleanup_client_ struct ctl_client *client = NULL;
	char full[96];
	enum cli_exit code;
	int r;

	code = call_connect(cli, &client);
	if (code != CLI_OK) {
		json_decref(parameters);
		return code;
	}
	snprintf(full, sizeof(full), AGENT_INTERFACE "%s", method);
	r = ctl_client_call(client, full, parameters, timeout_us, ret);
	return r < 0 ? call_failed(cli, client, r) : CLI_OK;
}

enum cli_exit call_status(struct cli *cli, json_t **ret)
{
	_cleanup_json_ json_t *reply = NULL;
	json_t *status;
	enum cli_exit code;

	code = call_agent(cli, "GetStatus", NULL, CALL_TIMEOUT_US, &reply);
	if (code == CLI_TIMEOUT) /* it is there, but it hangs */
		return CLI_NO_AGENT;
	if (code != CLI_OK)
		return code;
	status = json_object_get(reply, "status");
	if (!json_is_object(status))
		return cli_fail(cli, CLI_FAILED, "BadMessage",
				"the agent's answer holds no status");
	*ret = json_incref(status);
	return CLI_OK;
}
