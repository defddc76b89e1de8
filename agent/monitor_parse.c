/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/monitor_parse.h"

#include "util/buf.h"
#include "util/parse.h"

#include <errno.h>
#include <string.h>

#define PID_MAX 4194304 /* the kernel's own limit */

/* ---- HTTP ---- */

static bool copy_part(char *ret, size_t size, const char *from, size_t n)
{
	if (n == 0 || n >= size)
		return false;
	memcpy(ret, from, n);
	ret[n] = '\0';
	return true;
}

/* The port behind ':', or none. Returns what follows, NULL if it is malformed. */
static const char *take_port(const char *at, struct http_url *ret)
{
	uint64_t port;
	size_t n;

	if (*at != ':') {
		memcpy(ret->port, "80", sizeof "80");
		return at;
	}
	n = strcspn(++at, "/?#");
	if (!copy_part(ret->port, sizeof ret->port, at, n) ||
	    parse_u64(ret->port, 1, 65535, &port) < 0)
		return NULL;
	return at + n;
}

/* Nothing that could end the request line. */
static bool path_is_plain(const char *path)
{
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c == 0x7f || *c == '#')
			return false;
	return true;
}

int http_url_parse(const char *text, struct http_url *ret)
{
	static const char scheme[] = "http://";
	struct http_url url = {.path = "/"};
	const char *at, *end;

	if (strncmp(text, scheme, sizeof scheme - 1) != 0)
		return -EINVAL;
	at = text + sizeof scheme - 1;
	if (*at == '[') {
		end = strchr(++at, ']');
		if (!end || !copy_part(url.host, sizeof url.host, at, (size_t)(end - at)))
			return -EINVAL;
		end++;
	} else {
		end = at + strcspn(at, ":/?#");
		if (!copy_part(url.host, sizeof url.host, at, (size_t)(end - at)))
			return -EINVAL;
	}
	if (!path_is_plain(url.host))
		return -EINVAL;
	end = take_port(end, &url);
	if (!end || (*end && *end != '/') || !path_is_plain(end))
		return -EINVAL;
	if (*end && !copy_part(url.path, sizeof url.path, end, strlen(end)))
		return -EINVAL;
	*ret = url;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.x NNN", and a space or nothing. */
static int status_line(struct http_reply *reply)
{
	static const char version[] = "HTTP/1.";
	const char *s = reply->line;

	if (reply->line_n < 12 || memcmp(s, version, 7) != 0 || !is_digit(s[7]) || s[8] != ' ')
		return -EBADMSG;
	if (s[9] < '1' || s[9] > '5' || !is_digit(s[10]) || !is_digit(s[11]))
		return -EBADMSG;
	if (reply->line_n > 12 && s[12] != ' ')
		return -EBADMSG;
	reply->status = (unsigned int)((s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0'));
	return 0;
}

/* One line without its end. 1: the header is complete. */
static int header_line(struct http_reply *reply)
{
	bool empty = reply->line_n == 0;

	if (!reply->in_header) {
		reply->in_header = true;
		return status_line(reply);
	}
	if (!empty)
		return 0;
	reply->in_header = false;
	/* 100 Continue and such only announce the reply. */
	return reply->status < 200 && reply->status != 101 ? 0 : 1;
}

int http_reply_feed(struct http_reply *reply, const char *data, size_t n)
{
	int r = 0;

	if (reply->bad)
		return -EBADMSG;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (++reply->bytes > HTTP_HEADER_MAX)
			return -EMSGSIZE;
		if (data[i] == '\n') {
			r = header_line(reply);
			reply->line_n = 0;
		} else if (data[i] != '\r' && reply->line_n < sizeof reply->line) {
			reply->line[reply->line_n++] = data[i];
		}
	}
	reply->bad = r < 0;
	return r;
}

/* ---- processes ---- */

/* Digits at `*at`; false: there are none, or too many. */
static bool take_number(const char **at, const char *end, uint64_t *ret)
{
	uint64_t v = 0;

	if (*at == end || !is_digit(**at))
		return false;
	for (; *at < end && is_digit(**at); (*at)++) {
		if (v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(**at - '0');
	}
	*ret = v;
	return true;
}

int pid_file_parse(const char *text, size_t n, int32_t *ret_pid)
{
	const char *at = text, *end = text + n;
	uint64_t pid;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (!take_number(&at, end, &pid) || pid < 1 || pid > PID_MAX)
		return -EINVAL;
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
		at++;
	if (at < end && *at != '\n')
		return -EINVAL;
	*ret_pid = (int32_t)pid;
	return 0;
}

/* Moves `*at` behind `n` fields and the spaces that end them. */
static bool skip_fields(const char **at, const char *end, unsigned int n)
{
	while (n-- > 0) {
		const char *space = memchr(*at, ' ', (size_t)(end - *at));

		if (!space)
			return false;
		*at = space + 1;
	}
	return true;
}

int proc_stat_parse(const char *text, size_t n, struct proc_stat *ret)
{
	const char *at = text, *end = text + n, *name, *close;
	struct proc_stat stat = {0};
	uint64_t pid;
	size_t length;

	if (!take_number(&at, end, &pid) || pid < 1 || pid > INT32_MAX)
		return -EBADMSG;
	if (end - at < 2 || at[0] != ' ' || at[1] != '(')
		return -EBADMSG;
	name = at + 2;
	close = memrchr(name, ')', (size_t)(end - name)); /* a name may hold anything */
	if (!close || end - close < 4 || close[1] != ' ' || close[3] != ' ')
		return -EBADMSG;
	length = (size_t)(close - name);
	if (length >= sizeof stat.name)
		length = sizeof stat.name - 1;
	memcpy(stat.name, name, length);
	stat.pid = (int32_t)pid;
	stat.state = close[2];
	at = close + 4;
	/* from field 4 to field 22 of proc(5) */
	if (!skip_fields(&at, end, 18) || !take_number(&at, end, &stat.start_ticks))
		return -EBADMSG;
	*ret = stat;
	return 0;
}

/* ---- ICMP echo ---- */

#define ECHO_REQUEST	8
#define ECHO_REPLY	0
#define ECHO_REQUEST_V6 128
#define ECHO_REPLY_V6	129
#define ECHO_MAGIC	0x686f6c6466617374ULL
#define PROTOCOL_ICMP	1

/* RFC 1071, over big-endian words; 0 over data with a right checksum in it. */
static uint16_t checksum(const uint8_t *data, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	if (n & 1)
		sum += (uint32_t)data[n - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void echo_put(const struct echo *echo, uint8_t type, uint16_t sum, uint8_t ret[ECHO_SIZE])
{
	struct buf_writer w = {.data = ret, .size = ECHO_SIZE};

	buf_put_u8(&w, type);
	buf_put_u8(&w, 0);
	buf_put_u16(&w, sum);
	buf_put_u16(&w, echo->id);
	buf_put_u16(&w, echo->sequence);
	buf_put_u64(&w, ECHO_MAGIC);
	buf_put_u64(&w, echo->cookie);
}

void echo_build(const struct echo *echo, bool v6, uint8_t ret[ECHO_SIZE])
{
	echo_put(echo, v6 ? ECHO_REQUEST_V6 : ECHO_REQUEST, 0, ret);
	if (!v6)
		echo_put(echo, ECHO_REQUEST, checksum(ret, ECHO_SIZE), ret);
}

/* Bytes of the IP header, 0: it is none of an ICMP packet. */
static size_t ip_header_size(const uint8_t *data, size_t n)
{
	size_t size;

	if (n < 20 || data[0] >> 4 != 4 || data[9] != PROTOCOL_ICMP)
		return 0;
	size = (size_t)(data[0] & 15) * 4;
	return size >= 20 && size <= n ? size : 0;
}

int echo_parse(const uint8_t *data, size_t n, bool v6, bool ip_header, struct echo *ret)
{
	struct buf_reader r;
	struct echo echo;
	uint8_t type, code;
	size_t skip = 0;

	if (ip_header) {
		skip = ip_header_size(data, n);
		if (skip == 0)
			return -EBADMSG;
	}
	if (n - skip < ECHO_SIZE || (!v6 && checksum(data + skip, n - skip) != 0))
		return -EBADMSG;
	r = (struct buf_reader){.data = data + skip, .size = n - skip};
	type = buf_get_u8(&r);
	code = buf_get_u8(&r);
	(void)buf_get_u16(&r);
	echo.id = buf_get_u16(&r);
	echo.sequence = buf_get_u16(&r);
	if (type != (v6 ? ECHO_REPLY_V6 : ECHO_REPLY) || code != 0 || buf_get_u64(&r) != ECHO_MAGIC)
		return -EBADMSG;
	echo.cookie = buf_get_u64(&r);
	*ret = echo;
	return 0;
}

/* ---- output of programs ---- */

static bool take_line(struct lines *lines)
{
	size_t n = lines->n;

	while (n > 0 && (lines->now[n - 1] == '\r' || lines->now[n - 1] == ' '))
		n--;
	lines->n = 0;
	if (n == 0)
		return false;
	memcpy(lines->last, lines->now, n);
	lines->last[n] = '\0';
	return true;
}

size_t lines_feed(struct lines *lines, const char *data, size_t n, bool *ret_line)
{
	const char *end = memchr(data, '\n', n);
	size_t all = end ? (size_t)(end - data) : n, room = sizeof lines->now - 1 - lines->n;

	for (size_t i = 0; i < all && i < room; i++)
		lines->now[lines->n++] = data[i] ? data[i] : '?'; /* it is text from here on */
	*ret_line = end && take_line(lines);
	return end ? all + 1 : all;
}

bool lines_end(struct lines *lines)
{
	return take_line(lines);
}
