/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_FENCE_API_H
#define HF_FENCE_API_H

/*
 * What the driver programs share: the ClusterLabs fence agent interface (FenceAgentAPI.md).
 * A driver is a table of parameters and two calls, each of which opens a session of its own,
 * does one thing and closes it. Everything else (input, checks, metadata, the order of orders and
 * readings, the deadline, the exit code) is done here, once.
 */

#include "util/cleanup.h"
#include "util/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum fence_exit {
	FENCE_EXIT_OK = 0,
	FENCE_EXIT_FAILED = 1,
	FENCE_EXIT_STATUS_OFF = 2, /* of `status` only */
};

enum fence_power {
	FENCE_POWER_UNKNOWN, /* not read: never to be taken for off */
	FENCE_POWER_ON,
	FENCE_POWER_OFF,
};

/* The zero value is "not confirmed", whatever happened. */
enum fence_proof {
	FENCE_NOT_CONFIRMED = 0,
	FENCE_CONFIRMED_OFF = 1,
};

enum fence_action {
	FENCE_ACTION_NONE,
	FENCE_ACTION_METADATA,
	FENCE_ACTION_VALIDATE,
	FENCE_ACTION_STATUS,
	FENCE_ACTION_MONITOR,
	FENCE_ACTION_LIST,
	FENCE_ACTION_OFF,
	FENCE_ACTION_ON,
	FENCE_ACTION_REBOOT,
	FENCE_ACTION_RESET,
	FENCE_ACTION_CYCLE,
	FENCE_ACTION_DIAG,
	FENCE_ACTION_SOFT,
	FENCE_ACTION_COUNT
};
#define FENCE_ACTION_BIT(a) (1U << (a))
/* What every driver has. */
#define FENCE_ACTIONS_ALWAYS                                                                 \
	(FENCE_ACTION_BIT(FENCE_ACTION_METADATA) | FENCE_ACTION_BIT(FENCE_ACTION_VALIDATE) | \
	 FENCE_ACTION_BIT(FENCE_ACTION_MONITOR))

/* One order to a device. */
enum fence_order {
	FENCE_ORDER_OFF,
	FENCE_ORDER_ON,
	FENCE_ORDER_RESET,
	FENCE_ORDER_CYCLE,
	FENCE_ORDER_DIAG,
	FENCE_ORDER_SOFT,
};

#define FENCE_ERROR_SIZE 384
struct fence_error {
	char text[FENCE_ERROR_SIZE]; /* one sentence, no secrets, no newline */
	bool final;		     /* trying again cannot help: wrong password, ... */
};
/* Writes the sentence and returns -EIO; `final` as given. */
int fence_fail(struct fence_error *error, bool final, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum fence_kind {
	FENCE_KIND_STRING,
	FENCE_KIND_BOOLEAN,
	FENCE_KIND_INTEGER,
	FENCE_KIND_SECOND, /* seconds, up to three decimals */
	FENCE_KIND_SELECT,
};

struct fence_param {
	const char *name;
	const char *old_name; /* what fence agents called it before; NULL: none */
	char letter;	      /* short option; 0: none */
	enum fence_kind kind;
	bool secret;	      /* never on the command line; has NAME_file and is wiped */
	const char *fallback; /* NULL: none */
	const char *options;  /* of FENCE_KIND_SELECT: "a|b|c" */
	uint64_t min, max;    /* of FENCE_KIND_INTEGER */
	const char *text;
};

struct fence_args;

/* Values: those given, else the fallback. The name must be in the driver's table. */
const char *fence_string(const struct fence_args *args, const char *name); /* NULL: not given */
bool fence_flag(const struct fence_args *args, const char *name);
uint64_t fence_integer(const struct fence_args *args, const char *name);
uint64_t fence_seconds_us(const struct fence_args *args, const char *name);
enum fence_action fence_args_action(const struct fence_args *args);

struct fence_driver {
	const char *name;
	const char *short_text;
	const char *long_text;
	const struct fence_param *params; /* besides those of every driver */
	size_t n_params;
	unsigned int actions; /* FENCE_ACTION_BIT() of those besides FENCE_ACTIONS_ALWAYS */
	size_t device_size;   /* of the driver's state: zeroed before `check`, wiped at the end */
	/* Cross-checks and keeps what it needs in `device`; no I/O. */
	int (*check)(const struct fence_args *args, void *device, struct fence_error *error);
	/*
	 * A fresh session each. `until`: give up by then. `read` sets *ret_power only when the
	 * device said so; a device that does not answer is an error, not a state.
	 */
	int (*read)(void *device, ha_time until, enum fence_power *ret_power,
		    struct fence_error *error);
	int (*order)(void *device, enum fence_order order, ha_time until,
		     struct fence_error *error);
	/* May be NULL. `list` prints NAME,ALIAS lines to `out`. */
	int (*list)(void *device, FILE *out);
	/* May be NULL: `monitor` reads the power state then. */
	int (*monitor)(void *device, ha_time until, struct fence_error *error);
	/* May be NULL. In place of orders and readings, for devices whose word is all there is. */
	enum fence_proof (*off)(void *device, ha_time until, struct fence_error *error);
};

/* The whole program. Returns its exit code. */
int fence_main(const struct fence_driver *driver, int argc, char **argv);

#define FENCE_LENGTH(table) (sizeof(table) / sizeof((table)[0]))

#endif
