/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/ocf.h"

#include "agent/exec_env.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_path(void **state)
{
	static const struct {
		const char *agent, *path; /* NULL: refused */
	} table[] = {
		{"heartbeat:IPaddr2", OCF_FOLDER "/heartbeat/IPaddr2"},
		{"ocf:heartbeat:IPaddr2", OCF_FOLDER "/heartbeat/IPaddr2"},
		{"linbit:drbd", OCF_FOLDER "/linbit/drbd"},
		{"heartbeat:oracle-11.2_x", OCF_FOLDER "/heartbeat/oracle-11.2_x"},
		{"", NULL},
		{"heartbeat", NULL},
		{":IPaddr2", NULL},
		{"heartbeat:", NULL},
		{"../..:bin", NULL},
		{"heartbeat:..", NULL},
		{"heartbeat:a/b", NULL},
		{"heartbeat:a b", NULL},
		{"heartbeat:a:b", NULL},
		{"heartbeat:.hidden", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char path[OCF_PATH_SIZE] = "untouched";
		int r = ocf_path(table[i].agent, path);

		assert_int_equal(r, table[i].path ? 0 : -EINVAL);
		assert_string_equal(path, table[i].path ? table[i].path : "untouched");
	}
}

static void test_path_too_long(void **state)
{
	char agent[512] = "heartbeat:", path[OCF_PATH_SIZE] = "untouched";

	(void)state;
	memset(agent + 10, 'x', 300);
	assert_int_equal(ocf_path(agent, path), -EINVAL);
	assert_string_equal(path, "untouched");
}

static const char *find(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; env[i]; i++)
		if (strncmp(env[i], name, n) == 0 && env[i][n] == '=')
			return env[i] + n + 1;
	return NULL;
}

static void test_environment(void **state)
{
	static char ip[] = "ip=10.0.0.9", mask[] = "cidr_netmask=24",
		    agent[] = "ocf:heartbeat:IPaddr2";
	char *parameters[] = {ip, mask, NULL};
	char base0[] = "PATH=/bin", *base[] = {base0, NULL};
	struct resource_config r = {
		.name = "vip", .type = RESOURCE_TYPE_OCF, .agent = agent, .parameters = parameters};
	char **env = ocf_env_new(&r, 20000000, base);

	(void)state;
	assert_non_null(env);
	assert_string_equal(find(env, "PATH"), "/bin");
	assert_string_equal(find(env, "OCF_ROOT"), "/usr/lib/ocf");
	assert_string_equal(find(env, "OCF_RESOURCE_INSTANCE"), "vip");
	assert_string_equal(find(env, "OCF_RESOURCE_TYPE"), "IPaddr2");
	assert_string_equal(find(env, "OCF_RESOURCE_PROVIDER"), "heartbeat");
	assert_string_equal(find(env, "OCF_RESKEY_ip"), "10.0.0.9");
	assert_string_equal(find(env, "OCF_RESKEY_cidr_netmask"), "24");
	assert_string_equal(find(env, "OCF_RESKEY_CRM_meta_timeout"), "20000");
	assert_null(exec_env_free(env));
}

static void test_no_parameters(void **state)
{
	static char agent[] = "heartbeat:Dummy";
	struct resource_config r = {.name = "d", .type = RESOURCE_TYPE_OCF, .agent = agent};
	char **env = ocf_env_new(&r, 1000, NULL);

	(void)state;
	assert_non_null(env);
	assert_string_equal(find(env, "OCF_RESOURCE_TYPE"), "Dummy");
	assert_string_equal(find(env, "OCF_RESKEY_CRM_meta_timeout"), "1");
	assert_null(exec_env_free(env));
}

static void test_exit_codes(void **state)
{
	(void)state;
	assert_string_equal(ocf_exit_to_string(OCF_NOT_RUNNING), "not running");
	for (int code = 0; code <= OCF_NOT_RUNNING; code++)
		assert_non_null(ocf_exit_to_string(code));
	assert_null(ocf_exit_to_string(8));
	assert_null(ocf_exit_to_string(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),	    cmocka_unit_test(test_path_too_long),
		cmocka_unit_test(test_environment), cmocka_unit_test(test_no_parameters),
		cmocka_unit_test(test_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
