/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/field.h"

#include <string.h>

const char *field_string(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

json_int_t field_integer(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

double field_number(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

bool field_bool(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

/* jansson takes NULL for an empty array or object everywhere. */
const json_t *field_array(const json_t *object, const char *name)
{
	const json_t *array = json_object_get(object, name);

	return json_is_array(array) ? array : NULL;
}

const json_t *field_object(const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);

	return json_is_object(member) ? member : NULL;
}

const json_t *field_find(const json_t *object, const char *name, const char *wanted)
{
	const json_t *array = field_array(object, name);

	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *row = json_array_get(array, i);

		if (strcmp(field_string(row, "name"), wanted) == 0)
			return row;
	}
	return NULL;
}
