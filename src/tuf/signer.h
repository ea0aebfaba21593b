// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Secret keys
 *
 * Suture makes and signs with ed25519 only. A key file is JSON; the 32 bytes of seed in it are
 * sealed (libsodium's secretbox: XSalsa20, Poly1305) under a key that argon2id derives from a
 * passphrase:
 *
 *     {"type": "suture-key", "version": 1,
 *      "public": {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": HEX}},
 *      "kdf": {"name": "argon2id", "operations": 3, "memory": 67108864, "salt": HEX},
 *      "box": {"nonce": HEX, "sealed": HEX}}
 *
 * Without a passphrase ("kdf" and "box" are left out, "seed" is there) only the file's mode
 * protects it: such a file is for a machine that signs on its own, and reading it is refused
 * when group or others may.
 */

#include "tuf/key.h"

/** A key pair. The secret half stands in memory that libsodium locks and wipes. */
struct sut_signer;

/** Make a new one from the kernel's randomness. */
sut_check struct sut_err *sut_signer_new(struct sut_signer **ret);
void sut_signer_free(struct sut_signer *signer);

static inline void sut_signer_freep(struct sut_signer **signer)
{
	sut_signer_free(*signer);
}

/** Write a key file; an existing one is never overwritten (SUT_E_USAGE). @p passphrase may be
 *  NULL: see above. */
sut_check struct sut_err *sut_signer_write(const struct sut_signer *signer, const char *path,
					   const char *passphrase);

/** Read a key file. A wrong passphrase is SUT_E_DENIED, NULL for a file that needs one is
 *  SUT_E_USAGE. */
sut_check struct sut_err *sut_signer_read(const char *path, const char *passphrase,
					  struct sut_signer **ret);

/** The same from bytes; @p name for errors. */
sut_check struct sut_err *sut_signer_parse(struct sut_view bytes, const char *name,
					   const char *passphrase, struct sut_signer **ret);

/** Does this key file need a passphrase? Reads only its outside, so that a program can ask for
 *  the passphrase only where it must. */
sut_check struct sut_err *sut_signer_needs_passphrase(const char *path, bool *ret);

/** The public key in a key file, without the passphrase. @p ret is the caller's. */
sut_check struct sut_err *sut_signer_public_of(const char *path, json_t **ret);

/** The id of its public key. Borrowed. */
const char *sut_signer_id(const struct sut_signer *signer);

/** Its public key as TUF writes it. Borrowed. */
const json_t *sut_signer_public(const struct sut_signer *signer);

/** Sign @p message. */
void sut_signer_sign(const struct sut_signer *signer, struct sut_view message,
		     uint8_t ret[SUT_ED25519_SIGNATURE]);
