// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Unwinding
 *
 * Walks the frames of stopped threads by the call frame information in the
 * target's memory. The tables are read beforehand, so that a walk reads nothing
 * but the stack.
 *
 * A walk says how far it is sure: up to some address of the stack every frame is
 * known, so that a word below it that looks like a return address but is none of
 * those frames' is stale.
 */

#include <stddef.h>
#include <sys/types.h>
#include <sys/user.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "process/addr.h"

struct sut_snapshot;
struct sut_traces;
struct sut_unwinder;

/** Read the tables of all modules of @p snapshot, and of the payloads that
 *  @p traces tell. Modules without any are walked around as unknown. */
sut_check struct sut_err *sut_unwinder_new(struct sut_snapshot *snapshot,
					   const struct sut_traces *traces,
					   struct sut_unwinder **ret);
void sut_unwinder_free(struct sut_unwinder *unwinder);
DEFINE_CLEANUP(struct sut_unwinder *, sut_unwinder_free)

/** A frame on a walk. */
struct sut_frame {
	uint64_t pc;  /**< Where it executes, or will return to. */
	uint64_t sp;  /**< Where its part of the stack begins. */
	uint64_t cfa; /**< Where it ends, and its caller's begins; 0: not known. */
	bool is_interrupted; /**< The first frame, or one interrupted by a signal. */
};

/** What a walk found. Owns its table. */
struct sut_walk {
	struct sut_frame *frames; /**< Innermost first. */
	size_t n_frames, capacity;
	bool is_complete; /**< The last frame is the thread's first function. */
};

/** Walk thread @p tid, which is stopped with registers @p regs. Not to get to the
 *  end is no error. */
sut_check struct sut_err *sut_unwind(struct sut_unwinder *unwinder, pid_t tid,
				     const struct user_regs_struct *regs, struct sut_walk *ret);
void sut_walk_deinit(struct sut_walk *walk);

/** How far is the walk sure of the stack in @p region? All words of it below the
 *  result are explained. region.start when it never came there. */
uint64_t sut_walk_explained(const struct sut_walk *walk, struct sut_span region);
