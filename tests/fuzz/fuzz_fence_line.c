/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of the fencing process: what is taken from them is bounded, and an "off" is never taken
 * from a line that does not say so. */
#include "agent/fence_verb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fence_line line;

	if (size > FENCE_LINE_MAX || fence_line_parse((const char *)data, size, &line) < 0)
		return 0;
	if (line.is_end) {
		if (memchr(line.end.text, '\0', sizeof line.end.text) == NULL)
			abort();
		if (line.confirmed && (!line.end.ok || line.end.power != FENCE_READ_OFF ||
				       !memmem(data, size, "confirmed", 9)))
			abort();
		return 0;
	}
	if (line.confirmed || !line.step.device[0] || !line.step.step[0] ||
	    !memchr(line.step.device, '\0', sizeof line.step.device) ||
	    !memchr(line.step.plug, '\0', sizeof line.step.plug) ||
	    !memchr(line.step.step, '\0', sizeof line.step.step) ||
	    !memchr(line.step.text, '\0', sizeof line.step.text))
		abort();
	return 0;
}
