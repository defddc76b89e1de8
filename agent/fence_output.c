/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/fence_output.h"

#include "util/utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char blank[] = "***";

void fence_output_add(struct fence_output *output, const char *data, size_t n)
{
	output->total += n;
	if (n >= output->size) {
		memcpy(output->data, data + (n - output->size), output->size);
		output->n = output->size;
		return;
	}
	if (output->n + n > output->size) {
		size_t drop = output->n + n - output->size;

		memmove(output->data, output->data + drop, output->n - drop);
		output->n -= drop;
	}
	memcpy(output->data + output->n, data, n);
	output->n += n;
}

/* Length of the longest secret that begins here; 0: none. */
static size_t secret_at(const struct fence_secrets *secrets, const char *s, size_t n)
{
	size_t longest = 0;

	for (size_t i = 0; i < secrets->n; i++) {
		size_t len = strlen(secrets->value[i]);

		if (len > longest && len <= n && memcmp(s, secrets->value[i], len) == 0)
			longest = len;
	}
	return longest;
}

/* Where the last line begins that has more than white space; *ret_n: its length. */
static const char *last_line(const char *data, size_t n, size_t *ret_n)
{
	size_t begin;

	while (n > 0 && isspace((unsigned char)data[n - 1]))
		n--;
	begin = n;
	while (begin > 0 && data[begin - 1] != '\n' && data[begin - 1] != '\r')
		begin--;
	while (begin < n && isspace((unsigned char)data[begin]))
		begin++;
	*ret_n = n - begin;
	return data + begin;
}

void fence_text_clean(const char *data, size_t n, const struct fence_secrets *secrets, char *text,
		      size_t size)
{
	size_t used = 0, step;

	data = last_line(data, n, &n);
	for (size_t i = 0; i < n; i += step) {
		size_t secret = secret_at(secrets, data + i, n - i);
		size_t length = utf8_printable(data + i, n - i);
		const char *from = secret ? blank : length ? data + i : "?";
		size_t more = secret ? sizeof blank - 1 : length ? length : 1;

		step = secret ? secret : more;
		if (used + more >= size)
			break;
		memcpy(text + used, from, more);
		used += more;
	}
	text[used] = '\0';
}

void fence_output_text(const struct fence_output *output, const struct fence_secrets *secrets,
		       char *text, size_t size)
{
	const char *data = output->data, *end = data + output->n;

	if (output->total > output->n) {
		data = memchr(data, '\n', output->n);
		if (!data)
			data = end;
	}
	fence_text_clean(data, (size_t)(end - data), secrets, text, size);
}

static bool is_word_part(const char *data, size_t n, size_t i)
{
	return i < n && (isalnum((unsigned char)data[i]) || data[i] == '_');
}

bool fence_output_allows_off(const struct fence_output *output)
{
	const char *data = output->data;
	size_t n = output->n;

	for (size_t i = 0; i + 3 <= n; i++)
		if (strncasecmp(data + i, "off", 3) == 0 && !is_word_part(data, n, i + 3) &&
		    (i == 0 || !is_word_part(data, n, i - 1)))
			return true;
	return output->total == 0;
}
