// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Rollouts: who gets which release when
 *
 * A thread of its own watches repository, policy, reports and clock, once a second:
 *
 *     a release appears   ──► its rollout, waiting or running as the policy says
 *     reports, time       ──► gates ──► a decision: stored with its audit entry, in one
 *                             transaction
 *     a person's order    ──► likewise
 *     decided, not published ──► rollouts/ID.json, snapshot and timestamp, signed with the
 *                             on-line keys; tried again until done, also after a crash
 *     published           ──► devices that hold a request are woken
 *     half of the timestamp's time is over ──► it is signed anew
 *
 * Statuses of devices are derived when a report comes, and by the thread when what they
 * depend on has changed: a decision, the policy, a release, silence.
 */

#include "base/cleanup.h"
#include "base/json.h"
#include "hub/hub.h"

/** How often a device is to report, seconds. */
#define SUT_REPORT_S 60

struct sut_known;
struct sut_order;
struct sut_rollout_note;
struct sut_stored_rollout;
struct sut_tx;
struct sut_rollouts;

/** Read the keys, what is stored and published, and start the thread. Without a repository
 *  there are only statuses. @p hub's store and bus are there. */
sut_check struct sut_err *sut_rollouts_open(struct sut_hub *hub, struct sut_rollouts **ret);
/** End the thread; what is decided and not published is published at the next start. */
void sut_rollouts_close(struct sut_rollouts *rollouts);
DEFINE_CLEANUP(struct sut_rollouts *, sut_rollouts_close)

/** What a report's answer tells a device beside its own. */
struct sut_rollouts_answer {
	char ring[64];
	bool is_paused;   /**< The newest rollout of its baseline is paused. */
	bool has_changed; /**< Its status or ring is another one than before. */
};

/** A report of @p device was stored in @p tx: derive ring and status, and how it came out with
 *  the release that it is to have. @p report has been checked. @p now in µs. For use inside
 *  of a write; repeatable. */
sut_check struct sut_err *sut_rollouts_reported(struct sut_rollouts *rollouts, struct sut_tx *tx,
						const char *device, const json_t *report,
						int64_t now, struct sut_rollouts_answer *ret);

/** The picture as it is now, locked for reading until sut_rollouts_leave(). Not to be held
 *  while a write is waited for. */
const struct sut_known *sut_rollouts_look(struct sut_rollouts *rollouts);
void sut_rollouts_leave(struct sut_rollouts *rollouts);

/** Carry out an order on rollout @p id, with audit entry, in one transaction; then the picture
 *  is made anew and publishing starts. @p found_ret is false when there is no such rollout.
 *  SUT_E_USAGE when its state does not allow the order. */
sut_check struct sut_err *sut_rollouts_order(struct sut_rollouts *rollouts, const char *id,
					     const struct sut_order *order, bool *found_ret);

/** Make the rollout of @p release, waiting, and with @p start obey that in the same transaction.
 *  @p note: by whom and why. @p made_ret: 1 made, 0 there is one already, -1 there is no such
 *  release. */
sut_check struct sut_err *sut_rollouts_create(struct sut_rollouts *rollouts, const char *release,
					      const struct sut_rollout_note *note,
					      const struct sut_order *start, int *made_ret);

/** Replace the policy; @p policy was checked. */
sut_check struct sut_err *sut_rollouts_set_policy(struct sut_rollouts *rollouts,
						  const json_t *policy, const char *actor,
						  int64_t now);

/** Derive ring and status of @p device anew, now. */
sut_check struct sut_err *sut_rollouts_derive(struct sut_rollouts *rollouts, const char *device);

/** Something has changed: the thread looks at it at once, or when @p is_quiet in its next round. */
void sut_rollouts_wake(struct sut_rollouts *rollouts, bool is_quiet);

/** A rollout as the API tells it, with counts and gates of now (seconds); a new reference. */
sut_check struct sut_err *sut_rollouts_tell(struct sut_tx *tx, const struct sut_known *known,
					    const struct sut_stored_rollout *rollout, int64_t now,
					    json_t **ret);

/** Why publishing does not work, and since when (seconds); "" when it does. */
struct sut_rollouts_trouble {
	char text[256];
	int64_t since;
	int64_t expires; /**< When the repository's timestamp does, seconds; 0: none. */
	bool has_repository;
};
void sut_rollouts_read_trouble(struct sut_rollouts *rollouts, struct sut_rollouts_trouble *ret);
