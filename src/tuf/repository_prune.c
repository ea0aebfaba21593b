// SPDX-License-Identifier: Apache-2.0
#include "tuf/repository_private.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tuf/folder.h"

/** Our own metadata is as long as it must be; this only keeps memory bounded. */
static const size_t max_metadata = (size_t)256 << 20;

enum { DIGEST_SIZE = 64 };

/** A look for what is old. Borrows all but the set. */
struct search {
	const struct sut_repository *repository;
	size_t n_keep;
	int64_t before;
	json_t *named; /**< Owned: target files, as paths below targets/, that something names. */
	struct sut_repository_waste *waste;
};

/** A version of a role's metadata that is there. */
struct version {
	int64_t number;
	int64_t written; /**< Seconds since 1970. */
	uint64_t size;
};

/** All that are there. Owns the list. */
struct versions {
	struct version *items;
	size_t n, capacity;
};

static void versions_deinit(struct versions *versions)
{
	free(versions->items);
}

void sut_repository_waste_deinit(struct sut_repository_waste *waste)
{
	for (size_t i = 0; i < waste->n; i++)
		free(waste->files[i].path);
	free(waste->files);
	*waste = (struct sut_repository_waste){ 0 };
}

static struct sut_err *add_waste(struct search *s, const char *folder, const char *name,
				 uint64_t size)
{
	struct sut_repository_waste *w = s->waste;
	struct sut_err *err = sut_array_grow(&w->files, w->n, &w->capacity, sizeof(*w->files));
	char *path;

	if (err)
		return err;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return sut_err_nomem();
	w->files[w->n++] = (struct sut_repository_waste_file){ path, size };
	w->size += size;
	return NULL;
}

// The number in N.ROLE.json; 0 when it is another file.
static int64_t version_of(const char *name, const char *role_file)
{
	char *end;

	if (!isdigit((unsigned char)*name) || *name == '0')
		return 0;
	errno = 0;
	intmax_t number = strtoimax(name, &end, 10);
	return errno == 0 && *end == '.' && strcmp(end + 1, role_file) == 0 ? number : 0;
}

static int by_number(const void *a, const void *b)
{
	const struct version *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static struct sut_err *list_versions(const struct search *s, const char *role, struct versions *ret)
{
	_cleanup_free_ char *file = NULL;
	struct sut_err *err = sut_tuf_file_name(role, 0, &file);
	DIR *folder = err ? NULL : opendir(s->repository->metadata);

	if (!folder)
		return err ? err : sut_err_os(errno, "%s", s->repository->metadata);
	for (struct dirent *entry; !err && (entry = readdir(folder));) {
		int64_t number = version_of(entry->d_name, file);
		struct stat st;
		if (!number || fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		err = sut_array_grow(&ret->items, ret->n, &ret->capacity, sizeof(*ret->items));
		if (!err)
			ret->items[ret->n++] =
				(struct version){ number, st.st_mtime, (uint64_t)st.st_size };
	}
	closedir(folder);
	sut_array_sort(ret->items, ret->n, sizeof(*ret->items), by_number);
	return err;
}

static struct sut_err *name_targets(struct search *s, const struct sut_metadata *metadata)
{
	json_t *targets = json_object_get(metadata->body, "targets");
	struct sut_err *err = NULL;

	for (void *at = json_object_iter(targets); !err && at;
	     at = json_object_iter_next(targets, at)) {
		_cleanup_free_ char *file = NULL;
		err = sut_repository_file_of(json_object_iter_key(at), json_object_iter_value(at),
					     &file);
		if (!err && json_object_set_new(s->named, file, json_true()) < 0)
			err = sut_err_nomem();
	}
	return err;
}

// What an older version names, somebody may be fetching.
static struct sut_err *name_targets_of(struct search *s, const char *file)
{
	_cleanup_(sut_metadata_deinit) struct sut_metadata metadata = { 0 };
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 };
	bool found = false;
	struct sut_err *err =
		sut_folder_read(s->repository->metadata, file, max_metadata, &found, &bytes);

	if (!err && found)
		err = sut_metadata_init(bytes.view, SUT_METADATA_TARGETS, &metadata);
	if (!err && found)
		err = name_targets(s, &metadata);
	return err ? sut_err_wrap(err, "%s/%s", s->repository->metadata, file) : NULL;
}

// The versions of a role of which @p current is what clients see. Newer ones are of a publishing
// that did not end, and stay.
static struct sut_err *look_at_role(struct search *s, const char *role, int64_t current,
				    bool has_targets)
{
	_cleanup_(versions_deinit) struct versions versions = { 0 };
	struct sut_err *err = list_versions(s, role, &versions);
	size_t n_older = 0;

	while (n_older < versions.n && versions.items[n_older].number < current)
		n_older++;
	for (size_t i = 0; !err && i < versions.n; i++) {
		const struct version *v = &versions.items[i];
		_cleanup_free_ char *file = NULL;
		// A version is in use until some time after the next one came.
		bool is_waste =
			i + s->n_keep < n_older && versions.items[i + 1].written < s->before;
		err = sut_tuf_file_name(role, v->number, &file);
		if (!err && is_waste)
			err = add_waste(s, "metadata", file, v->size);
		else if (!err && has_targets)
			err = name_targets_of(s, file);
	}
	return err;
}

static struct sut_err *look_at_metadata(struct search *s)
{
	const struct sut_repository *r = s->repository;
	struct sut_err *err = look_at_role(s, "snapshot", r->snapshot.version, false);

	for (size_t i = 1; !err && i < r->n_entries; i++) {
		const struct sut_repository_entry *entry = &r->entries[i];
		if (entry->published.envelope)
			err = look_at_role(s, entry->name, entry->published.version, true);
		if (!err && entry->staged.envelope)
			err = name_targets(s, &entry->staged);
	}
	return err;
}

// Is it named like SHA256.NAME, as only we name files?
static bool is_target(const char *name)
{
	return strspn(name, "0123456789abcdef") == DIGEST_SIZE && name[DIGEST_SIZE] == '.';
}

// @p below: of the folder in targets/, with a / at the end; "" for targets/ itself.
static struct sut_err *look_at_targets(struct search *s, const char *below, int depth)
{
	_cleanup_free_ char *path = NULL;
	struct sut_err *err = NULL;

	if (asprintf(&path, "%s/%s", s->repository->targets, below) < 0)
		return sut_err_nomem();
	DIR *folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? NULL : sut_err_os(errno, "%s", path);
	for (struct dirent *entry; !err && (entry = readdir(folder));) {
		_cleanup_free_ char *file = NULL;
		struct stat st;
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bool is_folder = S_ISDIR(st.st_mode);
		if (asprintf(&file, "%s%s%s", below, entry->d_name, is_folder ? "/" : "") < 0)
			err = sut_err_nomem();
		else if (is_folder && depth > 0)
			err = look_at_targets(s, file, depth - 1);
		else if (S_ISREG(st.st_mode) && is_target(entry->d_name) &&
			 st.st_mtime < s->before && !json_object_get(s->named, file))
			err = add_waste(s, "targets", file, (uint64_t)st.st_size);
	}
	closedir(folder);
	return err;
}

struct sut_err *sut_repository_waste_find(const struct sut_repository *repository, size_t n_keep,
					  int64_t before, struct sut_repository_waste *ret)
{
	static const int depth = 16;
	_cleanup_(sut_repository_waste_deinit) struct sut_repository_waste waste = { 0 };
	_cleanup_json_ json_t *named = json_object();
	struct search s = { repository, n_keep, before, named, &waste };

	if (!named)
		return sut_err_nomem();
	// Nothing is published: nothing is old.
	if (!repository->snapshot.envelope)
		return NULL;
	struct sut_err *err = look_at_metadata(&s);
	if (!err)
		err = look_at_targets(&s, "", depth);
	if (err)
		return err;
	*ret = waste;
	waste = (struct sut_repository_waste){ 0 };
	return NULL;
}

struct sut_err *sut_repository_waste_remove(const struct sut_repository *repository,
					    const struct sut_repository_waste *waste)
{
	for (size_t i = 0; i < waste->n; i++) {
		_cleanup_free_ char *path = NULL;
		if (asprintf(&path, "%s/%s", repository->path, waste->files[i].path) < 0)
			return sut_err_nomem();
		if (unlink(path) < 0 && errno != ENOENT)
			return sut_err_os(errno, "%s", path);
		// The folder of a release of which nothing is left; not empty, it stays.
		*strrchr(path, '/') = 0;
		if (strcmp(path, repository->metadata) != 0 &&
		    strcmp(path, repository->targets) != 0)
			rmdir(path);
	}
	return NULL;
}
