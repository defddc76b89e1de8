/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_CHANNEL_H
#define HF_AGENT_CHANNEL_H

/* The agent's hold on its channel process (include/channel.h): starts it, tells it its settings,
 * and starts it again when it has ended. */

#include "agent/agent.h"

/* Derives from `keys` and starts the process. Without its program the agent runs on alone. */
_must_check_ int channel_start(struct agent *agent, const struct hb_keys *keys);
void channel_stop(struct agent *agent);
/* The key file was read again. */
void channel_keys(struct agent *agent, const struct hb_keys *keys);
/* agent->config is another one now. */
void channel_reload(struct agent *agent);

/* A program has ended. False: it is not the channel. */
bool channel_done(struct agent *agent, uint32_t operation, const char *text);
ha_time channel_deadline(const struct agent *agent);
void channel_dispatch(struct agent *agent, ha_time now);

#endif
