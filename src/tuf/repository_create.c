// SPDX-License-Identifier: Apache-2.0
#include "tuf/repository_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tuf/canonical.h"
#include "tuf/folder.h"
#include "tuf/key.h"

/** What a role's metadata delegates, or may sign: its keys by id, and a list of these ids. */
static struct sut_err *add_keys(const struct sut_repository_role *role, json_t *keys,
				json_t *keyids)
{
	struct sut_err *err = NULL;
	char id[SUT_KEY_ID];

	for (size_t i = 0; !err && i < role->n_keys; i++) {
		err = sut_repository_check_key(role->keys[i], id);
		if (!err)
			err = sut_json_set(keys, id, json_deep_copy(role->keys[i]));
		if (!err)
			err = sut_json_append(keyids, json_string(id));
	}
	return err;
}

static json_t *texts(const char *const *list)
{
	json_t *array = json_array();

	for (; array && list && *list; list++)
		if (json_array_append_new(array, json_string(*list)) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

/** Add @p role to the root or, when it has paths, to the delegations of targets. */
static struct sut_err *add_role(const struct sut_repository_role *role, json_t *root,
				json_t *delegations)
{
	json_t *keys = json_object_get(role->paths ? delegations : root, "keys");
	json_t *roles = json_object_get(role->paths ? delegations : root, "roles");
	json_t *keyids = json_array();

	if (role->threshold < 1 || role->n_keys < role->threshold || role->period < 1) {
		json_decref(keyids);
		return sut_err(SUT_E_USAGE, "role %s: %zu keys cannot make %" PRId64 " signatures",
			       role->name, role->n_keys, role->threshold);
	}
	struct sut_err *err = keyids ? add_keys(role, keys, keyids) : sut_err_nomem();
	if (err) {
		json_decref(keyids);
		return sut_err_wrap(err, "role %s", role->name);
	}
	json_t *one = json_pack("{s:o, s:I, s:I}", "keyids", keyids, "threshold",
				(json_int_t)role->threshold, sut_repository_period,
				(json_int_t)role->period);
	if (!one)
		return sut_err_nomem();
	if (!role->paths)
		return sut_json_set(roles, role->name, one);
	err = sut_json_set(one, "name", json_string(role->name));
	if (!err)
		err = sut_json_set(one, "terminating", json_true());
	if (!err)
		err = sut_json_set(one, "paths", texts(role->paths));
	if (err) {
		json_decref(one);
		return err;
	}
	return sut_json_append(roles, one);
}

static struct sut_err *stage_new(struct sut_repository *repository,
				 struct sut_repository_entry *entry, json_t *body)
{
	json_t *envelope = json_pack("{s:O, s:[]}", "signed", body, "signatures");

	if (!envelope)
		return sut_err_nomem();
	struct sut_err *err = sut_metadata_init_json(envelope, entry->type, &entry->staged);
	return err ? err : sut_repository_save(repository, entry);
}

static int64_t period_of(const struct sut_repository_role *roles, size_t n_roles, const char *name)
{
	for (size_t i = 0; i < n_roles; i++)
		if (strcmp(roles[i].name, name) == 0)
			return roles[i].period;
	return 0;
}

/** Fill the bodies of root and targets, which say who signs what. */
static struct sut_err *fill_tops(const struct sut_repository_role *roles, size_t n_roles,
				 json_t *root, json_t *targets)
{
	json_t *delegations = json_pack("{s:{}, s:[]}", "keys", "roles");
	struct sut_err *err = sut_json_set(targets, "delegations", delegations);

	if (!err)
		err = sut_json_set(root, "consistent_snapshot", json_true());
	if (!err)
		err = sut_json_set(root, "keys", json_object());
	if (!err)
		err = sut_json_set(root, "roles", json_object());
	for (size_t i = 0; !err && i < n_roles; i++)
		err = add_role(&roles[i], root, delegations);
	return err;
}

static struct sut_err *stage_delegated(struct sut_repository *repository,
				       const struct sut_repository_role *role)
{
	_cleanup_json_ json_t *body = NULL;
	struct sut_err *err = sut_repository_new_body(SUT_METADATA_TARGETS, 1, role->period, &body);

	if (!err)
		err = sut_repository_add_entry(repository, role->name, SUT_METADATA_TARGETS);
	return err ? err
		   : stage_new(repository, &repository->entries[repository->n_entries - 1], body);
}

static struct sut_err *create_in(struct sut_repository *repository,
				 const struct sut_repository_role *roles, size_t n_roles)
{
	_cleanup_json_ json_t *root = NULL, *targets = NULL;
	struct sut_err *err;

	err = sut_repository_new_body(SUT_METADATA_ROOT, 1, period_of(roles, n_roles, "root"),
				      &root);
	if (!err)
		err = sut_repository_new_body(SUT_METADATA_TARGETS, 1,
					      period_of(roles, n_roles, "targets"), &targets);
	if (!err)
		err = fill_tops(roles, n_roles, root, targets);
	if (!err)
		err = sut_repository_add_entry(repository, "root", SUT_METADATA_ROOT);
	if (!err)
		err = sut_repository_add_entry(repository, "targets", SUT_METADATA_TARGETS);
	for (size_t i = 0; !err && i < n_roles; i++)
		if (roles[i].paths)
			err = stage_delegated(repository, &roles[i]);
	if (!err)
		err = stage_new(repository, &repository->entries[1], targets);
	// Root last: with it the folder is a repository.
	return err ? err : stage_new(repository, &repository->entries[0], root);
}

struct sut_err *sut_repository_create(const char *path, const struct sut_repository_role *roles,
				      size_t n_roles)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	_cleanup_free_ char *root = NULL;
	struct sut_err *err = sut_folder_make(path);

	if (!err)
		err = sut_repository_prepare(path, &repository);
	if (!err)
		err = asprintf(&root, "%s/root.json", repository->staged) < 0 ? sut_err_nomem()
									      : NULL;
	if (err)
		return err;
	if (access(root, F_OK) == 0 || access(repository->metadata, F_OK) == 0)
		return sut_err(SUT_E_USAGE, "%s: there is a repository already", path);
	return create_in(repository, roles, n_roles);
}
