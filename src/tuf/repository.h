// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A repository's writing side
 *
 *     REPO/metadata/   N.root.json N.targets.json N.ROLE.json N.snapshot.json timestamp.json
 *     REPO/targets/    DIR/SHA256.NAME                       } what a web server serves
 *     REPO/staged/     ROLE.json, targets/DIR/SHA256.NAME    changes that are not published
 *     REPO/.lock       flock(2): one process at a time
 *
 * A change goes through three steps, which may be days and machines apart:
 *
 *     add, remove, keys, renew ──► staged/ROLE.json, without signatures
 *     sign (several people)    ──► the same with signatures
 *     publish                  ──► metadata/, snapshot, and timestamp.json last
 *
 * Published files are never changed, only timestamp.json is replaced. So a crash at any write
 * leaves the repository that clients saw before, and publishing again completes it.
 *
 * Timestamp and snapshot are made and signed by sut_repository_publish(); their keys are on line.
 */

#include "base/file.h"
#include "base/json.h"

struct sut_signer;

/** An open, locked repository. */
struct sut_repository;

/** A role of a repository that is being made. Borrows all. */
struct sut_repository_role {
	const char *name;          /**< "root", "targets", "hotpatches", … */
	const json_t *const *keys; /**< Public keys, as sut_signer_public() gives them. */
	size_t n_keys;
	int64_t threshold;        /**< So many of them must sign. */
	int64_t period;           /**< Seconds after which a signature expires. */
	const char *const *paths; /**< Patterns of target paths, NULL at the end; NULL for the
				       four top roles. They must not overlap between roles. */
};

/** The state of a role, for people. Borrows from the repository until it changes. */
struct sut_repository_row {
	const char *name;
	int64_t version;        /**< Published, 0 when never. */
	int64_t expires;        /**< Of the published one; seconds since 1970. */
	int64_t staged_version; /**< 0 when nothing is staged. */
	int64_t staged_expires;
	int64_t n_signed; /**< Keys that have signed what is staged (or else the published). */
	int64_t threshold;
	size_t n_keys; /**< That may sign. */
	size_t n_targets;
};

/** Make a repository in @p path, a folder that is empty or not there yet. Root, targets, snapshot
 *  and timestamp must be among the roles. All is staged; nothing is published yet. */
sut_check struct sut_err *
sut_repository_create(const char *path, const struct sut_repository_role *roles, size_t n_roles);

/** Open and lock; waits up to 30 s for another process (then SUT_E_BUSY). */
sut_check struct sut_err *sut_repository_open(const char *path, struct sut_repository **ret);
void sut_repository_close(struct sut_repository *repository);

static inline void sut_repository_closep(struct sut_repository **repository)
{
	sut_repository_close(*repository);
}

/** The state of all roles: root, targets, the delegated ones in their order, snapshot, timestamp.
 *  @p ret is the caller's, to free(). */
sut_check struct sut_err *sut_repository_rows(struct sut_repository *repository,
					      struct sut_repository_row **ret, size_t *n_ret);

/** The "signed" part of a role's metadata: what is staged, or with @p is_published (or when
 *  nothing is staged) what clients see; NULL when there is none. Borrowed until the next change. */
const json_t *sut_repository_body(const struct sut_repository *repository, const char *role,
				  bool is_published);

/** The targets of a role: an object, path → {"length", "hashes", "custom"}. As above. */
const json_t *sut_repository_targets(const struct sut_repository *repository, const char *role,
				     bool is_published);

/** Stage a file: @p path becomes @p bytes, @p custom (an object, borrowed; or NULL) is signed with
 *  it. SUT_E_USAGE when the role does not speak for the path. Adding what is there already with
 *  the same custom changes nothing. */
sut_check struct sut_err *sut_repository_add(struct sut_repository *repository, const char *role,
					     const char *path, struct sut_view bytes,
					     const json_t *custom);

/** Stage that @p path is no more. @p was_there may be NULL. */
sut_check struct sut_err *sut_repository_remove(struct sut_repository *repository, const char *role,
						const char *path, bool *was_there);

/** Read a file of the repository, staged or published. SUT_E_USAGE when @p role has none. */
sut_check struct sut_err *sut_repository_read(struct sut_repository *repository, const char *role,
					      const char *path, struct sut_file *ret);

/** Stage the role anew, with a later expiry. Snapshot and timestamp are renewed by publishing. */
sut_check struct sut_err *sut_repository_renew(struct sut_repository *repository, const char *role);

/** Stage another key of a role; its threshold becomes @p threshold when that is not 0. What is
 *  staged is root (for the four top roles) or targets; a delegated role or targets, whose
 *  published signatures would no longer do, is staged anew as well. */
sut_check struct sut_err *sut_repository_add_key(struct sut_repository *repository,
						 const char *role, const json_t *key,
						 int64_t threshold);
/** Stage that a key is no more of a role. Refused (SUT_E_USAGE) when fewer than the threshold
 *  would be left. */
sut_check struct sut_err *sut_repository_remove_key(struct sut_repository *repository,
						    const char *role, const char *key_id,
						    int64_t threshold);

/** Sign everything that is staged and that these keys may sign; @p n_ret counts new signatures.
 *  @p roles (NULL at the end; NULL for all) restricts it. */
sut_check struct sut_err *sut_repository_sign(struct sut_repository *repository,
					      const struct sut_signer *const *signers,
					      size_t n_signers, const char *const *roles,
					      size_t *n_ret);

/** Write the staged metadata of @p role to a file, to sign it on another machine. */
sut_check struct sut_err *sut_repository_export(struct sut_repository *repository, const char *role,
						const char *file);
/** Take over the valid signatures of such a file; the staged metadata must still be the same
 *  (SUT_E_MISMATCH). @p n_ret counts new ones. */
sut_check struct sut_err *sut_repository_import(struct sut_repository *repository, const char *file,
						size_t *n_ret);
/** Sign an exported file in place, without a repository. */
sut_check struct sut_err *sut_repository_sign_file(const char *file,
						   const struct sut_signer *const *signers,
						   size_t n_signers);

/**
 * Publish what is staged: all of it, or only @p roles (NULL at the end). SUT_E_USAGE, and nothing
 * is changed, when a signature is missing; the text says whose. @p signers need the keys of
 * timestamp, and of snapshot when that changes.
 *
 * With nothing staged it renews the timestamp, and the snapshot when half of its time is over.
 *
 * When root changes keys of timestamp, snapshot or targets, give old and new keys: what is signed
 * by both is valid before and after the moment in which the new root appears. With the new ones
 * only, it works too, but clients that come in that moment fail and must try again.
 */
sut_check struct sut_err *sut_repository_publish(struct sut_repository *repository,
						 const struct sut_signer *const *signers,
						 size_t n_signers, const char *const *roles);

/** A file that no client needs any more. */
struct sut_repository_waste_file {
	char *path;    /**< Below the repository; owned. */
	uint64_t size; /**< In bytes. */
};

/** All of them, metadata first. Owns the list. All zero is a valid empty one. */
struct sut_repository_waste {
	struct sut_repository_waste_file *files;
	size_t n, capacity;
	uint64_t size; /**< Of all, in bytes. */
};

/**
 * Find what is old: versions of metadata other than root, before the @p n_keep ones that came
 * before what clients see now, and files that no metadata names which stays and nothing that is
 * staged. All versions of root stay: a client may know only the first. What was replaced at
 * @p before (seconds since 1970) or later stays too, since a client may be in the middle of it;
 * so does what is newer than what clients see, of a publishing that was interrupted, and every
 * file whose name is not one of ours.
 */
sut_check struct sut_err *sut_repository_waste_find(const struct sut_repository *repository,
						    size_t n_keep, int64_t before,
						    struct sut_repository_waste *ret);
void sut_repository_waste_deinit(struct sut_repository_waste *waste);

/** Remove it. Nothing that clients see leads to it, so it may end at any file. */
sut_check struct sut_err *sut_repository_waste_remove(const struct sut_repository *repository,
						      const struct sut_repository_waste *waste);
