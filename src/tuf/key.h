// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Public keys
 *
 * The three kinds of TUF 1.0 (section 4.2, "key objects"): ed25519 (verified by libsodium,
 * which refuses points of small order), ECDSA over P-256 and RSA-PSS with SHA-256 (verified by
 * OpenSSL). A key of another kind, or one whose value makes no sense, is not an error: it is in
 * the metadata of others and verifies nothing.
 */

#include "base/hash.h"
#include "base/json.h"

#define SUT_ED25519_PUBLIC    32
#define SUT_ED25519_SIGNATURE 64

/** Characters of a key id with its NUL. */
#define SUT_KEY_ID 65

enum sut_key_kind {
	SUT_KEY_UNKNOWN, /**< Verifies nothing. */
	SUT_KEY_ED25519,
	SUT_KEY_ECDSA_P256,
	SUT_KEY_RSA_PSS,
};

/** A public key. Owns OpenSSL's object. */
struct sut_key {
	enum sut_key_kind kind;
	/** SHA-256 of the numbers that are the key. Thresholds count these: the same key under
	 *  two ids, or in two spellings, is one key. Zero when unknown. */
	struct sut_sha256 identity;
	uint8_t ed25519[SUT_ED25519_PUBLIC];
	struct evp_pkey_st *pkey; /**< Owned; NULL for ed25519. */
};

/** Read the object {"keytype", "scheme", "keyval": {"public"}}. SUT_E_FORMAT when these are
 *  not there. */
sut_check struct sut_err *sut_key_init(const json_t *json, struct sut_key *ret);
void sut_key_deinit(struct sut_key *key);

/** Is @p signature one of @p message by this key? */
bool sut_key_verify(const struct sut_key *key, struct sut_view message, struct sut_view signature);

/** The id that TUF gives to a key object: SHA-256 of its canonical form, in hex. */
sut_check struct sut_err *sut_key_id(const json_t *json, char ret[SUT_KEY_ID]);
