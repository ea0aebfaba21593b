// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The threads of a traced process
 *
 * Private to the tracer: which there are, which of them can be traced, and whether
 * all are known. A process that shares the memory without being of the same thread
 * group (clone(2) with CLONE_VM) counts as if its threads were the process's own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct sut_thread;
struct sut_tracer;

/** Find a thread that is not gone, or NULL. */
struct sut_thread *sut_roster_find(struct sut_tracer *tracer, pid_t tid);

/** Add a thread in @p state, an enum sut_thread_state. */
sut_check struct sut_err *sut_roster_add(struct sut_tracer *tracer, pid_t tid, int state);

/** Read file @p name of @p thread's directory in /proc; "" when it is gone. */
void sut_roster_read(const struct sut_tracer *tracer, pid_t tid, const char *name, char *text,
		     size_t size);

/** Has thread @p tid exited? The end of a first thread is reported only after that of all
 *  others. */
bool sut_roster_is_dead(const struct sut_tracer *tracer, pid_t tid);

/** Is @p tid the first thread of another process that shares the memory? In exec a
 *  process keeps no other thread. */
bool sut_roster_is_sharer(const struct sut_tracer *tracer, pid_t tid);

/** Let go of @p thread of such a process, which is stopped in exec: it shares
 *  nothing any more. */
void sut_roster_leave(struct sut_tracer *tracer, struct sut_thread *thread);

/** How many threads there are as the kernel counts them, dead ones that nobody has
 *  waited for included. Much cheaper than to list them. */
size_t sut_roster_count(const struct sut_tracer *tracer);
