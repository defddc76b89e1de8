/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel path in the status. */
#include "agent/ctl_internal.h"
#include "agent/kernel.h"

#include "include/kernel.h"
#include "util/clock.h"

static json_t *counters_json(const struct hb_kernel *kernel)
{
	json_t *counters = json_object();
	const char *name;

	for (unsigned int i = 0; (name = hb_kernel_count_name(i)); i++)
		(void)json_object_set_new(
			counters, name,
			json_integer(kernel ? (json_int_t)hb_kernel_count(kernel, i) : 0));
	return counters;
}

static json_t *programs_json(const struct hb_kernel *kernel)
{
	json_t *programs = json_array();
	struct hb_kernel_program p;

	for (unsigned int i = 0; kernel && hb_kernel_program(kernel, i, &p) >= 0; i++)
		(void)json_array_append_new(
			programs,
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "name", p.name, "id",
				  (json_int_t)p.id, "instructions", (json_int_t)p.instructions,
				  "jited_bytes", (json_int_t)p.jited_bytes, "verified",
				  (json_int_t)p.verified, "load_us", (json_int_t)p.load_us));
	return programs;
}

json_t *kernel_status(const struct agent *agent)
{
	const struct kernel_view *view = &agent->kernel_view;
	struct hb_kernel_lease lease = {.valid = false};

	if (agent->kernel)
		hb_kernel_read(agent->kernel, clock_boot(), &lease);
	return json_pack("{s:s, s:o, s:i, s:b, s:o, s:o}", "state",
			 agent->kernel	 ? "on"
			 : view->refused ? "refused"
					 : "off",
			 "reason", ctl_text_or_null(view->problem[0] ? view->problem : NULL),
			 "interfaces", (int)view->interfaces, "lease_valid", lease.valid,
			 "counters", counters_json(agent->kernel), "programs",
			 programs_json(agent->kernel));
}
