// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Secrets and names
 *
 * A secret is given out once; what is kept of it is its digest, which is enough
 * to know it again: 256 random bits need no slow hash.
 */

#include <stdbool.h>

#include "base/err.h"

/** Room for a secret as text (256 random bits in base64url), with its NUL. */
#define SUT_SECRET_SIZE 44
/** Room for a SHA-256 in hex, with its NUL. */
#define SUT_DIGEST_SIZE 65

/** Make a secret nobody can guess. sodium_init() was called. */
void sut_secret_make(char ret[SUT_SECRET_SIZE]);

/** The SHA-256 of @p text in hex. */
sut_check struct sut_err *sut_digest_text(const char *text, char ret[SUT_DIGEST_SIZE]);

/** Is @p text the name of an account or a ring: 1 to 64 letters, digits, dots, dashes and underscores,
 *  beginning with a letter or a digit? */
bool sut_word_check(const char *text);

/** Is @p text a host's name: 1 to 255 of the characters of a name? */
bool sut_host_check(const char *text);
