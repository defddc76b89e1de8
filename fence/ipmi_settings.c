/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters of the IPMI driver and what they mean to libfreeipmi. Pure. */
#include "fence/ipmi.h"

#include <freeipmi/freeipmi.h>

#include <ctype.h>
#include <string.h>

const struct fence_param fence_ipmi_params[FENCE_IPMI_PARAMS] = {
	{.name = "ip",
	 .old_name = "ipaddr",
	 .letter = 'a',
	 .text = "IP address (4 or 6) or hostname of the BMC"},
	{.name = "ipport",
	 .letter = 'u',
	 .kind = FENCE_KIND_INTEGER,
	 .fallback = "623",
	 .min = 1,
	 .max = 65535,
	 .text = "UDP port of the BMC"},
	{.name = "username", .old_name = "login", .letter = 'l', .text = "Login name"},
	{.name = "password",
	 .old_name = "passwd",
	 .letter = 'p',
	 .secret = true,
	 .text = "Login password"},
	{.name = "password_file", .text = "File, readable by root only, that holds the password"},
	{.name = "password_script",
	 .old_name = "passwd_script",
	 .letter = 'S',
	 .text = "Program, writable by root only, that prints the password"},
	{.name = "lanplus",
	 .letter = 'P',
	 .kind = FENCE_KIND_BOOLEAN,
	 .fallback = "1",
	 .text = "IPMI 2.0 (RMCP+); no: IPMI 1.5, whose sessions are not encrypted"},
	{.name = "cipher",
	 .letter = 'C',
	 .fallback = "auto",
	 .text = "Cipher suite of IPMI 2.0: a number, or auto (17, then 3)"},
	{.name = "auth",
	 .letter = 'A',
	 .kind = FENCE_KIND_SELECT,
	 .fallback = "md5",
	 .options = "md5|md2|password|none",
	 .text = "Authentication of IPMI 1.5"},
	{.name = "privlvl",
	 .letter = 'L',
	 .kind = FENCE_KIND_SELECT,
	 .fallback = "administrator",
	 .options = "user|operator|administrator",
	 .text = "Privilege level; switching power needs operator"},
	{.name = "hexadecimal_kg", .secret = true, .text = "K_g key in hexadecimal digits"},
	{.name = "hexadecimal_kg_file",
	 .text = "File, readable by root only, that holds the K_g key"},
	{.name = "workaround_flags",
	 .letter = 'W',
	 .text = "Workarounds for this BMC, as freeipmi names them, with commas (opensesspriv, "
		 "supermicro20, intel20, sun20, authcap, ...)"},
	{.name = "inband",
	 .kind = FENCE_KIND_BOOLEAN,
	 .fallback = "0",
	 .text = "The BMC of this very server, through its kernel driver"},
	{.name = "device", .fallback = "/dev/ipmi0", .text = "Device of inband"},
	{.name = "method",
	 .letter = 'm',
	 .kind = FENCE_KIND_SELECT,
	 .fallback = "onoff",
	 .options = "onoff|cycle",
	 .text = "How to reboot: off, proof, on; or cycle, which fails if off is never read"},
};

struct flag {
	const char *name;
	unsigned int lan_1_5, lan_2_0, in_band; /* 0: not of this way */
};

static const struct flag flags[] = {
	{"authcap", IPMI_WORKAROUND_FLAGS_OUTOFBAND_AUTHENTICATION_CAPABILITIES,
	 IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_AUTHENTICATION_CAPABILITIES, 0},
	{"nochecksumcheck", IPMI_WORKAROUND_FLAGS_OUTOFBAND_NO_CHECKSUM_CHECK,
	 IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_NO_CHECKSUM_CHECK, 0},
	{"idzero", IPMI_WORKAROUND_FLAGS_OUTOFBAND_ACCEPT_SESSION_ID_ZERO, 0, 0},
	{"unexpectedauth", IPMI_WORKAROUND_FLAGS_OUTOFBAND_CHECK_UNEXPECTED_AUTHCODE, 0, 0},
	{"forcepermsg", IPMI_WORKAROUND_FLAGS_OUTOFBAND_FORCE_PERMSG_AUTHENTICATION, 0, 0},
	{"endianseq", IPMI_WORKAROUND_FLAGS_OUTOFBAND_BIG_ENDIAN_SEQUENCE_NUMBER, 0, 0},
	{"noauthcodecheck", IPMI_WORKAROUND_FLAGS_OUTOFBAND_NO_AUTH_CODE_CHECK, 0, 0},
	{"intel20", 0, IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_INTEL_2_0_SESSION, 0},
	{"supermicro20", 0, IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_SUPERMICRO_2_0_SESSION, 0},
	{"sun20", 0, IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_SUN_2_0_SESSION, 0},
	{"opensesspriv", 0, IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_OPEN_SESSION_PRIVILEGE, 0},
	{"integritycheckvalue", 0,
	 IPMI_WORKAROUND_FLAGS_OUTOFBAND_2_0_NON_EMPTY_INTEGRITY_CHECK_VALUE, 0},
	{"assumeio", 0, 0, IPMI_WORKAROUND_FLAGS_INBAND_ASSUME_IO_BASE_ADDRESS},
	{"spinpoll", 0, 0, IPMI_WORKAROUND_FLAGS_INBAND_SPIN_POLL},
};

static unsigned int flag_bit(const struct flag *f, enum fence_ipmi_way way)
{
	switch (way) {
	case FENCE_IPMI_LAN_2_0:
		return f->lan_2_0;
	case FENCE_IPMI_LAN_1_5:
		return f->lan_1_5;
	case FENCE_IPMI_IN_BAND:
		return f->in_band;
	}
	return 0;
}

static int parse_flags(const char *text, struct fence_ipmi_settings *s, struct fence_error *error)
{
	while (*text) {
		size_t n = strcspn(text, ","), i = 0;

		while (i < FENCE_LENGTH(flags) &&
		       (strlen(flags[i].name) != n || strncmp(flags[i].name, text, n) != 0))
			i++;
		if (n == 4 && strncmp(text, "none", n) == 0)
			i = FENCE_LENGTH(flags) + 1;
		if (i == FENCE_LENGTH(flags))
			return fence_fail(error, true, "workaround_flags: %.*s is not known",
					  (int)(n > 64 ? 64 : n), text);
		if (i < FENCE_LENGTH(flags) && flag_bit(&flags[i], s->way) == 0)
			return fence_fail(error, true,
					  "workaround_flags: %s does not belong to this kind of "
					  "connection",
					  flags[i].name);
		if (i < FENCE_LENGTH(flags))
			s->workarounds |= flag_bit(&flags[i], s->way);
		text += n + (text[n] == ',');
	}
	return 0;
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static int parse_kg(const char *text, struct fence_ipmi_settings *s, struct fence_error *error)
{
	size_t n;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	n = strlen(text);
	if (n == 0 || n % 2 || n > (size_t)2 * FENCE_IPMI_KG_MAX)
		return fence_fail(error, true, "hexadecimal_kg is not 2 to %d hexadecimal digits",
				  2 * FENCE_IPMI_KG_MAX);
	for (size_t i = 0; i < n; i += 2) {
		if (!isxdigit((unsigned char)text[i]) || !isxdigit((unsigned char)text[i + 1]))
			return fence_fail(error, true, "hexadecimal_kg has a wrong digit");
		s->kg[i / 2] = (unsigned char)(hex_digit(text[i]) * 16 + hex_digit(text[i + 1]));
	}
	s->kg_bytes = (unsigned int)n / 2;
	return 0;
}

/* Those that libfreeipmi knows. 0 would be a session without a password. */
static int parse_cipher(const char *text, struct fence_ipmi_settings *s, struct fence_error *error)
{
	static const char *const known[] = {"1",  "2",	"3",  "6",  "7", "8",
					    "11", "12", "15", "16", "17"};
	static const int numbers[] = {1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17};

	s->cipher = -1;
	if (strcmp(text, "auto") == 0)
		return 0;
	if (strcmp(text, "0") == 0)
		return fence_fail(error, true, "cipher=0 is refused: it authenticates nobody");
	for (size_t i = 0; i < FENCE_LENGTH(known); i++) {
		if (strcmp(text, known[i]) == 0)
			s->cipher = numbers[i];
	}
	if (s->cipher < 0)
		return fence_fail(
			error, true,
			"cipher=%.64s is neither auto nor a cipher suite (17, 3, 1, 2, 6, 7, "
			"8, 11, 12, 15, 16)",
			text);
	return 0;
}

static int parse_host(const struct fence_args *args, struct fence_ipmi_settings *s,
		      struct fence_error *error)
{
	const char *ip = fence_string(args, "ip");
	unsigned int port = (unsigned int)fence_integer(args, "ipport");
	size_t n;
	bool brackets;

	if (s->way == FENCE_IPMI_IN_BAND) {
		if (ip)
			return fence_fail(error, true, "ip and inband exclude each other");
		ip = fence_string(args, "device");
		if (ip[0] != '/' || strlen(ip) >= sizeof s->host)
			return fence_fail(error, true, "device=%.64s is no absolute path", ip);
		(void)snprintf(s->host, sizeof s->host, "%s", ip);
		return 0;
	}
	if (!ip)
		return fence_fail(error, true, "ip is missing: the address of the BMC");
	n = strlen(ip);
	brackets = ip[0] == '[' && n > 2 && ip[n - 1] == ']';
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)ip[i]) && !strchr(".-_:%[]", ip[i]))
			return fence_fail(error, true, "ip=%.64s is no address or hostname", ip);
	}
	if (n > 255)
		return fence_fail(error, true, "ip is longer than 255 characters");
	(void)snprintf(s->host, sizeof s->host, strchr(ip, ':') && !brackets ? "[%s]:%u" : "%s:%u",
		       ip, port);
	return 0;
}

static void parse_levels(const struct fence_args *args, struct fence_ipmi_settings *s)
{
	const char *level = fence_string(args, "privlvl"), *auth = fence_string(args, "auth");

	s->privilege = IPMI_PRIVILEGE_LEVEL_ADMIN;
	if (strcmp(level, "user") == 0)
		s->privilege = IPMI_PRIVILEGE_LEVEL_USER;
	else if (strcmp(level, "operator") == 0)
		s->privilege = IPMI_PRIVILEGE_LEVEL_OPERATOR;
	s->authentication = IPMI_AUTHENTICATION_TYPE_MD5;
	if (strcmp(auth, "md2") == 0)
		s->authentication = IPMI_AUTHENTICATION_TYPE_MD2;
	else if (strcmp(auth, "password") == 0)
		s->authentication = IPMI_AUTHENTICATION_TYPE_STRAIGHT_PASSWORD_KEY;
	else if (strcmp(auth, "none") == 0)
		s->authentication = IPMI_AUTHENTICATION_TYPE_NONE;
}

/* What fits together, whatever the single values are. */
static int cross_check(const struct fence_args *args, const struct fence_ipmi_settings *s,
		       struct fence_error *error)
{
	enum fence_action action = fence_args_action(args);
	bool reads = action == FENCE_ACTION_STATUS || action == FENCE_ACTION_MONITOR ||
		     action == FENCE_ACTION_LIST || action == FENCE_ACTION_VALIDATE;
	size_t max = s->way == FENCE_IPMI_LAN_1_5 ? 16 : 20;

	if (!reads && s->privilege < IPMI_PRIVILEGE_LEVEL_OPERATOR)
		return fence_fail(error, true, "privlvl=user may not switch power");
	if (s->way == FENCE_IPMI_IN_BAND && action == FENCE_ACTION_REBOOT &&
	    strcmp(fence_string(args, "method"), "cycle") != 0)
		return fence_fail(error, true,
				  "a server cannot switch itself on again: use method=cycle or the "
				  "action reset");
	if (s->username && strlen(s->username) > 16)
		return fence_fail(error, true, "username is longer than 16 bytes");
	if (s->password && strlen(s->password) > max)
		return fence_fail(error, true, "password is longer than %zu bytes", max);
	if (s->way != FENCE_IPMI_LAN_2_0 && s->kg_bytes > 0)
		return fence_fail(error, true, "hexadecimal_kg is of IPMI 2.0 only");
	return 0;
}

int fence_ipmi_settings(const struct fence_args *args, struct fence_ipmi_settings *ret,
			struct fence_error *error)
{
	struct fence_ipmi_settings s = {.way = FENCE_IPMI_LAN_2_0};
	const char *text;
	int r;

	if (fence_flag(args, "inband"))
		s.way = FENCE_IPMI_IN_BAND;
	else if (!fence_flag(args, "lanplus"))
		s.way = FENCE_IPMI_LAN_1_5;
	s.username = fence_string(args, "username");
	s.password = fence_string(args, "password");
	s.login_us = fence_seconds_us(args, "login_timeout");
	s.shell_us = fence_seconds_us(args, "shell_timeout");
	parse_levels(args, &s);
	r = parse_host(args, &s, error);
	if (r >= 0)
		r = parse_cipher(fence_string(args, "cipher"), &s, error);
	text = fence_string(args, "workaround_flags");
	if (r >= 0 && text)
		r = parse_flags(text, &s, error);
	text = fence_string(args, "hexadecimal_kg");
	if (r >= 0 && text && text[0])
		r = parse_kg(text, &s, error);
	if (r >= 0)
		r = cross_check(args, &s, error);
	if (r >= 0)
		*ret = s;
	explicit_bzero(s.kg, sizeof s.kg);
	return r;
}
