// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The switch
 *
 * The one moment at which a target stands still: all threads are stopped, found
 * to be outside of the code that changes, a few bytes are written, all go on.
 * Everything that can be prepared has been; whether redirects are being put in,
 * taken away or exchanged is all the same here. The target ran meanwhile and may have
 * closed the very library: that the code is still there is looked at in the stop.
 */

#include "live/quiet.h"
#include "live/trace.h"

struct sut_process;

/** Five bytes of code that change. */
struct sut_change {
	uint64_t at; /**< Remote address. */
	uint8_t before[SUT_REDIRECT_SIZE]; /**< What stands there. */
	uint8_t after[SUT_REDIRECT_SIZE];  /**< What will. */
	bool is_lasting; /**< Its module cannot be unloaded. */
};

/** Bytes that tell that a module is still there: its build-id. */
struct sut_switch_check {
	uint64_t at; /**< Remote address. */
	struct sut_build_id build_id;
};

/** A switch. Owns its tables; the names in the ranges are borrowed. */
struct sut_switch {
	struct sut_change *changes;
	size_t n_changes, changes_capacity;
	struct sut_quiet_range *ranges; /**< Sorted by sut_switch_prepare(). */
	size_t n_ranges, ranges_capacity;
	struct sut_switch_check *checks;
	size_t n_checks, checks_capacity;
};

void sut_switch_deinit(struct sut_switch *s);
sut_check struct sut_err *sut_switch_add_change(struct sut_switch *s, struct sut_change change);
sut_check struct sut_err *sut_switch_add_range(struct sut_switch *s,
					       struct sut_quiet_range range);
sut_check struct sut_err *sut_switch_add_check(struct sut_switch *s,
					       struct sut_switch_check check);

/** Sort the ranges, and give the target's process pages of its own for the code
 *  that will change (by writing what stands there already), so that no page is
 *  copied while it is stopped; not where something else may stand by then.
 *  SUT_E_MISMATCH when something else stands there now. */
sut_check struct sut_err *sut_switch_prepare(struct sut_switch *s, struct sut_process *process);

/** How a try ended. */
struct sut_switch_result {
	bool is_done;     /**< Everything is written. */
	bool is_stopped;  /**< All threads were stopped; otherwise blocker.tid was not. */
	struct sut_blocker blocker; /**< When not done. */
	uint64_t pause;   /**< From the first interrupt to the last continue, ns. */
	size_t n_threads; /**< That were stopped. */
};

/** Try once, giving the threads @p stop_limit ns to stop. When not done, nothing
 *  has changed. An error too leaves everything as it was, unless the target died. */
sut_check struct sut_err *sut_switch_try(const struct sut_switch *s, struct sut_tracer *tracer,
					 const struct sut_quiet *quiet, uint64_t stop_limit,
					 struct sut_switch_result *ret);

/** What became of a switch, over all tries. */
struct sut_switch_story {
	bool is_done;
	bool is_cancelled; /**< Somebody asked the worker to back out. */
	size_t n_tries;
	uint64_t pause;    /**< The longest, ns. */
	size_t n_threads;
	struct sut_blocker blocker; /**< Of the last try, when not done. */
	bool is_stopped;            /**< Likewise: see sut_switch_result. */
};

/** Why a switch that is not done is not: an SUT_E_BUSY error that says who is in
 *  the way. */
struct sut_err *sut_switch_story_error(const struct sut_switch_story *story);
