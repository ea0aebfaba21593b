// SPDX-License-Identifier: Apache-2.0
#include "agent/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "fleet/baseline.h"
#include "fleet/version.h"

#define CATALOGUE "trust/catalogue"

/** Reads a document into the next element of an array. */
typedef struct sut_err *(*read_fn)(struct sut_view bytes, void *ret);

static struct sut_err *read_release(struct sut_view bytes, void *ret)
{
	return sut_release_read(bytes, ret);
}

static struct sut_err *read_rollout(struct sut_view bytes, void *ret)
{
	return sut_rollout_read(bytes, ret);
}

static struct sut_err *read_revocation(struct sut_view bytes, void *ret)
{
	return sut_revocation_read(bytes, ret);
}

/** An array that is being read. */
struct list {
	void *items; /**< Owned by the caller. */
	size_t n, capacity, size;
	read_fn read;
};

static struct sut_err *add_document(const char *path, struct list *list)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_file_read(path, &file);

	if (!err)
		err = sut_array_grow(&list->items, list->n, &list->capacity, list->size);
	if (!err) {
		void *item = (char *)list->items + list->n * list->size;
		memset(item, 0, list->size);
		err = list->read(file.view, item);
	}
	if (err)
		return sut_err_wrap(err, "%s", path);
	list->n++;
	return NULL;
}

static int is_document(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

// All documents of one kind. A folder that is not there has none.
static struct sut_err *read_all(const struct sut_config *config, const char *kind,
				struct list *list)
{
	_cleanup_free_ char *folder = NULL;
	struct dirent **entries;
	struct sut_err *err = NULL;

	if (asprintf(&folder, "%s/" CATALOGUE "/%s", config->state, kind) < 0)
		return sut_err_nomem();
	int n = scandir(folder, &entries, is_document, alphasort);
	if (n < 0)
		return errno == ENOENT ? NULL : sut_err_os(errno, "%s", folder);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;
		if (!err && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
			err = sut_err_nomem();
		if (!err)
			err = add_document(path, list);
		free(entries[i]);
	}
	free(entries);
	return err;
}

struct sut_err *sut_known_init(const struct sut_config *config, struct sut_known *ret)
{
	struct list releases = { .size = sizeof(struct sut_release), .read = read_release };
	struct list rollouts = { .size = sizeof(struct sut_rollout), .read = read_rollout };
	struct list revocations = { .size = sizeof(struct sut_revocation),
				    .read = read_revocation };
	struct sut_err *err = read_all(config, "hotpatches", &releases);

	if (!err)
		err = read_all(config, "rollouts", &rollouts);
	if (!err)
		err = read_all(config, "revocations", &revocations);
	*ret = (struct sut_known){ .releases = releases.items,
				   .rollouts = rollouts.items,
				   .revocations = revocations.items };
	ret->catalogue = (struct sut_catalogue){ ret->releases, releases.n,       ret->rollouts,
						 rollouts.n,    ret->revocations, revocations.n };
	if (err) {
		sut_known_deinit(ret);
		return err;
	}
	return NULL;
}

void sut_known_deinit(struct sut_known *known)
{
	for (size_t i = 0; i < known->catalogue.n_releases; i++)
		sut_release_deinit(&known->releases[i]);
	for (size_t i = 0; i < known->catalogue.n_rollouts; i++)
		sut_rollout_deinit(&known->rollouts[i]);
	for (size_t i = 0; i < known->catalogue.n_revocations; i++)
		sut_revocation_deinit(&known->revocations[i]);
	free(known->releases);
	free(known->rollouts);
	free(known->revocations);
	*known = (struct sut_known){ 0 };
}

struct sut_err *sut_known_baseline(const struct sut_config *config, const char *name, bool *found,
				   struct sut_baseline *ret)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_version version;

	*found = false;
	if (!sut_version_read(name, &version))
		return NULL;
	if (asprintf(&path, "%s/" CATALOGUE "/baselines/%s.json", config->state, name) < 0)
		return sut_err_nomem();
	if (access(path, F_OK) < 0)
		return NULL;
	struct sut_err *err = sut_file_read(path, &file);
	if (!err)
		err = sut_baseline_read(file.view, ret);
	*found = !err;
	return err;
}

char *sut_known_path(const struct sut_config *config, const char *sha256)
{
	char *path;

	// It names a file: of nothing but hex digits.
	if (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64)
		return NULL;
	return asprintf(&path, "%s/trust/hotpatches/%s.hotpatch", config->state, sha256) < 0 ? NULL
											     : path;
}
