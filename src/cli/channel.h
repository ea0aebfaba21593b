// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The channel in a repository: documents by their TUF targets
 *
 *     baselines/2026.10.json        role baselines     what devices start from
 *     hotpatches/2026.11.json       role hotpatches    a release
 *     hotpatches/2026.11/NAME.hotpatch                 its hotpatches, packed
 *     rollouts/2026.11.json         role rollouts      who gets it when
 *     revocations/ID.json           role revocations   what must leave every process
 *
 * Beside them, for the tool alone and not signed:
 *
 *     REPO/channel.json             product, policy (rings)
 *     REPO/advisories/ID.json       advisories, before a release names them
 */

#include "fleet/baseline.h"
#include "fleet/release.h"
#include "fleet/rollout.h"

struct sut_repository;

/** All documents of a repository, staged or else published. Owns them. */
struct sut_channel {
	struct sut_baseline *baselines;
	size_t n_baselines;
	struct sut_release *releases;
	size_t n_releases;
	struct sut_rollout *rollouts;
	size_t n_rollouts;
	struct sut_revocation *revocations;
	size_t n_revocations;
};

/** Read all documents. */
sut_check struct sut_err *sut_channel_load(struct sut_repository *repository,
					   struct sut_channel *ret);
void sut_channel_deinit(struct sut_channel *channel);

/** What fleet decides from. Borrows. */
struct sut_catalogue sut_channel_catalogue(const struct sut_channel *channel);

/** Find by name, or NULL. Borrowed. */
struct sut_baseline *sut_channel_baseline(const struct sut_channel *channel, const char *name);
struct sut_release *sut_channel_release(const struct sut_channel *channel, const char *name);
struct sut_rollout *sut_channel_rollout(const struct sut_channel *channel, const char *release);

/** The release before @p name on baseline @p baseline that is not revoked, or NULL. */
const struct sut_release *sut_channel_previous(const struct sut_channel *channel, const char *name,
					       const char *baseline);

/** Stage @p document (consumed; NULL is out of memory) as ROLE's target of that name;
 *  @p type for its custom part. */
sut_check struct sut_err *sut_channel_put(struct sut_repository *repository, const char *role,
					  const char *type, const char *name, json_t *document);

/** Is the document of that name published? */
bool sut_channel_is_published(const struct sut_repository *repository, const char *role,
			      const char *name);
/** Is it staged otherwise than it is published? */
bool sut_channel_is_staged(const struct sut_repository *repository, const char *role,
			   const char *name);

/** Check a release as sut_release_check() does, and that its hotpatches are the files that
 *  it says. Appends to @p ret. */
sut_check struct sut_err *sut_channel_check(struct sut_repository *repository,
					    const struct sut_channel *channel,
					    const struct sut_release *release,
					    struct sut_problems *ret);

/** Stage that hotpatches of @p release which it does not name are no more. */
sut_check struct sut_err *sut_channel_prune(struct sut_repository *repository,
					    const struct sut_release *release);
