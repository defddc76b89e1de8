/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of web servers, in pieces, and URLs: no crash, bounded, the same however it is cut. */
#include "agent/monitor_parse.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const uint8_t *data, size_t size)
{
	char text[HTTP_PATH_MAX + 128];
	struct http_url url;

	if (size >= sizeof text)
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (http_url_parse(text, &url) < 0)
		return;
	assert(url.host[0] && url.port[0] && url.path[0] == '/');
	assert(!strpbrk(url.path, " \r\n\t") && !strpbrk(url.host, " \r\n\t"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reply whole = {0}, pieces = {0};
	size_t at = 1, piece;
	int r = 0, want;

	check_url(data, size);
	if (size < 1)
		return 0;
	piece = data[0] % 7 + 1U;
	want = http_reply_feed(&whole, (const char *)data + 1, size - 1);
	while (r == 0 && at < size) {
		size_t n = size - at < piece ? size - at : piece;

		r = http_reply_feed(&pieces, (const char *)data + at, n);
		at += n;
	}
	assert(r == want);
	if (r == 1)
		assert(whole.status == pieces.status && whole.status >= 100 &&
		       whole.status <= 599 && pieces.bytes <= HTTP_HEADER_MAX);
	if (r == -EBADMSG)
		assert(http_reply_feed(&pieces, "HTTP/1.1 200 OK\r\n\r\n", 19) == -EBADMSG);
	return 0;
}
