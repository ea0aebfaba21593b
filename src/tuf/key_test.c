// SPDX-License-Identifier: Apache-2.0
#include "tuf/key.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"
#include "tuf/signer.h"

static const struct sut_view message = { (const uint8_t *)"what is signed", 14 };

static json_t *key_json(const char *type, const char *scheme, const char *public)
{
	return json_pack("{s:s, s:s, s:{s:s}}", "keytype", type, "scheme", scheme, "keyval",
			 "public", public);
}

/** The public half in PEM, to free(). */
static char *pem_of(EVP_PKEY *pkey)
{
	char *text = NULL;
	BIO *bio = BIO_new(BIO_s_mem());

	EXPECT(PEM_write_bio_PUBKEY(bio, pkey) == 1);
	char *bytes;
	long size = BIO_get_mem_data(bio, &bytes);
	text = strndup(bytes, size);
	BIO_free_all(bio);
	return text;
}

/** Sign the message as others would; @p salt is the salt's length for RSA. */
static size_t sign(EVP_PKEY *pkey, int salt, uint8_t *ret, size_t size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;

	EXPECT(EVP_DigestSignInit(context, &how, EVP_sha256(), NULL, pkey) == 1);
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		EXPECT(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1);
		EXPECT(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, salt) == 1);
	}
	EXPECT(EVP_DigestSign(context, ret, &size, message.data, message.size) == 1);
	EVP_MD_CTX_free(context);
	return size;
}

/** @p json must verify a signature made with @p pkey, and none that differs in one bit. */
static void check_pair(const json_t *json, EVP_PKEY *pkey, int salt)
{
	struct sut_key key;
	uint8_t signature[1024];
	size_t size = sign(pkey, salt, signature, sizeof(signature));

	EXPECT_OK(sut_key_init(json, &key));
	EXPECT(sut_key_verify(&key, message, (struct sut_view){ signature, size }));
	signature[size / 2] ^= 1;
	EXPECT(!sut_key_verify(&key, message, (struct sut_view){ signature, size }));
	EXPECT(!sut_key_verify(&key, message, (struct sut_view){ signature, 0 }));
	sut_key_deinit(&key);
}

TEST(key, ecdsa_p256_verifies_what_openssl_signed)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	char *pem = pem_of(pkey);
	json_t *json = key_json("ecdsa", "ecdsa-sha2-nistp256", pem);
	json_t *old = key_json("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", pem);

	check_pair(json, pkey, 0);
	check_pair(old, pkey, 0);
	json_decref(json);
	json_decref(old);
	free(pem);
	EVP_PKEY_free(pkey);
}

TEST(key, rsa_pss_verifies_salts_of_either_usual_length)
{
	EVP_PKEY *pkey = EVP_RSA_gen(2048);
	char *pem = pem_of(pkey);
	json_t *json = key_json("rsa", "rsassa-pss-sha256", pem);

	check_pair(json, pkey, RSA_PSS_SALTLEN_DIGEST);
	check_pair(json, pkey, RSA_PSS_SALTLEN_MAX);
	json_decref(json);
	free(pem);
	EVP_PKEY_free(pkey);
}

/** A key that is well formed, and that we will not use. */
static void check_unknown(const char *type, const char *scheme, const char *public)
{
	uint8_t zeros[64] = { 0 };
	struct sut_key key;
	json_t *json = key_json(type, scheme, public);

	EXPECT_OK(sut_key_init(json, &key));
	EXPECT(key.kind == SUT_KEY_UNKNOWN);
	EXPECT(!sut_key_verify(&key, message, (struct sut_view){ zeros, sizeof(zeros) }));
	sut_key_deinit(&key);
	json_decref(json);
}

TEST(key, weak_and_foreign_keys_verify_nothing)
{
	EVP_PKEY *small = EVP_RSA_gen(1024), *other = EVP_EC_gen("P-384");
	char *small_pem = pem_of(small), *other_pem = pem_of(other);

	check_unknown("rsa", "rsassa-pss-sha256", small_pem);
	check_unknown("ecdsa", "ecdsa-sha2-nistp256", other_pem);
	check_unknown("rsa", "rsassa-pss-sha256", other_pem);
	check_unknown("rsa", "rsassa-pss-sha256", "-----BEGIN PUBLIC KEY-----\n");
	check_unknown("ed25519", "ed25519", "00");
	check_unknown("ed448", "ed448", "00");
	check_unknown("ed25519", "rsassa-pss-sha256", "00");
	free(small_pem);
	free(other_pem);
	EVP_PKEY_free(small);
	EVP_PKEY_free(other);
}

TEST(key, a_point_of_small_order_verifies_nothing)
{
	// The neutral element signs everything for a careless verifier.
	uint8_t signature[64] = { 1 };
	struct sut_key key;
	json_t *json = key_json("ed25519", "ed25519",
				"0100000000000000000000000000000000000000000000000000000000000000");

	EXPECT_OK(sut_key_init(json, &key));
	EXPECT(!sut_key_verify(&key, message, (struct sut_view){ signature, sizeof(signature) }));
	sut_key_deinit(&key);
	json_decref(json);
}

TEST(key, is_the_same_key_however_it_is_spelt)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	char *pem = pem_of(pkey), *spaced;
	struct sut_key a, b;

	EXPECT(asprintf(&spaced, "A comment before it.\n%s\n\n", pem) > 0);
	json_t *one = key_json("ecdsa", "ecdsa-sha2-nistp256", pem);
	json_t *two = key_json("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", spaced);
	EXPECT_OK(sut_key_init(one, &a));
	EXPECT_OK(sut_key_init(two, &b));
	EXPECT(memcmp(&a.identity, &b.identity, sizeof(a.identity)) == 0);
	sut_key_deinit(&a);
	sut_key_deinit(&b);
	json_decref(one);
	json_decref(two);
	free(pem);
	free(spaced);
	EVP_PKEY_free(pkey);
}

TEST(key, refuses_an_object_that_is_no_key)
{
	struct sut_key key;
	json_t *json = json_pack("{s:s}", "keytype", "ed25519");

	EXPECT_ERR(sut_key_init(json, &key), SUT_E_FORMAT, "no keytype, scheme or keyval");
	json_decref(json);
}

static char *temporary_path(void)
{
	char *path;
	char folder[] = "/tmp/suture-key-XXXXXX";

	EXPECT(mkdtemp(folder) != NULL);
	EXPECT(asprintf(&path, "%s/k.key", folder) > 0);
	return path;
}

static void remove_with_folder(char *path)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	EXPECT(rmdir(path) == 0); // no temporary file was left either
	free(path);
}

TEST(signer, a_key_file_opens_with_its_passphrase_only)
{
	struct sut_signer *made, *read;
	char *path = temporary_path();
	uint8_t first[64], second[64];
	struct stat st;
	bool needs;

	EXPECT_OK(sut_signer_new(&made));
	EXPECT_OK(sut_signer_write(made, path, "correct horse"));
	EXPECT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	EXPECT_OK(sut_signer_needs_passphrase(path, &needs));
	EXPECT(needs);
	EXPECT_ERR(sut_signer_read(path, "wrong", &read), SUT_E_DENIED, "wrong passphrase");
	EXPECT_ERR(sut_signer_read(path, NULL, &read), SUT_E_USAGE, "needs its passphrase");
	EXPECT_OK(sut_signer_read(path, "correct horse", &read));
	EXPECT(strcmp(sut_signer_id(made), sut_signer_id(read)) == 0);
	sut_signer_sign(made, message, first);
	sut_signer_sign(read, message, second);
	EXPECT(memcmp(first, second, sizeof(first)) == 0);
	EXPECT_ERR(sut_signer_write(read, path, NULL), SUT_E_USAGE, "is there already");
	sut_signer_free(made);
	sut_signer_free(read);
	remove_with_folder(path);
}

TEST(signer, what_it_signs_its_public_key_verifies)
{
	struct sut_signer *signer;
	struct sut_key key;
	uint8_t signature[64];

	EXPECT_OK(sut_signer_new(&signer));
	EXPECT_OK(sut_key_init(sut_signer_public(signer), &key));
	sut_signer_sign(signer, message, signature);
	EXPECT(sut_key_verify(&key, message, (struct sut_view){ signature, 64 }));
	signature[0] ^= 1;
	EXPECT(!sut_key_verify(&key, message, (struct sut_view){ signature, 64 }));
	sut_key_deinit(&key);
	sut_signer_free(signer);
}

TEST(signer, a_file_without_passphrase_must_be_private)
{
	struct sut_signer *made, *read;
	char *path = temporary_path();

	EXPECT_OK(sut_signer_new(&made));
	EXPECT_OK(sut_signer_write(made, path, NULL));
	EXPECT_OK(sut_signer_read(path, NULL, &read));
	sut_signer_free(read);
	EXPECT(chmod(path, 0640) == 0);
	EXPECT_ERR(sut_signer_read(path, NULL, &read), SUT_E_DENIED, "others may read it");
	sut_signer_free(made);
	remove_with_folder(path);
}

TEST(signer, refuses_every_truncation_and_every_changed_byte_of_a_key_file)
{
	struct sut_signer *made, *read;
	char *path = temporary_path();
	_cleanup_free_ char *text = malloc(4096);

	EXPECT_OK(sut_signer_new(&made));
	EXPECT_OK(sut_signer_write(made, path, NULL));
	int fd = open(path, O_RDONLY);
	ssize_t size = pread(fd, text, 4096, 0);
	close(fd);
	EXPECT(size > 100 && size < 4096);
	// The last byte is a line end, which JSON does not need.
	for (ssize_t n = 0; n < size - 1; n++) {
		struct sut_view cut = { (const uint8_t *)text, n };
		EXPECT_ERR(sut_signer_parse(cut, "key", NULL, &read), SUT_E_FORMAT, "key: ");
	}
	// Another seed is not the one of the public key in the file.
	char *seed = strstr(text, "\"seed\": \"");
	EXPECT(seed != NULL);
	seed[9] = seed[9] == '0' ? '1' : '0';
	struct sut_view changed = { (const uint8_t *)text, size };
	EXPECT_ERR(sut_signer_parse(changed, "key", NULL, &read), SUT_E_FORMAT, "different keys");
	sut_signer_free(made);
	remove_with_folder(path);
}
