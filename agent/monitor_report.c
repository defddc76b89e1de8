/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/monitor_report.h"

#include "util/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* ---- text ---- */

/* Text from programs and servers: what may not be shown becomes '?', and no character is cut. */
static void copy_text(char ret[EVENT_TEXT_SIZE], const char *text)
{
	size_t left = strlen(text), n = 0;

	while (left > 0) {
		size_t length = utf8_printable(text, left);

		if (n + (length ? length : 1) >= EVENT_TEXT_SIZE)
			break;
		if (length)
			memcpy(ret + n, text, length);
		else
			ret[n] = '?';
		length = length ? length : 1;
		n += length;
		text += length;
		left -= length;
	}
	ret[n] = '\0';
}

const char *error_words(int error)
{
	static char words[EVENT_TEXT_SIZE];

	(void)snprintf(words, sizeof words, "%s", strerror(error));
	/* not the first letter of an abbreviation */
	if (!isupper((unsigned char)words[1]))
		words[0] = (char)tolower((unsigned char)words[0]);
	return words;
}

/* ---- sending ---- */

/* False: no room; goes on when there is some. */
static bool send_report(struct worker *w, const struct monitor_report *report)
{
	if (send(w->socket, report, sizeof *report, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	/* Any other failure: the agent has gone, and the socket's end says so. */
	if ((errno == EAGAIN || errno == ENOBUFS) &&
	    sd_event_source_set_io_events(w->socket_source, EPOLLIN | EPOLLOUT) >= 0)
		w->congested = true;
	return false;
}

void report_room(struct worker *w)
{
	w->congested = false;
	if (sd_event_source_set_io_events(w->socket_source, EPOLLIN) < 0)
		log_err("cannot change what the monitor process waits for");
}

void report_verdict(struct monitor *m, const char *text)
{
	if (!m->pending)
		m->worker->n_pending++;
	m->pending = true;
	m->status = (uint8_t)m->plan.status;
	copy_text(m->text, text);
}

void report_forget(struct monitor *m)
{
	if (m->pending)
		m->worker->n_pending--;
	m->pending = false;
}

static void flush_verdicts(struct worker *w)
{
	static struct monitor_report report;
	uint16_t next = 0;

	while (w->n_pending && !w->congested && next < w->config->n_monitors) {
		report = (struct monitor_report){.kind = MONITOR_REPORT_VERDICTS};
		for (; next < w->config->n_monitors && report.n < MONITOR_REPORT_MAX; next++) {
			const struct monitor *m = &w->monitors[next];
			struct monitor_verdict *v = &report.verdicts[report.n];

			if (!m->pending)
				continue;
			*v = (struct monitor_verdict){
				.turn = m->turn, .monitor = next, .status = m->status};
			memcpy(v->text, m->text, sizeof v->text);
			report.n++;
		}
		if (!send_report(w, &report))
			return;
		for (uint32_t i = 0; i < report.n; i++)
			report_forget(&w->monitors[report.verdicts[i].monitor]);
	}
}

/* True: all that has changed was sent. */
static bool flush_figures(struct worker *w)
{
	static struct monitor_report report;
	uint16_t next = 0;

	while (next < w->config->n_monitors) {
		report = (struct monitor_report){.kind = MONITOR_REPORT_STATS};
		for (; next < w->config->n_monitors && report.n < MONITOR_REPORT_MAX; next++) {
			const struct monitor *m = &w->monitors[next];
			struct monitor_figures *f = &report.figures[report.n];

			if (!m->unseen)
				continue;
			f->monitor = next;
			monitor_stats_get(&m->durations, &f->stats);
			report.n++;
		}
		if (report.n && !send_report(w, &report))
			return false;
		for (uint32_t i = 0; i < report.n; i++)
			w->monitors[report.figures[i].monitor].unseen = false;
	}
	return true;
}

int report_flush(sd_event_source *source, void *userdata)
{
	struct worker *w = userdata;

	(void)source;
	flush_verdicts(w);
	if (w->stats_turn == 0 || w->congested || !flush_figures(w))
		return 0;
	if (send_report(w, &(struct monitor_report){.kind = MONITOR_REPORT_DONE,
						    .turn = w->stats_turn}))
		w->stats_turn = 0;
	return 0;
}
