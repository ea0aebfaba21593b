// SPDX-License-Identifier: Apache-2.0
#include "cli/repo_settings.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "fleet/shape.h"

void sut_settings_deinit(struct sut_settings *settings)
{
	free(settings->product);
	sut_policy_deinit(&settings->policy);
	*settings = (struct sut_settings){ 0 };
}

static struct sut_err *read_policy(const char *path, struct sut_policy *ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };

	if (!path)
		return sut_policy_read((struct sut_view){ (const uint8_t *)sut_policy_usual,
							  strlen(sut_policy_usual) },
				       ret);
	struct sut_err *err = sut_file_read(path, &file);
	if (!err)
		err = sut_policy_read(file.view, ret);
	return err ? sut_err_wrap(err, "%s", path) : NULL;
}

struct sut_err *sut_settings_make(const char *product, const char *policy, struct sut_settings *ret)
{
	struct sut_err *err = read_policy(policy, &ret->policy);

	if (err)
		return err;
	ret->product = strdup(product);
	return ret->product ? NULL : sut_err_nomem();
}

// Write @p json, which is consumed; NULL is out of memory.
static struct sut_err *write_json(const char *path, json_t *json)
{
	_cleanup_json_ json_t *owned = json;
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;

	if (!text)
		return sut_err_nomem();
	return sut_file_write_durable(
		path, (struct sut_view){ (const uint8_t *)text, strlen(text) }, 0644);
}

static struct sut_err *read_json(const char *path, json_t **ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_file_read(path, &file);

	if (err)
		return err;
	err = sut_json_parse(file.view, ret);
	return err ? sut_err_wrap(err, "%s", path) : NULL;
}

static struct sut_err *settings_path(const char *repository, char **ret)
{
	return asprintf(ret, "%s/channel.json", repository) < 0 ? sut_err_nomem() : NULL;
}

struct sut_err *sut_settings_read(const char *repository, struct sut_settings *ret)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *json = NULL;
	const char *product;
	struct sut_err *err = settings_path(repository, &path);

	if (!err && access(path, F_OK) < 0)
		return sut_err(SUT_E_USAGE, "%s is not there: make it with 'suture repo init'",
			       path);
	if (!err)
		err = read_json(path, &json);
	if (!err)
		err = sut_json_text(json, "product", &product);
	if (!err)
		err = sut_policy_from_json(json_object_get(json, "policy"), &ret->policy);
	if (err)
		return err;
	ret->product = strdup(product);
	return ret->product ? NULL : sut_err_nomem();
}

struct sut_err *sut_settings_write(const char *repository, const struct sut_settings *settings)
{
	_cleanup_free_ char *path = NULL;
	struct sut_err *err = settings_path(repository, &path);

	return err ? err
		   : write_json(path, json_pack("{s:s, s:o}", "product", settings->product,
						"policy", sut_policy_write(&settings->policy)));
}

struct sut_err *sut_settings_write_missing(const char *repository,
					   const struct sut_settings *settings)
{
	_cleanup_free_ char *path = NULL;
	struct sut_err *err = settings_path(repository, &path);

	if (err || access(path, F_OK) == 0)
		return err;
	return sut_settings_write(repository, settings);
}

struct sut_err *sut_advisory_write(const char *repository, const char *id, json_t *advisory)
{
	_cleanup_free_ char *folder = NULL, *path = NULL;

	if (asprintf(&folder, "%s/advisories", repository) < 0 ||
	    asprintf(&path, "%s/%s.json", folder, id) < 0) {
		json_decref(advisory);
		return sut_err_nomem();
	}
	if (mkdir(folder, 0777) < 0 && errno != EEXIST) {
		json_decref(advisory);
		return sut_err_os(errno, "%s", folder);
	}
	return write_json(path, advisory);
}

struct sut_err *sut_advisory_read(const char *repository, const char *id, json_t **ret)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/advisories/%s.json", repository, id) < 0)
		return sut_err_nomem();
	if (!sut_name_check(id) || access(path, F_OK) < 0)
		return sut_err(
			SUT_E_USAGE,
			"advisory %s is not known here: enter it with 'suture repo advisory'", id);
	return read_json(path, ret);
}

static bool is_for(const json_t *advisory, const char *package, const char *source)
{
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(advisory, "packages"), i, name)
	{
		const char *text = json_string_value(name);
		if (text && (strcmp(text, package) == 0 || strcmp(text, source) == 0))
			return true;
	}
	return false;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_advisory(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return entry->d_name[0] != '.' && size > 5 &&
	       strcmp(entry->d_name + size - 5, ".json") == 0;
}

static struct sut_err *list_one(const char *repository, char *file, const char *package,
				const char *source, json_t *list)
{
	_cleanup_json_ json_t *advisory = NULL;

	file[strlen(file) - 5] = 0;
	struct sut_err *err = sut_advisory_read(repository, file, &advisory);
	if (!err && is_for(advisory, package, source) &&
	    json_array_append_new(list, json_string(file)) < 0)
		err = sut_err_nomem();
	return err;
}

struct sut_err *sut_advisory_list(const char *repository, const char *package, const char *source,
				  json_t **ret)
{
	_cleanup_free_ char *folder = NULL;
	_cleanup_json_ json_t *list = json_array();
	struct dirent **entries = NULL;
	struct sut_err *err = NULL;

	if (!list || asprintf(&folder, "%s/advisories", repository) < 0)
		return sut_err_nomem();
	int n = scandir(folder, &entries, is_advisory, by_name);
	if (n < 0 && errno != ENOENT)
		return sut_err_os(errno, "%s", folder);
	for (int i = 0; i < n; i++) {
		if (!err)
			err = list_one(repository, entries[i]->d_name, package, source, list);
		free(entries[i]);
	}
	free(entries);
	if (!err)
		*ret = steal(list);
	return err;
}
