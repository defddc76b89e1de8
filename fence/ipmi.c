/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fence_holdfast_ipmi: power of a server through its BMC, by libfreeipmi. */
#include "fence/ipmi.h"

#include "util/clock.h"

#include <freeipmi/freeipmi.h>

#include <errno.h>
#include <string.h>

struct ipmi {
	struct fence_ipmi_settings set;
	int cipher; /* the suite that worked in this run; -1: none yet */
};

#define SESSION_MIN_US (50 * USEC_PER_MSEC)
#define STACK_WIPED    (64U * 1024)
#define RESEND_MAX_US  USEC_PER_SEC

static int ipmi_check(const struct fence_args *args, void *device, struct fence_error *error)
{
	struct ipmi *ipmi = device;

	ipmi->cipher = -1;
	return fence_ipmi_settings(args, &ipmi->set, error);
}

/* No retry cures it. */
static bool is_final(int number)
{
	switch (number) {
	case IPMI_ERR_PERMISSION:
	case IPMI_ERR_USERNAME_INVALID:
	case IPMI_ERR_PASSWORD_INVALID:
	case IPMI_ERR_K_G_INVALID:
	case IPMI_ERR_PRIVILEGE_LEVEL_INSUFFICIENT:
	case IPMI_ERR_PRIVILEGE_LEVEL_CANNOT_BE_OBTAINED:
	case IPMI_ERR_AUTHENTICATION_TYPE_UNAVAILABLE:
	case IPMI_ERR_CIPHER_SUITE_ID_UNAVAILABLE:
	case IPMI_ERR_IPMI_2_0_UNAVAILABLE:
	case IPMI_ERR_DEVICE_NOT_SUPPORTED:
	case IPMI_ERR_DEVICE_NOT_FOUND:
	case IPMI_ERR_HOSTNAME_INVALID:
	case IPMI_ERR_PARAMETERS:
		return true;
	default:
		return false;
	}
}

static int fail_open(const struct ipmi *ipmi, ipmi_ctx_t ctx, int cipher, struct fence_error *error)
{
	int number = ipmi_ctx_errnum(ctx);
	char suite[32] = "";

	if (ipmi->set.way == FENCE_IPMI_LAN_2_0)
		(void)snprintf(suite, sizeof suite, ", cipher suite %d", cipher);
	return fence_fail(error, is_final(number), "no session with BMC %.100s%s: %.150s%s",
			  ipmi->set.host, suite, ipmi_ctx_errormsg(ctx),
			  number == IPMI_ERR_IPMI_ERROR ? " (it may not know the cipher suite)"
							: "");
}

/* What is left until `until`, but at most `us`, in milliseconds. */
static unsigned int left_ms(ha_time until, uint64_t us)
{
	uint64_t left = ha_time_since(until, clock_boot());

	if (left > us)
		left = us;
	if (left < SESSION_MIN_US)
		left = SESSION_MIN_US;
	return (unsigned int)(left / USEC_PER_MSEC);
}

/* One attempt. The library's own number on failure, 0 if it is open. */
static int try_open(const struct ipmi *ipmi, ipmi_ctx_t ctx, int cipher, unsigned int ms)
{
	const struct fence_ipmi_settings *s = &ipmi->set;
	unsigned int resend = ms / 4 < RESEND_MAX_US / USEC_PER_MSEC
				      ? ms / 4
				      : (unsigned int)(RESEND_MAX_US / USEC_PER_MSEC);
	int r = -1;

	switch (s->way) {
	case FENCE_IPMI_LAN_2_0:
		r = ipmi_ctx_open_outofband_2_0(ctx, s->host, s->username, s->password,
						s->kg_bytes ? s->kg : NULL, s->kg_bytes,
						s->privilege, (uint8_t)cipher, ms, resend,
						s->workarounds, IPMI_FLAGS_DEFAULT);
		break;
	case FENCE_IPMI_LAN_1_5:
		r = ipmi_ctx_open_outofband(ctx, s->host, s->username, s->password,
					    s->authentication, s->privilege, ms, resend,
					    s->workarounds, IPMI_FLAGS_DEFAULT);
		break;
	case FENCE_IPMI_IN_BAND:
		r = ipmi_ctx_open_inband(ctx, IPMI_DEVICE_OPENIPMI, 0, 0, 0, s->host,
					 s->workarounds, IPMI_FLAGS_NONBLOCKING);
		break;
	}
	return r < 0 ? ipmi_ctx_errnum(ctx) : 0;
}

/* The library leaves passwords in dead frames of its functions, just below ours. */
static __attribute__((noinline)) void wipe_stack(void)
{
	char dead[STACK_WIPED];

	explicit_bzero(dead, sizeof dead);
}

static void drop(ipmi_ctx_t *ctx)
{
	if (!*ctx)
		return;
	ipmi_ctx_close(*ctx);
	ipmi_ctx_destroy(*ctx);
	*ctx = NULL;
	wipe_stack();
}

/* BMCs say many things to a cipher suite that they do not know, or nothing. */
static bool may_be_the_suite(int number)
{
	switch (number) {
	case IPMI_ERR_USERNAME_INVALID:
	case IPMI_ERR_PASSWORD_INVALID:
	case IPMI_ERR_K_G_INVALID:
	case IPMI_ERR_HOSTNAME_INVALID:
	case IPMI_ERR_PARAMETERS:
	case IPMI_ERR_SYSTEM_ERROR:
	case IPMI_ERR_OUT_OF_MEMORY:
		return false;
	default:
		return true;
	}
}

/*
 * A fresh session. Automatic choice: suite 17, and 3 if the BMC refuses 17, or says nothing to
 * it, as some do. What worked is remembered for the sessions that follow.
 */
static int session_open(struct ipmi *ipmi, ha_time until, ipmi_ctx_t *ret,
			struct fence_error *error)
{
	int suites[2] = {FENCE_IPMI_AUTO_1, FENCE_IPMI_AUTO_2};
	size_t n = 2;
	int r = 0;

	if (ipmi->set.way != FENCE_IPMI_LAN_2_0 || ipmi->set.cipher >= 0 || ipmi->cipher >= 0) {
		suites[0] = ipmi->set.cipher >= 0 ? ipmi->set.cipher : ipmi->cipher;
		n = 1;
	}
	for (size_t i = 0; i < n; i++) {
		ipmi_ctx_t ctx = ipmi_ctx_create();
		int number;

		if (!ctx)
			return fence_fail(error, true, "out of memory");
		number = try_open(ipmi, ctx, suites[i],
				  left_ms(until, ipmi->set.login_us / (n - i)));
		if (number == 0) {
			ipmi->cipher = suites[i];
			*ret = ctx;
			return 0;
		}
		r = fail_open(ipmi, ctx, suites[i], error);
		drop(&ctx);
		if (!may_be_the_suite(number))
			break;
	}
	return r;
}

static int fail_command(const struct ipmi *ipmi, ipmi_ctx_t ctx, fiid_obj_t answer,
			const char *what, struct fence_error *error)
{
	int number = ipmi_ctx_errnum(ctx);
	uint64_t code = 0;

	if (number == IPMI_ERR_BAD_COMPLETION_CODE && fiid_obj_get(answer, "comp_code", &code) == 1)
		return fence_fail(error, false, "BMC %.100s refused to %s: completion code %02Xh%s",
				  ipmi->set.host, what, (unsigned int)code,
				  code == 0xd5 ? " (not in its present state)" : "");
	return fence_fail(error, is_final(number), "BMC %.100s did not %s: %.150s", ipmi->set.host,
			  what, ipmi_ctx_errormsg(ctx));
}

static int ipmi_read(void *device, ha_time until, enum fence_power *ret_power,
		     struct fence_error *error)
{
	struct ipmi *ipmi = device;
	_cleanup_(drop) ipmi_ctx_t ctx = NULL;
	fiid_obj_t answer;
	uint64_t on = 0;
	int r = session_open(ipmi, until, &ctx, error);

	if (r < 0)
		return r;
	answer = fiid_obj_create(tmpl_cmd_get_chassis_status_rs);
	if (!answer)
		return fence_fail(error, true, "out of memory");
	if (ipmi_cmd_get_chassis_status(ctx, answer) < 0)
		r = fail_command(ipmi, ctx, answer, "tell its power state", error);
	else if (fiid_obj_get(answer, "current_power_state.power_is_on", &on) != 1)
		r = fence_fail(error, false, "BMC %.100s: the answer has no power state",
			       ipmi->set.host);
	else
		*ret_power = on ? FENCE_POWER_ON : FENCE_POWER_OFF;
	fiid_obj_destroy(answer);
	return r;
}

static int ipmi_order(void *device, enum fence_order order, ha_time until,
		      struct fence_error *error)
{
	static const struct {
		uint8_t control;
		const char *what;
	} orders[] = {
		[FENCE_ORDER_OFF] = {IPMI_CHASSIS_CONTROL_POWER_DOWN, "power off"},
		[FENCE_ORDER_ON] = {IPMI_CHASSIS_CONTROL_POWER_UP, "power on"},
		[FENCE_ORDER_RESET] = {IPMI_CHASSIS_CONTROL_HARD_RESET, "reset"},
		[FENCE_ORDER_CYCLE] = {IPMI_CHASSIS_CONTROL_POWER_CYCLE, "power cycle"},
		[FENCE_ORDER_DIAG] = {IPMI_CHASSIS_CONTROL_PULSE_DIAGNOSTIC_INTERRUPT,
				      "pulse the diagnostic interrupt"},
		[FENCE_ORDER_SOFT] = {IPMI_CHASSIS_CONTROL_INITIATE_SOFT_SHUTDOWN,
				      "shut down softly"},
	};
	struct ipmi *ipmi = device;
	_cleanup_(drop) ipmi_ctx_t ctx = NULL;
	fiid_obj_t answer;
	int r = session_open(ipmi, until, &ctx, error);

	if (r < 0)
		return r;
	answer = fiid_obj_create(tmpl_cmd_chassis_control_rs);
	if (!answer)
		return fence_fail(error, true, "out of memory");
	if (ipmi_cmd_chassis_control(ctx, orders[order].control, answer) < 0)
		r = fail_command(ipmi, ctx, answer, orders[order].what, error);
	fiid_obj_destroy(answer);
	return r;
}

const struct fence_driver fence_ipmi_driver = {
	.name = "fence_holdfast_ipmi",
	.short_text = "Fence agent for IPMI, by libfreeipmi",
	.long_text =
		"Switches the power of a server through its BMC (IPMI 1.5 and 2.0, LAN or in "
		"band). "
		"Success of off means that the BMC said off in two sessions of their own after the "
		"order; a BMC that does not answer is a failure. reset and diag prove nothing.",
	.params = fence_ipmi_params,
	.n_params = FENCE_IPMI_PARAMS,
	.actions = FENCE_ACTION_BIT(FENCE_ACTION_STATUS) | FENCE_ACTION_BIT(FENCE_ACTION_LIST) |
		   FENCE_ACTION_BIT(FENCE_ACTION_OFF) | FENCE_ACTION_BIT(FENCE_ACTION_ON) |
		   FENCE_ACTION_BIT(FENCE_ACTION_REBOOT) | FENCE_ACTION_BIT(FENCE_ACTION_RESET) |
		   FENCE_ACTION_BIT(FENCE_ACTION_CYCLE) | FENCE_ACTION_BIT(FENCE_ACTION_DIAG) |
		   FENCE_ACTION_BIT(FENCE_ACTION_SOFT),
	.device_size = sizeof(struct ipmi),
	.check = ipmi_check,
	.read = ipmi_read,
	.order = ipmi_order,
};
