/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/shrink.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define JOBS_MAX   64
#define TAIL_LINES 70
#define EXIT_USAGE 64
#define HOUR_US	   3.6e9

static const char usage[] =
	"holdfast-sim: simulates clusters of real cores and checks the invariants\n"
	"  --seed N         the first schedule (default 1)\n"
	"  --runs N         how many (default 1)\n"
	"  --jobs N         processes (default: one a processor)\n"
	"  --theme NAME     storm network crash stall disk command resource leave fence replay\n"
	"                   calm; default: drawn from the seed\n"
	"  --calm           no loss, duplicates and jitter in the background\n"
	"  --kernel         only what the kernel path is about\n"
	"  --no-kernel      nobody has the kernel path\n"
	"  --fence          only clusters with devices to switch nodes off\n"
	"  --until US       faults end at this time, if not earlier\n"
	"  --keep LIST      only these faults, as 0,3,4 or none\n"
	"  --trace          one line an event, to standard output; --trace=all: datagrams too\n"
	"  --seeds FILE     run the schedules that the lines of FILE name instead\n"
	"  --no-shrink      do not make a failing schedule smaller\n"
	"  --flaps N        one cluster, N membership flaps, memory must stay flat\n"
	"  --verbose        more figures\n";

struct options {
	struct schedule_options schedule;
	uint64_t runs, flaps;
	unsigned int jobs;
	bool trace, datagrams, shrink, verbose;
	const char *seeds;
};

/* What a worker shows its parent. */
struct worker {
	struct counts counts;
	uint64_t seed;
	bool violated, finished;
	char text[512];
	pid_t pid;
};

static int parse_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	return errno || end == text || *end || *text == '-' ? -EINVAL : 0;
}

static int parse_keep(const char *text, uint64_t *ret)
{
	uint64_t keep = 0;

	while (strcmp(text, "none") != 0) {
		char *end;
		unsigned long bit = strtoul(text, &end, 10);

		if (end == text || bit >= FAULTS_MAX || (*end && *end != ','))
			return -EINVAL;
		keep |= 1ULL << bit;
		if (!*end)
			break;
		text = end + 1;
	}
	*ret = keep;
	return 0;
}

enum {
	OPTION_SEED = 256,
	OPTION_RUNS,
	OPTION_JOBS,
	OPTION_THEME,
	OPTION_CALM,
	OPTION_KERNEL,
	OPTION_NO_KERNEL,
	OPTION_FENCE,
	OPTION_UNTIL,
	OPTION_KEEP,
	OPTION_TRACE,
	OPTION_SEEDS,
	OPTION_NO_SHRINK,
	OPTION_FLAPS,
	OPTION_VERBOSE,
	OPTION_HELP
};

static const struct option long_options[] = {
	{"seed", required_argument, NULL, OPTION_SEED},
	{"runs", required_argument, NULL, OPTION_RUNS},
	{"jobs", required_argument, NULL, OPTION_JOBS},
	{"theme", required_argument, NULL, OPTION_THEME},
	{"calm", no_argument, NULL, OPTION_CALM},
	{"kernel", no_argument, NULL, OPTION_KERNEL},
	{"no-kernel", no_argument, NULL, OPTION_NO_KERNEL},
	{"fence", no_argument, NULL, OPTION_FENCE},
	{"until", required_argument, NULL, OPTION_UNTIL},
	{"keep", required_argument, NULL, OPTION_KEEP},
	{"trace", optional_argument, NULL, OPTION_TRACE},
	{"seeds", required_argument, NULL, OPTION_SEEDS},
	{"no-shrink", no_argument, NULL, OPTION_NO_SHRINK},
	{"flaps", required_argument, NULL, OPTION_FLAPS},
	{"verbose", no_argument, NULL, OPTION_VERBOSE},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

static int take_option(struct options *o, int option)
{
	uint64_t number;

	switch (option) {
	case OPTION_SEED:
		return parse_number(optarg, &o->schedule.seed);
	case OPTION_RUNS:
		return parse_number(optarg, &o->runs);
	case OPTION_JOBS:
		if (parse_number(optarg, &number) < 0 || number == 0 || number > JOBS_MAX)
			return -EINVAL;
		o->jobs = (unsigned int)number;
		return 0;
	case OPTION_THEME:
		o->schedule.theme = theme_from_string(optarg);
		return o->schedule.theme < 0 ? -EINVAL : 0;
	case OPTION_CALM:
		o->schedule.calm = true;
		return 0;
	case OPTION_KERNEL:
		o->schedule.kernel = true;
		return 0;
	case OPTION_NO_KERNEL:
		o->schedule.no_kernel = true;
		return 0;
	case OPTION_FENCE:
		o->schedule.fence = true;
		return 0;
	case OPTION_UNTIL:
		return parse_number(optarg, &o->schedule.until_us);
	case OPTION_KEEP:
		return parse_keep(optarg, &o->schedule.keep);
	case OPTION_TRACE:
		o->trace = true;
		o->datagrams = optarg && strcmp(optarg, "all") == 0;
		return optarg && !o->datagrams ? -EINVAL : 0;
	case OPTION_SEEDS:
		o->seeds = optarg;
		return 0;
	case OPTION_NO_SHRINK:
		o->shrink = false;
		return 0;
	case OPTION_FLAPS:
		return parse_number(optarg, &o->flaps);
	case OPTION_VERBOSE:
		o->verbose = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct options *o)
{
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (take_option(o, option) < 0)
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

/* ---- many runs ---- */

static void work(const struct options *o, unsigned int job, struct worker *self)
{
	static struct schedule schedule;
	struct schedule_options options = o->schedule;
	struct world *w = world_new();

	for (uint64_t i = job; i < o->runs; i += o->jobs) {
		options.seed = o->schedule.seed + i;
		self->seed = options.seed;
		limit_run();
		schedule_make(&options, &schedule);
		if (!world_run(w, &schedule)) {
			self->violated = true;
			memcpy(self->text, w->violation, sizeof(self->text));
			break;
		}
		self->counts = w->counts;
	}
	self->finished = true;
	world_free(w);
}

static struct worker *map_workers(void)
{
	void *p = mmap(NULL, JOBS_MAX * sizeof(struct worker), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Waits for all; the first one that fails ends the others. The index of that one, or -1. */
static int wait_workers(struct worker *workers, unsigned int jobs)
{
	int failed = -1, status;
	pid_t pid;

	while ((pid = wait(&status)) > 0 || errno == EINTR) {
		for (unsigned int j = 0; pid > 0 && j < jobs; j++) {
			if (workers[j].pid != pid)
				continue;
			workers[j].pid = 0;
			if (failed < 0 && (workers[j].violated || !workers[j].finished))
				failed = (int)j;
		}
		for (unsigned int j = 0; failed >= 0 && j < jobs; j++)
			if (workers[j].pid)
				(void)kill(workers[j].pid, SIGTERM);
	}
	return failed;
}

static void add(struct counts *sum, const struct counts *c)
{
	sum->schedules += c->schedules;
	sum->steps += c->steps;
	sum->datagrams += c->datagrams;
	sum->simulated_us += c->simulated_us;
	sum->views += c->views;
	sum->starts += c->starts;
	sum->stops += c->stops;
	sum->failovers += c->failovers;
	sum->urgent_stops += c->urgent_stops;
	sum->refusals += c->refusals;
	sum->restarts += c->restarts;
	sum->commands += c->commands;
	sum->accepted += c->accepted;
	sum->resets += c->resets;
	sum->conflicts += c->conflicts;
	sum->quarantines += c->quarantines;
	sum->overlaps += c->overlaps;
	sum->probes += c->probes;
	sum->answers += c->answers;
	sum->splits += c->splits;
	sum->stalls += c->stalls;
	sum->fence_orders += c->fence_orders;
	sum->fenced += c->fenced;
	sum->fence_cancels += c->fence_cancels;
	sum->confirms += c->confirms;
	sum->halves += c->halves;
	sum->duels += c->duels;
	if (c->worst_recovery > sum->worst_recovery) {
		sum->worst_recovery = c->worst_recovery;
		sum->worst_seed = c->worst_seed;
	}
}

static double cpu_seconds(void)
{
	struct rusage u = {0};

	(void)getrusage(RUSAGE_CHILDREN, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6 +
	       (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
}

static void report(const struct options *o, const struct counts *c, unsigned int violations)
{
	double hours = (double)c->simulated_us / HOUR_US, cpu = cpu_seconds();

	if (o->verbose)
		printf("  %llu steps, %llu datagrams, %llu views, %llu starts, %llu stops (%llu "
		       "urgent), %llu failovers,\n  %llu refusals, %llu restarts, %llu watchdog "
		       "resets, %llu commands (%llu accepted),\n  %llu conflicts, %llu "
		       "quarantines, %llu instants with two nodes running a group,\n  %llu probes, "
		       "%llu answers taken in, %llu peers found stalled, %llu steps interrupted,"
		       "\n  %llu orders to switch a node off, %llu confirmed, %llu ended, %llu by "
		       "a person, %llu views of half\n  of the votes, %llu halves cut apart in "
		       "peace\n",
		       (unsigned long long)c->steps, (unsigned long long)c->datagrams,
		       (unsigned long long)c->views, (unsigned long long)c->starts,
		       (unsigned long long)c->stops, (unsigned long long)c->urgent_stops,
		       (unsigned long long)c->failovers, (unsigned long long)c->refusals,
		       (unsigned long long)c->restarts, (unsigned long long)c->resets,
		       (unsigned long long)c->commands, (unsigned long long)c->accepted,
		       (unsigned long long)c->conflicts, (unsigned long long)c->quarantines,
		       (unsigned long long)c->overlaps, (unsigned long long)c->probes,
		       (unsigned long long)c->answers, (unsigned long long)c->stalls,
		       (unsigned long long)c->splits, (unsigned long long)c->fence_orders,
		       (unsigned long long)c->fenced, (unsigned long long)c->fence_cancels,
		       (unsigned long long)c->confirms, (unsigned long long)c->halves,
		       (unsigned long long)c->duels);
	printf("sim: %llu schedules, %.0f h simulated, %.1f h per CPU s, %u violations, worst "
	       "recovery %.2f of bound (seed %llu)\n",
	       (unsigned long long)c->schedules, hours, cpu > 0 ? hours / cpu : 0, violations,
	       c->worst_recovery, (unsigned long long)c->worst_seed);
}

/* Shows what failed, as small as it can be made. */
static void show_failure(const struct options *o, uint64_t seed, const char *program)
{
	struct schedule_options options = o->schedule;
	struct outcome outcome;
	char text[512];

	options.seed = seed;
	outcome_of(&options, &outcome);
	printf("VIOLATION with seed %llu: %s\n", (unsigned long long)seed, outcome.text);
	if (!outcome.violated) {
		printf("it does not come again when run alone\n");
		return;
	}
	if (o->shrink)
		shrink(&options, &outcome);
	print_tail(&options, TAIL_LINES, false);
	printf("%s\nreproduce: %s %s --trace\n", outcome.text, program,
	       options_format(&options, text, sizeof(text)));
}

static int run_many(const struct options *o, const char *program)
{
	struct worker *workers = map_workers();
	struct counts sum = {0};
	int failed;

	if (!workers)
		return EXIT_FAILURE;
	(void)fflush(NULL);
	for (unsigned int j = 0; j < o->jobs; j++) {
		pid_t pid = fork(); /* the memory is shared: only the parent may store it */

		if (pid < 0)
			return EXIT_FAILURE;
		if (pid == 0) {
			work(o, j, &workers[j]);
			_exit(0);
		}
		workers[j].pid = pid;
	}
	failed = wait_workers(workers, o->jobs);
	for (unsigned int j = 0; j < o->jobs; j++)
		add(&sum, &workers[j].counts);
	if (failed >= 0)
		show_failure(o, workers[failed].seed, program);
	report(o, &sum, failed >= 0);
	return failed >= 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- one run, a list of runs, flaps ---- */

static int run_one(const struct options *o, const char *program)
{
	static struct schedule schedule;
	struct world *w;
	bool ok;

	if (!o->trace)
		return run_many(o, program);
	w = world_new();
	w->trace.file = stdout;
	w->trace.datagrams = o->datagrams;
	setlinebuf(stdout); /* a failed assertion must not swallow its cause */
	schedule_make(&o->schedule, &schedule);
	printf("seed %llu, theme %s, %u nodes, %u groups, timeout %.6f s, interval %.6f s\n",
	       (unsigned long long)schedule.seed, theme_to_string(schedule.theme),
	       schedule.config.n_nodes, schedule.config.n_groups,
	       (double)schedule.config.timeout_us / 1e6, (double)schedule.config.interval_us / 1e6);
	ok = world_run(w, &schedule);
	printf("%s\n", ok ? "no violation" : w->violation);
	world_free(w);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_line(const struct options *o, char *line, const char *program)
{
	struct options one = {.runs = 1, .jobs = 1, .shrink = o->shrink};
	char *words[32], *save = NULL;
	int n = 0, r = 0;
	struct outcome outcome;

	words[n++] = (char *)program;
	for (char *word = strtok_r(line, " \t\n", &save); word && n < 31;
	     word = strtok_r(NULL, " \t\n", &save))
		words[n++] = word;
	words[n] = NULL;
	if (n == 1 || words[1][0] == '#')
		return 0;
	one.schedule = (struct schedule_options){.theme = -1, .keep = ~0ULL};
	r = parse_options(n, words, &one);
	if (r < 0)
		return r;
	outcome_of(&one.schedule, &outcome);
	if (outcome.violated)
		show_failure(&one, one.schedule.seed, program);
	return outcome.violated ? 2 : 1;
}

static int run_seeds(const struct options *o, const char *program)
{
	FILE *file = fopen(o->seeds, "re");
	unsigned int done = 0, failed = 0, number = 0;
	char line[512];
	int r = 0;

	if (!file) {
		(void)fprintf(stderr, "%s: %s\n", o->seeds, strerror(errno));
		return EXIT_USAGE;
	}
	while (r >= 0 && fgets(line, sizeof(line), file)) {
		number++;
		r = run_line(o, line, program);
		done += r > 0;
		failed += r > 1;
	}
	(void)fclose(file);
	if (r < 0) {
		(void)fprintf(stderr, "%s:%u: not a list of options\n", o->seeds, number);
		return EXIT_USAGE;
	}
	printf("sim: %u kept seeds, %u violations\n", done, failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static uint64_t flaps_wanted, rss_early;

static uint64_t resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size = 0, resident = 0;

	if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (file)
		(void)fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void watch_flaps(const struct world *w)
{
	if (!rss_early && w->counts.views > flaps_wanted / 10)
		rss_early = resident_kib();
}

static int run_flaps(const struct options *o)
{
	static struct schedule schedule;
	struct world *w = world_new();
	uint64_t rss;
	bool ok;

	flaps_wanted = o->flaps;
	w->watch = watch_flaps;
	schedule_make_flaps(o->flaps, &schedule);
	ok = world_run(w, &schedule);
	rss = resident_kib();
	printf("sim: %llu membership flaps, %llu views, "
	       "resident %llu KiB early and %llu KiB late%s%s\n",
	       (unsigned long long)o->flaps, (unsigned long long)w->counts.views,
	       (unsigned long long)rss_early, (unsigned long long)rss, ok ? "" : ", ",
	       ok ? "" : w->violation);
	ok = ok && w->counts.views >= o->flaps && rss_early && rss <= rss_early + 256;
	world_free(w);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options o = {
		.schedule = {.seed = 1, .theme = -1, .keep = ~0ULL},
		.runs = 1,
		.shrink = true,
	};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	/* cores come and go all the time: their memory stays with us */
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
	o.jobs = processors > 0 && processors < JOBS_MAX ? (unsigned int)processors : 1;
	if (parse_options(argc, argv, &o) < 0) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (o.flaps)
		return run_flaps(&o);
	if (o.seeds)
		return run_seeds(&o, argv[0]);
	if (o.runs == 1)
		return run_one(&o, argv[0]);
	return run_many(&o, argv[0]);
}
