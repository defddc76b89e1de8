/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/channel/line.h"

#include "util/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 16

/* Copies a word that ends at `n` or a blank. Returns its length, 0 if it is none or too long. */
static size_t take_word(const char **text, size_t *n, char *ret, size_t size)
{
	size_t k = 0;

	while (k < *n && (*text)[k] != ' ') {
		if (k + 1 >= size || (*text)[k] < '!' || (*text)[k] > '~')
			return 0;
		ret[k] = (*text)[k];
		k++;
	}
	ret[k] = '\0';
	*text += k;
	*n -= k;
	if (k > 0 && *n > 0) { /* one blank, and something behind it */
		if (*n == 1)
			return 0;
		(*text)++;
		(*n)--;
	}
	return k;
}

int line_parse_target(const char *text, size_t n, char ret[CHANNEL_TARGET_SIZE])
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		"_-.:%";
	char target[CHANNEL_TARGET_SIZE];

	if (n > 0 && text[n - 1] == '\r')
		n--;
	if (take_word(&text, &n, target, sizeof target) == 0 || n > 0 ||
	    target[strspn(target, allowed)] != '\0')
		return -EINVAL;
	memcpy(ret, target, CHANNEL_TARGET_SIZE);
	return 0;
}

int line_parse_open(const char *text, size_t n, struct channel_open *ret)
{
	char word[NUMBER_SIZE];
	struct channel_open open;
	uint64_t number;

	if (take_word(&text, &n, word, sizeof word) == 0 || strcmp(word, "open") != 0)
		return -EINVAL;
	if (take_word(&text, &n, word, sizeof word) == 0 ||
	    parse_u64(word, 0, UINT32_MAX, &number) < 0)
		return -EINVAL;
	if (number != CHANNEL_VERSION)
		return -EPROTONOSUPPORT;
	if (take_word(&text, &n, word, sizeof word) == 0)
		return -EINVAL;
	open.change = strcmp(word, "change") == 0;
	if (!open.change && strcmp(word, "view") != 0)
		return -EINVAL;
	if (take_word(&text, &n, word, sizeof word) == 0 || n > 0 ||
	    parse_u64(word, 0, UINT32_MAX - 1, &number) < 0)
		return -EINVAL;
	open.uid = (uid_t)number;
	*ret = open;
	return 0;
}

int line_parse_answer(const char *text, size_t n)
{
	static const char error[] = "error ";

	if (n == 2 && memcmp(text, "ok", 2) == 0)
		return 0;
	if (n < sizeof error || memcmp(text, error, sizeof error - 1) != 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			return -EINVAL;
	return -EREMOTEIO;
}

size_t line_write_open(const struct channel_open *open, char ret[CHANNEL_LINE_MAX])
{
	int n = snprintf(ret, CHANNEL_LINE_MAX, "open %d %s %lu\n", CHANNEL_VERSION,
			 open->change ? "change" : "view", (unsigned long)open->uid);

	return (size_t)n;
}

size_t line_write_error(const char *word, const char *sentence, char ret[CHANNEL_LINE_MAX])
{
	int n = snprintf(ret, CHANNEL_LINE_MAX - 1, "error %s %s", word, sentence);
	size_t used = n < CHANNEL_LINE_MAX - 1 ? (size_t)n : CHANNEL_LINE_MAX - 2, out = 0;

	for (size_t i = 0; i < used; i++)
		if (ret[i] >= ' ' && ret[i] <= '~')
			ret[out++] = ret[i];
	ret[out++] = '\n';
	ret[out] = '\0';
	return out;
}
