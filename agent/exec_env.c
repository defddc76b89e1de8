/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/exec_env.h"

#include "util/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define VARIABLES_MAX 24
#define DEFAULT_PATH  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* START covers what an administrator or the cluster's start causes; whatever replaces a service
 * that was lost elsewhere is FAILOVER. */
const char *exec_env_event(uint8_t cause)
{
	switch ((enum intent_cause)cause) {
	case CAUSE_FAILOVER:
	case CAUSE_FAILURE:
	case CAUSE_LEAVE:
	case CAUSE_CONFLICT:
	case CAUSE_MONITOR:
	case CAUSE_FAILBACK:
		return "FAILOVER";
	case CAUSE_RESTART:
	case CAUSE_NONE:
	case CAUSE_START:
	case CAUSE_ADMIN:
	case CAUSE_COUNT_:
	default:
		return "START";
	}
}

const char *exec_env_factor(const struct exec_context *context)
{
	if (context->urgent)
		return "GROUPFAILOVER";
	if (context->cause == CAUSE_RESTART)
		return "GROUPRESTART";
	if (context->restart)
		return "RESOURCERESTART";
	if (context->leaving)
		return "SERVERSHUTDOWN";
	switch ((enum intent_cause)context->cause) {
	case CAUSE_FAILOVER:
	case CAUSE_FAILURE:
	case CAUSE_CONFLICT:
	case CAUSE_MONITOR:
		return "GROUPFAILOVER";
	case CAUSE_FAILBACK:
		return "GROUPMOVE";
	case CAUSE_RESTART:
		return "GROUPRESTART";
	case CAUSE_LEAVE:
		return "SERVERSHUTDOWN";
	case CAUSE_NONE:
	case CAUSE_START:
	case CAUSE_ADMIN:
	case CAUSE_COUNT_:
	default:
		return context->wanted_online ? "GROUPMOVE" : "GROUPSTOP";
	}
}

struct env_builder {
	char **env;
	size_t n;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct env_builder *b, const char *format,
						      ...)
{
	va_list ap;
	char *s;
	int r;

	if (b->failed || b->n == VARIABLES_MAX) {
		b->failed = true;
		return;
	}
	va_start(ap, format);
	r = vasprintf(&s, format, ap);
	va_end(ap);
	if (r < 0)
		b->failed = true;
	else
		b->env[b->n++] = s;
}

static void add_common(struct env_builder *b, const struct exec_context *context)
{
	struct utsname os = {.sysname = "Linux"};

	(void)uname(&os); /* cannot fail with a valid pointer */
	add(b, "PATH=%s", DEFAULT_PATH);
	add(b, "USER=%s", context->user ? context->user : "root");
	add(b, "LOGNAME=%s", context->user ? context->user : "root");
	add(b, "CLP_GROUPNAME=%s", context->group);
	add(b, "CLP_RESNAME=%s", context->resource);
	add(b, "CLP_DISK=SUCCESS");
	add(b, "CLP_PRIORITY=%u", context->priority);
	add(b, "CLP_SERVER=%s", context->priority == 1 ? "HOME" : "OTHER");
	add(b, "CLP_PATH=/usr");
	add(b, "CLP_OSNAME=%s", os.sysname);
	add(b, "CLP_OSVER=%s", os.release);
	add(b, "CLP_VERSION_FULL=%s", HOLDFAST_VERSION);
	add(b, "CLP_VERSION_MAJOR=%.*s", (int)strcspn(HOLDFAST_VERSION, "."), HOLDFAST_VERSION);
}

char **exec_env_new(const struct exec_context *context)
{
	struct env_builder b = {.env = calloc(VARIABLES_MAX + 1, sizeof(char *))};

	if (!b.env)
		return NULL;
	add_common(&b, context);
	add(&b, "CLP_EVENT=%s", exec_env_event(context->cause));
	if (context->stop) {
		add(&b, "CLP_FACTOR=%s", exec_env_factor(context));
		add(&b, "CLP_LASTACTION=NONE");
	}
	return b.failed ? exec_env_free(b.env) : b.env;
}

char **exec_env_free(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
	return NULL;
}
