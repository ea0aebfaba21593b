// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The two digests that TUF metadata names: SHA-256 and SHA-512, over bytes that come in pieces
 */

#include "base/err.h"
#include "base/view.h"

#define SUT_SHA512_SIZE 64

/** Both digests of the same bytes, in lower-case hex. */
struct sut_digests {
	char sha256[65];
	char sha512[2 * SUT_SHA512_SIZE + 1];
	uint64_t size; /**< Of the bytes. */
};

/** A computation under way. Owns OpenSSL's contexts. All zero is a valid one without any. */
struct sut_digesting {
	struct evp_md_ctx_st *sha256; /**< Owned. */
	struct evp_md_ctx_st *sha512; /**< Owned. */
	uint64_t size;                /**< Of the bytes so far. */
};

sut_check struct sut_err *sut_digesting_init(struct sut_digesting *ret);
void sut_digesting_deinit(struct sut_digesting *digesting);

/** Add the next bytes. */
sut_check struct sut_err *sut_digesting_add(struct sut_digesting *digesting, struct sut_view bytes);

/** The digests of all that was added; nothing can be added after that. */
sut_check struct sut_err *sut_digesting_end(struct sut_digesting *digesting,
					    struct sut_digests *ret);

/** All of this for bytes in memory. */
sut_check struct sut_err *sut_digests_of(struct sut_view bytes, struct sut_digests *ret);
