/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_SYSTEMD_H
#define HF_AGENT_SYSTEMD_H

/*
 * Resources of type systemd: units started and stopped over the system bus, as described in
 * org.freedesktop.systemd1(5). Nothing here waits: calls are asynchronous, and the end of a job is
 * told by the manager's signal JobRemoved.
 *
 * A start is good when its job is done and the unit is active then; a stop when the unit is
 * inactive or failed, or is not known at all. Everything else, a lost connection too, is a
 * failure: of a stop it means that the unit may be running.
 */

#include "util/cleanup.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct systemd;

struct systemd_config {
	sd_event *event;
	int64_t priority; /* of the event sources */
	/* Answer to systemd_run(), exactly one, never from within it. `result` is an enum
	 * resource_result. */
	void (*done)(uint32_t operation, uint8_t result, const char *text, void *userdata);
	void *userdata;
};

/* Does not connect yet. -ENOMEM. */
_must_check_ int systemd_new(const struct systemd_config *config, struct systemd **ret);
/* Nothing is answered any more; jobs in progress go on. */
struct systemd *systemd_free(struct systemd *systemd);

/*
 * Starts or stops `unit` ("nginx.service", copied). -errno: nothing was asked, and no answer
 * follows.
 */
_must_check_ int systemd_run(struct systemd *systemd, uint32_t operation, const char *unit,
			     bool stop);
/* Cancels the job of an operation; it is answered as timed out, at once. */
void systemd_kill(struct systemd *systemd, uint32_t operation);

#endif
