// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Signed metadata
 *
 * The four kinds of files of TUF 1.0.34 (section 4) as models that later code can trust: what
 * sut_metadata_init() took has the right types, versions, times and no key id twice. Whether it
 * is *signed* by whom it must be is another question, which sut_metadata_verify() answers.
 *
 *     root ───┬─► who signs timestamp, snapshot, targets and root itself
 *     timestamp ─► version of snapshot ─► versions of targets and of all delegated roles
 *     targets ─┬─► size and digests of files
 *              └─► delegations: who signs which paths
 *
 * Unknown members stay where they are: they are signed too.
 */

#include "base/hash.h"
#include "base/json.h"

enum sut_metadata_type {
	SUT_METADATA_ROOT,
	SUT_METADATA_TIMESTAMP,
	SUT_METADATA_SNAPSHOT,
	SUT_METADATA_TARGETS, /**< The top one and the delegated ones. */
};

/** The name of a type, as in "_type": "root", … */
const char *sut_metadata_type_name(enum sut_metadata_type type);

/** A metadata file. Owns its JSON. */
struct sut_metadata {
	json_t *envelope; /**< Owned: "signed" and "signatures". */
	json_t *body;     /**< Borrowed: "signed". */
	enum sut_metadata_type type;
	int64_t version; /**< From 1 on. */
	int64_t expires; /**< Seconds since 1970. */
};

/** Who may sign a role. Borrows from the metadata that says so. */
struct sut_tuf_role {
	const char *name;
	const json_t *keys;   /**< Object: key id → key. */
	const json_t *keyids; /**< Array of texts, none twice. */
	int64_t threshold;    /**< So many different keys, at least 1. */
};

/** What is known of a file before it is read. Borrows. */
struct sut_tuf_expected {
	int64_t version;    /**< 0 for a target. */
	int64_t size;       /**< In bytes, -1 when it is not said. */
	const char *sha256; /**< Hex, or NULL. */
	const char *sha512; /**< Hex, or NULL. */
	bool has_digests;   /**< Some digest is given, perhaps of a kind that we don't know. */
};

/** A file that targets metadata describes. Borrows from it. */
struct sut_tuf_target {
	const char *path;
	struct sut_tuf_expected file;
	const json_t *custom; /**< An object, or NULL. */
};

/** A delegation of paths to a role. Borrows from the metadata that has it. */
struct sut_tuf_delegation {
	struct sut_tuf_role role;
	bool is_terminating;    /**< What it covers, no later delegation can say. */
	const json_t *paths;    /**< Array of patterns, or NULL. */
	const json_t *prefixes; /**< Array of prefixes of the SHA-256 of a path, or NULL. */
};

/** Parse and check a file of @p type. SUT_E_FORMAT, or SUT_E_UNSUPPORTED for another major
 *  version of the specification. On failure @p ret owns nothing. */
sut_check struct sut_err *sut_metadata_init(struct sut_view bytes, enum sut_metadata_type type,
					    struct sut_metadata *ret);
/** The same from JSON, whose reference is taken whatever happens. */
sut_check struct sut_err *sut_metadata_init_json(json_t *envelope, enum sut_metadata_type type,
						 struct sut_metadata *ret);
void sut_metadata_deinit(struct sut_metadata *metadata);

/** Who signs @p name, as @p delegator (root or targets) says; false when it does not. */
bool sut_metadata_role(const struct sut_metadata *delegator, const char *name,
		       struct sut_tuf_role *ret);

/** How many different keys of @p role have signed. */
sut_check struct sut_err *sut_metadata_count(const struct sut_metadata *metadata,
					     const struct sut_tuf_role *role, int64_t *ret);

/** SUT_E_UNTRUSTED unless as many different keys have signed as @p role wants. */
sut_check struct sut_err *sut_metadata_verify(const struct sut_metadata *metadata,
					      const struct sut_tuf_role *role);

/** What timestamp or snapshot metadata says of the metadata of role @p name; false if nothing. */
bool sut_metadata_expected(const struct sut_metadata *metadata, const char *name,
			   struct sut_tuf_expected *ret);

/** Find a file in targets metadata. */
bool sut_metadata_target(const struct sut_metadata *metadata, const char *path,
			 struct sut_tuf_target *ret);

/** The delegations of targets metadata, in their order. @p i is below the count. */
size_t sut_metadata_n_delegations(const struct sut_metadata *metadata);
void sut_metadata_delegation(const struct sut_metadata *metadata, size_t i,
			     struct sut_tuf_delegation *ret);

/** Does @p delegation speak of @p path? */
bool sut_tuf_delegation_covers(const struct sut_tuf_delegation *delegation, const char *path);

/** Does a path match a pattern? `*`, `?` and `[…]` do not match a `/`. */
bool sut_tuf_pattern_matches(const char *pattern, const char *path);

/** The name of a role's file, "hotpatches.json" or, with a @p version that is not 0,
 *  "7.hotpatches.json": the name is percent-encoded, so that it can neither leave its folder nor
 *  mean something in an address. @p ret is the caller's. */
sut_check struct sut_err *sut_tuf_file_name(const char *role, int64_t version, char **ret);

/** May this be a target's path: relative, no empty, `.` or `..` part, no control character? */
bool sut_tuf_path_is_safe(const char *path);

/** Where the bytes of the target @p path are below the folder of targets, in a repository with
 *  consistent snapshots: DIR/DIGEST.NAME. @p ret is the caller's. */
sut_check struct sut_err *sut_tuf_target_file(const char *path, const char *digest, char **ret);
