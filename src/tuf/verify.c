// SPDX-License-Identifier: Apache-2.0
#include "tuf/metadata.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "tuf/canonical.h"
#include "tuf/key.h"

/** The identities of the keys that have signed. Owns them. */
struct signers {
	struct sut_sha256 *identities;
	size_t n;
};

static void free_signers(struct signers *signers)
{
	free(signers->identities);
}

static const char *find_signature(const struct sut_metadata *metadata, const char *id)
{
	const json_t *signatures = json_object_get(metadata->envelope, "signatures");

	for (size_t i = 0; i < json_array_size(signatures); i++) {
		const json_t *one = json_array_get(signatures, i);
		if (strcmp(sut_json_member(one, "keyid"), id) == 0)
			return sut_json_member(one, "sig");
	}
	return NULL;
}

/** Is @p hex a signature of @p message by @p key? Text that is no hex is none. */
static struct sut_err *check_one(const struct sut_key *key, struct sut_view message,
				 const char *hex, bool *ret)
{
	size_t size = strlen(hex) / 2;
	_cleanup_free_ uint8_t *signature = malloc(size + 1);

	if (!signature)
		return sut_err_nomem();
	*ret = sut_unhex(hex, size, signature) &&
	       sut_key_verify(key, message, (struct sut_view){ signature, size });
	return NULL;
}

static void add_signer(struct signers *signers, const struct sut_key *key)
{
	for (size_t i = 0; i < signers->n; i++)
		if (memcmp(&signers->identities[i], &key->identity, sizeof(key->identity)) == 0)
			return;
	signers->identities[signers->n++] = key->identity;
}

/** Count the key of @p id when it has signed. */
static struct sut_err *try_key(const struct sut_metadata *metadata, const struct sut_tuf_role *role,
			       const char *id, struct sut_view message, struct signers *signers)
{
	const char *signature = find_signature(metadata, id);
	const json_t *json = json_object_get(role->keys, id);
	_cleanup_(sut_key_deinit) struct sut_key key = { 0 };
	bool is_good;

	if (!signature || !json)
		return NULL;
	struct sut_err *err = sut_key_init(json, &key);
	if (!err)
		err = check_one(&key, message, signature, &is_good);
	if (!err && is_good)
		add_signer(signers, &key);
	return err;
}

struct sut_err *sut_metadata_count(const struct sut_metadata *metadata,
				   const struct sut_tuf_role *role, int64_t *ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf message = { 0 };
	_cleanup_(free_signers) struct signers signers = { 0 };
	size_t n = json_array_size(role->keyids);

	signers.identities = calloc(n + 1, sizeof(*signers.identities));
	if (!signers.identities)
		return sut_err_nomem();
	struct sut_err *err = sut_json_canonical(metadata->body, &message);
	for (size_t i = 0; !err && i < n; i++)
		err = try_key(metadata, role, json_string_value(json_array_get(role->keyids, i)),
			      sut_buf_view(&message), &signers);
	if (!err)
		*ret = signers.n;
	return err;
}

struct sut_err *sut_metadata_verify(const struct sut_metadata *metadata,
				    const struct sut_tuf_role *role)
{
	int64_t n;
	struct sut_err *err = sut_metadata_count(metadata, role, &n);

	if (!err && n < role->threshold)
		err = sut_err(SUT_E_UNTRUSTED,
			      "%s: signed by %" PRId64 " of the %" PRId64 " keys that must sign",
			      role->name, n, role->threshold);
	return err;
}
