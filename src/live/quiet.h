// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Quiescence
 *
 * Is any stopped thread executing, or going to return into, one of some ranges
 * of code? Every word of the used part of its stack and every register is looked
 * at: whatever a return address may be saved in, it is seen. What is seen may be
 * stale; then unwinding the thread tells (live/unwind.h), and only if unwinding is
 * certain is the thread taken to be clear.
 *
 * The stack's words below the stack pointer are not looked at: nothing returns
 * through them, and they are full of addresses of calls that have ended.
 *
 * A thread may be on more than one stack: a signal's handler on an alternate one,
 * anywhere, even inside the thread's own; a coroutine on memory that the program
 * has chosen. The frame that the kernel writes for a handler tells where the
 * interrupted stack goes on; and of a thread that has left its own stack all of
 * that is looked at.
 *
 * What no walk can see, and docs/safety.md discusses: coroutines that no thread
 * is running at the moment, and jump buffers that point into an older frame.
 */

#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "process/addr.h"

struct sut_maps;
struct sut_tracer;
struct sut_unwinder;

/** A range of code that must be free. */
struct sut_quiet_range {
	struct sut_span span;
	/** Addresses up to here, from the start, are not inside yet: the function's
	 *  entry, where a thread that was stopped will take the redirect, and which
	 *  stored function pointers name. Equal to span.start - 1 for a fragment
	 *  that is no entry. */
	uint64_t entry_last;
	const char *name; /**< Of the function. Borrowed. */
};

/** Room for a check. It is got while the target runs: while threads stand still,
 *  nothing is allocated and no page is touched for the first time. */
struct sut_quiet_room;

sut_check struct sut_err *sut_quiet_room_new(struct sut_quiet_room **ret);
void sut_quiet_room_free(struct sut_quiet_room *room);
DEFINE_CLEANUP(struct sut_quiet_room *, sut_quiet_room_free)

/** The question. Borrows everything in it. */
struct sut_quiet {
	struct sut_quiet_room *room;
	const struct sut_quiet_range *ranges; /**< Sorted, disjoint. */
	size_t n_ranges;
	const struct sut_maps *maps;
	struct sut_unwinder *unwinder; /**< NULL: every word that looks like it counts. */
};

/** The answer when it is no: who is where. */
struct sut_blocker {
	pid_t tid;
	char function[128]; /**< The first range that was met, by name. */
	bool is_inside;     /**< It is executing the function now. */
	bool is_certain;    /**< Unwinding agrees; otherwise the word may be stale. */
	uint64_t pcs[32];   /**< The thread's frames, innermost first, when it was
				 unwound: as many as fit. */
	size_t n_pcs;
	size_t n_frames; /**< That it has. */
};

/** Read what stacks there seem to be while the threads run, and forget it. Reading them
 *  again in a moment takes a third of the time then. */
void sut_quiet_rehearse(const struct sut_quiet *quiet, const struct sut_tracer *tracer);

/** Ask it of all stopped threads of @p tracer. @p blocker is written when @p ret
 *  is false. */
sut_check struct sut_err *sut_quiet_check(const struct sut_quiet *quiet,
					  const struct sut_tracer *tracer, bool *ret,
					  struct sut_blocker *blocker);

/** Find the range that @p at lies in and counts for, or NULL. */
const struct sut_quiet_range *sut_quiet_find(const struct sut_quiet *quiet, uint64_t at);
