// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Targets
 *
 * A process that one recipe works on: everything that can be read of it before
 * it is touched, the lock that keeps other runs of this program away, and the
 * tracing of its threads.
 */

#include "live/trace.h"
#include "process/snapshot.h"
#include "process/tracer.h"

struct sut_borrow;
struct sut_row;
struct sut_switch;
struct sut_switch_story;

/** A target. Owns everything in it. */
struct sut_target {
	struct sut_snapshot now; /**< As it was when it was opened. */
	struct sut_traces traces;
	struct sut_tracer tracer;
	uint64_t deadline;   /**< Until when to try what may work later, sut_now() time. */
	uint64_t place_time; /**< For how long one thread was borrowed, ns. */
	bool is_seized;      /**< Private. */
	bool keeps_lock;     /**< What was traced is locked until this worker ends. */
};

/** Open process @p pid and read it. With @p is_exclusive, wait until @p deadline
 *  (sut_now() time) for other runs that work on it, then refuse what cannot be
 *  changed: SUT_E_BUSY, SUT_E_UNSUPPORTED, SUT_E_DENIED, SUT_E_GONE. */
sut_check struct sut_err *sut_target_open(pid_t pid, bool is_exclusive, uint64_t deadline,
					  struct sut_target *ret);
void sut_target_close(struct sut_target *target);

/** Seize its threads. SUT_E_GONE when it has become another program since it was opened;
 *  from here on the tracer would notice that. */
sut_check struct sut_err *sut_target_seize(struct sut_target *target);

/** Something that is done with a borrowed thread. */
typedef struct sut_err *(*sut_borrowed_fn)(struct sut_target *target, struct sut_borrow *borrow,
					   void *context);

/** Seize the threads, stop the one that suits best, call @p work with it, and let
 *  it go on. The others run. */
sut_check struct sut_err *sut_target_borrow(struct sut_target *target, sut_borrowed_fn work,
					    void *context);

/** Unmap payloads that no redirect leads to: what a run left that was killed before
 *  it had written them whole. Nobody else works on the target. */
sut_check struct sut_err *sut_target_clear(struct sut_target *target);

/** Try @p s with growing waits until it is done or the target's time is over, and for half
 *  of @p timeout (ns) at least. */
sut_check struct sut_err *sut_target_switch(struct sut_target *target, struct sut_switch *s,
					    uint64_t timeout, struct sut_switch_story *ret);

/** Tell of @p story in @p row. A story that is not done becomes an SUT_E_BUSY error
 *  that says who is in the way. */
sut_check struct sut_err *sut_target_tell(struct sut_target *target,
					  const struct sut_switch_story *story,
					  struct sut_row *row);

/** Why nothing was done, @p err, which is consumed: whatever failed, a process that has
 *  exited meanwhile is gone. */
struct sut_err *sut_target_blame(struct sut_target *target, struct sut_err *err)
	__attribute__((returns_nonnull));

/** Before the end: wait until every thread that was put back onto a system call
 *  has made it, so that nobody needs us any more. */
void sut_target_settle(struct sut_target *target);
