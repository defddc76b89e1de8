/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A saved state that simulate is given: any JSON may stand there. */
#include "agent/simulate.h"

#include <stdlib.h>

static const char conf[] =
	"cluster = { name = \"t\"; };\n"
	"nodes = ( { name = \"n1\"; links = [ \"10.0.0.1\" ]; },\n"
	"  { name = \"n2\"; links = [ \"10.0.0.2\" ]; },\n"
	"  { name = \"n3\"; links = [ \"10.0.0.3\" ]; } );\n"
	"groups = ( { name = \"web\"; accept_agent_enforced_lease = true; resources = (\n"
	"  { type = \"fip\"; name = \"ip\"; address = \"10.0.0.100/24\"; interface = \"eth0\"; }\n"
	"  ); } );\n"
	"monitors = ( { name = \"watch\"; type = \"fipw\"; resource = \"ip\"; } );\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *config;
	static struct core_seed seed;
	char why[128];
	json_t *json;

	if (!config) {
		static struct config_report report;

		if (config_load_text("fuzz", conf, &config, &report) < 0)
			abort();
	}
	json = json_loadb((const char *)data, size, 0, NULL);
	if (json && simulate_seed(config, json, &seed, why, sizeof why) >= 0) {
		struct simulate_question question = {.horizon_us = 1000000, .down = 1};
		struct simulate_answer answer;

		if (simulate_run(config, &seed, &question, &answer) >= 0)
			simulate_answer_clear(&answer);
	}
	json_decref(json);
	return 0;
}
