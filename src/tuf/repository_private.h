// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the files of the repository's writing side share
 */

#include "base/buf.h"
#include "tuf/metadata.h"
#include "tuf/repository.h"

/** A role whose metadata people sign: root, targets or a delegated one. */
struct sut_repository_entry {
	char *name; /**< Owned. */
	enum sut_metadata_type type;
	struct sut_metadata published; /**< Owned; envelope NULL when there is none. */
	struct sut_metadata staged;    /**< Owned; envelope NULL when there is none. */
};

struct sut_repository {
	char *path;     /**< Owned. */
	char *metadata; /**< Owned: the folder of that name in it, and so on. */
	char *targets;
	char *staged;
	char *staged_targets;
	int lock; /**< Descriptor that holds the lock. */
	/** Owned; root first, targets second, then the delegated ones. */
	struct sut_repository_entry *entries;
	size_t n_entries;
	struct sut_metadata snapshot;  /**< Owned; published; envelope NULL when there is none. */
	struct sut_metadata timestamp; /**< As above. */
};

/** Our member of the object that delegates to a role: for how many seconds its signatures hold. */
extern const char sut_repository_period[];

/** Names and lock of the repository in @p path, nothing read. */
sut_check struct sut_err *sut_repository_prepare(const char *path, struct sut_repository **ret);

/** Add a role without metadata, unless it is there. */
sut_check struct sut_err *sut_repository_add_entry(struct sut_repository *repository,
						   const char *name, enum sut_metadata_type type);

/** A role by name, or NULL. */
struct sut_repository_entry *sut_repository_find(const struct sut_repository *repository,
						 const char *role);

/** The same; an error when there is none. */
sut_check struct sut_err *sut_repository_entry(const struct sut_repository *repository,
					       const char *role, struct sut_repository_entry **ret);

/** The staged metadata, or else the published one; its envelope is NULL when both are missing. */
const struct sut_metadata *sut_repository_latest(const struct sut_repository_entry *entry);

/** Who may sign @p role by what is staged (@p is_staged; published where nothing is staged) or
 *  published; false when that delegates nothing to it. */
bool sut_repository_signers_of(const struct sut_repository *repository, const char *role,
			       bool is_staged, struct sut_tuf_role *ret);

/** Make a body of this type. @p ret is the caller's. */
sut_check struct sut_err *sut_repository_new_body(enum sut_metadata_type type, int64_t version,
						  int64_t period, json_t **ret);

/** The next version of @p role behind @p version of which no file is there. A crash may have left
 *  one that nothing names; some cache may have it, so that its name cannot be given to others. */
sut_check struct sut_err *sut_repository_next_version(const struct sut_repository *repository,
						      const char *role, int64_t version,
						      int64_t *ret);

/** The object in @p delegator (root or targets) that says who signs @p role, or NULL. Borrowed. */
json_t *sut_repository_role_object(const struct sut_metadata *delegator, const char *role);

/** For how many seconds a new signature of @p role holds. */
int64_t sut_repository_period_of(const struct sut_repository *repository, const char *role);

/** Begin to change a role: copy what is published as the next version, or drop the signatures of
 *  what is staged; the expiry is counted from now. The caller changes @p ret, the body, which the
 *  entry owns, and then calls sut_repository_save(). */
sut_check struct sut_err *sut_repository_stage(const struct sut_repository *repository,
					       struct sut_repository_entry *entry, json_t **ret);

/** Check and write the staged metadata. */
sut_check struct sut_err *sut_repository_save(struct sut_repository *repository,
					      struct sut_repository_entry *entry);

/** Check that @p key is a public key which can verify; @p ret becomes its id. SUT_E_USAGE. */
sut_check struct sut_err *sut_repository_check_key(const json_t *key, char ret[65]);

/** Add a signature of @p body for each signer that is a key of @p role to @p envelope, in the
 *  place of an older one of the same key. @p n_ret counts those that were not there. */
sut_check struct sut_err *sut_repository_sign_body(json_t *envelope,
						   const struct sut_signer *const *signers,
						   size_t n_signers,
						   const struct sut_tuf_role *role, size_t *n_ret);

/** The file below targets/ of @p target, whose @p entry in the metadata has its digests. @p ret is
 *  the caller's. */
sut_check struct sut_err *sut_repository_file_of(const char *target, const json_t *entry,
						 char **ret);
