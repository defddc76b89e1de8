/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metadata of fence agents: the tables stay within themselves, and a device can be checked. */
#include "agent/fence_metadata.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(const char *problem, void *userdata)
{
	unsigned int *n = userdata;

	if (!*problem || strlen(problem) >= FENCE_METADATA_WHY)
		abort();
	++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char agent[] = "fence_x", ip[] = "ip=10.0.0.1", port[] = "ipport=x", any[] = "a=b";
	static char password[] = "password=/etc/x", *parameters[] = {ip, port, any, NULL};
	static char *secrets[] = {password, NULL};
	static struct fence_metadata meta;
	const struct fence_device_config device = {
		.name = "d", .agent = agent, .parameters = parameters, .secrets = secrets};
	char why[FENCE_METADATA_WHY] = "";
	unsigned int n = 0;

	if (fence_metadata_parse((const char *)data, size, &meta, why) < 0) {
		if (!why[0] || !memchr(why, '\0', sizeof why))
			abort();
		return 0;
	}
	for (uint16_t i = 0; i < meta.n_params; i++)
		if (meta.params[i].first_option + meta.params[i].n_options > meta.n_options)
			abort();
	for (unsigned int plugs = 0; plugs <= 2; plugs++)
		if (fence_metadata_check(&meta, &device, plugs, count, &n) != n)
			abort();
		else
			n = 0;
	return 0;
}
