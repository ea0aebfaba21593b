// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Scope guards
 *
 * A guard frees what a variable owns when the variable leaves scope, so every
 * function can return from any line. Build a result under a guard and hand it
 * over with steal() on the last lines.
 */

#include <stdlib.h>
#include <unistd.h>

/** Run @p func on the variable's address when it leaves scope. */
#define _cleanup_(func) __attribute__((cleanup(func)))

/** Define `func##p`, a guard that calls @p func on a non-NULL pointer. */
#define DEFINE_CLEANUP(type, func)                                             \
	static inline void func##p(type *p)                                    \
	{                                                                      \
		if (*p)                                                        \
			func(*p);                                              \
	}

static inline void sut_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void sut_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/** free() at the end of the scope. */
#define _cleanup_free_ _cleanup_(sut_cleanup_free)
/** close() at the end of the scope, unless negative. */
#define _cleanup_close_ _cleanup_(sut_cleanup_close)

static inline void *sut_steal_pointer(void *p)
{
	void *value = *(void **)p;

	*(void **)p = NULL;
	return value;
}

/** Take the pointer out of a guarded variable; the guard then does nothing. */
#define steal(variable) ((__typeof__(variable))sut_steal_pointer(&(variable)))
