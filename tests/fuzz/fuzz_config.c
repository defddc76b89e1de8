/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text: it is refused with a reason, or its print is accepted and prints the same. */
#include "agent/config_internal.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets the buffer of its scanner when a syntax error follows a string: a few
 * bytes, once for each load that fails, which no program does twice. Our own leaks still show. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_report report;
	_cleanup_free_ char *text = malloc(size + 1), *print = NULL, *again = NULL, *budget = NULL;
	struct config *config = NULL, *second = NULL;
	int r;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (config_load_text("fuzz", text, &config, &report) < 0) {
		assert(report.errors > 0 && report.n > 0 && !config);
		return 0;
	}
	print = config_print(config);
	budget = config_budget(config);
	assert(print && budget);
	r = config_load_text("print", print, &second, &report);
	assert(r == 0); /* the print of a good configuration is one */
	again = config_print(second);
	assert(again && strcmp(print, again) == 0 && config->hash == second->hash);
	(void)config_free(config);
	(void)config_free(second);
	return 0;
}
