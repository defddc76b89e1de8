/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_FENCE_IPMI_H
#define HF_FENCE_IPMI_H

#include "fence/api.h"

extern const struct fence_driver fence_ipmi_driver;

#define FENCE_IPMI_KG_MAX    20
#define FENCE_IPMI_HOST_SIZE 280
/* Cipher suites that `auto` tries, the best first. */
#define FENCE_IPMI_AUTO_1 17
#define FENCE_IPMI_AUTO_2 3

enum fence_ipmi_way { FENCE_IPMI_LAN_2_0, FENCE_IPMI_LAN_1_5, FENCE_IPMI_IN_BAND };

struct fence_ipmi_settings {
	enum fence_ipmi_way way;
	char host[FENCE_IPMI_HOST_SIZE]; /* HOST:PORT as libfreeipmi takes it, or the device */
	const char *username;		 /* NULL: the null user */
	const char *password;		 /* NULL: none */
	unsigned char kg[FENCE_IPMI_KG_MAX];
	unsigned int kg_bytes;
	uint8_t privilege;	/* as in the specification: 2 user, 3 operator, 4 administrator */
	uint8_t authentication; /* of LAN 1.5, as in the specification */
	int cipher;		/* -1: automatic */
	unsigned int workarounds;
	uint64_t login_us;
	uint64_t shell_us;
};

/* ipmi_settings.c, pure. `ret` keeps pointers into the arguments. */
_must_check_ int fence_ipmi_settings(const struct fence_args *args, struct fence_ipmi_settings *ret,
				     struct fence_error *error);
#define FENCE_IPMI_PARAMS 16
extern const struct fence_param fence_ipmi_params[FENCE_IPMI_PARAMS];

#endif
