// SPDX-License-Identifier: Apache-2.0
#include "cli/repo_keys.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/hub_secret.h"
#include "tuf/repository.h"
#include "tuf/signer.h"

// A role has no more key files than this.
static const int max_number = 99;

void sut_repo_keys_deinit(struct sut_repo_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		sut_signer_free(keys->list[i]);
	free(keys->list);
	sut_hub_secret_wipe(keys->passphrase);
	free(keys->passphrase);
	*keys = (struct sut_repo_keys){ 0 };
}

const struct sut_signer *const *sut_repo_signers(const struct sut_repo_keys *keys)
{
	return (const struct sut_signer *const *)keys->list;
}

struct sut_err *sut_repo_keys_passphrase(const struct sut_repo_call *call, bool is_new,
					 struct sut_repo_keys *keys)
{
	const char *path = sut_repo_value(call, SUT_REPO_PASSPHRASE_FILE);
	_cleanup_free_ char *again = NULL;

	if (keys->passphrase)
		return NULL;
	if (!path)
		path = getenv("SUTURE_PASSPHRASE_FILE");
	struct sut_err *err = sut_hub_secret_read(
		path, is_new ? "New passphrase of the keys" : "Passphrase of the keys",
		&keys->passphrase);
	if (err || path || !is_new)
		return err;
	err = sut_hub_secret_read(NULL, "The same again", &again);
	if (!err && strcmp(again, keys->passphrase) != 0)
		err = sut_err(SUT_E_USAGE, "the two passphrases are not the same");
	sut_hub_secret_wipe(again);
	return err;
}

static struct sut_err *folder_of(const struct sut_repo_call *call, const char **ret)
{
	*ret = sut_repo_value(call, SUT_REPO_KEYS);
	return *ret ? NULL : sut_err(SUT_E_USAGE, "needs --keys KEYS, the folder of the key files");
}

static struct sut_err *path_of(const char *folder, const char *role, int number, char **ret)
{
	int size = number == 1 ? asprintf(ret, "%s/%s.key", folder, role)
			       : asprintf(ret, "%s/%s-%d.key", folder, role, number);

	return size < 0 ? sut_err_nomem() : NULL;
}

static struct sut_err *load(const struct sut_repo_call *call, const char *path,
			    struct sut_repo_keys *keys)
{
	bool needs_passphrase;
	struct sut_err *err = sut_signer_needs_passphrase(path, &needs_passphrase);

	if (!err && needs_passphrase)
		err = sut_repo_keys_passphrase(call, false, keys);
	if (!err)
		err = sut_array_grow(&keys->list, keys->n, &keys->capacity, sizeof(*keys->list));
	if (!err)
		err = sut_signer_read(path, needs_passphrase ? keys->passphrase : NULL,
				      &keys->list[keys->n]);
	if (!err)
		keys->n++;
	return err;
}

struct sut_err *sut_repo_keys_load(const struct sut_repo_call *call, const char *const *roles,
				   struct sut_repo_keys *keys)
{
	const char *folder;
	struct sut_err *err = folder_of(call, &folder);

	for (; !err && *roles; roles++) {
		for (int number = 1; number <= max_number && !err; number++) {
			_cleanup_free_ char *path = NULL;
			struct stat st;
			err = path_of(folder, *roles, number, &path);
			if (!err && stat(path, &st) == 0)
				err = load(call, path, keys);
		}
	}
	return err;
}

static bool is_listed(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

struct sut_err *sut_repo_keys_load_staged(const struct sut_repo_call *call, const char *const *more,
					  struct sut_repo_keys *keys)
{
	_cleanup_free_ struct sut_repository_row *rows = NULL;
	size_t n_rows;
	struct sut_err *err = sut_repository_rows(call->repository, &rows, &n_rows);

	for (size_t i = 0; !err && i < n_rows; i++) {
		const char *const one[] = { rows[i].name, NULL };
		if (rows[i].staged_version || is_listed(more, rows[i].name))
			err = sut_repo_keys_load(call, one, keys);
	}
	return err;
}

struct sut_err *sut_repo_keys_count(const struct sut_repo_call *call, const char *role, int *ret)
{
	const char *folder;
	struct sut_err *err = folder_of(call, &folder);

	*ret = 0;
	for (int number = 1; number <= max_number && !err; number++) {
		_cleanup_free_ char *path = NULL;
		struct stat st;
		err = path_of(folder, role, number, &path);
		if (!err && stat(path, &st) == 0)
			*ret = number;
	}
	return err;
}

static struct sut_err *make_folder(const char *folder)
{
	if (mkdir(folder, 0700) == 0 || errno == EEXIST)
		return NULL;
	return sut_err_os(errno, "%s", folder);
}

static struct sut_err *make(const struct sut_repo_call *call, const char *path,
			    struct sut_repo_keys *keys)
{
	_cleanup_(sut_signer_freep) struct sut_signer *signer = NULL;
	struct sut_err *err = make_folder(sut_repo_value(call, SUT_REPO_KEYS));

	if (!err)
		err = sut_repo_keys_passphrase(call, true, keys);
	if (!err)
		err = sut_signer_new(&signer);
	if (!err)
		err = sut_signer_write(signer, path, keys->passphrase);
	return err;
}

struct sut_err *sut_repo_keys_make(const struct sut_repo_call *call, const char *role, int number,
				   struct sut_repo_keys *keys, json_t **public_ret,
				   bool *was_made_ret)
{
	_cleanup_free_ char *path = NULL;
	const char *folder;
	struct stat st;
	struct sut_err *err = folder_of(call, &folder);

	if (!err)
		err = path_of(folder, role, number, &path);
	if (err)
		return err;
	*was_made_ret = stat(path, &st) < 0;
	if (*was_made_ret && call->is_dry) {
		*public_ret = NULL;
		return NULL;
	}
	if (*was_made_ret)
		err = make(call, path, keys);
	return err ? err : sut_signer_public_of(path, public_ret);
}
