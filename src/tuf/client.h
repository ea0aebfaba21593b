// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A repository's reading side
 *
 * The client workflow of TUF 1.0.34, section 5. All that a source says is checked against what a
 * root of trust vouches for, which is given once (sut_tuf_client_trust()) and then kept in the
 * store:
 *
 *     STORE/root.json timestamp.json snapshot.json targets.json ROLE.json   trusted, as received
 *     STORE/seen      the latest time at which a refresh succeeded
 *     STORE/.lock     flock(2): one client at a time
 *
 * What fails leaves the store as it was, or as far as it could be trusted: the next refresh
 * begins where this one ended, also after a crash at any write.
 *
 * Expiry is judged by the later of the clock and the time in `seen`, so setting the clock back
 * does not revive what had expired. `seen` can never lie behind the expiry of what was valid then,
 * so a clock that ran ahead once locks nobody out for longer than until newer metadata appears.
 */

#include <stdbool.h>

#include "base/file.h"

struct sut_metadata;
struct sut_tuf_source;
struct sut_tuf_target;

/** An open client. Holds the store's lock and the metadata in memory. */
struct sut_tuf_client;

/** How to open one. What is 0 has a default. Borrows all; the source must outlive the client. */
struct sut_tuf_options {
	const char *store;             /**< A folder; made when it is not there. */
	struct sut_tuf_source *source; /**< NULL: only what is stored. */
	size_t max_root;               /**< Bytes of a root.json: 512 KiB. */
	size_t max_timestamp;          /**< 64 KiB. */
	size_t max_snapshot;           /**< 4 MiB. */
	size_t max_targets;            /**< Of targets.json and each ROLE.json: 16 MiB. */
	uint64_t max_target;           /**< Of a file, whatever metadata says: 1 GiB. */
	unsigned int max_roots;        /**< New versions of root in one refresh: 1024. */
	unsigned int max_visits;       /**< Roles that a search for a path looks at: 32. */
};

/** Where a client stands. */
struct sut_tuf_state {
	int64_t root, timestamp, snapshot, targets; /**< Versions, 0 when not loaded. */
	int64_t expires;      /**< When the first of these four expires; seconds since 1970. */
	int64_t clock_behind; /**< Seconds that the clock is behind the latest time seen, or 0. */
};

/** Put the first root of trust into a store. When there is one already it stays, unless
 *  @p root has a higher version. SUT_E_UNTRUSTED when it is not signed by its own keys. */
sut_check struct sut_err *sut_tuf_client_trust(const char *store, struct sut_view root);

/** Open a store. SUT_E_USAGE when it has no root of trust. */
sut_check struct sut_err *sut_tuf_client_open(const struct sut_tuf_options *options,
					      struct sut_tuf_client **ret);
void sut_tuf_client_close(struct sut_tuf_client *client);

static inline void sut_tuf_client_closep(struct sut_tuf_client **client)
{
	sut_tuf_client_close(*client);
}

/** Bring root, timestamp, snapshot and targets up to date. SUT_E_UNTRUSTED when an attack is
 *  seen, SUT_E_EXPIRED for an old state, SUT_E_NETWORK, SUT_E_OS for a full disk, SUT_E_FORMAT.
 *  Views and targets that were got before are invalid then. */
sut_check struct sut_err *sut_tuf_client_refresh(struct sut_tuf_client *client);

/** Take what is stored as it is: signatures are checked, expiry is not, nothing is fetched. For a
 *  machine that starts without network and goes on with what it trusted. SUT_E_USAGE when a
 *  refresh never succeeded. */
sut_check struct sut_err *sut_tuf_client_resume(struct sut_tuf_client *client);

/** Where it stands. */
void sut_tuf_client_state(const struct sut_tuf_client *client, struct sut_tuf_state *ret);

/** Load a role that targets delegates to. Borrowed until the next refresh. */
sut_check struct sut_err *sut_tuf_client_role(struct sut_tuf_client *client, const char *role,
					      const struct sut_metadata **ret);

/** All files that @p role (one that targets delegates to, or targets) speaks for, sorted by path:
 *  what it lists and a search for the path would find there. @p ret is the caller's, to free();
 *  what it holds is borrowed until the next refresh. */
sut_check struct sut_err *sut_tuf_client_list(struct sut_tuf_client *client, const char *role,
					      struct sut_tuf_target **ret, size_t *n_ret);

/** Search for a path, in the order of the delegations. @p found tells whether it is there. */
sut_check struct sut_err *sut_tuf_client_find(struct sut_tuf_client *client, const char *path,
					      struct sut_tuf_target *ret, bool *found);

/** Fetch a file into memory, and check it. Over @p limit bytes is SUT_E_UNSUPPORTED. */
sut_check struct sut_err *sut_tuf_client_get(struct sut_tuf_client *client,
					     const struct sut_tuf_target *target, size_t limit,
					     struct sut_file *ret);

/** Fetch a file into @p folder, below which it has the target's path; nothing is fetched when it
 *  is there already and is right. The file appears only when it was checked. */
sut_check struct sut_err *sut_tuf_client_download(struct sut_tuf_client *client,
						  const struct sut_tuf_target *target,
						  const char *folder);

/** Tells of a target whether it is wanted. */
typedef bool (*sut_tuf_want)(void *context, const struct sut_tuf_target *target);

/**
 * Copy what another client needs into @p folder, laid out as a repository: all roots, the
 * refreshed metadata with these roles (NULL at the end), and of their files those that @p want
 * wants (all when it is NULL). timestamp.json comes last, then what is needed no more goes. It
 * needs the source, and a refresh before.
 */
sut_check struct sut_err *sut_tuf_client_mirror(struct sut_tuf_client *client,
						const char *const *roles, sut_tuf_want want,
						void *context, const char *folder);
