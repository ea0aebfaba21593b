// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Rollouts in the store: their documents, what was decided when and by whom, how each
 * device came out, and the policy that decides.
 *
 *     rollouts          a row for each, with the document that is (or will be) published
 *     rollout_steps     the time line; also which gates a person has approved
 *     rollout_outcomes  devices that are done or have failed
 *     settings          the policy, as JSON
 */

#include "fleet/rollout.h"
#include "hub/store/store.h"

struct sut_ring_counts;

/** A rollout as stored. Owns its document. */
struct sut_stored_rollout {
	struct sut_rollout doc;
	bool is_waiting;   /**< Nobody has started it: the document's state does not count. */
	int64_t created;   /**< Microseconds since 1970. */
	int64_t begun;     /**< When it was started last, likewise; 0: not yet. */
	int64_t published; /**< The decision that the repository shows; 0: none. */
};
void sut_stored_rollout_deinit(struct sut_stored_rollout *rollout);

/** Several, the newest release first. Owns them. All zero is a valid empty list. */
struct sut_stored_rollouts {
	struct sut_stored_rollout *list;
	size_t n, capacity;
};
void sut_stored_rollouts_deinit(struct sut_stored_rollouts *rollouts);

/** "waiting", or the document's state. */
const char *sut_stored_rollout_state(const struct sut_stored_rollout *rollout);

/** All rollouts. */
sut_check struct sut_err *sut_store_rollouts(struct sut_tx *tx, struct sut_stored_rollouts *ret);
/** One; @p has_ret is false when there is none. */
sut_check struct sut_err *sut_store_rollout(struct sut_tx *tx, const char *id, bool *has_ret,
					    struct sut_stored_rollout *ret);
/** Write it, new or not; without what was published. */
sut_check struct sut_err *sut_store_rollout_put(struct sut_tx *tx,
						const struct sut_stored_rollout *rollout);
/** The repository shows @p decision now. */
sut_check struct sut_err *sut_store_rollout_published(struct sut_tx *tx, const char *id,
						      int64_t decision);

/** A line of the time line. Texts are borrowed. */
struct sut_rollout_note {
	const char *actor;
	const char *action;
	const char *reason;
	const char *ring; /**< Or NULL. */
	int64_t time;     /**< Microseconds. */
};
sut_check struct sut_err *sut_store_rollout_note(struct sut_tx *tx, const char *id,
						 const struct sut_rollout_note *note);
/** The time line as JSON, oldest first; a new reference. */
sut_check struct sut_err *sut_store_rollout_notes(struct sut_tx *tx, const char *id, json_t **ret);
/** Has a person approved @p ring since the rollout was started last? */
sut_check struct sut_err *sut_store_rollout_approved(struct sut_tx *tx, const char *id,
						     const char *ring, bool *ret);

/** How a device came out. */
enum sut_outcome {
	SUT_OUTCOME_NONE, /**< On its way. */
	SUT_OUTCOME_DONE,
	SUT_OUTCOME_FAILED,
};

/** Note how @p device came out at @p time (µs); what is there already is not touched, except
 *  that another outcome or ring replaces it. NONE removes it. */
sut_check struct sut_err *sut_store_outcome_put(struct sut_tx *tx, const char *id,
						const char *device, const char *ring,
						enum sut_outcome outcome, int64_t time);
/** What is noted. */
sut_check struct sut_err *sut_store_outcome(struct sut_tx *tx, const char *id, const char *device,
					    enum sut_outcome *ret);
/** Forget how devices came out: all, or only the failures. */
sut_check struct sut_err *sut_store_outcomes_forget(struct sut_tx *tx, const char *id,
						    bool only_failed);

/** How the devices of @p ring are doing with a rollout: those on its baseline that nobody
 *  removed or holds. One that was seen before @p seen (µs) last is off line. Fills all but
 *  is_approved; the name is borrowed. */
sut_check struct sut_err *sut_store_ring_counts(struct sut_tx *tx, const char *id,
						const char *baseline, const char *ring,
						int64_t seen, struct sut_ring_counts *ret);

/** The setting @p name, as JSON; NULL in @p ret when it was never set. A new reference. */
sut_check struct sut_err *sut_store_setting(struct sut_tx *tx, const char *name, json_t **ret);
sut_check struct sut_err *sut_store_setting_put(struct sut_tx *tx, const char *name,
						const json_t *value);
