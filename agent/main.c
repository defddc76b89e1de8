/* SPDX-License-Identifier: GPL-3.0-or-later */
/* holdfastd: the command line. See holdfastd(8). */
#include "agent/agent.h"
#include "agent/config_change.h"
#include "agent/fence_tool.h"
#include "agent/files.h"
#include "agent/import.h"
#include "agent/kernel.h"
#include "agent/power.h"
#include "agent/realtime.h"
#include "agent/script.h"
#include "agent/simulate.h"
#include "agent/watchdog.h"

#include "util/log.h"
#include "util/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/holdfast/holdfast.conf"

enum action { ACTION_RUN, ACTION_CHECK, ACTION_CLEANUP, ACTION_RESET, ACTION_HELP, ACTION_VERSION };

struct arguments {
	enum action action;
	struct agent_options agent;
	char *const *argv;
	const char *check_path;
	bool print, json;
	struct state_reset_options reset;
};

static const char usage[] =
	"Usage: holdfastd [--config FILE] [--node NAME] [--trace FILE] [--debug]\n"
	"       holdfastd --check FILE [--print] [--json]\n"
	"       holdfastd --import FILE [--output FILE]\n"
	"       holdfastd --cleanup [--config FILE]\n"
	"       holdfastd --kernel-detach\n"
	"       holdfastd --reset-state --epoch N --incarnation N --lease TIME [--config FILE]\n"
	"\n"
	"The agent of one node of a Holdfast cluster.\n"
	"\n"
	"  -c, --config FILE    configuration (default " DEFAULT_CONFIG ")\n"
	"  -n, --node NAME      which node of it this is (default: the host name)\n"
	"      --foreground     accepted for compatibility: it never leaves the foreground\n"
	"      --debug          log more\n"
	"      --trace FILE     record every event that the core is given, for the simulator\n"
	"      --check FILE     check a configuration and print its time budget\n"
	"      --print          with --check: print the resolved configuration\n"
	"      --json           with --check: print everything as JSON\n"
	"      --import FILE    turn a configuration of CLUSTERPRO X (clp.conf) into one of ours\n"
	"      --output FILE    with --import: into this new file, not to standard output\n"
	"      --cleanup        remove floating IPs that a dead agent left\n"
	"      --kernel-detach  take the kernel path's programs off all interfaces (uninstall)\n"
	"      --reset-state    replace a damaged or lost state file; read holdfastd(8) first\n"
	"      --epoch N        with --reset-state: highest epoch that other nodes show\n"
	"      --incarnation N  with --reset-state: highest incarnation of this node they show\n"
	"      --lease TIME     with --reset-state: longest lease that was ever configured\n"
	"  -V, --version        print the version\n"
	"  -h, --help           print this\n";

enum long_option {
	OPTION_FOREGROUND = 256,
	OPTION_DEBUG,
	OPTION_TRACE,
	OPTION_CHECK,
	OPTION_PRINT,
	OPTION_JSON,
	OPTION_CLEANUP,
	OPTION_RESET,
	OPTION_EPOCH,
	OPTION_INCARNATION,
	OPTION_LEASE,
};

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"node", required_argument, NULL, 'n'},
	{"foreground", no_argument, NULL, OPTION_FOREGROUND},
	{"debug", no_argument, NULL, OPTION_DEBUG},
	{"trace", required_argument, NULL, OPTION_TRACE},
	{"check", required_argument, NULL, OPTION_CHECK},
	{"print", no_argument, NULL, OPTION_PRINT},
	{"json", no_argument, NULL, OPTION_JSON},
	{"cleanup", no_argument, NULL, OPTION_CLEANUP},
	{"reset-state", no_argument, NULL, OPTION_RESET},
	{"epoch", required_argument, NULL, OPTION_EPOCH},
	{"incarnation", required_argument, NULL, OPTION_INCARNATION},
	{"lease", required_argument, NULL, OPTION_LEASE},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

__attribute__((format(printf, 1, 2))) static int bad_usage(const char *format, ...)
{
	va_list ap;

	(void)fprintf(stderr, "holdfastd: ");
	va_start(ap, format);
	(void)vfprintf(stderr, format, ap);
	va_end(ap);
	(void)fprintf(stderr, "\nTry 'holdfastd --help'.\n");
	return -EINVAL;
}

static int take_number(const char *name, uint64_t *ret)
{
	if (parse_u64(optarg, 1, EPOCH_MAX, ret) < 0)
		return bad_usage("--%s needs a positive number", name);
	return 0;
}

/* One option that has a value or chooses an action. */
static int take_option(int option, struct arguments *a)
{
	switch (option) {
	case 'c':
		a->agent.config_path = optarg;
		return 0;
	case 'n':
		a->agent.node = optarg;
		return 0;
	case OPTION_FOREGROUND:
		return 0;
	case OPTION_DEBUG:
		log_set_level(LOG_LEVEL_DEBUG);
		return 0;
	case OPTION_TRACE:
		a->agent.trace_path = optarg;
		return 0;
	case OPTION_CHECK:
		a->action = ACTION_CHECK;
		a->check_path = optarg;
		return 0;
	case OPTION_PRINT:
		a->print = true;
		return 0;
	case OPTION_JSON:
		a->json = true;
		return 0;
	case OPTION_CLEANUP:
		a->action = ACTION_CLEANUP;
		return 0;
	case OPTION_RESET:
		a->action = ACTION_RESET;
		return 0;
	case OPTION_EPOCH:
		return take_number("epoch", &a->reset.epoch);
	case OPTION_INCARNATION:
		return take_number("incarnation", &a->reset.incarnation);
	case OPTION_LEASE:
		if (parse_duration_us(optarg, &a->reset.lease_max_us) < 0 ||
		    a->reset.lease_max_us == 0)
			return bad_usage("--lease needs a duration like 2s, not \"%s\"", optarg);
		return 0;
	case 'V':
		a->action = ACTION_VERSION;
		return 0;
	case 'h':
		a->action = ACTION_HELP;
		return 0;
	default:
		(void)fprintf(stderr, "Try 'holdfastd --help'.\n"); /* getopt said what is wrong */
		return -EINVAL;
	}
}

static int parse_arguments(int argc, char **argv, struct arguments *a)
{
	int option, r;

	while ((option = getopt_long(argc, argv, "c:n:Vh", options, NULL)) >= 0) {
		r = take_option(option, a);
		if (r < 0 || a->action == ACTION_HELP || a->action == ACTION_VERSION)
			return r;
	}
	if (optind < argc)
		return bad_usage("unexpected argument \"%s\"", argv[optind]);
	if ((a->print || a->json) && a->action != ACTION_CHECK)
		return bad_usage("%s", "--print and --json go with --check");
	if (a->action == ACTION_RESET &&
	    (!a->reset.epoch || !a->reset.incarnation || !a->reset.lease_max_us))
		return bad_usage("%s", "--reset-state needs --epoch, --incarnation and --lease: "
				       "holdfastd(8) says where to find them");
	return 0;
}

/* Descriptors 0 to 2 must be open, or a socket would get their number. */
static int open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	return close(fd) < 0 ? -errno : 0;
}

static int reset_state(const struct config *config, const struct state_reset_options *known)
{
	_cleanup_free_ struct durable_state *state = calloc(1, sizeof *state);
	char error[STORE_ERROR_SIZE] = "";
	int r;

	if (!state)
		return AGENT_EXIT_FAILURE;
	r = state_reset(config->state_directory, NULL, known, state, error);
	if (r < 0) {
		log_err("%s", error[0] ? error : strerror(-r));
		/* a sound file: there is nothing to recover */
		return r == -EEXIST ? AGENT_EXIT_USAGE : agent_exit_code(r);
	}
	log_notice("wrote a new state file: incarnation %" PRIu64 ", epochs up to %" PRIu64
		   " count as promised",
		   state->incarnation, state->epoch_reserve);
	return AGENT_EXIT_OK;
}

static int reset(const struct arguments *a)
{
	_cleanup_free_ struct config_report *report = calloc(1, sizeof *report);
	struct config *config = NULL;
	int r, code;

	if (!report)
		return AGENT_EXIT_FAILURE;
	r = agent_load_config(a->agent.config_path, &config, report);
	if (r < 0)
		return agent_exit_code(r);
	code = reset_state(config, &a->reset);
	(void)config_free(config);
	return code;
}

/* In the place of this process, with the same arguments: what the service manager watches stays. */
static int run_again(char *const *argv)
{
	static const char deleted[] = " (deleted)"; /* it was replaced by another version */
	char self[PATH_MAX] = "";
	size_t n;

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return AGENT_EXIT_FAILURE;
	n = strlen(self);
	if (n > sizeof deleted && strcmp(self + n - (sizeof deleted - 1), deleted) == 0)
		self[n - (sizeof deleted - 1)] = '\0';
	realtime_end();
	(void)execv(self, argv);
	log_err("cannot start %s again: %s", self, strerror(errno));
	return AGENT_EXIT_FAILURE;
}

static int run(const struct arguments *a)
{
	struct agent *agent = NULL;
	int r, code;

	r = agent_new(&a->agent, &agent);
	if (r < 0)
		return agent_exit_code(r);
	code = loop_run(agent);
	if (code == AGENT_EXIT_AGAIN)
		watchdog_hand_over(agent);
	(void)agent_free(agent);
	return code == AGENT_EXIT_AGAIN ? run_again(a->argv) : code;
}

/* Programs of their own that go with the daemon: the first argument names one, the rest is its. */
static const struct {
	const char *option;
	int (*main)(int argc, char **argv);
} tools[] = {
	{"--power", power_main},
	{"--diff", config_diff_main},
	{"--install", config_install_main},
	{"--files", files_main},
	{"--script", script_main},
	{"--simulate", simulate_main},
	{"--import", import_main},
	{"--fence", fence_tool_main},
	{"--kernel-detach", kernel_detach_main},
};

int main(int argc, char **argv)
{
	struct arguments a = {.agent.config_path = DEFAULT_CONFIG, .argv = argv};

	log_set_name("holdfastd");
	if (open_standard() < 0)
		return AGENT_EXIT_FAILURE;
	for (size_t i = 0; argc > 1 && i < sizeof tools / sizeof *tools; i++)
		if (strcmp(argv[1], tools[i].option) == 0)
			return tools[i].main(argc - 1, argv + 1);
	if (parse_arguments(argc, argv, &a) < 0)
		return AGENT_EXIT_USAGE;
	switch (a.action) {
	case ACTION_HELP:
		(void)fputs(usage, stdout);
		return fflush(stdout) == 0 ? AGENT_EXIT_OK : AGENT_EXIT_FAILURE;
	case ACTION_VERSION:
		(void)printf("holdfastd %s\n", HOLDFAST_VERSION);
		return fflush(stdout) == 0 ? AGENT_EXIT_OK : AGENT_EXIT_FAILURE;
	case ACTION_CHECK:
		return config_check_main(a.check_path, a.print, a.json);
	case ACTION_CLEANUP:
		return agent_exit_code(agent_cleanup(a.agent.config_path));
	case ACTION_RESET:
		return reset(&a);
	case ACTION_RUN:
		return run(&a);
	default:
		return AGENT_EXIT_FAILURE;
	}
}
