// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the files of hub/rollout share
 */

#include <pthread.h>

#include "hub/rollout/rollouts.h"

struct sut_channel;
struct sut_known;
struct sut_policy;
struct sut_publisher;
struct sut_ring_counts;
struct sut_rollout_note;
struct sut_stored_rollout;
struct sut_tx;

/** The rollouts of a hub. */
struct sut_rollouts {
	struct sut_hub *hub;
	struct sut_publisher *publisher; /**< NULL: there is no repository. */

	bool is_running; /**< The thread was started. */
	pthread_t thread;
	pthread_mutex_t mutex; /**< Of the fields up to the next blank line. */
	pthread_cond_t cond;
	bool is_ending;
	bool is_nudged; /**< Something has changed since the last round. */
	bool is_urgent; /**< The next round begins at once. */
	struct sut_rollouts_trouble trouble;

	pthread_mutex_t maker; /**< Held by who makes a new picture. */
	pthread_rwlock_t lock; /**< Of what follows; readers keep it short. */
	struct sut_channel *channel;
	struct sut_known *known;
	int64_t epoch; /**< Statuses that were derived before it (µs) are stale. */
};

/** Make the picture anew: @p channel is taken over, NULL leaves it as it is. */
sut_check struct sut_err *sut_rollouts_renew(struct sut_rollouts *rollouts,
					     struct sut_channel *channel);

/** Read what the repository says, when it says something new. */
void sut_rollouts_read(struct sut_rollouts *rollouts);

/** Derive up to @p most stale statuses; @p n_ret says how many. */
sut_check struct sut_err *sut_rollouts_derive_stale(struct sut_rollouts *rollouts, int64_t most,
						    int64_t *n_ret);

/** Note @p rollout as decided: store, time line, audit entry. */
sut_check struct sut_err *sut_rollouts_note(struct sut_tx *tx,
					    const struct sut_stored_rollout *rollout,
					    const struct sut_rollout_note *note);

/** How the rings of @p rollout are doing; @p counts_ret has a place for each. */
sut_check struct sut_err *sut_rollouts_count(struct sut_tx *tx,
					     const struct sut_stored_rollout *rollout, int64_t now,
					     struct sut_ring_counts *counts_ret);

/** Let the gates of rollout @p id decide at @p now (seconds). */
sut_check struct sut_err *sut_rollouts_step(struct sut_rollouts *rollouts, const char *id,
					    const struct sut_policy *policy, int64_t now,
					    bool *decided_ret);

/** The thread. */
void *sut_rollouts_run(void *context);
