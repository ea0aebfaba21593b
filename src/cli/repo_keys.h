// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A folder of key files, and their passphrase
 *
 *     KEYS/ROLE.key  KEYS/ROLE-2.key …
 */

#include "cli/repo_command.h"

struct sut_signer;

/** Secret keys. Owns them. All zero is a valid empty one. */
struct sut_repo_keys {
	struct sut_signer **list;
	size_t n, capacity;
	char *passphrase; /**< As it was read once; NULL: not yet. Wiped. */
};
void sut_repo_keys_deinit(struct sut_repo_keys *keys);

/** As sut_repository_sign() wants them. Borrowed. */
const struct sut_signer *const *sut_repo_signers(const struct sut_repo_keys *keys);

/** Load the keys in --keys of @p roles (NULL at the end). */
sut_check struct sut_err *sut_repo_keys_load(const struct sut_repo_call *call,
					     const char *const *roles, struct sut_repo_keys *keys);

/** Load the keys of all roles that have something staged and of those in @p more (NULL at
 *  the end; NULL: none). */
sut_check struct sut_err *sut_repo_keys_load_staged(const struct sut_repo_call *call,
						    const char *const *more,
						    struct sut_repo_keys *keys);

/** Make the key file number @p number (1: ROLE.key) unless it is there. @p public_ret is the
 *  caller's. @p was_made_ret tells which. With --dry-run nothing is written, and the public
 *  key is NULL. */
sut_check struct sut_err *sut_repo_keys_make(const struct sut_repo_call *call, const char *role,
					     int number, struct sut_repo_keys *keys,
					     json_t **public_ret, bool *was_made_ret);

/** How many key files of @p role there are: the highest number. */
sut_check struct sut_err *sut_repo_keys_count(const struct sut_repo_call *call, const char *role,
					      int *ret);

/** Read a passphrase, from --passphrase-file, the file that SUTURE_PASSPHRASE_FILE names, or
 *  the terminal, where it is asked twice if @p is_new. Kept in @p keys. */
sut_check struct sut_err *sut_repo_keys_passphrase(const struct sut_repo_call *call, bool is_new,
						   struct sut_repo_keys *keys);
