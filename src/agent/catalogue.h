// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the repository says, verified
 *
 *     mirror/ ── TUF, the whole client ──► trust/catalogue/ ──► what this device wants
 *
 * Only a refresh that has succeeded replaces trust/catalogue; until the next one that
 * is what counts, also when the mirror is gone or its metadata has expired.
 */

#include <jansson.h>
#include <stdbool.h>

#include "agent/config.h"
#include "fleet/release.h"
#include "fleet/rollout.h"

/** The catalogue in memory. Owns everything. All zero is a valid empty one. */
struct sut_known {
	struct sut_release *releases;
	struct sut_rollout *rollouts;
	struct sut_revocation *revocations;
	struct sut_catalogue catalogue; /**< Borrows from the three. */
};

/** Take over what the mirror holds: refresh the metadata out of it and verify
 *  everything. @p tuf_ret: {"root", "timestamp", "expires"}, a new reference. */
sut_check struct sut_err *sut_known_refresh(const struct sut_config *config, json_t **tuf_ret);

/** Read trust/catalogue. */
sut_check struct sut_err *sut_known_init(const struct sut_config *config, struct sut_known *ret);
void sut_known_deinit(struct sut_known *known);

/** Read baseline @p name; @p found is false when there is none. */
struct sut_baseline;
sut_check struct sut_err *sut_known_baseline(const struct sut_config *config, const char *name,
					     bool *found, struct sut_baseline *ret);

/** Have trust/hotpatches/SHA256.hotpatch: out of the mirror, verified, if it is not there
 *  yet. @p found is false when the mirror does not have it either. */
sut_check struct sut_err *sut_known_take(const struct sut_config *config,
					 const struct sut_release_hotpatch *hotpatch, bool *found);

/** The path of a hotpatch that was taken. Owned by the caller; NULL when out of memory. */
char *sut_known_path(const struct sut_config *config, const char *sha256);
