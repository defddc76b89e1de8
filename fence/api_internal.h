/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_FENCE_API_INTERNAL_H
#define HF_FENCE_API_INTERNAL_H

#include "fence/api.h"

#include "util/secret.h"

#define FENCE_INPUT_MAX	 (64U * 1024) /* bytes of standard input */
#define FENCE_SECRET_MAX 512	      /* bytes of a password */
#define FENCE_PARAMS_MAX 64

struct fence_args {
	const struct fence_driver *driver;
	enum fence_action action;
	const char *action_text;			    /* as given */
	const struct fence_param *params[FENCE_PARAMS_MAX]; /* all that there are */
	const char *values[FENCE_PARAMS_MAX];		    /* as given, or NULL */
	size_t n;
	const char *unknown; /* the last name that nobody knows, or NULL */
};

/* api_params.c, pure */
_must_check_ int fence_args_init(struct fence_args *args, const struct fence_driver *driver,
				 struct fence_error *error);
/* -ENOENT: no parameter of that name. */
_must_check_ int fence_args_set(struct fence_args *args, const char *name, const char *value);
/* Kinds, ranges and the action. */
_must_check_ int fence_args_check(struct fence_args *args, struct fence_error *error);
const struct fence_param *fence_args_find(const struct fence_args *args, const char *name);
const char *fence_action_name(enum fence_action action);
/* Every action that the driver has. */
unsigned int fence_actions(const struct fence_driver *driver);
_must_check_ int fence_parse_seconds(const char *s, uint64_t *ret_us);

/* api_input.c, pure: `text` of n bytes, with room for a NUL behind them, is cut into values. */
_must_check_ int fence_input_parse(struct fence_args *args, char *text, size_t n,
				   struct fence_error *error);
/* api_options.c. *ret_stop: --help or --version was printed. */
_must_check_ int fence_options_parse(struct fence_args *args, int argc, char **argv, bool *ret_stop,
				     struct fence_error *error);

/* api_secret.c */
/* Fills in secrets from NAME_file and NAME_script. */
_must_check_ int fence_secrets_load(struct fence_args *args, struct secret_arena *arena,
				    struct fence_error *error);
/* secret_path_check() */
#define FENCE_PATH_SIZE PATH_MAX
_must_check_ int fence_path_check(const char *path, bool secret, char ret_path[FENCE_PATH_SIZE],
				  struct fence_error *error);

/* api_metadata.c, pure */
void fence_metadata_print(const struct fence_args *args, FILE *out);
void fence_help_print(const struct fence_args *args, FILE *out);

#endif
