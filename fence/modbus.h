/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_FENCE_MODBUS_H
#define HF_FENCE_MODBUS_H

#include "fence/api.h"

extern const struct fence_driver fence_modbus_driver;

#define FENCE_MODBUS_OUTLETS 16 /* of one server; more names may be in `outlets` */

enum fence_modbus_table {
	FENCE_MODBUS_COIL,
	FENCE_MODBUS_DISCRETE,
	FENCE_MODBUS_HOLDING,
	FENCE_MODBUS_INPUT,
};

struct fence_modbus_outlet {
	uint16_t write;
	uint16_t read;
};

struct fence_modbus_settings {
	const char *ip; /* NULL: serial */
	char port[8];
	const char *serial;
	int baud, data_bits, stop_bits, unit;
	char parity;
	enum fence_modbus_table write_table, read_table;
	uint16_t write_on, write_off;
	uint16_t read_on, read_off, read_mask;
	struct fence_modbus_outlet outlets[FENCE_MODBUS_OUTLETS];
	size_t n;	   /* 0: none was asked for (monitor, list) */
	const char *names; /* the parameter `outlets`, or NULL */
	uint64_t login_us, shell_us;
};

#define FENCE_MODBUS_PARAMS 19
extern const struct fence_param fence_modbus_params[FENCE_MODBUS_PARAMS];

/* modbus_settings.c, pure. `ret` keeps pointers into the arguments. */
_must_check_ int fence_modbus_settings(const struct fence_args *args,
				       struct fence_modbus_settings *ret,
				       struct fence_error *error);
/* NAME,ADDRESSES of the next name in `names`, which it moves on. False: no more. */
bool fence_modbus_next_name(const char **names, char *line, size_t size);
/* What one reading says of one outlet. */
enum fence_power fence_modbus_power(const struct fence_modbus_settings *s, uint16_t value);

#endif
