// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Digests: SHA-256 for identity and proof, a fast 64-bit hash for tables.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/view.h"

#define SUT_SHA256_SIZE 32

/** A SHA-256 digest (FIPS 180-4). */
struct sut_sha256 {
	uint8_t bytes[SUT_SHA256_SIZE];
};

/** Digest @p bytes. */
sut_check struct sut_err *sut_sha256(struct sut_view bytes,
				     struct sut_sha256 *ret);

/** Hash @p size bytes at @p data into @p seed (FNV-1a, 64 bits). Not for
 *  anything an attacker may choose: only for tables whose hits are compared. */
uint64_t sut_hash(uint64_t seed, const void *data, size_t size);

/** Where sut_hash() starts. */
#define SUT_HASH_SEED UINT64_C(0xcbf29ce484222325)

/** Write @p bytes as lower-case hex with a final NUL: @p ret has room for
 *  2 * size + 1 characters. */
void sut_hex(struct sut_view bytes, char *ret);

/** Read a whole text of hex digits in either case that makes exactly @p size bytes.
 *  False, and @p ret untouched, for anything else. */
bool sut_unhex(const char *text, size_t size, uint8_t *ret);
