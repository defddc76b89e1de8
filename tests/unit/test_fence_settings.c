/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What parameters mean to the IPMI and the Modbus driver. */
#include "fence/api_internal.h"
#include "fence/ipmi.h"
#include "fence/modbus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* The tables without the drivers, which would want their libraries. */
static const struct fence_driver ipmi = {
	.name = "ipmi",
	.params = fence_ipmi_params,
	.n_params = FENCE_IPMI_PARAMS,
	.actions = FENCE_ACTION_BIT(FENCE_ACTION_STATUS) | FENCE_ACTION_BIT(FENCE_ACTION_OFF) |
		   FENCE_ACTION_BIT(FENCE_ACTION_REBOOT),
};
static const struct fence_driver modbus = {
	.name = "modbus",
	.params = fence_modbus_params,
	.n_params = FENCE_MODBUS_PARAMS,
	.actions = FENCE_ACTION_BIT(FENCE_ACTION_STATUS) | FENCE_ACTION_BIT(FENCE_ACTION_OFF),
};

static struct fence_args args;
static char buffer[4096];
static struct fence_error error;

/* False: refused already by the common checks. */
static bool load(const struct fence_driver *driver, const char *text)
{
	error.text[0] = '\0';
	strcpy(buffer, text);
	assert_int_equal(fence_args_init(&args, driver, &error), 0);
	return fence_input_parse(&args, buffer, strlen(text), &error) == 0 &&
	       fence_args_check(&args, &error) == 0;
}

static const char *ipmi_said(const char *text, struct fence_ipmi_settings *s)
{
	return load(&ipmi, text) && fence_ipmi_settings(&args, s, &error) == 0 ? "" : error.text;
}

static const char *modbus_said(const char *text, struct fence_modbus_settings *s)
{
	return load(&modbus, text) && fence_modbus_settings(&args, s, &error) == 0 ? ""
										   : error.text;
}

static void ipmi_good(void **state)
{
	struct fence_ipmi_settings s;

	(void)state;
	assert_string_equal(ipmi_said("action=off\nip=10.0.0.1\n", &s), "");
	assert_string_equal(s.host, "10.0.0.1:623");
	assert_true(s.way == FENCE_IPMI_LAN_2_0 && s.cipher == -1 && s.privilege == 4);
	assert_true(!s.username && !s.password && s.kg_bytes == 0);
	assert_string_equal(
		ipmi_said("action=off\nip=fe80::1%eth0\nipport=6230\ncipher=17\n"
			  "username=u\npassword=p\nprivlvl=operator\n"
			  "hexadecimal_kg=0x00fF10\nworkaround_flags=opensesspriv,authcap\n",
			  &s),
		"");
	assert_string_equal(s.host, "[fe80::1%eth0]:6230");
	assert_true(s.cipher == 17 && s.privilege == 3 && s.kg_bytes == 3);
	assert_memory_equal(s.kg, "\x00\xff\x10", 3); /* a zero byte is a byte of the key */
	assert_true(s.workarounds == (0x10 | 0x01));
	assert_string_equal(ipmi_said("action=off\nip=[::1]\n", &s), "");
	assert_string_equal(s.host, "[::1]:623");
	assert_string_equal(
		ipmi_said("action=off\nip=b\nlanplus=0\nauth=md2\nworkaround_flags=idzero\n", &s),
		"");
	assert_true(s.way == FENCE_IPMI_LAN_1_5 && s.authentication == 1 && s.workarounds == 2);
	assert_string_equal(ipmi_said("action=off\ninband=1\n", &s), "");
	assert_true(s.way == FENCE_IPMI_IN_BAND);
	assert_string_equal(s.host, "/dev/ipmi0");
	assert_string_equal(
		ipmi_said("action=status\nip=b\nprivlvl=user\nworkaround_flags=none\n", &s), "");
	assert_true(s.privilege == 2 && s.workarounds == 0);
}

static void ipmi_bad(void **state)
{
	static const struct {
		const char *text, *complaint;
	} rows[] = {
		{"action=off\n", "ip is missing"},
		{"action=off\nip=a b\n", "ip=a b is no address"},
		{"action=off\nip=-x;y\n", "no address"},
		{"action=off\nip=b\ncipher=0\n", "cipher=0 is refused"},
		{"action=off\nip=b\ncipher=4\n", "cipher=4 is neither"},
		{"action=off\nip=b\ncipher=best\n", "cipher=best is neither"},
		{"action=off\nip=b\nprivlvl=user\n", "privlvl=user may not switch power"},
		{"action=off\nip=b\nprivlvl=callback\n", "privlvl=callback is none of"},
		{"action=off\nip=b\nhexadecimal_kg=abc\n", "hexadecimal_kg is not"},
		{"action=off\nip=b\nhexadecimal_kg=zz\n", "hexadecimal_kg has a wrong digit"},
		{"action=off\nip=b\nhexadecimal_kg=000102030405060708090a0b0c0d0e0f1011121314\n",
		 "hexadecimal_kg is not"},
		{"action=off\nip=b\nlanplus=0\nhexadecimal_kg=00\n", "IPMI 2.0 only"},
		{"action=off\nip=b\nworkaround_flags=magic\n",
		 "workaround_flags: magic is not known"},
		{"action=off\nip=b\nworkaround_flags=authcap,\n", ""},
		{"action=off\nip=b\nworkaround_flags=idzero\n", "idzero does not belong"},
		{"action=off\nip=b\nlanplus=0\nworkaround_flags=opensesspriv\n", "does not belong"},
		{"action=off\nip=b\ninband=1\n", "exclude each other"},
		{"action=off\ninband=1\ndevice=ipmi0\n", "device=ipmi0 is no absolute path"},
		{"action=reboot\ninband=1\n", "cannot switch itself on again"},
		{"action=off\nip=b\nusername=01234567890123456\n", "username is longer than 16"},
		{"action=off\nip=b\npassword=012345678901234567890\n",
		 "password is longer than 20"},
		{"action=off\nip=b\nlanplus=0\npassword=01234567890123456\n", "longer than 16"},
	};

	(void)state;
	for (size_t i = 0; i < FENCE_LENGTH(rows); i++) {
		struct fence_ipmi_settings s;
		const char *said = ipmi_said(rows[i].text, &s);

		if (!strstr(said, rows[i].complaint) || (!rows[i].complaint[0] && said[0]))
			fail_msg("%s: said \"%s\"", rows[i].text, said);
	}
}

static void modbus_good(void **state)
{
	struct fence_modbus_settings s;
	const char *names;
	char line[64];

	(void)state;
	assert_string_equal(
		modbus_said("action=off\nip=10.0.0.1\nplug=0,7/107\nread_offset=100\n", &s), "");
	assert_true(s.n == 2 && s.outlets[0].write == 0 && s.outlets[0].read == 100 &&
		    s.outlets[1].write == 7 && s.outlets[1].read == 107);
	assert_true(s.unit == 1 && s.write_on == 1 && s.write_off == 0 && s.read_on == 1);
	assert_string_equal(
		modbus_said("action=off\nip=b\nport=n2\noutlets=n1:0+1,n2:2+3/103,n22:4\n", &s),
		"");
	assert_true(s.n == 2 && s.outlets[0].write == 2 && s.outlets[1].write == 3 &&
		    s.outlets[1].read == 103);
	names = s.names;
	assert_true(fence_modbus_next_name(&names, line, sizeof line));
	assert_string_equal(line, "n1,0+1");
	assert_true(fence_modbus_next_name(&names, line, sizeof line));
	assert_true(fence_modbus_next_name(&names, line, sizeof line));
	assert_string_equal(line, "n22,4");
	assert_false(fence_modbus_next_name(&names, line, sizeof line));
	assert_string_equal(
		modbus_said("action=off\ndevice=/dev/ttyS0\nbaud=9600\nparity=none\nunit=9\n"
			    "table=holding\non_value=2\noff_value=1\nread_table=input\n"
			    "read_on_value=512\nread_off_value=0\nread_mask=512\nplug=5\n",
			    &s),
		"");
	assert_true(s.serial && s.baud == 9600 && s.parity == 'N' && s.unit == 9);
	assert_true(s.write_table == FENCE_MODBUS_HOLDING && s.read_table == FENCE_MODBUS_INPUT);
	assert_int_equal(fence_modbus_power(&s, 0x0200), FENCE_POWER_ON);
	assert_int_equal(fence_modbus_power(&s, 0xfdff), FENCE_POWER_OFF);
	s.read_mask = 0xffff;
	assert_int_equal(fence_modbus_power(&s, 7), FENCE_POWER_UNKNOWN);
}

static void modbus_bad(void **state)
{
	static const struct {
		const char *text, *complaint;
	} rows[] = {
		{"action=off\nplug=0\n", "ip (or device, a serial line) is missing"},
		{"action=off\nip=b\ndevice=/dev/ttyS0\nplug=0\n", "exclude each other"},
		{"action=off\ndevice=ttyS0\nplug=0\n", "no absolute path"},
		{"action=off\nip=b\n", "plug is missing"},
		{"action=off\nip=b\nplug=x\n", "no outlet is named x"},
		{"action=off\nip=b\nplug=1x\n", "is no outlet"},
		{"action=off\nip=b\nplug=70000\n", "is no outlet"},
		{"action=off\nip=b\nplug=65535\nread_offset=1\n", "is no outlet"},
		{"action=off\nip=b\nplug=1/\n", "is no outlet"},
		{"action=off\nip=b\nplug=1,\n", "plug ends with a comma"},
		{"action=off\nip=b\nplug=1,,2\n", "is no outlet"},
		{"action=off\nip=b\nplug=1,1\n", "outlet 1 is there twice"},
		{"action=off\nip=b\nplug=n1,0\noutlets=n1:0\n", "outlet 0 is there twice"},
		{"action=off\nip=b\nplug=n1\noutlets=n1\n", "outlets: n1 is not NAME:OUTLET"},
		{"action=off\nip=b\nplug=n1\noutlets=n1:0+\n", "is no outlet"},
		{"action=off\nip=b\nplug=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n", "at most 16"},
		{"action=off\nip=b\nplug=0\non_value=0\n", "the same"},
		{"action=off\nip=b\nplug=0\non_value=2\n", "a coil has the values 0 and 1"},
		{"action=off\nip=b\nplug=0\ntable=holding\nread_mask=2\n",
		 "the same under read_mask"},
		{"action=off\nip=b\nplug=0\nread_on_value=3\n", "reads as 0 or 1"},
		{"action=off\nip=b\nplug=0\ntable=discrete\n", "table=discrete is none of"},
		{"action=off\ndevice=/dev/x\nplug=0\nunit=0\n", "a serial line has 1 to 247"},
	};

	(void)state;
	for (size_t i = 0; i < FENCE_LENGTH(rows); i++) {
		struct fence_modbus_settings s;
		const char *said = modbus_said(rows[i].text, &s);

		if (!strstr(said, rows[i].complaint))
			fail_msg("%s: said \"%s\"", rows[i].text, said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipmi_good),
		cmocka_unit_test(ipmi_bad),
		cmocka_unit_test(modbus_good),
		cmocka_unit_test(modbus_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
