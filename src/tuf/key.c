// SPDX-License-Identifier: Apache-2.0
#include "tuf/key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "tuf/canonical.h"
#include "tuf/digest.h"

/** The kinds by the names that metadata has for them. The second name of ECDSA is an old one
 *  that published repositories still carry. */
static const struct {
	const char *type, *scheme;
	enum sut_key_kind kind;
} kinds[] = {
	{ "ed25519", "ed25519", SUT_KEY_ED25519 },
	{ "ecdsa", "ecdsa-sha2-nistp256", SUT_KEY_ECDSA_P256 },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", SUT_KEY_ECDSA_P256 },
	{ "rsa", "rsassa-pss-sha256", SUT_KEY_RSA_PSS },
};

static enum sut_key_kind kind_of(const char *type, const char *scheme)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(type, kinds[i].type) == 0 && strcmp(scheme, kinds[i].scheme) == 0)
			return kinds[i].kind;
	return SUT_KEY_UNKNOWN;
}

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(BIGNUM *, BN_free)

static EVP_PKEY *read_pem(const char *text)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(text, -1);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	return pkey;
}

/** Add one of the numbers that are the key to @p numbers, with its size before it. */
static struct sut_err *add_number(const EVP_PKEY *pkey, const char *name, struct sut_buf *numbers)
{
	_cleanup_(BN_freep) BIGNUM *number = NULL;

	if (!EVP_PKEY_get_bn_param(pkey, name, &number))
		return sut_err_nomem();
	uint32_t size = BN_num_bytes(number);
	struct sut_err *err = sut_buf_add(numbers, &size, sizeof(size));
	if (!err)
		err = sut_buf_zeros(numbers, size);
	if (!err)
		BN_bn2bin(number, numbers->data + numbers->size - size);
	return err;
}

// Not a digest of the PEM text: the same key can be spelt in many ways.
static struct sut_err *identify(struct sut_key *key)
{
	_cleanup_(sut_buf_deinit) struct sut_buf numbers = { 0 };
	bool is_ec = key->kind == SUT_KEY_ECDSA_P256;
	struct sut_err *err;

	if (key->kind == SUT_KEY_ED25519)
		return sut_sha256((struct sut_view){ key->ed25519, sizeof(key->ed25519) },
				  &key->identity);
	err = add_number(key->pkey, is_ec ? OSSL_PKEY_PARAM_EC_PUB_X : OSSL_PKEY_PARAM_RSA_N,
			 &numbers);
	if (!err)
		err = add_number(key->pkey,
				 is_ec ? OSSL_PKEY_PARAM_EC_PUB_Y : OSSL_PKEY_PARAM_RSA_E,
				 &numbers);
	if (!err)
		err = sut_sha256(sut_buf_view(&numbers), &key->identity);
	return err;
}

static bool is_p256(const EVP_PKEY *pkey)
{
	char group[32];

	return EVP_PKEY_is_a(pkey, "EC") &&
	       EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) &&
	       strcmp(group, SN_X9_62_prime256v1) == 0;
}

// At least 2048 bits says the specification; the upper bound keeps a check cheap.
static bool is_good_rsa(const EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_get_bits(pkey);

	return EVP_PKEY_is_a(pkey, "RSA") && bits >= 2048 && bits <= 16384;
}

/** Read the value; a key that makes no sense becomes an unknown one. */
static void read_value(const char *text, struct sut_key *key)
{
	bool good;

	if (key->kind == SUT_KEY_ED25519) {
		good = sut_unhex(text, sizeof(key->ed25519), key->ed25519);
	} else {
		key->pkey = read_pem(text);
		good = key->pkey && (key->kind == SUT_KEY_ECDSA_P256 ? is_p256(key->pkey)
								     : is_good_rsa(key->pkey));
	}
	if (!good)
		key->kind = SUT_KEY_UNKNOWN;
}

struct sut_err *sut_key_init(const json_t *json, struct sut_key *ret)
{
	const char *type = sut_json_member(json, "keytype");
	const char *scheme = sut_json_member(json, "scheme");
	const json_t *value = json_object_get(json, "keyval");

	if (!type || !scheme || !json_is_object(value))
		return sut_err(SUT_E_FORMAT, "a key has no keytype, scheme or keyval");

	_cleanup_(sut_key_deinit) struct sut_key key = { .kind = kind_of(type, scheme) };
	const char *text = sut_json_member(value, "public");
	if (key.kind != SUT_KEY_UNKNOWN && !text)
		return sut_err(SUT_E_FORMAT, "a key has no public value");
	if (key.kind != SUT_KEY_UNKNOWN)
		read_value(text, &key);
	if (key.kind != SUT_KEY_UNKNOWN) {
		struct sut_err *err = identify(&key);
		if (err)
			return err;
	}
	*ret = key;
	key = (struct sut_key){ 0 };
	return NULL;
}

void sut_key_deinit(struct sut_key *key)
{
	EVP_PKEY_free(key->pkey);
	*key = (struct sut_key){ 0 };
}

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static bool verify_with_openssl(const struct sut_key *key, struct sut_view message,
				struct sut_view signature)
{
	_cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;

	bool good =
		context && EVP_DigestVerifyInit(context, &how, EVP_sha256(), NULL, key->pkey) == 1;
	// The salt's length is the signer's choice: the usual libraries differ in it.
	if (good && key->kind == SUT_KEY_RSA_PSS)
		good = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_AUTO) == 1 &&
		       EVP_PKEY_CTX_set_rsa_mgf1_md(how, EVP_sha256()) == 1;
	good = good && EVP_DigestVerify(context, signature.data, signature.size, message.data,
					message.size) == 1;
	ERR_clear_error();
	return good;
}

bool sut_key_verify(const struct sut_key *key, struct sut_view message, struct sut_view signature)
{
	switch (key->kind) {
	case SUT_KEY_UNKNOWN:
		return false;
	case SUT_KEY_ED25519:
		return signature.size == SUT_ED25519_SIGNATURE && sodium_init() >= 0 &&
		       crypto_sign_verify_detached(signature.data, message.data, message.size,
						   key->ed25519) == 0;
	case SUT_KEY_ECDSA_P256:
	case SUT_KEY_RSA_PSS:
		return verify_with_openssl(key, message, signature);
	}
	return false;
}

struct sut_err *sut_key_id(const json_t *json, char ret[SUT_KEY_ID])
{
	_cleanup_(sut_buf_deinit) struct sut_buf canonical = { 0 };
	struct sut_sha256 digest;
	struct sut_err *err = sut_json_canonical(json, &canonical);

	if (!err)
		err = sut_sha256(sut_buf_view(&canonical), &digest);
	if (!err)
		sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, ret);
	return err;
}
