/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any JSON in the place of a Status: every view must cope, and nothing that a terminal obeys may
 * come out. */
#include "cli/render.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const all[])(const struct render *render, const json_t *status) = {
		render_verdict,	 render_summary, render_groups, render_heartbeats,
		render_monitors, render_info,	 render_fence,	render_fence_history};
	json_t *status = json_loadb((const char *)data, size, 0, NULL);
	char *text = NULL;
	size_t n = 0;
	const struct render render = {.out = open_memstream(&text, &n)};

	assert(render.out);
	for (size_t i = 0; status && i < sizeof(all) / sizeof(*all); i++)
		all[i](&render, status);
	assert(fclose(render.out) == 0);
	for (size_t i = 0; i < n; i++)
		assert(text[i] == '\n' || ((uint8_t)text[i] >= 0x20 && text[i] != 0x7f));
	free(text);
	json_decref(status);
	return 0;
}
