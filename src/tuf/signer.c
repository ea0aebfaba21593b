// SPDX-License-Identifier: Apache-2.0
#include "tuf/signer.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "tuf/canonical.h"
#include "tuf/folder.h"

static const size_t max_key_file = 65536;
/** What a new key file costs whoever tries passphrases: about 0.2 s and 64 MiB a try. */
static const unsigned long long kdf_operations = 3;
static const size_t kdf_memory = (size_t)64 << 20;

struct sut_signer {
	char id[SUT_KEY_ID];
	json_t *public;  /**< Owned. */
	uint8_t *secret; /**< Seed and public key, as crypto_sign() wants it; sodium_malloc(). */
};

static struct sut_err *start_sodium(void)
{
	return sodium_init() < 0 ? sut_err(SUT_E_OS, "libsodium finds no randomness") : NULL;
}

/** Text of @p size bytes in hex, as JSON. */
static json_t *hex_json(const uint8_t *bytes, size_t size)
{
	_cleanup_free_ char *text = malloc(2 * size + 1);

	if (!text)
		return NULL;
	sut_hex((struct sut_view){ bytes, size }, text);
	json_t *json = json_string(text);
	sodium_memzero(text, 2 * size);
	return json;
}

static struct sut_err *from_seed(const uint8_t seed[crypto_sign_SEEDBYTES], struct sut_signer **ret)
{
	_cleanup_(sut_signer_freep) struct sut_signer *signer = calloc(1, sizeof(*signer));
	uint8_t public[crypto_sign_PUBLICKEYBYTES];

	if (!signer)
		return sut_err_nomem();
	signer->secret = sodium_malloc(crypto_sign_SECRETKEYBYTES);
	if (!signer->secret)
		return sut_err_nomem();
	crypto_sign_seed_keypair(public, signer->secret, seed);
	signer->public = json_pack("{s:s, s:s, s:{s:o}}", "keytype", "ed25519", "scheme", "ed25519",
				   "keyval", "public", hex_json(public, sizeof(public)));
	if (!signer->public)
		return sut_err_nomem();
	struct sut_err *err = sut_key_id(signer->public, signer->id);
	if (err)
		return err;
	*ret = steal(signer);
	return NULL;
}

struct sut_err *sut_signer_new(struct sut_signer **ret)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	struct sut_err *err = start_sodium();

	if (err)
		return err;
	randombytes_buf(seed, sizeof(seed));
	err = from_seed(seed, ret);
	sodium_memzero(seed, sizeof(seed));
	return err;
}

void sut_signer_free(struct sut_signer *signer)
{
	if (!signer)
		return;
	sodium_free(signer->secret);
	json_decref(signer->public);
	free(signer);
}

static struct sut_err *derive(const char *passphrase, const uint8_t salt[crypto_pwhash_SALTBYTES],
			      unsigned long long operations, size_t memory,
			      uint8_t ret[crypto_secretbox_KEYBYTES])
{
	if (crypto_pwhash(ret, crypto_secretbox_KEYBYTES, passphrase, strlen(passphrase), salt,
			  operations, memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return sut_err(SUT_E_NOMEM, "argon2id needs %zu MiB of memory", memory >> 20);
	return NULL;
}

static json_t *add_sealed(json_t *json, const uint8_t *salt, const uint8_t *nonce,
			  const uint8_t *sealed, size_t size)
{
	json_t *kdf = json_pack("{s:s, s:I, s:I, s:o}", "name", "argon2id", "operations",
				(json_int_t)kdf_operations, "memory", (json_int_t)kdf_memory,
				"salt", hex_json(salt, crypto_pwhash_SALTBYTES));
	json_t *box = json_pack("{s:o, s:o}", "nonce", hex_json(nonce, crypto_secretbox_NONCEBYTES),
				"sealed", hex_json(sealed, size));

	return json_object_set_new(json, "kdf", kdf) < 0 ||
			       json_object_set_new(json, "box", box) < 0
		       ? NULL
		       : json;
}

static struct sut_err *seal(const uint8_t *seed, const char *passphrase, json_t *json)
{
	uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES];
	uint8_t key[crypto_secretbox_KEYBYTES];
	uint8_t sealed[crypto_secretbox_MACBYTES + crypto_sign_SEEDBYTES];

	randombytes_buf(salt, sizeof(salt));
	randombytes_buf(nonce, sizeof(nonce));
	struct sut_err *err = derive(passphrase, salt, kdf_operations, kdf_memory, key);
	if (err)
		return err;
	crypto_secretbox_easy(sealed, seed, crypto_sign_SEEDBYTES, nonce, key);
	sodium_memzero(key, sizeof(key));
	return add_sealed(json, salt, nonce, sealed, sizeof(sealed)) ? NULL : sut_err_nomem();
}

struct sut_err *sut_signer_write(const struct sut_signer *signer, const char *path,
				 const char *passphrase)
{
	_cleanup_(sut_draft_deinit) struct sut_draft draft = { .fd = -1 };
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	_cleanup_json_ json_t *json = json_pack("{s:s, s:i, s:O}", "type", "suture-key", "version",
						1, "public", signer->public);
	struct sut_err *err = NULL;

	if (!json)
		return sut_err_nomem();
	// crypto_sign()'s secret key begins with the seed.
	if (passphrase)
		err = seal(signer->secret, passphrase, json);
	else
		err = sut_json_set(json, "seed", hex_json(signer->secret, crypto_sign_SEEDBYTES));
	if (!err)
		err = sut_json_pretty(json, &text);
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder =
		slash ? strndup(path, slash == path ? 1 : slash - path) : strdup(".");
	if (!err && !folder)
		err = sut_err_nomem();
	if (!err)
		err = sut_draft_init(folder, slash ? slash + 1 : path, 0600, &draft);
	if (!err)
		err = sut_draft_add(&draft, sut_buf_view(&text));
	if (!err)
		err = sut_draft_keep(&draft, true);
	if (text.data)
		sodium_memzero(text.data, text.size);
	return err;
}

static bool unhex_member(const json_t *json, const char *key, uint8_t *ret, size_t size)
{
	const char *text = sut_json_member(json, key);

	return text && sut_unhex(text, size, ret);
}

// The costs come from the file: bounds keep a foreign one from taking the machine's memory.
static struct sut_err *unseal(const json_t *json, const char *name, const char *passphrase,
			      uint8_t seed[crypto_sign_SEEDBYTES])
{
	const json_t *kdf = json_object_get(json, "kdf"), *box = json_object_get(json, "box");
	json_int_t operations = json_integer_value(json_object_get(kdf, "operations"));
	json_int_t memory = json_integer_value(json_object_get(kdf, "memory"));
	const char *kind = sut_json_member(kdf, "name");
	uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES];
	uint8_t sealed[crypto_secretbox_MACBYTES + crypto_sign_SEEDBYTES];
	uint8_t key[crypto_secretbox_KEYBYTES];

	if (!kind || strcmp(kind, "argon2id") != 0 || operations < 1 || operations > 16 ||
	    memory < 8192 || memory > (json_int_t)1 << 30 ||
	    !unhex_member(kdf, "salt", salt, sizeof(salt)) ||
	    !unhex_member(box, "nonce", nonce, sizeof(nonce)) ||
	    !unhex_member(box, "sealed", sealed, sizeof(sealed)))
		return sut_err(SUT_E_FORMAT, "%s: not a key file of this version", name);
	if (!passphrase)
		return sut_err(SUT_E_USAGE, "%s: needs its passphrase", name);
	struct sut_err *err = derive(passphrase, salt, operations, memory, key);
	if (err)
		return sut_err_wrap(err, "%s", name);
	int wrong = crypto_secretbox_open_easy(seed, sealed, sizeof(sealed), nonce, key);
	sodium_memzero(key, sizeof(key));
	return wrong ? sut_err(SUT_E_DENIED, "%s: wrong passphrase", name) : NULL;
}

/** Parse a key file's outside. */
static struct sut_err *parse_outside(struct sut_view bytes, const char *name, json_t **ret)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_err *err = sut_json_parse(bytes, &json);

	if (err)
		return sut_err_wrap(err, "%s", name);
	const char *type = sut_json_member(json, "type");
	if (!type || strcmp(type, "suture-key") != 0 ||
	    json_integer_value(json_object_get(json, "version")) != 1 ||
	    !json_is_object(json_object_get(json, "public")))
		return sut_err(SUT_E_FORMAT, "%s: not a key file of this version", name);
	*ret = steal(json);
	return NULL;
}

struct sut_err *sut_signer_parse(struct sut_view bytes, const char *name, const char *passphrase,
				 struct sut_signer **ret)
{
	_cleanup_json_ json_t *json = NULL;
	uint8_t seed[crypto_sign_SEEDBYTES];
	struct sut_err *err = start_sodium();

	if (!err)
		err = parse_outside(bytes, name, &json);
	if (!err && json_object_get(json, "kdf"))
		err = unseal(json, name, passphrase, seed);
	else if (!err && !unhex_member(json, "seed", seed, sizeof(seed)))
		err = sut_err(SUT_E_FORMAT, "%s: not a key file of this version", name);
	if (err)
		return err;

	_cleanup_(sut_signer_freep) struct sut_signer *signer = NULL;
	err = from_seed(seed, &signer);
	sodium_memzero(seed, sizeof(seed));
	if (err)
		return err;
	if (!json_equal(signer->public, json_object_get(json, "public")))
		return sut_err(SUT_E_FORMAT, "%s: its two halves are of different keys", name);
	*ret = steal(signer);
	return NULL;
}

static struct sut_err *read_key_file(const char *path, struct sut_file *ret, mode_t *mode)
{
	struct stat st;
	bool found;
	struct sut_err *err =
		sut_folder_read(*path == '/' ? "" : ".", path, max_key_file, &found, ret);

	if (err)
		return err;
	if (!found || stat(path, &st) < 0)
		return sut_err(SUT_E_USAGE, "%s: there is no such key file", path);
	*mode = st.st_mode;
	return NULL;
}

static void wipe_file(struct sut_file *file)
{
	if (file->view.data)
		sodium_memzero((void *)file->view.data, file->view.size);
	sut_file_deinit(file);
}

struct sut_err *sut_signer_read(const char *path, const char *passphrase, struct sut_signer **ret)
{
	_cleanup_(wipe_file) struct sut_file file = { 0 };
	_cleanup_json_ json_t *json = NULL;
	mode_t mode;
	struct sut_err *err = read_key_file(path, &file, &mode);

	if (!err)
		err = parse_outside(file.view, path, &json);
	if (err)
		return err;
	if (!json_object_get(json, "kdf") && mode & 077)
		return sut_err(SUT_E_DENIED,
			       "%s: has no passphrase and others may read it; chmod 600 it", path);
	return sut_signer_parse(file.view, path, passphrase, ret);
}

struct sut_err *sut_signer_needs_passphrase(const char *path, bool *ret)
{
	_cleanup_(wipe_file) struct sut_file file = { 0 };
	_cleanup_json_ json_t *json = NULL;
	mode_t mode;
	struct sut_err *err = read_key_file(path, &file, &mode);

	if (!err)
		err = parse_outside(file.view, path, &json);
	if (!err)
		*ret = json_object_get(json, "kdf") != NULL;
	return err;
}

struct sut_err *sut_signer_public_of(const char *path, json_t **ret)
{
	_cleanup_(wipe_file) struct sut_file file = { 0 };
	_cleanup_json_ json_t *json = NULL;
	mode_t mode;
	struct sut_err *err = read_key_file(path, &file, &mode);

	if (!err)
		err = parse_outside(file.view, path, &json);
	if (!err)
		*ret = json_incref(json_object_get(json, "public"));
	return err;
}

const char *sut_signer_id(const struct sut_signer *signer)
{
	return signer->id;
}

const json_t *sut_signer_public(const struct sut_signer *signer)
{
	return signer->public;
}

void sut_signer_sign(const struct sut_signer *signer, struct sut_view message,
		     uint8_t ret[SUT_ED25519_SIGNATURE])
{
	crypto_sign_detached(ret, NULL, message.data, message.size, signer->secret);
}
