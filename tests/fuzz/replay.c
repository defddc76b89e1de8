/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a fuzz target without libFuzzer: every file that is named, or lies in a folder that is
 * named, and then some mutations of each, always the same ones. Prints one line of figures.
 *
 *   replay_X [-m MUTATIONS] [-s SEED] [-c FILE] PATH...
 *
 * An input that crashes or hangs is left in the -c FILE.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUTS_MAX 4096
#define INPUT_MAX  (1 << 20) /* bytes of one file */
#define HANG_S	   30	     /* for one input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct input {
	char *name;
	uint8_t *data;
	size_t n;
};

static struct input inputs[INPUTS_MAX];
static size_t n_inputs;

/* For the crash report: what runs now. */
static const uint8_t *current_data;
static size_t current_n;
static const char *current_name = "";
static unsigned long current_mutation;
static const char *crash_file;

static void report(void)
{
	int fd;

	(void)fprintf(stderr, "replay: %s, mutation %lu", current_name, current_mutation);
	if (crash_file) {
		fd = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd >= 0 && write(fd, current_data, current_n) == (ssize_t)current_n)
			(void)fprintf(stderr, ", input saved as %s", crash_file);
	}
	(void)fprintf(stderr, "\n");
}

static void on_signal(int number)
{
	if (number == SIGALRM)
		(void)fprintf(stderr, "replay: no end after %d s\n", HANG_S);
	report();
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static void watch_for_crashes(void)
{
	static const int signals[] = {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(report);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (i < 2 || !__sanitizer_set_death_callback) /* else they are the sanitizer's */
			(void)signal(signals[i], on_signal);
}

static void run(const uint8_t *data, size_t n)
{
	uint8_t *exact = malloc(n > 0 ? n : 1); /* a sanitizer sees the first byte beyond */

	if (!exact)
		abort();
	memcpy(exact, data, n);
	current_data = data;
	current_n = n;
	(void)alarm(HANG_S);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

/* ---- mutations ---- */

static uint64_t rng_state;

static uint64_t next(void) /* splitmix64 */
{
	uint64_t z = rng_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static size_t below(size_t n)
{
	return n > 0 ? next() % n : 0;
}

struct buffer {
	uint8_t *data;
	size_t n, size;
};

static void cut(struct buffer *b, size_t at, size_t n)
{
	memmove(b->data + at, b->data + at + n, b->n - at - n);
	b->n -= n;
}

static void insert(struct buffer *b, size_t at, const uint8_t *data, size_t n)
{
	if (n > b->size - b->n)
		n = b->size - b->n;
	memmove(b->data + at + n, b->data + at, b->n - at);
	memmove(b->data + at, data, n);
	b->n += n;
}

/* A number at the edge of something, big- or little-endian, over 1, 2, 4 or 8 bytes. */
static void put_number(struct buffer *b)
{
	static const uint64_t edges[] = {
		0,	   1,	2,   31,    32,	   127,	       128,	   255,
		256,	   511, 512, 32767, 65535, 0x7fffffff, 0xffffffff, 0x3fffffffffffffff,
		UINT64_MAX};
	uint64_t v = edges[below(sizeof edges / sizeof *edges)] - below(2) + below(2);
	size_t n = (size_t)1 << below(4), at;
	bool big = below(2);

	if (b->n < n)
		return;
	at = below(b->n - n + 1);
	for (size_t i = 0; i < n; i++)
		b->data[at + i] = (uint8_t)(v >> 8 * (big ? n - 1 - i : i));
}

static void copy_piece(struct buffer *b)
{
	const struct input *other = &inputs[below(n_inputs)];
	size_t from = below(other->n), n = below(other->n - from + 1), at = below(b->n + 1);

	if (below(2)) {
		insert(b, at, other->data + from, n);
		return;
	}
	if (n > b->n - at)
		n = b->n - at;
	if (n > 0)
		memcpy(b->data + at, other->data + from, n);
}

static void mutate(struct buffer *b)
{
	uint8_t bytes[8];
	uint64_t r = next();
	size_t at;

	memcpy(bytes, &r, sizeof bytes);
	switch (below(8)) {
	case 0:
	case 1:
		if (b->n > 0)
			b->data[below(b->n)] ^= (uint8_t)(1U << below(8));
		break;
	case 2:
		if (b->n > 0)
			b->data[below(b->n)] = bytes[0];
		break;
	case 3:
		put_number(b);
		break;
	case 4:
		at = below(b->n + 1);
		cut(b, at, below((b->n - at < 64 ? b->n - at : 64) + 1));
		break;
	case 5:
		insert(b, below(b->n + 1), bytes, 1 + below(sizeof bytes));
		break;
	case 6:
		copy_piece(b);
		break;
	default:
		if (below(4) == 0)
			b->n = below(b->n + 1);
		else
			put_number(b);
	}
}

static void run_mutations(const struct input *in, unsigned long count, uint64_t seed)
{
	struct buffer b = {.size = in->n * 2 + 1024};

	b.data = malloc(b.size);
	if (!b.data)
		abort();
	for (current_mutation = 1; current_mutation <= count; current_mutation++) {
		rng_state = seed + current_mutation * 0x2545f4914f6cdd1dULL + in->n;
		b.n = in->n;
		memcpy(b.data, in->data, in->n);
		for (size_t i = 0, n = 1 + below(6); i < n; i++)
			mutate(&b);
		run(b.data, b.n);
	}
	current_mutation = 0;
	free(b.data);
}

/* ---- files ---- */

static int fail(const char *path, const char *what)
{
	(void)fprintf(stderr, "replay: %s: %s\n", path, what);
	return -1;
}

static int add_file(const char *path)
{
	struct input *in = &inputs[n_inputs];
	FILE *f;

	if (n_inputs == INPUTS_MAX)
		return fail(path, "too many inputs");
	f = fopen(path, "re");
	if (!f)
		return fail(path, strerror(errno));
	in->name = strdup(path);
	in->data = malloc(INPUT_MAX + 1);
	if (!in->name || !in->data)
		abort();
	in->n = fread(in->data, 1, INPUT_MAX + 1, f);
	(void)fclose(f);
	if (in->n > INPUT_MAX)
		return fail(path, "over 1 MiB");
	in->data = realloc(in->data, in->n > 0 ? in->n : 1);
	if (!in->data)
		abort();
	n_inputs++;
	return 0;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int add_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, not_hidden, alphasort), r = 0;

	if (n < 0)
		return fail(path, strerror(errno));
	for (int i = 0; i < n; i++) {
		char file[4096];

		(void)snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
		if (r == 0)
			r = add_file(file);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int add_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(path, strerror(errno));
	return S_ISDIR(st.st_mode) ? add_folder(path) : add_file(path);
}

static int run_all(const char *program, unsigned long mutations, uint64_t seed)
{
	const char *name = strrchr(program, '/');
	struct timespec start, end;

	name = name ? name + 1 : program;
	if (strncmp(name, "replay_", 7) == 0)
		name += 7;
	if (n_inputs == 0)
		return fail(name, "no inputs");
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	for (size_t i = 0; i < n_inputs; i++) {
		current_name = inputs[i].name;
		run(inputs[i].data, inputs[i].n);
		run_mutations(&inputs[i], mutations, seed);
	}
	(void)alarm(0);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	(void)printf("fuzz replay %s: %zu inputs, %zu mutations, %.1f s\n", name, n_inputs,
		     mutations * n_inputs,
		     (double)(end.tv_sec - start.tv_sec) +
			     (double)(end.tv_nsec - start.tv_nsec) / 1e9);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long mutations = 0, seed = 1;
	int c;

	if (LLVMFuzzerInitialize)
		(void)LLVMFuzzerInitialize(&argc, &argv);
	while ((c = getopt(argc, argv, "m:s:c:")) >= 0) {
		if (c == 'm') {
			mutations = strtoul(optarg, NULL, 10);
		} else if (c == 's') {
			seed = strtoul(optarg, NULL, 10);
		} else if (c == 'c') {
			crash_file = optarg;
		} else {
			(void)fprintf(stderr,
				      "usage: %s [-m MUTATIONS] [-s SEED] [-c FILE] PATH...\n",
				      argv[0]);
			return 64;
		}
	}
	for (int i = optind; i < argc; i++)
		if (add_path(argv[i]) < 0)
			return EXIT_FAILURE;
	watch_for_crashes();
	if (run_all(argv[0], mutations, seed) < 0)
		return EXIT_FAILURE;
	for (size_t i = 0; i < n_inputs; i++) {
		free(inputs[i].name);
		free(inputs[i].data);
	}
	return EXIT_SUCCESS;
}
