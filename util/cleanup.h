/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HF_UTIL_CLEANUP_H
#define HF_UTIL_CLEANUP_H

/* Scope-bound release of memory and descriptors. These six macros are all there is. */

#include <stdlib.h>
#include <unistd.h>

#define _must_check_	__attribute__((warn_unused_result))
#define _cleanup_(f)	__attribute__((cleanup(f)))
#define _cleanup_free_	_cleanup_(cleanup_freep)
#define _cleanup_close_ _cleanup_(cleanup_closep)

/* Moves a pointer (descriptor) out of a variable, so that its cleanup leaves it alone. */
#define TAKE_PTR(p)                        \
	({                                 \
		__typeof__(p) *_pp = &(p); \
		__typeof__(p) _p = *_pp;   \
		*_pp = NULL;               \
		_p;                        \
	})
#define TAKE_FD(fd)                \
	({                         \
		int *_pfd = &(fd); \
		int _fd = *_pfd;   \
		*_pfd = -1;        \
		_fd;               \
	})

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing to do about a failure: the descriptor is gone */
}

#endif
