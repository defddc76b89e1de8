/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the encoding that the file declares to UTF-8, by iconv(3). */
#include "agent/import_internal.h"

#include <errno.h>
#include <iconv.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

/* Names as clp.conf and people write them, and those of the C library. For Shift_JIS the variant
 * that leaves ASCII alone and knows the characters that Windows adds. */
static const struct {
	const char *declared, *library; /* NULL: UTF-8 already */
} encodings[] = {
	{"UTF-8", NULL},	{"UTF8", NULL},
	{"ASCII", "ASCII"},	{"US-ASCII", "ASCII"},
	{"EUC-JP", "EUC-JP"},	{"EUCJP", "EUC-JP"},
	{"Shift_JIS", "CP932"}, {"Shift-JIS", "CP932"},
	{"SJIS", "CP932"},	{"Windows-31J", "CP932"},
	{"CP932", "CP932"},	{"GB2312", "GBK"},
	{"GBK", "GBK"},		{"ISO-8859-1", "ISO-8859-1"},
	{"UTF-16", "UTF-16"},
};

int import_error_set(struct import_error *error, unsigned int line, const char *format, ...)
{
	va_list args;

	error->line = line;
	va_start(args, format);
	(void)vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	for (char *p = error->text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?'; /* it may quote the file */
	return -EINVAL;
}

/* The encoding of the XML declaration; "UTF-8" if it names none. */
static void declared_encoding(const char *data, size_t size, char out[32])
{
	char head[256];
	const char *value;
	char *end;

	(void)snprintf(out, 32, "UTF-8");
	if (size >= 2 && (memcmp(data, "\xfe\xff", 2) == 0 || memcmp(data, "\xff\xfe", 2) == 0)) {
		(void)snprintf(out, 32, "UTF-16");
		return;
	}
	(void)snprintf(head, sizeof head, "%.*s", size < sizeof head ? (int)size : 255, data);
	end = strstr(head, "?>");
	if (strncmp(head, "<?xml", 5) != 0 || !end)
		return;
	*end = '\0';
	value = strstr(head, "encoding");
	value = value ? strpbrk(value, "\"'") : NULL;
	if (value)
		(void)snprintf(out, 32, "%.*s", (int)strcspn(value + 1, "\"'"), value + 1);
}

static unsigned int line_at(const char *data, size_t n)
{
	unsigned int line = 1;

	for (size_t i = 0; i < n; i++)
		line += data[i] == '\n';
	return line;
}

static int convert(const char *library, const char *data, size_t size, char **ret_text,
		   size_t *ret_size)
{
	/* One byte becomes three at most: half-width kana. */
	size_t in_left = size, out_left = 3 * size + 16, room = out_left;
	_cleanup_free_ char *text = malloc(room);
	char *in = (char *)(uintptr_t)data, *out = text; /* iconv() does not write through it */
	iconv_t cd;
	int r = 0;

	if (!text)
		return -ENOMEM;
	cd = iconv_open("UTF-8", library);
	if (cd == (iconv_t)-1)
		return -errno;
	if (iconv(cd, &in, &in_left, &out, &out_left) == (size_t)-1)
		r = -errno;
	(void)iconv_close(cd);
	if (r < 0) {
		*ret_size = size - in_left; /* where it stopped */
		return r;
	}
	*ret_size = room - out_left;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int copy(const char *data, size_t size, char **ret_text, size_t *ret_size)
{
	char *text = malloc(size + 1);

	if (!text)
		return -ENOMEM;
	memcpy(text, data, size);
	*ret_text = text;
	*ret_size = size;
	return 0;
}

int import_to_utf8(const char *data, size_t size, char **ret_text, size_t *ret_size,
		   struct import_error *error)
{
	char declared[32];
	size_t i = 0, n = 0;
	int r;

	declared_encoding(data, size, declared);
	while (i < sizeof encodings / sizeof *encodings &&
	       strcasecmp(declared, encodings[i].declared) != 0)
		i++;
	if (i == sizeof encodings / sizeof *encodings)
		return import_error_set(error, 1,
					"encoding \"%s\" is not supported: convert the file to "
					"UTF-8 with iconv(1), and its first line too",
					declared);
	if (!encodings[i].library)
		return copy(data, size, ret_text, ret_size);
	r = convert(encodings[i].library, data, size, ret_text, &n);
	if (r == -ENOMEM)
		return r;
	if (r == -EINVAL && n == 0)
		return import_error_set(
			error, 1,
			"encoding \"%s\": the C library of this machine cannot read "
			"it: convert the file to UTF-8 elsewhere with iconv(1)",
			declared);
	if (r < 0)
		return import_error_set(error, line_at(data, n),
					"this is not %s, which the first line says it is",
					declared);
	*ret_size = n;
	return 0;
}
