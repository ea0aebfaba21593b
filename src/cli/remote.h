// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What a repository says to those who only read it
 *
 *     URL or folder ── TUF, the whole client, its state in a store ──► documents
 *
 * Nothing in it is believed before it is verified.
 */

#include "fleet/release.h"
#include "fleet/rollout.h"

/** Where a repository is, and what is known of it already. Borrows all. */
struct sut_remote_place {
	const char *repository; /**< http, https or file address, or a folder. */
	const char *store;      /**< Folder of what is trusted. */
	const char *root;       /**< File: the first root of trust; NULL: the store has one. */
	const char *ca_file;    /**< PEM, for https; NULL: the system's. */
};

/** A repository, and its documents. Owns everything. All zero is a valid empty one. */
struct sut_remote {
	struct sut_tuf_source *source;
	struct sut_tuf_client *client; /**< Refreshed. */
	struct sut_release *releases;
	struct sut_rollout *rollouts;
	struct sut_revocation *revocations;
	struct sut_catalogue catalogue; /**< Borrows from the three. */
};

/** Refresh, and read all documents. */
sut_check struct sut_err *sut_remote_open(const struct sut_remote_place *place,
					  struct sut_remote *ret);
void sut_remote_close(struct sut_remote *remote);
