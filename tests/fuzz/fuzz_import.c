/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any file: it is refused with a reason, or becomes a text that can be judged and a list. */
#include "agent/import.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* As in fuzz_config: the result of a strange file may be no configuration. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct import_result result;
	static struct import_error error;

	if (import_data("fuzz", (const char *)data, size, &result, &error) < 0) {
		assert(error.text[0] && !result.config && !result.list);
		return 0;
	}
	assert(result.config && result.list);
	/* Whatever stands in the file, the result is at least in our syntax. */
	for (size_t i = 0; i < result.report.n; i++)
		assert(!strstr(result.report.problem[i].text, "syntax error"));
	import_result_clear(&result);
	return 0;
}
