// SPDX-License-Identifier: Apache-2.0
#include "tuf/repository_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tuf/canonical.h"
#include "tuf/key.h"

struct sut_err *sut_repository_check_key(const json_t *json, char ret[SUT_KEY_ID])
{
	_cleanup_(sut_key_deinit) struct sut_key key = { 0 };
	struct sut_err *err = sut_key_init(json, &key);

	if (!err && key.kind == SUT_KEY_UNKNOWN)
		err = sut_err(SUT_E_USAGE,
			      "not a public key that can be used: ed25519, ecdsa-sha2-nistp256 or "
			      "rsassa-pss-sha256 of at least 2048 bits");
	return err ? err : sut_key_id(json, ret);
}

static size_t index_of(const json_t *array, const char *text)
{
	size_t i = 0;

	while (i < json_array_size(array) &&
	       strcmp(json_string_value(json_array_get(array, i)), text) != 0)
		i++;
	return i;
}

/** The entry, root or targets, whose metadata says who signs @p role. */
static struct sut_err *find_delegator(struct sut_repository *repository, const char *role,
				      struct sut_repository_entry **ret)
{
	for (size_t i = 0; i < 2; i++)
		if (sut_repository_role_object(sut_repository_latest(&repository->entries[i]),
					       role)) {
			*ret = &repository->entries[i];
			return NULL;
		}
	return sut_err(SUT_E_USAGE, "%s: there is no role \"%s\"", repository->path, role);
}

/** A role's signatures may not do any more by the new keys: then it is staged to be signed. */
static struct sut_err *stage_if_needed(struct sut_repository *repository, const char *role)
{
	struct sut_repository_entry *entry = sut_repository_find(repository, role);
	struct sut_tuf_role signers;
	int64_t n;
	json_t *body;

	if (!entry || entry->type != SUT_METADATA_TARGETS || entry->staged.envelope ||
	    !entry->published.envelope ||
	    !sut_repository_signers_of(repository, role, true, &signers))
		return NULL;
	struct sut_err *err = sut_metadata_count(&entry->published, &signers, &n);
	if (err || n >= signers.threshold)
		return err;
	err = sut_repository_stage(repository, entry, &body);
	return err ? err : sut_repository_save(repository, entry);
}

/** Would a role with @p n keys, and this threshold unless it is 0, still be one? Asked before
 *  anything is changed. */
static struct sut_err *check_count(const json_t *object, const char *role, size_t n,
				   int64_t threshold)
{
	if (!threshold)
		threshold = json_integer_value(json_object_get(object, "threshold"));
	if (threshold >= 1 && n >= threshold)
		return NULL;
	return sut_err(SUT_E_USAGE,
		       "role %s: %zu keys cannot make %" PRId64
		       " signatures; add a key first, or change the threshold",
		       role, n, threshold);
}

/** Write the changed keys of @p role in the staged delegator. */
static struct sut_err *finish(struct sut_repository *repository,
			      struct sut_repository_entry *delegator, const char *role,
			      int64_t threshold)
{
	json_t *object = sut_repository_role_object(&delegator->staged, role);
	struct sut_err *err = NULL;

	if (threshold)
		err = sut_json_set(object, "threshold", json_integer(threshold));
	if (!err)
		err = sut_repository_save(repository, delegator);
	return err ? err : stage_if_needed(repository, role);
}

static json_t *keys_of(const struct sut_metadata *delegator)
{
	json_t *from = delegator->type == SUT_METADATA_ROOT
			       ? delegator->body
			       : json_object_get(delegator->body, "delegations");

	return json_object_get(from, "keys");
}

struct sut_err *sut_repository_add_key(struct sut_repository *repository, const char *role,
				       const json_t *key, int64_t threshold)
{
	struct sut_repository_entry *delegator;
	char id[SUT_KEY_ID];
	json_t *body;

	struct sut_err *err = sut_repository_check_key(key, id);
	if (!err)
		err = find_delegator(repository, role, &delegator);
	if (err)
		return err;
	const json_t *object = sut_repository_role_object(sut_repository_latest(delegator), role);
	json_t *keyids = json_object_get(object, "keyids");
	size_t n = json_array_size(keyids);
	if (index_of(keyids, id) < n)
		return sut_err(SUT_E_USAGE, "role %s has this key already", role);
	err = check_count(object, role, n + 1, threshold);
	if (!err)
		err = sut_repository_stage(repository, delegator, &body);
	if (err)
		return err;
	keyids = json_object_get(sut_repository_role_object(&delegator->staged, role), "keyids");
	err = sut_json_set(keys_of(&delegator->staged), id, json_deep_copy(key));
	if (!err)
		err = sut_json_append(keyids, json_string(id));
	return err ? err : finish(repository, delegator, role, threshold);
}

/** Forget a key that no role of @p delegator has any more. */
static void drop_unused(const struct sut_metadata *delegator, const char *id)
{
	json_t *roles = json_object_get(delegator->body, "roles");
	bool is_used = false;

	if (delegator->type == SUT_METADATA_ROOT) {
		for (void *at = json_object_iter(roles); at;
		     at = json_object_iter_next(roles, at)) {
			const json_t *ids = json_object_get(json_object_iter_value(at), "keyids");
			is_used = is_used || index_of(ids, id) < json_array_size(ids);
		}
	} else {
		for (size_t i = 0; i < sut_metadata_n_delegations(delegator); i++) {
			struct sut_tuf_delegation one;
			sut_metadata_delegation(delegator, i, &one);
			is_used = is_used ||
				  index_of(one.role.keyids, id) < json_array_size(one.role.keyids);
		}
	}
	if (!is_used)
		json_object_del(keys_of(delegator), id);
}

struct sut_err *sut_repository_remove_key(struct sut_repository *repository, const char *role,
					  const char *key_id, int64_t threshold)
{
	struct sut_repository_entry *delegator;
	json_t *body;

	struct sut_err *err = find_delegator(repository, role, &delegator);
	if (err)
		return err;
	const json_t *object = sut_repository_role_object(sut_repository_latest(delegator), role);
	json_t *keyids = json_object_get(object, "keyids");
	size_t n = json_array_size(keyids), i = index_of(keyids, key_id);
	if (i == n)
		return sut_err(SUT_E_USAGE, "role %s has no key %s", role, key_id);
	// The list may own the text that @p key_id is.
	_cleanup_free_ char *id = strdup(key_id);
	if (!id)
		return sut_err_nomem();
	err = check_count(object, role, n - 1, threshold);
	if (!err)
		err = sut_repository_stage(repository, delegator, &body);
	if (err)
		return err;
	keyids = json_object_get(sut_repository_role_object(&delegator->staged, role), "keyids");
	json_array_remove(keyids, i);
	drop_unused(&delegator->staged, id);
	return finish(repository, delegator, role, threshold);
}
