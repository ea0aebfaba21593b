// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/catalogue.h"
#include "agent/folders.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "fleet/baseline.h"
#include "tuf/client.h"
#include "tuf/folder.h"
#include "tuf/metadata.h"
#include "tuf/source.h"

/** The largest document that is taken, and the largest hotpatch, bytes. */
enum { MAX_DOCUMENT = 64 * 1024 * 1024, MAX_HOTPATCH = 128 * 1024 * 1024 };

// What a document is must be so before it counts: then nobody has to check it again.
static struct sut_err *check_baseline(struct sut_view bytes)
{
	struct sut_baseline baseline;
	struct sut_err *err = sut_baseline_read(bytes, &baseline);

	if (!err)
		sut_baseline_deinit(&baseline);
	return err;
}

static struct sut_err *check_release(struct sut_view bytes)
{
	struct sut_release release;
	struct sut_err *err = sut_release_read(bytes, &release);

	if (!err)
		sut_release_deinit(&release);
	return err;
}

static struct sut_err *check_rollout(struct sut_view bytes)
{
	struct sut_rollout rollout;
	struct sut_err *err = sut_rollout_read(bytes, &rollout);

	if (!err)
		sut_rollout_deinit(&rollout);
	return err;
}

static struct sut_err *check_revocation(struct sut_view bytes)
{
	struct sut_revocation revocation;
	struct sut_err *err = sut_revocation_read(bytes, &revocation);

	if (!err)
		sut_revocation_deinit(&revocation);
	return err;
}

/** The delegated roles, each with a kind of documents. */
static const struct role {
	const char *name;
	struct sut_err *(*check)(struct sut_view bytes);
} roles[] = {
	{ "baselines", check_baseline },
	{ "hotpatches", check_release },
	{ "rollouts", check_rollout },
	{ "revocations", check_revocation },
};

enum { N_ROLES = sizeof(roles) / sizeof(roles[0]) };

/** A client over the mirror. */
struct mirror {
	struct sut_tuf_source *source;
	struct sut_tuf_client *client;
};

static void close_mirror(struct mirror *mirror)
{
	sut_tuf_client_close(mirror->client);
	sut_tuf_source_free(mirror->source);
}

static struct sut_err *open_mirror(const struct sut_config *config, struct mirror *ret)
{
	_cleanup_free_ char *folder = sut_config_path(config, SUT_FOLDER_MIRROR);
	_cleanup_free_ char *store = sut_config_path(config, "trust/store");
	_cleanup_(sut_file_deinit) struct sut_file root = { 0 };
	struct sut_tuf_options options = { .store = store };
	struct sut_err *err = folder && store ? NULL : sut_err_nomem();

	*ret = (struct mirror){ 0 };
	// The root of trust is a file of this machine's, never what somebody has sent.
	if (!err)
		err = sut_file_read(config->root, &root);
	if (!err)
		err = sut_tuf_client_trust(store, root.view);
	if (!err)
		err = sut_tuf_source_folder(folder, &ret->source);
	options.source = ret->source;
	if (!err)
		err = sut_tuf_client_open(&options, &ret->client);
	if (err)
		close_mirror(ret);
	return err;
}

// "rollouts/2026.11.json": of a folder and a name, nothing else.
static bool is_document(const char *role, const char *path)
{
	size_t n = strlen(role), size = strlen(path);

	return strncmp(path, role, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/') &&
	       size > n + 6 && strcmp(path + size - 5, ".json") == 0 && path[n + 1] != '.';
}

static struct sut_err *take_document(struct mirror *mirror, const struct role *role,
				     const struct sut_tuf_target *target, const char *folder)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_tuf_client_get(mirror->client, target, MAX_DOCUMENT, &file);

	if (!err)
		err = role->check(file.view);
	if (!err)
		err = sut_folder_write(folder, target->path, file.view);
	return err ? sut_err_wrap(err, "%s", target->path) : NULL;
}

static struct sut_err *take_role(struct mirror *mirror, const struct role *role, const char *folder)
{
	_cleanup_free_ struct sut_tuf_target *targets = NULL;
	_cleanup_free_ char *below = NULL;
	size_t n = 0;
	struct sut_err *err = sut_tuf_client_list(mirror->client, role->name, &targets, &n);

	if (!err && asprintf(&below, "%s/%s", folder, role->name) < 0)
		err = sut_err_nomem();
	if (!err)
		err = sut_folder_make(below);
	for (size_t i = 0; i < n && !err; i++)
		if (is_document(role->name, targets[i].path))
			err = take_document(mirror, role, &targets[i], folder);
	return err;
}

static void remove_files(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0); // of "." and ".." nothing comes
	if (dir)
		closedir(dir);
}

// Removes a catalogue: folders of files.
static void remove_catalogue(const char *folder)
{
	for (size_t i = 0; i < N_ROLES; i++) {
		_cleanup_free_ char *below = NULL;
		if (asprintf(&below, "%s/%s", folder, roles[i].name) < 0)
			return;
		remove_files(below);
		rmdir(below);
	}
	rmdir(folder);
}

// The new one takes the place of the old one whole, or not at all.
static struct sut_err *replace(const char *fresh, const char *place)
{
	if (rename(fresh, place) == 0)
		return NULL;
	if (errno != EEXIST && errno != ENOTEMPTY)
		return sut_err_os(errno, "%s", place);
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, place, RENAME_EXCHANGE) < 0)
		return sut_err_os(errno, "%s", place);
	remove_catalogue(fresh);
	return NULL;
}

static struct sut_err *take_all(const struct sut_config *config, struct mirror *mirror)
{
	_cleanup_free_ char *fresh = sut_config_path(config, "trust/catalogue.new");
	_cleanup_free_ char *place = sut_config_path(config, "trust/catalogue");
	struct sut_err *err = fresh && place ? NULL : sut_err_nomem();

	if (err)
		return err;
	remove_catalogue(fresh);
	for (size_t i = 0; i < N_ROLES && !err; i++)
		err = take_role(mirror, &roles[i], fresh);
	return err ? err : replace(fresh, place);
}

struct sut_err *sut_known_refresh(const struct sut_config *config, json_t **tuf_ret)
{
	_cleanup_(close_mirror) struct mirror mirror = { 0 };
	struct sut_tuf_state state;
	char expires[SUT_TIME_SIZE];
	struct sut_err *err = open_mirror(config, &mirror);

	if (!err)
		err = sut_tuf_client_refresh(mirror.client);
	if (!err)
		err = take_all(config, &mirror);
	if (err)
		return err;
	sut_tuf_client_state(mirror.client, &state);
	sut_time_format(state.expires, expires);
	*tuf_ret = json_pack("{s:I, s:I, s:s}", "root", (json_int_t)state.root, "timestamp",
			     (json_int_t)state.timestamp, "expires", expires);
	return *tuf_ret ? NULL : sut_err_nomem();
}

// A target is searched for in what was verified last, whatever the mirror says now.
static struct sut_err *take_hotpatch(const struct sut_config *config,
				     const struct sut_release_hotpatch *hotpatch, const char *path)
{
	_cleanup_(close_mirror) struct mirror mirror = { 0 };
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_tuf_target target;
	bool found = false;
	struct sut_err *err = open_mirror(config, &mirror);

	if (!err)
		err = sut_tuf_client_resume(mirror.client);
	if (!err)
		err = sut_tuf_client_find(mirror.client, hotpatch->target, &target, &found);
	if (!err && !found)
		err = sut_err(SUT_E_MISMATCH, "the repository does not have %s", hotpatch->target);
	if (!err)
		err = sut_tuf_client_get(mirror.client, &target, MAX_HOTPATCH, &file);
	struct sut_sha256 digest;
	char hex[2 * SUT_SHA256_SIZE + 1] = "";
	if (!err)
		err = sut_sha256(file.view, &digest);
	if (!err)
		sut_hex((struct sut_view){ digest.bytes, SUT_SHA256_SIZE }, hex);
	if (!err && strcmp(hex, hotpatch->sha256) != 0)
		err = sut_err(SUT_E_MISMATCH, "%s is another file than its release names",
			      hotpatch->target);
	return err ? err : sut_file_write_durable(path, file.view, 0600);
}

struct sut_err *sut_known_take(const struct sut_config *config,
			       const struct sut_release_hotpatch *hotpatch, bool *found)
{
	_cleanup_free_ char *path = sut_known_path(config, hotpatch->sha256);
	_cleanup_free_ char *there = NULL;

	*found = path && access(path, F_OK) == 0;
	if (*found)
		return NULL;
	if (!path)
		return sut_err(SUT_E_FORMAT, "%s has no digest", hotpatch->name);
	const char *name = strrchr(hotpatch->target, '/');
	if (!name || asprintf(&there, "%s/" SUT_FOLDER_MIRROR "/targets/%.*s/%s.%s", config->state,
			      (int)(name - hotpatch->target), hotpatch->target, hotpatch->sha256,
			      name + 1) < 0)
		return sut_err_nomem();
	if (access(there, F_OK) < 0)
		return NULL;
	struct sut_err *err = take_hotpatch(config, hotpatch, path);
	*found = !err;
	return err;
}
