/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pid files, /proc/PID/stat and lines of programs: no crash, and what is taken is plausible. */
#include "agent/monitor_parse.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const char *data, size_t size)
{
	struct lines lines = {0};
	bool line;

	for (size_t at = 0; at < size;) {
		size_t n = lines_feed(&lines, data + at, size - at, &line);

		assert(n > 0 && n <= size - at);
		if (line)
			assert(lines.last[0] && strlen(lines.last) < LINE_MAX_BYTES &&
			       !strchr(lines.last, '\n'));
		at += n;
	}
	if (lines_end(&lines))
		assert(lines.last[0] && strlen(lines.last) < LINE_MAX_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct proc_stat stat;
	int32_t pid;

	if (pid_file_parse(text, size, &pid) >= 0)
		assert(pid >= 1 && pid <= 4194304);
	if (proc_stat_parse(text, size, &stat) >= 0)
		assert(stat.pid >= 1 && memchr(stat.name, '\0', sizeof stat.name));
	check_lines(text, size);
	return 0;
}
