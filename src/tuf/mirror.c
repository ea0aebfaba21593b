// SPDX-License-Identifier: Apache-2.0
#include "tuf/client_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tuf/canonical.h"
#include "tuf/folder.h"

/** A mirror that is being written. */
struct mirror {
	struct sut_tuf_client *client;
	char *metadata, *targets; /**< Folders; owned. */
	json_t *kept;             /**< Owned: names below the mirror that are needed, as members. */
};

static void end_mirror(struct mirror *m)
{
	free(m->metadata);
	free(m->targets);
	json_decref(m->kept);
}

static struct sut_err *keep(struct mirror *m, const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return sut_err_nomem();
	return sut_json_set(m->kept, path, json_true());
}

/** Roots as they are at the source: whoever reads the mirror walks and checks them. */
static struct sut_err *copy_root(struct mirror *m, int64_t version)
{
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 }, old = { 0 };
	_cleanup_free_ char *name = NULL;
	bool found;

	struct sut_err *err = sut_tuf_file_name("root", version, &name);
	if (!err)
		err = keep(m, "metadata", name);
	if (!err)
		err = sut_folder_read(m->metadata, name, m->client->options.max_root, &found, &old);
	if (err || found)
		return err;
	err = sut_tuf_fetch_metadata(m->client, "root", version, m->client->options.max_root,
				     &found, &bytes);
	// An old one that the source lacks may be needed by nobody.
	if (err || !found)
		return err;
	return sut_folder_write(m->metadata, name, bytes.view);
}

/** Copy stored metadata, under its version unless that is 0. */
static struct sut_err *copy_metadata(struct mirror *m, const char *role, int64_t version)
{
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 };
	_cleanup_free_ char *from = NULL, *to = NULL;
	bool found;

	struct sut_err *err = sut_tuf_file_name(role, 0, &from);
	if (!err)
		err = sut_tuf_file_name(role, version, &to);
	if (!err)
		err = keep(m, "metadata", to);
	if (!err)
		err = sut_folder_read(m->client->store, from, SIZE_MAX, &found, &bytes);
	if (!err && !found)
		err = sut_err(SUT_E_USAGE, "%s/%s is gone; refresh again", m->client->store, from);
	return err ? err : sut_folder_write(m->metadata, to, bytes.view);
}

static struct sut_err *copy_target(struct mirror *m, const struct sut_tuf_target *target)
{
	const char *digest = target->file.sha256 ? target->file.sha256 : target->file.sha512;
	_cleanup_free_ char *name = NULL;

	if (!sut_tuf_path_is_safe(target->path) || !digest || strchr(digest, '/'))
		return sut_err(SUT_E_UNTRUSTED, "\"%s\" would leave its folder", target->path);
	struct sut_err *err = sut_tuf_target_file(target->path, digest, &name);
	if (!err)
		err = keep(m, "targets", name);
	return err ? err : sut_tuf_download_as(m->client, target, m->targets, name);
}

static struct sut_err *copy_role(struct mirror *m, const char *role, sut_tuf_want want,
				 void *context)
{
	_cleanup_free_ struct sut_tuf_target *targets = NULL;
	const struct sut_metadata *metadata;
	size_t n = 0;

	struct sut_err *err = sut_tuf_client_role(m->client, role, &metadata);
	if (!err)
		err = sut_tuf_client_list(m->client, role, &targets, &n);
	for (size_t i = 0; !err && i < n; i++)
		if (!want || want(context, &targets[i]))
			err = copy_target(m, &targets[i]);
	return err ? err : copy_metadata(m, role, metadata->version);
}

/** Remove the files below @p fd that are not kept; @p path is the folder's, in the mirror. */
static void prune(const struct mirror *m, int fd, const char *path)
{
	DIR *folder = fdopendir(fd);

	if (!folder) {
		close(fd);
		return;
	}
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		_cleanup_free_ char *name = NULL;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (asprintf(&name, "%s/%s", path, entry->d_name) < 0) {
			name = NULL;
			break;
		}
		int below =
			openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0) {
			prune(m, below, name);
			unlinkat(fd, entry->d_name, AT_REMOVEDIR); // if it is empty now
		} else if (!json_object_get(m->kept, name)) {
			unlinkat(fd, entry->d_name, 0);
		}
	}
	closedir(folder);
}

static void prune_folder(const struct mirror *m, const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		prune(m, fd, name);
}

static struct sut_err *copy_all(struct mirror *m, const char *const *roles, sut_tuf_want want,
				void *context)
{
	const struct sut_tuf_client *client = m->client;
	struct sut_err *err = NULL;

	for (int64_t version = 1; !err && version <= client->root.version; version++)
		err = copy_root(m, version);
	for (; !err && *roles; roles++)
		err = copy_role(m, *roles, want, context);
	if (!err)
		err = copy_metadata(m, "targets", client->loaded[0]->metadata.version);
	if (!err)
		err = copy_metadata(m, "snapshot", client->snapshot.version);
	return err ? err : copy_metadata(m, "timestamp", 0);
}

struct sut_err *sut_tuf_client_mirror(struct sut_tuf_client *client, const char *const *roles,
				      sut_tuf_want want, void *context, const char *folder)
{
	_cleanup_(end_mirror) struct mirror m = { .client = client, .kept = json_object() };

	if (!m.kept || asprintf(&m.metadata, "%s/metadata", folder) < 0 ||
	    asprintf(&m.targets, "%s/targets", folder) < 0)
		return sut_err_nomem();
	if (!client->n_loaded || !client->options.source || client->is_resumed)
		return sut_err(SUT_E_USAGE, "%s: is not refreshed", client->store);
	if (!json_is_true(json_object_get(client->root.body, "consistent_snapshot")))
		return sut_err(SUT_E_UNSUPPORTED,
			       "only a repository with consistent snapshots can be mirrored");
	struct sut_err *err = sut_folder_make(m.metadata);
	if (!err)
		err = sut_folder_make(m.targets);
	if (!err)
		sut_folder_sweep(folder);
	if (!err)
		err = copy_all(&m, roles, want, context);
	if (err)
		return err;
	prune_folder(&m, m.metadata, "metadata");
	prune_folder(&m, m.targets, "targets");
	return NULL;
}
