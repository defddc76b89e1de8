/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_AGENT_CONFIG_INTERNAL_H
#define HF_AGENT_CONFIG_INTERNAL_H

/*
 * Shared by the files of the configuration only. The way of a text: scan (limits and traps of the
 * library) -> libconfig -> parse (key table) -> resolve (names to indexes, order) -> derive ->
 * check -> print -> hash.
 */

#include "agent/config.h"

#include <netinet/in.h>
#include <stdio.h>

#define CONFIG_FILE_MAX	     (1024 * 1024)
#define CONFIG_ARGV_MAX	     64	  /* words of one start or stop command */
#define CONFIG_TEXT_MAX	     4095 /* bytes of one string */
#define CONFIG_ADDRESSES_MAX 16	  /* of one ipw monitor */
#define CONFIG_DRIFT_PPM     1000
#define CONFIG_LATE_PERCENT  80
#define CONFIG_FLAP_LIMIT    3
#define CONFIG_DURATION_MAX  (24 * 3600 * USEC_PER_SEC)

/* ---- reports ---- */

void config_report_error(struct config_report *report, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void config_report_warning(struct config_report *report, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* By line; problems of one line stay in the order in which they were found. */
void config_report_sort(struct config_report *report);
/* "name:line: error: text" for each problem, and a line if there were more. */
void config_report_write(const struct config_report *report, const char *name, FILE *out);

/* ---- the key table ---- */

/* Sections a key may stand in. An object of the file takes the keys of a set of them. */
enum config_section {
	SECTION_FILE = 1,
	SECTION_CLUSTER = 2,
	SECTION_AGENT = 4,
	SECTION_NODE = 8,
	SECTION_GROUP = 16,
	SECTION_RESOURCE = 32, /* of every type */
	/* in the order of enum resource_type */
	SECTION_FIP = 64,
	SECTION_EXEC = 128,
	SECTION_SYSTEMD = 256,
	SECTION_OCF = 512,
	SECTION_EXCLUSION = 1024,
	SECTION_MONITOR = 2048, /* of every type */
	/* in the order of enum monitor_type */
	SECTION_FIPW = 1 << 12,
	SECTION_IPW = 1 << 13,
	SECTION_MIIW = 1 << 14,
	SECTION_GENW = 1 << 15,
	SECTION_PIDW = 1 << 16,
	SECTION_PSW = 1 << 17,
	SECTION_USERW = 1 << 18,
	SECTION_SYSTEMDW = 1 << 19,
	SECTION_TCPW = 1 << 20,
	SECTION_HTTPW = 1 << 21,
	SECTION_DISKW = 1 << 22,
	SECTION_FENCING = 1 << 23,
	SECTION_DEVICE = 1 << 24,
	SECTION_LEVEL = 1 << 25,
	SECTION_WATCHDOG = 1 << 26,
};
#define SECTIONS_OF_RESOURCES \
	((unsigned int)(SECTION_FIP | SECTION_EXEC | SECTION_SYSTEMD | SECTION_OCF))
#define SECTIONS_OF_MONITORS \
	((SECTION_DISKW << 1) - (unsigned int)SECTION_FIPW) /* all from FIPW to DISKW */

/* How libconfig hands a value over. */
enum config_kind {
	KIND_STRING = 1,
	KIND_NUMBER = 2,
	KIND_BOOL = 4,
	KIND_LIST = 8,
	KIND_GROUP = 16
};

struct config_key;

/* A field that is read or printed. */
struct config_slot {
	const struct config *config; /* for names */
	const struct config_key *key;
	void *object; /* the struct that the key's offset counts in */
};

/* What is wrong with a value, as the end of "key = value: ...". */
struct config_why {
	char text[256];
};
_must_check_ int config_why_set(struct config_why *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

struct config_type {
	const char *expect; /* "a duration such as \"500ms\"" */
	unsigned int kinds; /* enum config_kind, those it accepts */
	uint8_t width;	    /* of a number's field, in bytes */
	uint32_t unit;	    /* of a duration's field, in microseconds */
	bool any_text;	    /* line breaks and tabs are fine */
	bool hidden;	    /* what stands in the file may be a secret: errors do not show it */
	const char *const
		*words; /* of an enumeration: the field holds the index; NULL-terminated */
	/* Reads one string, number or list element. 0, -EINVAL with `why`, -ENOMEM. */
	int (*parse)(const struct config_slot *slot, const char *text, struct config_why *why);
	/* Writes "key = value;" with what the field holds, nothing if it is empty. */
	void (*print)(const struct config_slot *slot, FILE *out);
};

struct config_key {
	enum config_section section;
	const char *name;
	const struct config_type *type; /* NULL: objects, with keys of their own */
	size_t offset;
	uint64_t min, max;    /* numbers; durations in microseconds; lists: number of elements */
	const char *fallback; /* as it would stand in the file, without quotes; NULL: none */
	bool required;
	const char *help;
};

/* Row `i` of the table, NULL past its end. The rows of SECTION_CLUSTER come first. */
const struct config_key *config_key_at(size_t i);
/* The row of `name` in one of `sections`, or NULL. */
const struct config_key *config_key_find(unsigned int sections, const char *name);
/* The row whose name is most like `name`, first among `sections`; NULL if none is near. */
const struct config_key *config_key_nearest(unsigned int sections, const char *name);
/* What an object of this section is called in the file: "cluster", "nodes", ... */
const char *config_section_to_string(enum config_section section);
/* The line of a key of `cluster`; 0: not set there. */
unsigned int config_key_line(const struct config *config, const char *name);

extern const struct config_type config_type_name, config_type_comment, config_type_path,
	config_type_socket, config_type_account, config_type_interface, config_type_number8,
	config_type_number16, config_type_number32, config_type_percent, config_type_percent8,
	config_type_bool, config_type_duration, config_type_duration_ms, config_type_duration_s,
	config_type_takeover, config_type_fip, config_type_links, config_type_members,
	config_type_command;
/* words */
extern const struct config_type config_type_resource, config_type_monitor, config_type_failover,
	config_type_failback, config_type_wait_end, config_type_stop_wait, config_type_exclusion,
	config_type_method, config_type_timing, config_type_failovers, config_type_start_final,
	config_type_stop_final, config_type_monitor_final, config_type_kernel_path;
/* names that are looked up when everything is read */
extern const struct config_type config_type_depends, config_type_start_after,
	config_type_stop_after, config_type_excluded, config_type_target, config_type_recovery,
	config_type_watched, config_type_monitor_nodes;
/* what is started or watched */
extern const struct config_type config_type_device, config_type_unit, config_type_unit_watched,
	config_type_agent, config_type_parameters, config_type_process, config_type_address,
	config_type_addresses, config_type_url;
/* fencing */
extern const struct config_type config_type_quorum_loss, config_type_fence_action,
	config_type_fence_agent, config_type_fence_parameters, config_type_secrets,
	config_type_uses;

/* UTF-8 without control characters; `any_text`: with line breaks and tabs. */
bool config_text_valid(const char *text, bool any_text);
bool config_interface_valid(const char *text);
void config_print_begin(const struct config_slot *slot, FILE *out);
void config_print_string(const char *text, FILE *out);
/* What the file says of one object, by the keys of `sections`. */
void config_print_keys(const struct config *config, unsigned int sections, const void *object,
		       FILE *out);
/* Writes "key = [ " before the first element of a list, ", " before each other, and its end. */
void config_print_next(const struct config_slot *slot, size_t i, FILE *out);
void config_print_end(size_t n, FILE *out);
/* Writes "key = \"text\";", nothing if `text` is NULL or empty. */
void config_print_text(const struct config_slot *slot, const char *text, FILE *out);
/* Fields that are a char *, or a vector of "name=value". */
void config_print_pointer(const struct config_slot *slot, FILE *out);
void config_print_named(const struct config_slot *slot, FILE *out);
/* Whether a parameter of a fence agent with this name, of `n` bytes, is a secret. */
bool config_fence_secret(const char *name, size_t n);
/* The value of a parameter that is no secret; NULL: not set. */
const char *config_fence_parameter(const struct fence_device_config *device, const char *name);
const char *config_quorum_loss_to_string(enum final_action action);
/* Fields of slot->key->type->width bytes. */
void config_number_store(const struct config_slot *slot, uint64_t v);
uint64_t config_number_load(const struct config_slot *slot);
_must_check_ int config_string_set(char **field, const char *text);

/* Length of the name in "name=value", at most `most`; or an error, told in `why`. */
_must_check_ int config_parameter_name(const char *text, size_t most, struct config_why *why);
const char *config_takeover_to_string(enum takeover takeover);
size_t config_words_count(char *const *words);
/* Adds a copy to the end of a NULL-terminated vector. 0 or -ENOMEM. */
_must_check_ int config_words_add(char ***words, const char *text);
/* The number of a word in a NULL-terminated list, or -ENOENT. */
int config_word_find(const char *const *words, const char *text);
/* An address without prefix or zone. Returns its family or -EINVAL; *ret_useless: why no host can
 * have it for itself, or NULL. */
union config_address {
	struct in_addr v4;
	struct in6_addr v6;
};
_must_check_ int config_address_parse(const char *text, union config_address *ret,
				      const char **ret_useless);

/* ---- steps ---- */

/* Refuses what libconfig would misread or could be made slow by. 0, or -EINVAL with a problem. */
_must_check_ int config_scan(const char *name, const char *text, struct config_report *report);
/* 0 if a configuration could be made out of the text, be it with errors in `report`. *ret_parts
 * are the parts of config_check_parts() that the errors leave something to say about. */
_must_check_ int config_parse(const char *text, struct config *config, struct config_report *report,
			      unsigned int *ret_parts);

/* Fills hash, safety_hash and objects_hash. 0 or -ENOMEM. */
_must_check_ int config_fill_hashes(struct config *config);

/* Sorts the resources of each group, dependencies first, else in the order of the file. */
void config_sort_resources(struct config *config, struct config_report *report);

#define CHECK_CLUSTER  1u
#define CHECK_NODES    2u
#define CHECK_GROUPS   4u
#define CHECK_MONITORS 8u
#define CHECK_ALL      15u
void config_check_parts(const struct config *config, unsigned int parts,
			struct config_report *report);
/* What groups ask of each other. */
void config_check_waits(const struct config *config, struct config_report *report);
void config_check_monitors(const struct config *config, struct config_report *report);
struct config_final {
	const char *what, *name, *key;
	enum final_action action;
	unsigned int line;
};
/* Whether this machine could do it. */
void config_check_final(const struct config *config, const struct config_final *final,
			struct config_report *report);
/* With devices, levels and delays; needs groups. */
void config_check_fencing(const struct config *config, struct config_report *report);
/* Whether voters can be parted into two equal halves. */
bool config_tie_possible(const struct config *config);
void config_check_watchdog(const struct config *config, struct config_report *report);
/* The least lease_margin with this server's watchdog (rule W3); 0: none counts. */
uint64_t config_watchdog_margin_us(const struct config *config);
/* Programs, files and rights on this machine. */
void config_check_fencing_here(const struct config *config, struct config_report *report);
void config_check_timing(const struct config *config, struct config_report *report);

/* ---- the time budget ---- */

struct config_span {
	uint64_t best_us, typical_us, worst_us;
};

/* All spans count from the moment at which a node is cut off. */
struct config_times {
	struct config_span detection; /* its silence counts as failure */
	struct config_span view;      /* from there to the view without it */
	struct config_span lease;     /* its lease has surely run out */
	struct config_span fenced;   /* with takeover = "fence": confirmed off by its first level */
	struct config_span last;     /* ... or by its last one */
	struct config_span takeover; /* its groups are started elsewhere */
};
void config_times(const struct config *config, struct config_times *ret);
/* The longest time that the start of a group may take: limits and retries along its longest chain
 * of dependencies. *ret_programs: whether programs are part of it. */
uint64_t config_group_start_limit(const struct config *config, uint16_t group, bool *ret_programs);

#endif
