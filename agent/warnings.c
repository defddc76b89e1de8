/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Standing warnings, for the status: those of the configuration, then those of this machine. */
#include "agent/agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void agent_warn(struct agent *agent, const char *format, ...)
{
	char *text;
	va_list ap;

	if (agent->n_warnings == AGENT_WARNINGS_MAX)
		return;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) >= 0)
		agent->warnings[agent->n_warnings++] = text;
	va_end(ap);
}

void agent_config_warnings(struct agent *agent, const struct config_report *report)
{
	size_t others = agent->n_warnings - agent->n_config_warnings;
	char *kept[AGENT_WARNINGS_MAX];

	for (size_t i = 0; i < agent->n_config_warnings; i++)
		free(agent->warnings[i]);
	memcpy(kept, agent->warnings + agent->n_config_warnings, others * sizeof *kept);
	agent->n_warnings = 0;
	for (size_t i = 0; i < report->n && agent->n_warnings + others < AGENT_WARNINGS_MAX; i++)
		agent_warn(agent, "%s", report->problem[i].text);
	agent->n_config_warnings = agent->n_warnings;
	memcpy(agent->warnings + agent->n_warnings, kept, others * sizeof *kept);
	agent->n_warnings += others;
}
