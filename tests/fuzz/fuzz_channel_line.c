/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines of the channel: the first byte chooses which one the rest is read as. What is accepted
 * must be what its writer writes, or lie within its limits. */
#include "ctl/channel/line.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_target(const char *text, size_t n)
{
	char target[CHANNEL_TARGET_SIZE];

	if (line_parse_target(text, n, target) < 0)
		return;
	assert(strlen(target) > 0 && strlen(target) <= n);
	assert(memcmp(target, text, strlen(target)) == 0);
	assert(!strpbrk(target, " \r\n/\"'\\"));
}

static void read_open(const char *text, size_t n)
{
	char line[CHANNEL_LINE_MAX];
	struct channel_open open, again;
	size_t length;

	if (line_parse_open(text, n, &open) < 0)
		return;
	assert(open.uid != (uid_t)-1);
	length = line_write_open(&open, line);
	assert(length < sizeof line && line[length - 1] == '\n');
	assert(line_parse_open(line, length - 1, &again) == 0);
	assert(again.change == open.change && again.uid == open.uid);
}

static void read_answer(const char *text, size_t n)
{
	char line[CHANNEL_LINE_MAX], sentence[CHANNEL_LINE_MAX * 2];
	size_t length;

	(void)line_parse_answer(text, n);
	/* whatever a sentence holds, one line comes of it that is an error */
	n = n < sizeof sentence - 1 ? n : sizeof sentence - 1;
	memcpy(sentence, text, n);
	sentence[n] = '\0';
	length = line_write_error("word", sentence, line);
	assert(length < sizeof line && strlen(line) == length);
	assert(strchr(line, '\n') == line + length - 1);
	assert(line_parse_answer(line, length - 1) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		read_target((const char *)data + 1, size - 1);
	else if (data[0] % 3 == 1)
		read_open((const char *)data + 1, size - 1);
	else
		read_answer((const char *)data + 1, size - 1);
	return 0;
}
