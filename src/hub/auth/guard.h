// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Passwords: hashed slowly, and few at a time
 *
 * argon2id with 64 MiB makes guessing dear, for us too: only some run at once, and some
 * more wait. Who fails often is told to wait, by name and by address.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

/** Room for a hash as text, with its NUL: crypto_pwhash_STRBYTES. */
#define SUT_PASSWORD_SIZE 128

/** Bytes of a password. */
enum { SUT_PASSWORD_LEAST = 8, SUT_PASSWORD_MOST = 1024 };

struct sut_guard;

sut_check struct sut_err *sut_guard_new(struct sut_guard **ret);
void sut_guard_free(struct sut_guard *guard);
DEFINE_CLEANUP(struct sut_guard *, sut_guard_free)

/** Hash @p password. SUT_E_BUSY when too many wait already. */
sut_check struct sut_err *sut_guard_hash(struct sut_guard *guard, const char *password,
					 char ret[SUT_PASSWORD_SIZE]);

/** Is @p password the one of @p hash? NULL is nobody's hash: it takes as long, and it is not.
 *  SUT_E_BUSY when too many wait already. */
sut_check struct sut_err *sut_guard_check(struct sut_guard *guard, const char *password,
					  const char *hash, bool *ret);

/** For how many seconds @p key (a name, an address, or both) has to wait before it may try
 *  again, @p most (seconds) after its last failure at the latest; 0: it may. @p now in
 *  microseconds. */
int64_t sut_guard_wait(struct sut_guard *guard, const char *key, int64_t most, int64_t now);
/** It failed; or it is known now. */
void sut_guard_note(struct sut_guard *guard, const char *key, int64_t now, bool is_good);
