/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs fence agents side by side; several plugs of one device one after the other, for many power
 * strips take one session at a time. */
#include "agent/fence_tool.h"

#include "util/clock.h"
#include "util/file.h"
#include "util/utf8.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>

#define EXIT_OFF    2 /* of the action status */
#define POLL_MS_MAX 60000

/* ---- what is said ---- */

/* It may have been cut within a character, or be none from the beginning. */
static json_t *text_json(const char *text, size_t size)
{
	char copy[FENCE_TEXT];
	size_t n = 0, length = strlen(text);

	while (n < length && n < size - 1) {
		size_t step = utf8_printable(text + n, length - n);

		if (step > size - 1 - n)
			break;
		memcpy(copy + n, step ? text + n : "?", step ? step : 1);
		n += step ? step : 1;
	}
	return json_stringn(copy, n);
}

static void print_line(struct fence_work *work, json_t *line)
{
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;

	json_decref(line);
	if (!text)
		return;
	text[n] = '\n'; /* in the place of the NUL */
	if (file_write_all(work->out, text, n + 1) < 0)
		work->ended = true;
	free(text);
}

void fence_work_say(struct fence_work *work, size_t i, const char *step)
{
	const struct fence_result *r = &work->result[i];
	const char *plug = work->unit[i].plug;

	print_line(work,
		   json_pack("{s:s, s:o, s:s, s:b, s:I, s:o}", "device", work->unit[i].device->name,
			     "plug", plug ? text_json(plug, NAME_SIZE) : json_null(), "step", step,
			     "ok", r->ok, "took_us", (json_int_t)r->took_us, "text",
			     text_json(r->text, sizeof r->text)));
}

void fence_work_end(struct fence_work *work, const char *result, const struct fence_end *end)
{
	print_line(work, json_pack("{s:s, s:s, s:I, s:o}", "result", result, "state",
				   fence_power_word_to_string((enum fence_power_word)end->power),
				   "took_us", (json_int_t)end->took_us, "text",
				   text_json(end->text, sizeof end->text)));
}

/* ---- one agent ---- */

/* Exit codes of the interface: 0 is success; of a reading 0 is on and 2 off. */
static void judge(struct fence_work *work, size_t i, bool reads)
{
	const struct fence_process *p = &work->process[i];
	struct fence_result *r = &work->result[i];
	char printed[FENCE_TEXT], how[80];
	bool exited = p->end == FENCE_ENDED_EXIT;

	*r = (struct fence_result){.code = exited ? p->code : -1, .took_us = p->took_us};
	r->ok = exited && p->code == 0;
	if (reads && r->ok) {
		r->power = FENCE_READ_ON;
	} else if (reads && exited && p->code == EXIT_OFF &&
		   fence_output_allows_off(&work->output[i])) {
		r->power = FENCE_READ_OFF;
		r->ok = true;
	}
	fence_output_text(&work->output[i], &work->secrets, printed, sizeof printed);
	fence_process_describe(p, how, sizeof how);
	explicit_bzero(work->kept[i], sizeof work->kept[i]);
	if (r->ok && !strstr(printed, "Success") && !strstr(printed, "Status"))
		return; /* warnings of an interpreter, and the like */
	if (exited && printed[0])
		(void)snprintf(r->text, sizeof r->text, "%s", printed);
	else if (!r->ok)
		(void)snprintf(r->text, sizeof r->text, "%s%s%.150s", how, printed[0] ? ": " : "",
			       printed);
}

static void start(struct fence_work *work, const struct fence_action *action, size_t i)
{
	const struct fence_unit *unit = &work->unit[i];
	ha_time now = clock_boot();
	char head[128];
	const struct fence_command command = {
		.path = unit->path,
		.head = head,
		.body = unit->body,
		.until = ha_time_min(work->until, ha_time_add(now, unit->device->timeout_us)),
	};

	(void)snprintf(head, sizeof head, "action=%s\n%s", action->name, action->extra);
	work->output[i].data = work->kept[i];
	work->output[i].size = sizeof work->kept[i];
	fence_process_start(&work->process[i], &command, &work->output[i]);
}

/* ---- all of them ---- */

static bool device_is_busy(const struct fence_work *work, size_t i)
{
	for (size_t k = 0; k < work->n; k++)
		if (work->process[k].pid > 0 && work->unit[k].device == work->unit[i].device)
			return true;
	return false;
}

/* False: nothing is left to run, and nothing runs. */
static bool start_waiting(struct fence_work *work, const struct fence_action *action)
{
	bool running = false;

	for (size_t i = 0; i < work->n; i++) {
		if (!(work->waiting & 1U << i) || device_is_busy(work, i))
			continue;
		work->waiting &= ~(1U << i);
		start(work, action, i);
		if (work->process[i].pid <= 0) {
			judge(work, i, action->reads);
			fence_work_say(work, i, action->name);
		}
	}
	for (size_t i = 0; i < work->n; i++)
		running = running || work->process[i].pid > 0;
	return running || work->waiting;
}

static void wait_for_news(struct fence_work *work)
{
	struct pollfd fds[2 + 2 * FENCE_LEVEL_DEVICES_MAX] = {
		{.fd = work->signals, .events = POLLIN},
		{.fd = work->out}, /* POLLERR: nobody reads it any more */
	};
	ha_time now = clock_boot(), at = HA_TIME_NEVER;
	nfds_t n = 2;
	uint64_t ms;

	for (size_t i = 0; i < work->n; i++) {
		const struct fence_process *p = &work->process[i];

		if (p->pid <= 0)
			continue;
		fds[n++] = (struct pollfd){.fd = p->pidfd, .events = POLLIN};
		fds[n++] = (struct pollfd){.fd = p->output_fd, .events = POLLIN};
		at = ha_time_min(at, fence_process_deadline(p));
	}
	ms = (ha_time_since(at, now) + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
	if (poll(fds, n, ms > POLL_MS_MAX ? POLL_MS_MAX : (int)ms) < 0)
		return;
	if ((fds[0].revents & POLLIN) || (fds[1].revents & (POLLERR | POLLHUP)))
		work->ended = true;
}

static void serve(struct fence_work *work, const struct fence_action *action)
{
	for (size_t i = 0; i < work->n; i++) {
		struct fence_process *p = &work->process[i];

		if (p->pid <= 0)
			continue;
		fence_process_serve(p, clock_boot());
		if (p->pid > 0)
			continue;
		judge(work, i, action->reads);
		fence_work_say(work, i, action->name);
	}
}

static void end_all(struct fence_work *work)
{
	for (size_t i = 0; i < work->n; i++) {
		fence_process_kill(&work->process[i]);
		work->result[i] = (struct fence_result){.code = -1};
	}
	work->waiting = 0;
}

bool fence_work_run(struct fence_work *work, const struct fence_action *action)
{
	bool ok = true;

	work->waiting = action->mask;
	for (size_t i = 0; i < work->n; i++)
		if (action->mask & 1U << i)
			work->result[i] = (struct fence_result){.code = -1};
	while (!work->ended && start_waiting(work, action)) {
		wait_for_news(work);
		serve(work, action);
	}
	if (work->ended)
		end_all(work);
	for (size_t i = 0; i < work->n; i++)
		if (action->mask & 1U << i)
			ok = ok && work->result[i].ok;
	return ok && !work->ended;
}
