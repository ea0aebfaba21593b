// SPDX-License-Identifier: Apache-2.0
#include "tuf/repository_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "tuf/canonical.h"
#include "tuf/folder.h"

/** Our own metadata is as long as it must be; this only keeps memory bounded. */
static const size_t max_metadata = (size_t)256 << 20;

struct sut_repository_entry *sut_repository_find(const struct sut_repository *repository,
						 const char *role)
{
	for (size_t i = 0; i < repository->n_entries; i++)
		if (strcmp(repository->entries[i].name, role) == 0)
			return &repository->entries[i];
	return NULL;
}

struct sut_err *sut_repository_entry(const struct sut_repository *repository, const char *role,
				     struct sut_repository_entry **ret)
{
	struct sut_repository_entry *entry = sut_repository_find(repository, role);

	if (!entry)
		return sut_err(SUT_E_USAGE, "%s: there is no role \"%s\" whose metadata is staged",
			       repository->path, role);
	*ret = entry;
	return NULL;
}

const struct sut_metadata *sut_repository_latest(const struct sut_repository_entry *entry)
{
	return entry->staged.envelope ? &entry->staged : &entry->published;
}

bool sut_repository_signers_of(const struct sut_repository *repository, const char *role,
			       bool is_staged, struct sut_tuf_role *ret)
{
	for (size_t i = 0; i < 2; i++) {
		const struct sut_repository_entry *entry = &repository->entries[i];
		const struct sut_metadata *delegator =
			is_staged ? sut_repository_latest(entry) : &entry->published;
		if (delegator->envelope && sut_metadata_role(delegator, role, ret))
			return true;
	}
	return false;
}

static void free_entry(struct sut_repository_entry *entry)
{
	sut_metadata_deinit(&entry->published);
	sut_metadata_deinit(&entry->staged);
	free(entry->name);
}

static struct sut_err *join(const char *folder, const char *name, char **ret)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return sut_err_nomem();
	*ret = path;
	return NULL;
}

struct sut_err *sut_repository_add_entry(struct sut_repository *repository, const char *name,
					 enum sut_metadata_type type)
{
	if (sut_repository_find(repository, name))
		return NULL;
	struct sut_repository_entry *entries = reallocarray(
		repository->entries, repository->n_entries + 1, sizeof(*repository->entries));
	if (!entries)
		return sut_err_nomem();
	repository->entries = entries;
	entries[repository->n_entries] = (struct sut_repository_entry){
		.name = strdup(name),
		.type = type,
	};
	if (!entries[repository->n_entries].name)
		return sut_err_nomem();
	repository->n_entries++;
	return NULL;
}

/** Read a metadata file; an absent one leaves @p ret without an envelope. */
static struct sut_err *read_metadata(const char *folder, const char *role, int64_t version,
				     enum sut_metadata_type type, struct sut_metadata *ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	_cleanup_free_ char *name = NULL;
	bool found = false;

	struct sut_err *err = sut_tuf_file_name(role, version, &name);
	if (!err)
		err = sut_folder_read(folder, name, max_metadata, &found, &file);
	if (!err && found)
		err = sut_metadata_init(file.view, type, ret);
	return err ? sut_err_wrap(err, "%s/%s", folder, name ? name : role) : NULL;
}

static struct sut_err *must_exist(const struct sut_repository *repository, const char *role,
				  int64_t version, const struct sut_metadata *metadata)
{
	if (metadata->envelope)
		return NULL;
	return sut_err(SUT_E_FORMAT, "%s: %" PRId64 ".%s.json is missing; restore it from a copy",
		       repository->metadata, version, role);
}

// Versions of root have no gap: clients walk them one by one.
static struct sut_err *read_roots(struct sut_repository *repository)
{
	struct sut_repository_entry *root = &repository->entries[0];

	for (int64_t version = 1;; version++) {
		struct sut_metadata next = { 0 };
		struct sut_err *err = read_metadata(repository->metadata, "root", version,
						    SUT_METADATA_ROOT, &next);
		if (err || !next.envelope)
			return err;
		sut_metadata_deinit(&root->published);
		root->published = next;
	}
}

static struct sut_err *read_published(struct sut_repository *repository,
				      struct sut_repository_entry *entry)
{
	struct sut_tuf_expected expected;

	if (!repository->snapshot.envelope || entry->type != SUT_METADATA_TARGETS ||
	    !sut_metadata_expected(&repository->snapshot, entry->name, &expected))
		return NULL;
	struct sut_err *err = read_metadata(repository->metadata, entry->name, expected.version,
					    SUT_METADATA_TARGETS, &entry->published);
	return err ? err : must_exist(repository, entry->name, expected.version, &entry->published);
}

/** Read what is staged. What a crash left there behind the publishing goes. */
static struct sut_err *read_staged(struct sut_repository *repository,
				   struct sut_repository_entry *entry)
{
	_cleanup_free_ char *name = NULL;
	struct sut_err *err =
		read_metadata(repository->staged, entry->name, 0, entry->type, &entry->staged);

	if (err || !entry->staged.envelope || !entry->published.envelope ||
	    entry->staged.version > entry->published.version)
		return err;
	sut_metadata_deinit(&entry->staged);
	err = sut_tuf_file_name(entry->name, 0, &name);
	return err ? err : sut_folder_remove(repository->staged, name);
}

static struct sut_err *read_tops(struct sut_repository *repository)
{
	struct sut_tuf_expected expected;
	struct sut_err *err = sut_repository_add_entry(repository, "root", SUT_METADATA_ROOT);

	if (!err)
		err = sut_repository_add_entry(repository, "targets", SUT_METADATA_TARGETS);
	if (!err)
		err = read_roots(repository);
	if (!err)
		err = read_metadata(repository->metadata, "timestamp", 0, SUT_METADATA_TIMESTAMP,
				    &repository->timestamp);
	if (!err && repository->timestamp.envelope &&
	    sut_metadata_expected(&repository->timestamp, "snapshot", &expected)) {
		err = read_metadata(repository->metadata, "snapshot", expected.version,
				    SUT_METADATA_SNAPSHOT, &repository->snapshot);
		if (!err)
			err = must_exist(repository, "snapshot", expected.version,
					 &repository->snapshot);
	}
	for (size_t i = 0; !err && i < 2; i++) {
		err = read_published(repository, &repository->entries[i]);
		if (!err)
			err = read_staged(repository, &repository->entries[i]);
	}
	return err;
}

/** Read the roles that targets, as it is staged or published, delegates to. */
static struct sut_err *read_delegated(struct sut_repository *repository, bool is_staged)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; !err; i++) {
		// Looked up each time: the entries move when one is added.
		const struct sut_repository_entry *targets = &repository->entries[1];
		const struct sut_metadata *metadata =
			is_staged ? &targets->staged : &targets->published;
		struct sut_tuf_delegation delegation;
		if (!metadata->envelope || i >= sut_metadata_n_delegations(metadata))
			break;
		sut_metadata_delegation(metadata, i, &delegation);
		if (sut_repository_find(repository, delegation.role.name))
			continue;
		err = sut_repository_add_entry(repository, delegation.role.name,
					       SUT_METADATA_TARGETS);
		struct sut_repository_entry *entry =
			&repository->entries[repository->n_entries - 1];
		if (!err)
			err = read_published(repository, entry);
		if (!err)
			err = read_staged(repository, entry);
	}
	return err;
}

static struct sut_err *read_all(struct sut_repository *repository)
{
	struct sut_err *err = read_tops(repository);

	if (err)
		return err;
	for (size_t i = 0; i < 2; i++)
		if (!sut_repository_latest(&repository->entries[i])->envelope)
			return sut_err(SUT_E_USAGE, "%s: there is no repository; make one",
				       repository->path);
	err = read_delegated(repository, true);
	return err ? err : read_delegated(repository, false);
}

struct sut_err *sut_repository_prepare(const char *path, struct sut_repository **ret)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository =
		calloc(1, sizeof(*repository));

	if (!repository)
		return sut_err_nomem();
	repository->lock = -1;
	repository->path = strdup(path);
	struct sut_err *err = repository->path ? NULL : sut_err_nomem();
	if (!err)
		err = join(path, "metadata", &repository->metadata);
	if (!err)
		err = join(path, "targets", &repository->targets);
	if (!err)
		err = join(path, "staged", &repository->staged);
	if (!err)
		err = join(path, "staged/targets", &repository->staged_targets);
	if (!err)
		err = sut_folder_lock(path, 30, &repository->lock);
	if (err)
		return err;
	sut_folder_sweep(path);
	*ret = steal(repository);
	return NULL;
}

struct sut_err *sut_repository_open(const char *path, struct sut_repository **ret)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;

	if (access(path, X_OK) < 0)
		return errno == ENOENT
			       ? sut_err(SUT_E_USAGE, "%s: there is no repository; make one", path)
			       : sut_err_os(errno, "%s", path);
	struct sut_err *err = sut_repository_prepare(path, &repository);
	if (!err)
		err = read_all(repository);
	if (!err)
		*ret = steal(repository);
	return err;
}

void sut_repository_close(struct sut_repository *repository)
{
	if (!repository)
		return;
	for (size_t i = 0; i < repository->n_entries; i++)
		free_entry(&repository->entries[i]);
	free(repository->entries);
	sut_metadata_deinit(&repository->snapshot);
	sut_metadata_deinit(&repository->timestamp);
	if (repository->lock >= 0)
		close(repository->lock);
	free(repository->staged_targets);
	free(repository->staged);
	free(repository->targets);
	free(repository->metadata);
	free(repository->path);
	free(repository);
}
