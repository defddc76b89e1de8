/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_CLOCK_H
#define HF_UTIL_CLOCK_H

/* The only place that reads a clock. Pure folders (core/, the codecs) must not include it. */

#include "util/time.h"

/* CLOCK_BOOTTIME: goes on while the machine is suspended, never steps. */
ha_time clock_boot(void);

/* CLOCK_REALTIME in microseconds since 1970, for people only. */
uint64_t clock_wall_us(void);

#endif
