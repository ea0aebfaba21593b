// SPDX-License-Identifier: Apache-2.0
#include "tuf/repository_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "tuf/canonical.h"
#include "tuf/digest.h"
#include "tuf/folder.h"

const char sut_repository_period[] = "x-suture-period";

static const char spec_version[] = "1.0.34";

struct sut_err *sut_repository_new_body(enum sut_metadata_type type, int64_t version,
					int64_t period, json_t **ret)
{
	char expires[SUT_TIME_SIZE];

	sut_time_format(sut_time_now() + period, expires);
	json_t *body = json_pack("{s:s, s:s, s:I, s:s}", "_type", sut_metadata_type_name(type),
				 "spec_version", spec_version, "version", (json_int_t)version,
				 "expires", expires);
	if (!body)
		return sut_err_nomem();
	struct sut_err *err = NULL;
	if (type == SUT_METADATA_TARGETS)
		err = sut_json_set(body, "targets", json_object());
	if (type == SUT_METADATA_SNAPSHOT || type == SUT_METADATA_TIMESTAMP)
		err = sut_json_set(body, "meta", json_object());
	if (err) {
		json_decref(body);
		return err;
	}
	*ret = body;
	return NULL;
}

json_t *sut_repository_role_object(const struct sut_metadata *delegator, const char *role)
{
	json_t *roles = json_object_get(delegator->body, "roles");

	if (delegator->type == SUT_METADATA_ROOT)
		return json_object_get(roles, role);
	roles = json_object_get(json_object_get(delegator->body, "delegations"), "roles");
	for (size_t i = 0; i < json_array_size(roles); i++) {
		json_t *one = json_array_get(roles, i);
		if (strcmp(sut_json_member(one, "name"), role) == 0)
			return one;
	}
	return NULL;
}

int64_t sut_repository_period_of(const struct sut_repository *repository, const char *role)
{
	const int64_t month = 30 * 24 * 3600;

	for (size_t i = 0; i < 2; i++) {
		const struct sut_metadata *latest = sut_repository_latest(&repository->entries[i]);
		int64_t period = json_integer_value(json_object_get(
			sut_repository_role_object(latest, role), sut_repository_period));
		if (period > 0)
			return period;
	}
	return month;
}

struct sut_err *sut_repository_next_version(const struct sut_repository *repository,
					    const char *role, int64_t version, int64_t *ret)
{
	struct sut_err *err = NULL;
	bool is_there = true;

	while (!err && is_there) {
		_cleanup_free_ char *name = NULL, *path = NULL;
		err = sut_tuf_file_name(role, ++version, &name);
		if (!err && asprintf(&path, "%s/%s", repository->metadata, name) < 0) {
			path = NULL;
			err = sut_err_nomem();
		}
		is_there = !err && access(path, F_OK) == 0;
	}
	if (!err)
		*ret = version;
	return err;
}

struct sut_err *sut_repository_stage(const struct sut_repository *repository,
				     struct sut_repository_entry *entry, json_t **ret)
{
	const struct sut_metadata *latest = sut_repository_latest(entry);
	_cleanup_json_ json_t *body = NULL;
	char expires[SUT_TIME_SIZE];
	int64_t version = entry->published.version + 1;
	struct sut_err *err = NULL;

	// Clients want each version of root, and of the others only a later one.
	if (entry->type != SUT_METADATA_ROOT)
		err = sut_repository_next_version(repository, entry->name, entry->published.version,
						  &version);
	if (!err && latest->envelope)
		body = json_deep_copy(latest->body);
	else if (!err)
		err = sut_repository_new_body(entry->type, 1, 0, &body);
	if (!err && !body)
		err = sut_err_nomem();
	sut_time_format(sut_time_now() + sut_repository_period_of(repository, entry->name),
			expires);
	if (!err)
		err = sut_json_set(body, "expires", json_string(expires));
	if (!err)
		err = sut_json_set(body, "version", json_integer(version));
	if (err)
		return err;
	json_t *envelope = json_pack("{s:O, s:[]}", "signed", body, "signatures");
	if (!envelope)
		return sut_err_nomem();
	struct sut_metadata staged = { 0 };
	err = sut_metadata_init_json(envelope, entry->type, &staged);
	if (err)
		return err;
	sut_metadata_deinit(&entry->staged);
	entry->staged = staged;
	*ret = staged.body;
	return NULL;
}

struct sut_err *sut_repository_save(struct sut_repository *repository,
				    struct sut_repository_entry *entry)
{
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	_cleanup_free_ char *name = NULL;
	struct sut_metadata checked = { 0 };

	// What nobody could read must not get as far as to be signed.
	struct sut_err *err =
		sut_metadata_init_json(json_incref(entry->staged.envelope), entry->type, &checked);
	sut_metadata_deinit(&checked);
	if (!err)
		err = sut_tuf_file_name(entry->name, 0, &name);
	if (!err)
		err = sut_json_pretty(entry->staged.envelope, &text);
	if (!err)
		err = sut_folder_write(repository->staged, name, sut_buf_view(&text));
	return err;
}

static const struct sut_metadata *metadata_of(const struct sut_repository *repository,
					      const char *role, bool is_published)
{
	const struct sut_repository_entry *entry = sut_repository_find(repository, role);

	if (strcmp(role, "snapshot") == 0)
		return &repository->snapshot;
	if (strcmp(role, "timestamp") == 0)
		return &repository->timestamp;
	if (!entry)
		return NULL;
	return is_published ? &entry->published : sut_repository_latest(entry);
}

const json_t *sut_repository_body(const struct sut_repository *repository, const char *role,
				  bool is_published)
{
	const struct sut_metadata *metadata = metadata_of(repository, role, is_published);

	return metadata ? metadata->body : NULL;
}

const json_t *sut_repository_targets(const struct sut_repository *repository, const char *role,
				     bool is_published)
{
	return json_object_get(sut_repository_body(repository, role, is_published), "targets");
}

/** Does @p role speak for @p path? Only delegations say so; targets itself speaks for all. */
static struct sut_err *check_path(const struct sut_repository *repository, const char *role,
				  const char *path)
{
	const struct sut_metadata *targets = sut_repository_latest(&repository->entries[1]);
	struct sut_tuf_delegation delegation;

	if (strcmp(role, "root") == 0)
		return sut_err(SUT_E_USAGE, "role root has no files");
	if (!sut_tuf_path_is_safe(path))
		return sut_err(
			SUT_E_USAGE,
			"\"%s\" is no path of a target: it must be relative, without . and ..",
			path);
	for (size_t i = 0; i < sut_metadata_n_delegations(targets); i++) {
		sut_metadata_delegation(targets, i, &delegation);
		if (strcmp(delegation.role.name, role) == 0 &&
		    !sut_tuf_delegation_covers(&delegation, path))
			return sut_err(SUT_E_USAGE, "role %s does not speak for %s", role, path);
	}
	return NULL;
}

static struct sut_err *put_target(json_t *targets, const char *path,
				  const struct sut_digests *digests, const json_t *custom)
{
	json_t *target = json_pack("{s:I, s:{s:s}}", "length", (json_int_t)digests->size, "hashes",
				   "sha256", digests->sha256);
	struct sut_err *err = target ? NULL : sut_err_nomem();

	if (!err && custom)
		err = sut_json_set(target, "custom", json_deep_copy(custom));
	if (err) {
		json_decref(target);
		return err;
	}
	return sut_json_set(targets, path, target);
}

static bool has_same(const struct sut_repository *repository, const char *role, const char *path,
		     const struct sut_digests *digests, const json_t *custom)
{
	const json_t *target =
		json_object_get(sut_repository_targets(repository, role, false), path);
	const json_t *old = json_object_get(target, "custom");
	const char *digest = sut_json_member(json_object_get(target, "hashes"), "sha256");

	if (!digest || strcmp(digest, digests->sha256) != 0)
		return false;
	return custom ? old && json_equal(old, custom) : !old;
}

struct sut_err *sut_repository_add(struct sut_repository *repository, const char *role,
				   const char *path, struct sut_view bytes, const json_t *custom)
{
	_cleanup_free_ char *file = NULL;
	struct sut_repository_entry *entry;
	struct sut_digests digests;
	json_t *body;

	struct sut_err *err = sut_repository_entry(repository, role, &entry);
	if (!err)
		err = check_path(repository, role, path);
	if (!err)
		err = sut_digests_of(bytes, &digests);
	if (!err)
		err = sut_tuf_target_file(path, digests.sha256, &file);
	if (err || has_same(repository, role, path, &digests, custom))
		return err;
	// The file first: metadata never names one that is not there.
	err = sut_folder_write(repository->staged_targets, file, bytes);
	if (!err)
		err = sut_repository_stage(repository, entry, &body);
	if (!err)
		err = put_target(json_object_get(body, "targets"), path, &digests, custom);
	return err ? err : sut_repository_save(repository, entry);
}

struct sut_err *sut_repository_remove(struct sut_repository *repository, const char *role,
				      const char *path, bool *was_there)
{
	struct sut_repository_entry *entry;
	json_t *body;
	struct sut_err *err = sut_repository_entry(repository, role, &entry);

	if (err)
		return err;
	bool is_there = json_object_get(sut_repository_targets(repository, role, false), path);
	if (is_there) {
		err = sut_repository_stage(repository, entry, &body);
		if (!err)
			json_object_del(json_object_get(body, "targets"), path);
		if (!err)
			err = sut_repository_save(repository, entry);
	}
	if (!err && was_there)
		*was_there = is_there;
	return err;
}

struct sut_err *sut_repository_read(struct sut_repository *repository, const char *role,
				    const char *path, struct sut_file *ret)
{
	const json_t *targets = sut_repository_targets(repository, role, false);
	const json_t *target = json_object_get(targets, path);
	const char *digest = sut_json_member(json_object_get(target, "hashes"), "sha256");
	_cleanup_free_ char *file = NULL;
	bool found = false;

	if (!digest)
		return sut_err(SUT_E_USAGE, "role %s has no %s", role, path);
	struct sut_err *err = sut_tuf_target_file(path, digest, &file);
	size_t size = json_integer_value(json_object_get(target, "length"));
	if (!err)
		err = sut_folder_read(repository->targets, file, size, &found, ret);
	if (!err && !found)
		err = sut_folder_read(repository->staged_targets, file, size, &found, ret);
	if (!err && !found)
		err = sut_err(SUT_E_FORMAT, "%s/%s is missing; restore it from a copy",
			      repository->targets, file);
	return err;
}

struct sut_err *sut_repository_renew(struct sut_repository *repository, const char *role)
{
	struct sut_repository_entry *entry;
	json_t *body;
	struct sut_err *err = sut_repository_entry(repository, role, &entry);

	if (!err)
		err = sut_repository_stage(repository, entry, &body);
	return err ? err : sut_repository_save(repository, entry);
}
