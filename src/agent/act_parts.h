// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The parts of a look, private to it
 *
 *     act.c        the order of things
 *     act_touch.c  what is done to processes
 *     act_cover.c  what is told of them
 *     act_move.c   the way to a baseline
 */

#include "agent/inventory.h"
#include "fleet/rollout.h"
#include "patch/patch.h"

struct sut_act;
struct sut_known;

/** A hotpatch that is to stand here. */
struct sut_standing {
	const struct sut_release_hotpatch *hotpatch; /**< Borrowed. */
	const struct sut_release *release;           /**< Borrowed. */
	struct sut_patch patch;                      /**< Owned; empty when not taken yet. */
	bool is_taken;
	const json_t *held; /**< Why it is held here; NULL: it is not. Borrowed. */
	const char *waits;  /**< Why the hub keeps what is wanted out; NULL. Borrowed. */
	bool is_on_hold;    /**< It waits because a person holds this device. */
	/** It waits, and the fields above tell of an earlier one, which stands and stays. */
	bool is_kept;
};

/** A look. Owns everything but the task. */
struct sut_look {
	const struct sut_act *act;
	struct sut_known *known; /**< Borrowed. */
	struct sut_want want;
	struct sut_inventory inventory;
	struct sut_standing *standing; /**< What is wanted for builds of this machine. */
	size_t n_standing;
	struct sut_patch *patches; /**< Those that are to be in processes: borrowed copies. */
	size_t n_patches;
	json_t *rows;     /**< Object by pid: how applying went. */
	json_t *statuses; /**< Object by pid: the traces, as engine/status.h tells. */
	json_t *proofs;   /**< Object by pid: rows of `verify`. */
	json_t *answer, *events, *need;
	size_t n_busy;
	json_t *move; /**< The way to the baseline (agent/move.h), or NULL. */
};

/** Take out what must not stand here, and put in what must. */
sut_check struct sut_err *sut_look_touch(struct sut_look *look);

/** Read what stands in all processes, and prove it. */
sut_check struct sut_err *sut_look_prove(struct sut_look *look);

/** Note what has changed since it was told, and write trust/coverage.json. */
sut_check struct sut_err *sut_look_cover(struct sut_look *look);

/** Plan the way to the baseline that is wanted; files that matter for it are added to
 *  @p paths. */
sut_check struct sut_err *sut_look_plan_move(struct sut_look *look, json_t *paths);

/** With the inventory: find the units, and write trust/move.json (null: nothing to move). */
sut_check struct sut_err *sut_look_write_move(struct sut_look *look);

/** Is @p name the name of a hotpatch of ours: of a release, or that we have applied? */
bool sut_look_is_ours(const struct sut_look *look, const char *name);

/** What is wanted for a build, or NULL. */
struct sut_standing *sut_look_standing(const struct sut_look *look, const char *build_id);

/** The standing hotpatch named @p name that is to be in processes, or NULL. */
struct sut_standing *sut_look_active(const struct sut_look *look, const char *name);

/** Add an event. @p hotpatch may be NULL. */
void sut_look_event(struct sut_look *look, int64_t time, const char *type, const char *hotpatch,
		    const char *detail);
