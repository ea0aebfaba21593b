// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Timeouts of interrupted calls
 *
 * A call that is made again (process/restart.h) and whose timeout is a length of time
 * would wait for all of it anew; one that is interrupted again and again would never
 * end. So for such a thread we know when its call was to end, and if it is in it still,
 * we end it as the timeout would have:
 *
 *     look            interrupt, rewind      go          due
 *     sleeps since … ────────► note ────────► made again ────► interrupt, result
 *
 * Since when a thread sleeps, the kernel's scheduler tells (/proc/TID/sched). Where it
 * does not, or the thread was awake when we looked, its call counts from the stop.
 * A thread with such a call runs with stops at the entry and the exit of system
 * calls, so that it is known when the call is over. When we end before it, the thread
 * waits anew, once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sut_process;
struct sut_thread;
struct sut_tracer;

/** What is known of a thread that was asleep before it was interrupted. */
struct sut_look {
	uint64_t begin;      /**< sut_now() time since when it slept; 0: not known. */
	uint64_t length;     /**< Its timeout, ns; 0: it has none. */
	uint64_t n_switches; /**< How often it had given up its processor. */
	int64_t result;      /**< What the call returns when its time is over. */
	long nr;
	uint64_t args[6], sp, pc; /**< As the kernel tells; pc is behind `syscall`. */
};

/** The call into which a thread was rewound. */
struct sut_timeout {
	uint64_t due;   /**< sut_now() time at which it ends; 0: not ours to end. */
	int64_t result; /**< What it returns then. */
	bool is_inside; /**< The thread is between its entry and its exit. */
	struct sut_look look;
};

/** What a processor's scheduler clock is behind sut_now(). */
struct sut_clock {
	int cpu;
	int64_t behind; /**< ns; INT64_MAX: not known. */
};

/** The clocks read so far. Owned by the tracer; all zero is a valid empty one. */
struct sut_clocks {
	struct sut_clock *items;
	size_t n, capacity;
};

void sut_clocks_deinit(struct sut_clocks *clocks);

/** The timeout of call @p nr with @p args, made by a thread of @p process, in ns; 0 when
 *  it has none, or one that the kernel keeps by itself. @p result is what the call
 *  returns when it has passed. */
uint64_t sut_timeout_length(struct sut_process *process, long nr, const uint64_t args[6],
			    int64_t *result);

/** Look at @p thread, which runs and is about to be interrupted. */
void sut_timeout_look(struct sut_tracer *tracer, struct sut_thread *thread);

/** @p thread is stopped. If it was rewound, know when its call is to end. */
void sut_timeout_note(struct sut_tracer *tracer, struct sut_thread *thread);

/** @p thread reports the entry or the exit of a system call. */
void sut_timeout_step(struct sut_thread *thread);

/** Is @p thread, which runs, in a call whose time is over at @p now? */
bool sut_timeout_is_over(const struct sut_thread *thread, uint64_t now);

/** Must @p thread stop at its next system call's entry or exit? */
bool sut_timeout_needs_steps(const struct sut_thread *thread);
