/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a fence agent reads on its standard input, through to the settings of the drivers. What is
 * refused has one sentence; what is accepted is within its bounds.
 */
#include "fence/api_internal.h"
#include "fence/ipmi.h"
#include "fence/modbus.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ALL ((1U << FENCE_ACTION_COUNT) - 1)
static const struct fence_driver drivers[] = {
	{.name = "ipmi",
	 .params = fence_ipmi_params,
	 .n_params = FENCE_IPMI_PARAMS,
	 .actions = ALL},
	{.name = "modbus",
	 .params = fence_modbus_params,
	 .n_params = FENCE_MODBUS_PARAMS,
	 .actions = ALL},
};

static void check_ipmi(const struct fence_args *args, struct fence_error *error)
{
	struct fence_ipmi_settings s;

	if (fence_ipmi_settings(args, &s, error) < 0)
		return;
	assert(memchr(s.host, '\0', sizeof s.host) && s.host[0]);
	assert(s.kg_bytes <= FENCE_IPMI_KG_MAX && s.cipher != 0 && s.cipher >= -1 &&
	       s.cipher <= 17);
	assert(s.privilege >= 2 && s.privilege <= 4);
	error->text[0] = '\0';
}

static void check_modbus(const struct fence_args *args, struct fence_error *error)
{
	struct fence_modbus_settings s;
	char line[64];
	size_t names = 0;

	if (fence_modbus_settings(args, &s, error) < 0)
		return;
	assert(s.n <= FENCE_MODBUS_OUTLETS && !s.ip != !s.serial);
	assert(s.n > 0 || args->action == FENCE_ACTION_MONITOR ||
	       args->action == FENCE_ACTION_LIST || args->action == FENCE_ACTION_VALIDATE);
	for (size_t i = 0; i < s.n; i++) {
		for (size_t j = 0; j < i; j++)
			assert(s.outlets[i].write != s.outlets[j].write);
	}
	/* No value is both, and what switches on and off reads so. */
	assert(fence_modbus_power(&s, s.read_on) == FENCE_POWER_ON);
	assert(fence_modbus_power(&s, s.read_off) == FENCE_POWER_OFF);
	while (fence_modbus_next_name(&s.names, line, sizeof line))
		assert(names++ < FENCE_INPUT_MAX && strchr(line, ','));
	error->text[0] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (size_t d = 0; d < FENCE_LENGTH(drivers); d++) {
		struct fence_error error = {0};
		struct fence_args args;
		char *text = malloc(n + 1);
		int r = fence_args_init(&args, &drivers[d], &error);

		assert(text && r == 0);
		if (n > 0)
			memcpy(text, data, n);
		r = fence_input_parse(&args, text, n, &error);
		if (r >= 0)
			r = fence_args_check(&args, &error);
		if (r >= 0 && args.action != FENCE_ACTION_METADATA) {
			(d == 0 ? check_ipmi : check_modbus)(&args, &error);
			assert(fence_seconds_us(&args, "power_timeout") <= 86400 * USEC_PER_SEC);
		} else if (r < 0) {
			assert(error.text[0] && error.final);
		}
		assert(memchr(error.text, '\0', sizeof error.text) && !strchr(error.text, '\n'));
		free(text);
	}
	return 0;
}
