// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Plans
 *
 * What has to happen so that one hotpatch stands in one module of one target:
 *
 *     init ──► place ──► write ──► add to a switch ──► (the switch is done)
 *      checks   maps      payload    redirects
 *
 * A hotpatch that stands there already, whole or half, or was reverted, is taken
 * up where it is: then there is nothing to place or write.
 */

#include "live/imports.h"
#include "live/place.h"
#include "live/trace.h"

struct sut_switch;

/** A plan. Borrows the hotpatch and the maps behind the module's path; owns the
 *  rest. */
struct sut_plan {
	const struct sut_patch *patch;
	struct sut_module module;
	struct sut_layout layout;
	uint64_t start;          /**< Of the payload; 0: no place yet. */
	struct sut_imports imports;
	struct sut_trace trace;  /**< As it stands in the target, or will. */
	bool is_standing;        /**< The payload is complete in the target. */
	enum sut_trace_state state_before; /**< When it stood there at the beginning. */
	bool is_mapped;          /**< We have mapped it. */
};

/** Plan to put @p patch into @p module. @p traces is what stands in the target.
 *  SUT_E_MISMATCH when the module's code is not what the hotpatch was made for. */
sut_check struct sut_err *sut_plan_init(struct sut_snapshot *snapshot,
					const struct sut_patch *patch,
					const struct sut_module *module,
					const struct sut_traces *traces, struct sut_plan *ret);
void sut_plan_deinit(struct sut_plan *plan);

/** Choose a place, map the payload's memory, and have the target resolve what only
 *  it can. */
sut_check struct sut_err *sut_plan_place(struct sut_plan *plan, const struct sut_maps *maps,
					 struct sut_borrow *borrow);

/** Link the payload and write it, and its trace, into the target. */
sut_check struct sut_err *sut_plan_write(struct sut_plan *plan, struct sut_process *process);

/** Add the redirects that are missing, and the code that must be free, to @p s.
 *  The plan must outlive it. */
sut_check struct sut_err *sut_plan_add(const struct sut_plan *plan, struct sut_process *process,
				       struct sut_switch *s);

/** Link the payload of a plan that stands in the target once more, and compare
 *  every byte of its code and constants. SUT_E_MISMATCH when one differs. */
sut_check struct sut_err *sut_plan_verify(struct sut_plan *plan, struct sut_snapshot *snapshot);

/** How many redirects of @p trace stand in the target; SUT_E_MISMATCH when a
 *  function's entry is neither the old one nor redirected. */
sut_check struct sut_err *sut_trace_count(const struct sut_trace *trace,
					  struct sut_process *process, size_t *ret);

/** Add what takes the redirects of @p trace away to @p s, and its code as what
 *  must be free. The trace must outlive it. */
sut_check struct sut_err *sut_trace_add_revert(const struct sut_trace *trace,
					       struct sut_process *process,
					       struct sut_switch *s);
