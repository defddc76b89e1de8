/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_CLI_FIELD_H
#define HF_CLI_FIELD_H

/* Members of JSON objects of the agent. One of another version may lack some: none of these
 * fails. Objects may be NULL. */

#include <jansson.h>
#include <stdbool.h>

/* "" if it is missing or not a string. */
const char *field_string(const json_t *object, const char *name);
/* 0 */
json_int_t field_integer(const json_t *object, const char *name);
double field_number(const json_t *object, const char *name);
bool field_bool(const json_t *object, const char *name);
/* An empty one. Borrowed. */
const json_t *field_array(const json_t *object, const char *name);
const json_t *field_object(const json_t *object, const char *name);
/* The object in array `name` whose member "name" is `wanted`, or NULL. */
const json_t *field_find(const json_t *object, const char *name, const char *wanted);

#endif
