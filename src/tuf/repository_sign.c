// SPDX-License-Identifier: Apache-2.0
#include "tuf/repository_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tuf/canonical.h"
#include "tuf/folder.h"
#include "tuf/signer.h"

static const size_t max_staged = (size_t)256 << 20;

/** The id by which @p role knows the key of @p signer, or NULL. The metadata's own word: another
 *  program may have given the key another id than we would. */
static const char *id_in(const struct sut_tuf_role *role, const struct sut_signer *signer)
{
	const json_t *ours = sut_signer_public(signer);

	for (size_t i = 0; i < json_array_size(role->keyids); i++) {
		const char *id = json_string_value(json_array_get(role->keyids, i));
		const json_t *key = json_object_get(role->keys, id);
		if (json_equal(json_object_get(key, "keytype"), json_object_get(ours, "keytype")) &&
		    json_equal(json_object_get(key, "keyval"), json_object_get(ours, "keyval")))
			return id;
	}
	return NULL;
}

/** Put a signature in, in the place of an older one. @p is_new tells whether there was none. */
static struct sut_err *put_signature(json_t *envelope, const char *id, const char *hex,
				     bool *is_new)
{
	json_t *signatures = json_object_get(envelope, "signatures");
	json_t *one = json_pack("{s:s, s:s}", "keyid", id, "sig", hex);

	if (!one)
		return sut_err_nomem();
	for (size_t i = 0; i < json_array_size(signatures); i++)
		if (strcmp(sut_json_member(json_array_get(signatures, i), "keyid"), id) == 0) {
			*is_new = false;
			return json_array_set_new(signatures, i, one) < 0 ? sut_err_nomem() : NULL;
		}
	*is_new = true;
	return sut_json_append(signatures, one);
}

static struct sut_err *sign_with(json_t *envelope, struct sut_view message, const char *id,
				 const struct sut_signer *signer, size_t *n)
{
	uint8_t signature[SUT_ED25519_SIGNATURE];
	char hex[2 * SUT_ED25519_SIGNATURE + 1];
	bool is_new;

	sut_signer_sign(signer, message, signature);
	sut_hex((struct sut_view){ signature, sizeof(signature) }, hex);
	struct sut_err *err = put_signature(envelope, id, hex, &is_new);
	if (!err && is_new)
		++*n;
	return err;
}

struct sut_err *sut_repository_sign_body(json_t *envelope, const struct sut_signer *const *signers,
					 size_t n_signers, const struct sut_tuf_role *role,
					 size_t *n_ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf message = { 0 };
	struct sut_err *err = sut_json_canonical(json_object_get(envelope, "signed"), &message);

	for (size_t i = 0; !err && i < n_signers; i++) {
		const char *id = role ? id_in(role, signers[i]) : sut_signer_id(signers[i]);
		if (id)
			err = sign_with(envelope, sut_buf_view(&message), id, signers[i], n_ret);
	}
	return err;
}

static bool is_listed(const char *const *roles, const char *role)
{
	if (!roles)
		return true;
	for (; *roles; roles++)
		if (strcmp(*roles, role) == 0)
			return true;
	return false;
}

struct sut_err *sut_repository_sign(struct sut_repository *repository,
				    const struct sut_signer *const *signers, size_t n_signers,
				    const char *const *roles, size_t *n_ret)
{
	size_t n = 0;

	for (size_t i = 0; i < repository->n_entries; i++) {
		struct sut_repository_entry *entry = &repository->entries[i];
		size_t before = n;
		if (!entry->staged.envelope || !is_listed(roles, entry->name))
			continue;
		// A change of keys is signed by those that were and by those that will be.
		for (int is_staged = 0; is_staged < 2; is_staged++) {
			struct sut_tuf_role role;
			if (!sut_repository_signers_of(repository, entry->name, is_staged, &role))
				continue;
			struct sut_err *err = sut_repository_sign_body(
				entry->staged.envelope, signers, n_signers, &role, &n);
			if (err)
				return err;
		}
		struct sut_err *err = n > before ? sut_repository_save(repository, entry) : NULL;
		if (err)
			return err;
	}
	*n_ret = n;
	return NULL;
}

static struct sut_err *write_json(const json_t *json, const char *file)
{
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	struct sut_err *err = sut_json_pretty(json, &text);

	return err ? err : sut_folder_write(*file == '/' ? "" : ".", file, sut_buf_view(&text));
}

struct sut_err *sut_repository_export(struct sut_repository *repository, const char *role,
				      const char *file)
{
	struct sut_repository_entry *entry;
	struct sut_err *err = sut_repository_entry(repository, role, &entry);

	if (err)
		return err;
	if (!entry->staged.envelope)
		return sut_err(SUT_E_USAGE, "nothing is staged for role %s", role);
	return write_json(entry->staged.envelope, file);
}

/** Read root or targets metadata from a file of any name. */
static struct sut_err *read_any(const char *file, struct sut_metadata *ret)
{
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 };
	_cleanup_json_ json_t *json = NULL;
	bool found;
	struct sut_err *err =
		sut_folder_read(*file == '/' ? "" : ".", file, max_staged, &found, &bytes);

	if (!err && !found)
		err = sut_err(SUT_E_USAGE, "%s: there is no such file", file);
	if (!err)
		err = sut_json_parse(bytes.view, &json);
	if (err)
		return err;
	const char *type = sut_json_member(json_object_get(json, "signed"), "_type");
	bool is_root = type && strcmp(type, "root") == 0;
	err = sut_metadata_init_json(steal(json),
				     is_root ? SUT_METADATA_ROOT : SUT_METADATA_TARGETS, ret);
	return err ? sut_err_wrap(err, "%s", file) : NULL;
}

/** Take over those signatures of @p from that @p role's keys made. */
static struct sut_err *merge(const struct sut_metadata *from, const struct sut_tuf_role *role,
			     struct sut_repository_entry *entry, size_t *n)
{
	const json_t *signatures = json_object_get(from->envelope, "signatures");
	struct sut_err *err = NULL;

	for (size_t i = 0; !err && i < json_array_size(signatures); i++) {
		const json_t *one = json_array_get(signatures, i);
		// The role as it would be with this one key: does it alone sign?
		_cleanup_json_ json_t *only = json_pack("[s]", sut_json_member(one, "keyid"));
		struct sut_tuf_role alone = *role;
		int64_t n_good;
		bool is_new = false, may_sign = false;
		for (size_t k = 0; k < json_array_size(role->keyids); k++)
			may_sign |= json_equal(json_array_get(role->keyids, k),
					       json_object_get(one, "keyid"));
		if (!only)
			return sut_err_nomem();
		if (!may_sign)
			continue;
		alone.keyids = only;
		err = sut_metadata_count(from, &alone, &n_good);
		if (!err && n_good)
			err = put_signature(entry->staged.envelope, sut_json_member(one, "keyid"),
					    sut_json_member(one, "sig"), &is_new);
		*n += is_new;
	}
	return err;
}

static bool is_same_body(const struct sut_repository_entry *entry,
			 const struct sut_metadata *metadata)
{
	return entry->staged.envelope && json_equal(entry->staged.body, metadata->body);
}

static struct sut_err *import_into(struct sut_repository *repository,
				   struct sut_repository_entry *entry,
				   const struct sut_metadata *metadata, size_t *n_ret)
{
	struct sut_tuf_role role;
	struct sut_err *err = NULL;
	size_t n = 0;

	for (int is_staged = 0; !err && is_staged < 2; is_staged++)
		if (sut_repository_signers_of(repository, entry->name, is_staged, &role))
			err = merge(metadata, &role, entry, &n);
	if (!err && n)
		err = sut_repository_save(repository, entry);
	*n_ret += n;
	return err;
}

// Metadata does not name its role, and delegated roles without targets look alike: whose
// keys have signed tells which it is.
struct sut_err *sut_repository_import(struct sut_repository *repository, const char *file,
				      size_t *n_ret)
{
	_cleanup_(sut_metadata_deinit) struct sut_metadata metadata = { 0 };
	size_t n = 0, n_same = 0;

	struct sut_err *err = read_any(file, &metadata);
	for (size_t i = 0; !err && i < repository->n_entries; i++) {
		if (!is_same_body(&repository->entries[i], &metadata))
			continue;
		n_same++;
		err = import_into(repository, &repository->entries[i], &metadata, &n);
	}
	if (!err && n_same == 0)
		err = sut_err(
			SUT_E_MISMATCH,
			"%s: what it signs is not what is staged here (it was changed since, or "
			"published); export it again",
			file);
	if (!err)
		*n_ret = n;
	return err;
}

struct sut_err *sut_repository_sign_file(const char *file, const struct sut_signer *const *signers,
					 size_t n_signers)
{
	_cleanup_(sut_metadata_deinit) struct sut_metadata metadata = { 0 };
	size_t n = 0;
	struct sut_err *err = read_any(file, &metadata);

	if (!err)
		err = sut_repository_sign_body(metadata.envelope, signers, n_signers, NULL, &n);
	return err ? err : write_json(metadata.envelope, file);
}
