/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done to a level, and what counts (rule X7a). Every doubt is "failed". */
#include "agent/fence_tool.h"

#include "util/clock.h"
#include "util/log.h"
#include "util/parse.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sysexits.h>

#define ARENA_SIZE (256U * 1024)
#define PAUSE_MS   500 /* between rounds of readings */

struct level {
	const struct fence_task *task;
	struct fence_work *work;
	struct fence_metadata *meta; /* of one unit at a time */
	struct fence_end end;
};

/* ---- words ---- */

static unsigned int all_units(const struct fence_work *work)
{
	return (1U << work->n) - 1;
}

/* Adds "device:plug: text" to the text of the result. */
static void add_text(struct level *level, size_t i, const char *text)
{
	const struct fence_unit *unit = &level->work->unit[i];
	char *at = level->end.text;
	size_t n = strlen(at);

	(void)snprintf(at + n, sizeof level->end.text - n, "%s%s%s%.32s: %s", n ? "; " : "",
		       unit->device->name, unit->plug ? ":" : "", unit->plug ? unit->plug : "",
		       text);
}

/* False, with the texts of those of the last step that are not ok. */
static bool failed(struct level *level, unsigned int mask, const char *step)
{
	struct fence_work *work = level->work;

	for (size_t i = 0; i < work->n; i++) {
		char text[FENCE_TEXT + 32];

		if (!(mask & 1U << i) || work->result[i].ok)
			continue;
		(void)snprintf(text, sizeof text, "%s: %s", step, work->result[i].text);
		add_text(level, i, text);
	}
	return false;
}

static bool refuse(struct level *level, size_t i, const char *text)
{
	add_text(level, i, text);
	return false;
}

/* ---- steps ---- */

static bool do_all(struct level *level, const char *action)
{
	const struct fence_action all = {
		.name = action, .extra = "", .mask = all_units(level->work)};

	return fence_work_run(level->work, &all) || failed(level, all.mask, action);
}

static unsigned int readable(const struct fence_work *work)
{
	unsigned int mask = 0;

	for (size_t i = 0; i < work->n; i++)
		if (work->unit[i].kind != FENCE_UNIT_SCRIPT)
			mask |= 1U << i;
	return mask;
}

static bool read_all(struct level *level)
{
	const struct fence_action status = {
		.name = "status", .extra = "", .mask = readable(level->work), .reads = true};

	return fence_work_run(level->work, &status);
}

/* What the last readings said: off only if all that can be read say so. */
static enum fence_power_word power_of(const struct fence_work *work)
{
	unsigned int mask = readable(work);
	enum fence_power_word all = mask ? FENCE_READ_OFF : FENCE_READ_UNKNOWN;

	for (size_t i = 0; i < work->n; i++) {
		if (!(mask & 1U << i))
			continue;
		if (work->result[i].power == FENCE_READ_ON)
			return FENCE_READ_ON;
		if (work->result[i].power == FENCE_READ_UNKNOWN)
			all = FENCE_READ_UNKNOWN;
	}
	return all;
}

/* Readings of all, in rounds: one in which all say off, all of it after the last order. */
static bool read_until_off(struct level *level, ha_time until)
{
	struct fence_work *work = level->work;
	unsigned int mask = readable(work);

	for (;;) {
		bool answered = read_all(level);
		struct pollfd ended = {.fd = work->signals, .events = POLLIN};
		ha_time next = ha_time_add(clock_boot(), PAUSE_MS * USEC_PER_MSEC);

		level->end.power = power_of(work);
		if (answered && level->end.power == FENCE_READ_OFF)
			return true;
		if (work->ended || !ha_time_before(next, until))
			break;
		work->ended = poll(&ended, 1, PAUSE_MS) > 0;
	}
	for (size_t i = 0; i < work->n; i++)
		if (mask & 1U << i && work->result[i].power == FENCE_READ_ON)
			add_text(level, i, "it was ordered off and is read on");
	return failed(level, mask, "status");
}

static bool switch_off(struct level *level)
{
	const struct fence_task *task = level->task;
	struct fence_work *work = level->work;
	ha_time until = ha_time_add(clock_boot(),
				    config_fence_level_us(task->config, task->target, task->level));

	if (!do_all(level, "off"))
		return false;
	/* Ours have read it twice, by sessions of their own; of several, one may be on again. */
	if (work->n == 1 && work->unit[0].kind != FENCE_UNIT_FOREIGN) {
		level->end.power = FENCE_READ_OFF;
		return true;
	}
	if (!readable(work)) {
		level->end.power = FENCE_READ_OFF; /* their word is all there is */
		return true;
	}
	return read_until_off(level, ha_time_min(until, work->until));
}

static bool switch_on(struct level *level)
{
	if (!do_all(level, "on"))
		return false;
	level->end.power = FENCE_READ_ON;
	return true;
}

static bool look(struct level *level)
{
	bool ok = read_all(level);

	level->end.power = power_of(level->work);
	if (!readable(level->work))
		return refuse(level, 0, "a script cannot be asked for its state");
	return ok || failed(level, readable(level->work), "status");
}

/* Our own agents' `monitor` is their `status`. */
static bool check(struct level *level)
{
	struct fence_work *work = level->work;
	struct fence_action monitor = {.name = "monitor", .extra = ""};

	for (size_t i = 0; i < work->n; i++)
		if (work->unit[i].kind != FENCE_UNIT_OWN)
			monitor.mask |= 1U << i;
	if (monitor.mask && !fence_work_run(work, &monitor))
		return failed(level, monitor.mask, "monitor");
	return !readable(work) || look(level);
}

/* ---- what an agent offers ---- */

static bool ask(struct level *level, size_t i)
{
	struct fence_result *r = &level->work->result[i];
	char why[FENCE_METADATA_WHY] = "no memory";
	ha_time begin = clock_boot();
	int ret = fence_metadata_read(level->work->unit[i].path, level->meta, why);

	*r = (struct fence_result){.ok = ret >= 0, .took_us = ha_time_since(clock_boot(), begin)};
	fence_text_clean(why, ret < 0 ? strlen(why) : 0, &level->work->secrets, r->text,
			 sizeof r->text);
	if (ret >= 0)
		return true;
	fence_work_say(level->work, i, "metadata");
	return refuse(level, i, r->text);
}

struct found {
	struct level *level;
	size_t unit;
};

static void take_problem(const char *problem, void *userdata)
{
	struct found *found = userdata;
	struct fence_result *r = &found->level->work->result[found->unit];

	if (r->ok) /* the first one */
		(void)snprintf(r->text, sizeof r->text, "%s", problem);
	r->ok = false;
	add_text(found->level, found->unit, problem);
}

static bool test(struct level *level)
{
	struct fence_work *work = level->work;
	bool ok = true;

	for (size_t i = 0; i < work->n && !work->ended; i++) {
		struct found found = {level, i};

		if (!ask(level, i)) {
			ok = false;
			continue;
		}
		(void)fence_metadata_check(level->meta, work->unit[i].device,
					   work->unit[i].plug ? 2 : 0, take_problem, &found);
		ok = ok && work->result[i].ok;
		fence_work_say(work, i, "metadata");
	}
	return ok && check(level);
}

/* reset and cycle of one device, as far as its agent has them: by its action, or by a reboot that
 * the device does by itself. 0: neither. */
static bool one_action(struct level *level, enum fence_meta_action wanted, struct fence_action *ret)
{
	const struct fence_meta_param *method = fence_metadata_find(level->meta, "method");

	ret->mask = 1;
	ret->extra = "";
	ret->name = fence_verb_to_string(level->task->verb);
	if (fence_metadata_offers(level->meta, wanted))
		return true;
	if (wanted == FENCE_META_DIAG || !method ||
	    !fence_metadata_has_option(level->meta, method, "cycle") ||
	    !fence_metadata_offers(level->meta, FENCE_META_REBOOT))
		return false;
	ret->name = "reboot";
	ret->extra = "method=cycle\n";
	return true;
}

/* Off, and then on: all of them are off before anything is switched on. */
static bool off_and_on(struct level *level)
{
	if (level->task->self == level->task->target)
		return refuse(level, 0,
			      "a server cannot switch itself on again: this takes one device whose "
			      "agent has the action reset, or a reboot with method=cycle");
	return switch_off(level) && switch_on(level);
}

static bool interrupt(struct level *level, enum fence_meta_action wanted)
{
	struct fence_action action;

	if (level->work->n > 1 && wanted == FENCE_META_DIAG)
		return refuse(level, 0, "diag takes a level of one device");
	if (level->work->n > 1)
		return off_and_on(level);
	if (!ask(level, 0))
		return false;
	if (one_action(level, wanted, &action))
		return fence_work_run(level->work, &action) || failed(level, 1, action.name);
	if (wanted == FENCE_META_DIAG)
		return refuse(level, 0, "its fence agent has no action diag");
	return off_and_on(level);
}

static bool carry_out(struct level *level)
{
	switch (level->task->verb) {
	case FENCE_VERB_OFF:
		return switch_off(level);
	case FENCE_VERB_ON:
		return switch_on(level);
	case FENCE_VERB_RESET:
		return interrupt(level, FENCE_META_RESET);
	case FENCE_VERB_CYCLE:
		return interrupt(level, FENCE_META_CYCLE);
	case FENCE_VERB_DIAG:
		return interrupt(level, FENCE_META_DIAG);
	case FENCE_VERB_TEST:
		return test(level);
	case FENCE_VERB_STATUS:
		return look(level);
	case FENCE_VERB_CHECK:
		return check(level);
	case FENCE_VERB_COUNT_:
	default:
		return false;
	}
}

/* ---- the whole ---- */

static bool prepare(struct level *level, bool inband)
{
	const struct fence_task *task = level->task;
	const struct fence_level_config *from =
		&task->config->nodes[task->target].fence[task->level];
	const struct fence_unit_for what = {.nodename = task->config->nodes[task->target].name,
					    .inband = inband};
	struct fence_work *work = level->work;
	bool ok = true;

	work->arena.used = 0;
	work->secrets.n = 0;
	work->n = from->n_devices;
	for (size_t i = 0; i < work->n; i++) {
		char why[SECRET_WHY] = "";
		int r;

		work->unit[i] = (struct fence_unit){
			.device = &task->config->fencing.devices[from->devices[i].device],
			.plug = from->devices[i].plug,
		};
		r = fence_unit_prepare(&work->unit[i], &what, &work->arena, &work->secrets, why);
		if (r >= 0)
			continue;
		ok = false;
		work->result[i] = (struct fence_result){0};
		fence_text_clean(why, strlen(why), &work->secrets, work->result[i].text,
				 sizeof work->result[i].text);
		fence_work_say(work, i, "prepare");
		add_text(level, i, work->result[i].text);
	}
	return ok;
}

/* This server's own BMC is there without a network, too. */
static bool own_bmc(struct level *level)
{
	const struct fence_task *task = level->task;

	return task->self == task->target && level->work->n == 1 &&
	       fence_unit_has_inband(&level->work->unit[0]) && access("/dev/ipmi0", F_OK) == 0;
}

static bool run(struct level *level)
{
	const struct fence_task *task = level->task;

	if (!prepare(level, false))
		return false;
	if (own_bmc(level) && prepare(level, true)) {
		if (carry_out(level))
			return true;
		if (level->work->ended || !prepare(level, false))
			return false;
		level->work->until =
			ha_time_add(clock_boot(), fence_verb_limit_us(task->config, task->target,
								      task->level, task->verb));
	}
	return carry_out(level);
}

static int open_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int work_through(const struct fence_task *task, struct fence_work *work)
{
	_cleanup_free_ struct fence_metadata *meta = calloc(1, sizeof *meta);
	struct level level = {.task = task, .work = work, .meta = meta};
	ha_time begin = clock_boot();
	bool ok;

	work->out = task->out;
	work->until = ha_time_add(
		begin, fence_verb_limit_us(task->config, task->target, task->level, task->verb));
	work->signals = open_signals();
	ok = meta && work->signals >= 0 && run(&level);
	if (work->ended)
		(void)snprintf(level.end.text, sizeof level.end.text, "it was ended");
	fence_process_kill_strays();
	level.end.took_us = ha_time_since(clock_boot(), begin);
	if (!ok && task->verb == FENCE_VERB_OFF && level.end.power == FENCE_READ_OFF)
		level.end.power = FENCE_READ_UNKNOWN;
	fence_work_end(work,
		       !ok			      ? "failed"
		       : task->verb == FENCE_VERB_OFF ? "confirmed"
						      : "done",
		       &level.end);
	if (work->signals >= 0)
		(void)close(work->signals);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int fence_tool_do(const struct fence_task *task)
{
	struct secret_arena arena = {0}, secrets = {0};
	int r, code = EXIT_FAILURE;

	secret_guard_process();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* What agents print may have secrets in it: the whole of it is where those are. */
	r = secret_arena_open(&arena, sizeof(struct fence_work));
	if (r >= 0)
		r = secret_arena_open(&secrets, ARENA_SIZE);
	if (r >= 0) {
		struct fence_work *work = (struct fence_work *)(void *)arena.data;

		work->arena = secrets;
		code = work_through(task, work);
	} else {
		log_err("no memory: %s", strerror(-r));
	}
	secret_arena_close(&secrets);
	secret_arena_close(&arena);
	return code;
}

/* ---- command line ---- */

struct arguments {
	const char *config, *node, *target, *level, *order;
};

static int read_arguments(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"node", required_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*ret = (struct arguments){.config = "/etc/holdfast/holdfast.conf"};
	while ((option = getopt_long(argc, argv, "c:n:", options, NULL)) >= 0) {
		if (option == 'c')
			ret->config = optarg;
		else if (option == 'n')
			ret->node = optarg;
		else
			return -EINVAL;
	}
	if (argc - optind != 3 || !ret->node) {
		log_err("--fence [--config FILE] --node SELF TARGET LEVEL ORDER");
		return -EINVAL;
	}
	ret->target = argv[optind];
	ret->level = argv[optind + 1];
	ret->order = argv[optind + 2];
	return 0;
}

static int find(const char *what, const char *name, int index)
{
	if (index < 0)
		log_err("there is no %s \"%s\"", what, name);
	return index;
}

static int make_task(const struct arguments *a, const struct config *config, struct fence_task *ret)
{
	int self = find("node", a->node, config_find_node(config, a->node));
	int target = find("node", a->target, config_find_node(config, a->target));
	int verb = find("order", a->order, fence_verb_from_string(a->order));
	uint64_t level;

	if (self < 0 || target < 0 || verb < 0)
		return -EINVAL;
	if (parse_u64(a->level, 1, config->nodes[target].n_fence_levels, &level) < 0) {
		log_err("node %s has no level %s of fencing devices", a->target, a->level);
		return -EINVAL;
	}
	*ret = (struct fence_task){.config = config,
				   .self = (uint8_t)self,
				   .target = (uint8_t)target,
				   .level = (uint8_t)(level - 1),
				   .verb = (enum fence_verb)verb,
				   .out = STDOUT_FILENO};
	return 0;
}

static const char *first_error(const struct config_report *report, int error)
{
	for (size_t i = 0; i < report->n; i++)
		if (!report->problem[i].warning)
			return report->problem[i].text;
	return strerror(-error);
}

int fence_tool_main(int argc, char **argv)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	struct config *config = NULL;
	struct arguments a;
	struct fence_task task;
	int r, code = EX_USAGE;

	if (!report || read_arguments(argc, argv, &a) < 0)
		return EX_USAGE;
	r = config_load(a.config, &config, report);
	if (r < 0) {
		log_err("%s: %s", a.config, first_error(report, r));
		return EX_CONFIG;
	}
	if (make_task(&a, config, &task) >= 0)
		code = fence_tool_do(&task);
	(void)config_free(config);
	return code;
}
