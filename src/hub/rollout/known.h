// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the hub knows of the channel: the signed documents of the repository, the rollouts as
 * the store has them, and the policy, as one picture that does not change
 *
 *     repository ─┐
 *     store ──────┴─► sut_known (made anew after each change) ─► routes, statuses, gates
 */

#include "fleet/policy.h"
#include "hub/store/rollout.h"

/** What the repository says. Owns everything. All zero is a valid empty one. */
struct sut_channel {
	struct sut_release *releases;
	json_t **documents; /**< Of each release, as it was signed. */
	size_t n_releases, releases_capacity, documents_capacity;
	struct sut_revocation *revocations;
	size_t n_revocations, revocations_capacity;
	struct sut_rollout *rollouts; /**< As published. */
	size_t n_rollouts, rollouts_capacity;
	int64_t expires; /**< When the timestamp does, in seconds; 0: there is none. */
};
void sut_channel_deinit(struct sut_channel *channel);

/** Read the repository at @p path, which is locked meanwhile. A document that cannot be read
 *  is left out, and named in the log. */
sut_check struct sut_err *sut_channel_read(const char *path, struct sut_channel *ret);

/** Find a release by name; -1: there is none. */
int sut_channel_find(const struct sut_channel *channel, const char *release);

/** What is known. Owns all but the channel, which outlives it. */
struct sut_known {
	const struct sut_channel *channel;
	struct sut_policy policy;
	bool auto_start; /**< A new release's rollout starts by itself. */
	struct sut_stored_rollouts stored;
	struct sut_rollout *started; /**< Shallow copies of those that were, for the catalogue. */
	struct sut_catalogue catalogue;
};
void sut_known_deinit(struct sut_known *known);

/** Read policy and rollouts from the store, in a transaction. */
sut_check struct sut_err *sut_known_read(struct sut_tx *tx, const struct sut_channel *channel,
					 struct sut_known *ret);

/** The policy as it is stored, or the usual one; a new reference. */
sut_check struct sut_err *sut_known_policy(struct sut_tx *tx, json_t **ret);
