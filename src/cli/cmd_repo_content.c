// SPDX-License-Identifier: Apache-2.0

/**
 * suture repo baseline, advisory
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli/channel.h"
#include "cli/repo_command.h"
#include "cli/repo_settings.h"
#include "elf/deb.h"
#include "elf/image.h"
#include "fleet/date.h"
#include "fleet/shape.h"

/** Paths of packages. Owns them. */
struct paths {
	char **list;
	size_t n, capacity;
};

static void paths_deinit(struct paths *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		free(paths->list[i]);
	free(paths->list);
}

// Takes @p path, which is on the heap; NULL is out of memory.
static struct sut_err *add_path(struct paths *paths, char *path)
{
	struct sut_err *err =
		path ? sut_array_grow(&paths->list, paths->n, &paths->capacity, sizeof(char *))
		     : sut_err_nomem();

	if (err)
		free(path);
	else
		paths->list[paths->n++] = path;
	return err;
}

static int is_deb(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return size > 4 && strcmp(entry->d_name + size - 4, ".deb") == 0;
}

static struct sut_err *add_folder(struct paths *paths, const char *folder)
{
	struct dirent **entries = NULL;
	struct sut_err *err = NULL;
	int n = scandir(folder, &entries, is_deb, alphasort);

	if (n < 0)
		return sut_err_os(errno, "%s", folder);
	for (int i = 0; i < n; i++) {
		char *path = NULL;
		if (!err && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
			path = NULL;
		if (!err)
			err = add_path(paths, path);
		free(entries[i]);
	}
	free(entries);
	if (!err && n == 0)
		err = sut_err(SUT_E_USAGE, "%s: no package NAME.deb is there", folder);
	return err;
}

static struct sut_err *find_packages(const struct sut_repo_call *call, struct paths *paths)
{
	struct sut_err *err = NULL;

	for (int i = 1; i < call->n_args && !err; i++) {
		struct stat st;
		if (stat(call->args[i], &st) == 0 && S_ISDIR(st.st_mode))
			err = add_folder(paths, call->args[i]);
		else
			err = add_path(paths, strdup(call->args[i]));
	}
	return err;
}

// A file that is no build of ours (of another machine, or without build-id) is left out:
// nothing can be said of it by that name.
static struct sut_err *read_build(const struct sut_deb_file *file,
				  struct sut_baseline_package *package)
{
	struct sut_image image;
	struct sut_err *err = sut_image_init(file->bytes, &image);
	struct sut_baseline_build *build = &package->builds[package->n_builds];

	if (err && err->code != SUT_E_NOMEM) {
		sut_err_free(err);
		return NULL;
	}
	if (err)
		return err;
	if (image.build_id.size) {
		build->build_id = malloc(2 * image.build_id.size + 1);
		if (build->build_id)
			sut_hex(image.build_id, build->build_id);
		if (asprintf(&build->path, "/%s", file->path) < 0)
			build->path = NULL;
		if (!build->build_id || !build->path)
			err = sut_err_nomem();
		package->n_builds++;
	}
	sut_image_deinit(&image);
	return err;
}

static struct sut_err *read_package(const char *path, struct sut_baseline_package *ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	_cleanup_(sut_deb_deinit) struct sut_deb deb = { 0 };
	struct sut_err *err = sut_file_read(path, &file);

	if (!err)
		err = sut_deb_init(file.view, &deb);
	if (err)
		return sut_err_wrap(err, "%s", path);
	*ret = (struct sut_baseline_package){
		.name = strdup(deb.package),
		.version = strdup(deb.version),
		.architecture = strdup(deb.architecture),
		.source = strdup(deb.source),
		.builds = calloc(deb.n_files + 1, sizeof(*ret->builds)),
	};
	if (!ret->name || !ret->version || !ret->architecture || !ret->source || !ret->builds)
		return sut_err_nomem();
	for (size_t i = 0; i < deb.n_files && !err; i++)
		err = read_build(&deb.files[i], ret);
	return err;
}

static int by_package(const void *a, const void *b)
{
	const struct sut_baseline_package *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->architecture, y->architecture);
}

static struct sut_err *read_packages(const struct sut_repo_call *call,
				     struct sut_baseline *baseline)
{
	_cleanup_(paths_deinit) struct paths paths = { 0 };
	struct sut_err *err = find_packages(call, &paths);

	if (err)
		return err;
	baseline->packages = calloc(paths.n + 1, sizeof(*baseline->packages));
	if (!baseline->packages)
		return sut_err_nomem();
	for (size_t i = 0; i < paths.n && !err; i++) {
		err = read_package(paths.list[i], &baseline->packages[i]);
		baseline->n_packages++;
	}
	sut_array_sort(baseline->packages, baseline->n_packages, sizeof(*baseline->packages),
		       by_package);
	return err;
}

static struct sut_err *make_baseline(const struct sut_repo_call *call, struct sut_baseline *ret)
{
	_cleanup_(sut_settings_deinit) struct sut_settings settings = { 0 };
	struct sut_err *err = sut_settings_read(call->path, &settings);

	if (!err)
		err = sut_repo_date(call, SUT_REPO_DATE, &ret->date);
	if (err)
		return err;
	ret->is_planned = !sut_repo_has(call, SUT_REPO_UNPLANNED);
	ret->name = strdup(call->args[0]);
	ret->product = steal(settings.product);
	return ret->name ? read_packages(call, ret) : sut_err_nomem();
}

// The release that brings the baseline, unless the month has one already, with hotpatches.
static struct sut_err *stage_release(const struct sut_repo_call *call,
				     const struct sut_baseline *baseline)
{
	_cleanup_(sut_channel_deinit) struct sut_channel channel = { 0 };
	struct sut_err *err = sut_channel_load(call->repository, &channel);

	if (err || sut_channel_release(&channel, baseline->name))
		return err;
	const struct sut_release release = {
		.name = baseline->name,
		.baseline = baseline->name,
		.kind = SUT_RELEASE_BASELINE,
		.date = baseline->date,
		.is_out_of_band = strlen(baseline->name) > strlen("2026.10"),
	};
	return sut_channel_put(call->repository, "hotpatches", "release", release.name,
			       sut_release_write(&release));
}

static struct sut_err *stage_baseline(const struct sut_repo_call *call,
				      const struct sut_baseline *baseline)
{
	_cleanup_json_ json_t *json = sut_baseline_write(baseline);
	_cleanup_free_ char *text = json ? json_dumps(json, 0) : NULL;
	struct sut_baseline again = { 0 };

	if (!text)
		return sut_err_nomem();
	// What a device would refuse must not get out.
	struct sut_err *err =
		sut_baseline_read((struct sut_view){ (const uint8_t *)text, strlen(text) }, &again);
	if (err)
		return err;
	sut_baseline_deinit(&again);
	if (call->is_dry)
		return NULL;
	err = sut_channel_put(call->repository, "baselines", "baseline", baseline->name,
			      json_incref(json));
	return err ? err : stage_release(call, baseline);
}

static struct sut_err *run_baseline(struct sut_repo_call *call)
{
	_cleanup_(sut_baseline_deinit) struct sut_baseline baseline = { 0 };
	const char *name = call->args[0];
	size_t n_builds = 0;
	struct sut_err *err = sut_repo_check_name(name);

	if (!err)
		err = make_baseline(call, &baseline);
	if (!err && sut_channel_is_published(call->repository, "baselines", name)) {
		_cleanup_(sut_channel_deinit) struct sut_channel channel = { 0 };
		err = sut_channel_load(call->repository, &channel);
		const struct sut_baseline *before = sut_channel_baseline(&channel, name);
		// The day on which it is asked for again changes nothing.
		if (before && !sut_repo_has(call, SUT_REPO_DATE))
			baseline.date = before->date;
		_cleanup_json_ json_t *old = before ? sut_baseline_write(before) : NULL;
		_cleanup_json_ json_t *new = sut_baseline_write(&baseline);
		if (!err && !json_equal(old, new))
			err = sut_err(
				SUT_E_USAGE,
				"baseline %s is published with other packages, and devices rely "
				"on it: make a new one of another name",
				name);
	}
	if (!err)
		err = stage_baseline(call, &baseline);
	for (size_t i = 0; i < baseline.n_packages; i++)
		n_builds += baseline.packages[i].n_builds;
	if (!err)
		err = sut_repo_answer(call, "packages",
				      json_integer((json_int_t)baseline.n_packages));
	if (!err)
		err = sut_repo_answer(call, "builds", json_integer((json_int_t)n_builds));
	if (!err)
		sut_repo_say(call, "Baseline %s: %zu packages with %zu builds%s.", name,
			     baseline.n_packages, n_builds,
			     call->is_dry ? " would be staged" : " are staged");
	return err;
}

static struct sut_err *check_advisory(const struct sut_repo_call *call, const char **severity_ret)
{
	enum sut_advisory_severity severity;
	const char *word = sut_repo_value(call, SUT_REPO_SEVERITY);

	if (!sut_name_check(call->args[0]))
		return sut_err(SUT_E_USAGE, "'%s' is not an advisory's id, like CVE-2026-1",
			       call->args[0]);
	if (!word || !sut_advisory_severity_find(word, &severity))
		return sut_err(SUT_E_USAGE,
			       "needs --severity critical, high, medium, low or unknown");
	if (!sut_repo_has(call, SUT_REPO_PUBLISHED))
		return sut_err(SUT_E_USAGE, "needs --published DATE, like 2026-11-03");
	*severity_ret = word;
	return NULL;
}

static struct sut_err *list_packages(const struct sut_repo_call *call, json_t **ret)
{
	_cleanup_json_ json_t *packages = json_array();

	for (size_t i = 0; i < call->n_given; i++) {
		if (call->given[i].option != SUT_REPO_PACKAGE)
			continue;
		if (!sut_name_check(call->given[i].value))
			return sut_err(SUT_E_USAGE, "--package %s: is not a package's name",
				       call->given[i].value);
		if (json_array_append_new(packages, json_string(call->given[i].value)) < 0)
			return sut_err_nomem();
	}
	*ret = steal(packages);
	return NULL;
}

static struct sut_err *run_advisory(struct sut_repo_call *call)
{
	_cleanup_json_ json_t *packages = NULL;
	const char *severity, *id = call->args[0];
	const char *summary = sut_repo_value(call, SUT_REPO_SUMMARY);
	char date[SUT_DATE_SIZE];
	int64_t published;
	struct sut_err *err = check_advisory(call, &severity);

	if (!err)
		err = sut_repo_date(call, SUT_REPO_PUBLISHED, &published);
	if (!err)
		err = list_packages(call, &packages);
	if (err)
		return err;
	sut_date_format(published, date);
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:s, s:O}", "id", id, "severity", severity, "published",
			  date, "summary", summary ? summary : "", "packages", packages);
	if (!json)
		return sut_err(SUT_E_USAGE, "--summary: is not UTF-8 text");
	err = sut_repo_answer(call, "advisory", json_incref(json));
	if (!err && !call->is_dry)
		err = sut_advisory_write(call->path, id, json);
	else
		json_decref(json);
	if (!err)
		sut_repo_say(call, "Advisory %s: %s, published on %s, of %zu packages.", id,
			     severity, date, json_array_size(packages));
	return err;
}

const struct sut_repo_command sut_repo_content_commands[] = {
	{ "baseline", "date unplanned-baseline dry-run", 2, 100000, true, run_baseline },
	{ "advisory", "severity published package summary dry-run", 1, 1, true, run_advisory },
	{ NULL, NULL, 0, 0, false, NULL },
};
