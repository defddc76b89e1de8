/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/ocf.h"

#include "agent/exec_env.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDARD_VARIABLES 10

static bool name_valid(const char *s, size_t n)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.+";

	return n > 0 && s[0] != '.' && strspn(s, allowed) >= n;
}

/* Splits "ocf:provider:name". */
static int split(const char *agent, const char **ret_provider, int *ret_n, const char **ret_name)
{
	const char *colon;

	if (strncmp(agent, "ocf:", 4) == 0)
		agent += 4;
	colon = strchr(agent, ':');
	if (!colon || !name_valid(agent, (size_t)(colon - agent)) ||
	    !name_valid(colon + 1, strlen(colon + 1)))
		return -EINVAL;
	*ret_provider = agent;
	*ret_n = (int)(colon - agent);
	*ret_name = colon + 1;
	return 0;
}

int ocf_path(const char *agent, char ret[static OCF_PATH_SIZE])
{
	char path[OCF_PATH_SIZE];
	const char *provider, *name;
	int n, r = split(agent, &provider, &n, &name);

	if (r < 0)
		return r;
	if (snprintf(path, sizeof path, OCF_FOLDER "/%.*s/%s", n, provider, name) >=
	    (int)sizeof path)
		return -EINVAL;
	memcpy(ret, path, sizeof path);
	return 0;
}

static size_t count(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

struct builder {
	char **env;
	size_t n;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct builder *b, const char *format, ...)
{
	va_list ap;
	int r;

	if (b->failed)
		return;
	va_start(ap, format);
	r = vasprintf(&b->env[b->n], format, ap);
	va_end(ap);
	if (r < 0) {
		b->env[b->n] = NULL; /* not defined after a failure */
		b->failed = true;
		return;
	}
	b->n++;
}

static void add_standard(struct builder *b, const struct resource_config *resource,
			 uint64_t timeout_us)
{
	const char *provider = "", *name = "";
	int n = 0;

	/* the configuration was checked: what cannot be split was refused there */
	if (split(resource->agent, &provider, &n, &name) < 0)
		b->failed = true;
	add(b, "OCF_ROOT=%s", OCF_ROOT);
	add(b, "OCF_RA_VERSION_MAJOR=1");
	add(b, "OCF_RA_VERSION_MINOR=1");
	add(b, "OCF_RESOURCE_INSTANCE=%s", resource->name);
	add(b, "OCF_RESOURCE_PROVIDER=%.*s", n, provider);
	add(b, "OCF_RESOURCE_TYPE=%s", name);
	add(b, "OCF_CHECK_LEVEL=0");
	/* many agents derive their own limits from it */
	add(b, "OCF_RESKEY_CRM_meta_timeout=%llu",
	    (unsigned long long)(timeout_us / USEC_PER_MSEC));
}

char **ocf_env_new(const struct resource_config *resource, uint64_t timeout_us, char *const *base)
{
	size_t n = STANDARD_VARIABLES + count(base) + count(resource->parameters) + 1;
	struct builder b = {.env = calloc(n, sizeof(char *))};

	if (!b.env)
		return NULL;
	for (size_t i = 0; base && base[i]; i++)
		add(&b, "%s", base[i]);
	add_standard(&b, resource, timeout_us);
	for (size_t i = 0; resource->parameters && resource->parameters[i]; i++)
		add(&b, "OCF_RESKEY_%s", resource->parameters[i]);
	return b.failed ? exec_env_free(b.env) : b.env;
}

const char *ocf_exit_to_string(int code)
{
	switch ((enum ocf_exit)code) {
	case OCF_SUCCESS:
		return "success";
	case OCF_ERR_GENERIC:
		return "generic error";
	case OCF_ERR_ARGS:
		return "wrong arguments";
	case OCF_ERR_UNIMPLEMENTED:
		return "the agent does not know this action";
	case OCF_ERR_PERM:
		return "not enough rights";
	case OCF_ERR_INSTALLED:
		return "something that it needs is not installed";
	case OCF_ERR_CONFIGURED:
		return "a parameter is missing or wrong";
	case OCF_NOT_RUNNING:
		return "not running";
	default:
		return NULL;
	}
}
