// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Plans
 *
 * What has to happen so that one hotpatch stands in one module of one target:
 *
 *     init ──► resolve ──► choose ──► map ──► write ──► add to a switch
 *     checks   IFUNCs      links      ro+trace  rest     redirects
 *
 * A hotpatch that stands there already, whole or half, or was reverted, is taken
 * up where it is: then there is nothing to place or write. Another hotpatch for
 * the same build that stands there is replaced, in the same switch.
 */

#include "live/imports.h"
#include "live/place.h"
#include "live/trace.h"

struct sut_switch;

/** A plan. Borrows the hotpatch, the maps behind the module's path, and the traces;
 *  owns the rest. */
struct sut_plan {
	const struct sut_patch *patch;
	struct sut_module module;
	const struct sut_traces *traces; /**< All that stand in the target. */
	struct sut_layout layout;
	uint64_t start;          /**< Of the payload; 0: no place yet. */
	struct sut_imports imports;
	struct sut_view payload; /**< Linked, its trace in front. Owned. */
	struct sut_trace trace;  /**< As it stands in the target, or will. */
	bool is_lasting; /**< The module stays for as long as the process does: it is the
			      program, or a library loaded with it. */
	bool is_entry_only;  /**< Threads may be in the old code when it is switched: set by
				  who has the hotpatch's word that it may. */
	bool leaves_old_code; /**< Once it is switched, threads may still be in it; set by
				   sut_plan_add(). */
	bool is_standing;        /**< The payload is complete in the target. */
	bool is_mapped;          /**< We have mapped it. */
	enum sut_trace_state state_before; /**< When it stood there at the beginning. */
	bool was_entry_only;               /**< Likewise, of its trace. */
	struct sut_trace **replaced;       /**< Traces whose redirects go. */
	size_t n_replaced;
};

/** Plan to put @p patch into @p module. @p traces is what stands in the target.
 *  SUT_E_MISMATCH when the module's code is not what the hotpatch was made for. */
sut_check struct sut_err *sut_plan_init(struct sut_snapshot *snapshot,
					const struct sut_patch *patch,
					const struct sut_module *module,
					const struct sut_traces *traces, struct sut_plan *ret);
void sut_plan_deinit(struct sut_plan *plan);

/** Choose a place and link the payload for it. @p maps gets the place added, for
 *  other plans to see. */
sut_check struct sut_err *sut_plan_choose(struct sut_plan *plan, struct sut_maps *maps);

/** Map the place, and write the trace and all constants with it. SUT_E_BUSY when
 *  somebody has taken the place meanwhile: choose again. */
sut_check struct sut_err *sut_plan_map(struct sut_plan *plan, struct sut_borrow *borrow);

/** Write the rest of the payload. */
sut_check struct sut_err *sut_plan_write(struct sut_plan *plan, struct sut_process *process);

/** Add the redirects that are missing, what is replaced, and the code that must be
 *  free, to @p s. The plan must outlive it. With nothing missing there may still be
 *  old code that an earlier entry-only run left in use. */
sut_check struct sut_err *sut_plan_add(struct sut_plan *plan, struct sut_process *process,
				       struct sut_switch *s);

/** Link the payload of a plan that stands in the target once more, and compare
 *  every byte of its code and constants. SUT_E_MISMATCH when one differs. */
sut_check struct sut_err *sut_plan_verify(struct sut_plan *plan, struct sut_snapshot *snapshot);
