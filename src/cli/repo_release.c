// SPDX-License-Identifier: Apache-2.0
#include "cli/repo_release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "cli/channel.h"
#include "cli/repo_settings.h"
#include "fleet/date.h"
#include "fleet/version.h"
#include "patch/pack.h"
#include "patch/patch.h"
#include "tuf/repository.h"

// Every device reads a release: it tells the kind of obstacle, not each function.
static const size_t max_reasons = 20;

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool has_text(const json_t *list, const char *text)
{
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)list, i,
			   one) if (strcmp(json_string_value(one) ? json_string_value(one) : "",
					   text) == 0) return true;
	return false;
}

// Append the texts of @p from to @p list, each once.
static struct sut_err *join(json_t *list, const json_t *from)
{
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)from, i,
			   one) if (json_is_string(one) &&
				    !has_text(list, json_string_value(one)) &&
				    json_array_append(list, one) < 0) return sut_err_nomem();
	return NULL;
}

static struct sut_err *stage_file(struct sut_release_draft *draft, const json_t *entry,
				  struct sut_view bytes)
{
	_cleanup_json_ json_t *custom =
		json_pack("{s:O, s:O, s:O}", "old_build_id", json_object_get(entry, "old_build_id"),
			  "release", json_object_get(draft->document, "name"), "name",
			  json_object_get(entry, "name"));

	if (!custom)
		return sut_err_nomem();
	if (draft->call->is_dry)
		return NULL;
	return sut_repository_add(draft->call->repository, "hotpatches", text_of(entry, "target"),
				  bytes, custom);
}

static json_t *target_of(const struct sut_release_draft *draft, const char *name)
{
	return json_sprintf("hotpatches/%s/%s.hotpatch", text_of(draft->document, "name"), name);
}

// Take a hotpatch of the release before over into this one.
static struct sut_err *carry(struct sut_release_draft *draft, json_t *entry)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_repository_read(draft->call->repository, "hotpatches",
						  text_of(entry, "target"), &file);

	if (!err &&
	    json_object_set_new(entry, "target", target_of(draft, text_of(entry, "name"))) < 0)
		err = sut_err_nomem();
	if (!err)
		err = stage_file(draft, entry, file.view);
	if (err)
		return sut_err_wrap(err, "hotpatch %s of the release before",
				    text_of(entry, "name"));
	draft->n_carried++;
	return NULL;
}

static struct sut_err *carry_all(struct sut_release_draft *draft,
				 const struct sut_release *previous)
{
	const struct sut_catalogue catalogue = sut_channel_catalogue(draft->channel);
	_cleanup_json_ json_t *before = sut_release_write(previous);
	json_t *hotpatches = json_object_get(draft->document, "hotpatches"), *entry;
	size_t i;

	if (!before ||
	    json_object_set(draft->document, "advisories", json_object_get(before, "advisories")) <
		    0 ||
	    json_object_set(draft->document, "not_hotpatchable",
			    json_object_get(before, "not_hotpatchable")) < 0)
		return sut_err_nomem();
	json_array_foreach(json_object_get(before, "hotpatches"), i, entry)
	{
		if (sut_catalogue_revoked_hotpatch(&catalogue, text_of(entry, "name")))
			continue;
		struct sut_err *err = carry(draft, entry);
		if (!err && json_array_append(hotpatches, entry) < 0)
			err = sut_err_nomem();
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *begin(struct sut_release_draft *draft, const char *name,
			     const char *baseline)
{
	struct sut_version version = { 0 };
	char text[SUT_DATE_SIZE];
	int64_t date;
	struct sut_err *err = sut_repo_date(draft->call, SUT_REPO_DATE, &date);

	if (err)
		return err;
	sut_version_read(name, &version);
	sut_date_format(date, text);
	draft->document = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:[], s:[], s:[]}", "type",
				    "release", "name", name, "baseline", baseline, "kind",
				    "hotpatch", "date", text, "out_of_band", version.number > 0,
				    "advisories", "hotpatches", "not_hotpatchable");
	if (!draft->document)
		return sut_err_nomem();
	const struct sut_release *previous = sut_channel_previous(draft->channel, name, baseline);
	return previous ? carry_all(draft, previous) : NULL;
}

static struct sut_err *find_baseline(struct sut_release_draft *draft,
				     const struct sut_release *release, const char **name_ret)
{
	const char *asked = sut_repo_value(draft->call, SUT_REPO_BASELINE);
	const char *name = asked ? asked : release ? release->baseline : NULL;

	if (!name)
		return sut_err(SUT_E_USAGE,
			       "needs --baseline NAME: the baseline that the hotpatches are for");
	if (release && strcmp(release->baseline, name) != 0)
		return sut_err(
			SUT_E_USAGE,
			"release %s is on baseline %s; hotpatches for %s belong to a release "
			"of their own",
			release->name, release->baseline, name);
	draft->baseline = sut_channel_baseline(draft->channel, name);
	*name_ret = name;
	return draft->baseline
		       ? NULL
		       : sut_err(SUT_E_USAGE,
				 "there is no baseline %s: make it with 'suture repo baseline'",
				 name);
}

static struct sut_err *read_advisories(struct sut_release_draft *draft)
{
	const struct sut_repo_call *call = draft->call;

	draft->advisories = json_array();
	for (size_t i = 0; i < call->n_given; i++) {
		_cleanup_json_ json_t *known = NULL;
		if (call->given[i].option != SUT_REPO_ADVISORY)
			continue;
		struct sut_err *err = sut_advisory_read(call->path, call->given[i].value, &known);
		if (err)
			return err;
		if (json_array_append_new(draft->advisories, json_string(call->given[i].value)) < 0)
			return sut_err_nomem();
	}
	return NULL;
}

struct sut_err *sut_release_draft_init(const struct sut_repo_call *call, const char *name,
				       struct sut_release_draft *ret)
{
	const char *baseline;
	struct sut_err *err = sut_repo_check_name(name);

	ret->call = call;
	if (!err && sut_channel_is_published(call->repository, "hotpatches", name))
		err = sut_err(SUT_E_USAGE,
			      "release %s is published, and devices rely on it: name the next one, "
			      "out of band like 2026.11.1 if it cannot wait",
			      name);
	if (!err) {
		ret->channel = calloc(1, sizeof(*ret->channel));
		err = ret->channel ? sut_channel_load(call->repository, ret->channel)
				   : sut_err_nomem();
	}
	if (err)
		return err;
	const struct sut_release *release = sut_channel_release(ret->channel, name);
	err = find_baseline(ret, release, &baseline);
	if (!err)
		err = read_advisories(ret);
	if (err)
		return err;
	if (!release)
		return begin(ret, name, baseline);
	ret->document = sut_release_write(release);
	return ret->document ? NULL : sut_err_nomem();
}

void sut_release_draft_deinit(struct sut_release_draft *draft)
{
	if (draft->channel)
		sut_channel_deinit(draft->channel);
	free(draft->channel);
	json_decref(draft->document);
	json_decref(draft->advisories);
	*draft = (struct sut_release_draft){ 0 };
}

// The document tells of every advisory that something in it names.
static struct sut_err *tell_advisories(struct sut_release_draft *draft, const json_t *ids)
{
	json_t *list = json_object_get(draft->document, "advisories"), *id, *one;
	size_t i, k;

	json_array_foreach((json_t *)ids, i, id)
	{
		_cleanup_json_ json_t *advisory = NULL;
		bool is_told = false;
		json_array_foreach(list, k, one) is_told |=
			strcmp(text_of(one, "id"), json_string_value(id)) == 0;
		if (is_told)
			continue;
		struct sut_err *err =
			sut_advisory_read(draft->call->path, json_string_value(id), &advisory);
		if (err)
			return err;
		json_object_del(advisory, "packages");
		if (json_array_append(list, advisory) < 0)
			return sut_err_nomem();
	}
	return NULL;
}

// Take entries out of @p list that are of the same build, and of the same file of the same
// package when @p is_file says so; their advisories go into @p advisories.
static struct sut_err *take_out(json_t *list, const json_t *entry, bool is_file, json_t *advisories)
{
	for (size_t i = json_array_size(list); i > 0; i--) {
		const json_t *other = json_array_get(list, i - 1);
		const char *build = text_of(other, "old_build_id");
		bool is_same = *build && strcmp(build, text_of(entry, "old_build_id")) == 0;
		if (is_file && !*build)
			is_same = strcmp(text_of(other, "path"), text_of(entry, "path")) == 0 &&
				  strcmp(text_of(other, "package"), text_of(entry, "package")) == 0;
		if (!is_same)
			continue;
		struct sut_err *err = join(advisories, json_object_get(other, "advisories"));
		if (err)
			return err;
		json_array_remove(list, i - 1);
	}
	return NULL;
}

static json_t *accepted_of(const struct sut_patch *patch)
{
	json_t *list = json_array(), *condition;
	size_t i;

	json_array_foreach(json_object_get(patch->meta, "conditions"), i,
			   condition) if (*text_of(condition, "accepted"))
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "code",
						      text_of(condition, "code"), "function",
						      text_of(condition, "function"), "why",
						      text_of(condition, "accepted")));
	return list;
}

/** What a hotpatch's entry says of its package, from the hotpatch or from the baseline. */
struct place {
	const char *package, *old_version, *new_version;
	char *path; /**< Owned. */
};

static struct sut_err *find_place(const struct sut_release_draft *draft,
				  const struct sut_patch *patch, struct place *ret)
{
	const struct sut_baseline_build *build = NULL;
	const char *id = sut_patch_string(patch, "old_build_id");
	const struct sut_baseline_package *package = sut_baseline_find(draft->baseline, id, &build);

	ret->package = sut_patch_string(patch, "package");
	ret->old_version = sut_patch_string(patch, "old_version");
	ret->new_version = sut_patch_string(patch, "new_version");
	if (*ret->package && *ret->old_version && *ret->new_version)
		return asprintf(&ret->path, "/%s", sut_patch_string(patch, "file")) < 0
			       ? sut_err_nomem()
			       : NULL;
	if (!package)
		return sut_err(
			SUT_E_USAGE,
			"hotpatch %s was not built from packages, and its build %.16s… is not "
			"in baseline %s, so nothing tells its package",
			sut_patch_string(patch, "name"), id, draft->baseline->name);
	ret->package = package->name;
	ret->old_version = package->version;
	ret->new_version = *ret->new_version ? ret->new_version : "unknown";
	ret->path = strdup(build->path);
	return ret->path ? NULL : sut_err_nomem();
}

static struct sut_err *make_entry(const struct sut_release_draft *draft,
				  const struct sut_patch *patch, struct sut_view packed,
				  const struct sut_release_draft_origin *origin, json_t **ret)
{
	_cleanup_json_ json_t *advisories = json_array();
	struct place place = { 0 };
	struct sut_sha256 digest;
	char hex[2 * SUT_SHA256_SIZE + 1];
	const char *name = sut_patch_string(patch, "name");
	struct sut_err *err = sut_sha256(packed, &digest);

	if (!err)
		err = join(advisories, json_object_get(patch->meta, "advisories"));
	if (!err)
		err = join(advisories, origin->advisories);
	if (!err)
		err = find_place(draft, patch, &place);
	if (err)
		return err;
	sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, hex);
	*ret = json_pack("{s:s, s:o, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:o}",
			 "name", name, "target", target_of(draft, name), "sha256", hex, "size",
			 (json_int_t)packed.size, "full_size", (json_int_t)origin->full_size,
			 "old_build_id", sut_patch_string(patch, "old_build_id"), "new_build_id",
			 sut_patch_string(patch, "new_build_id"), "package", place.package,
			 "old_version", place.old_version, "new_version", place.new_version, "path",
			 place.path, "advisories", advisories, "accepted", accepted_of(patch));
	free(place.path);
	return *ret ? NULL : sut_err_nomem();
}

static struct sut_err *put_entry(struct sut_release_draft *draft, json_t *entry,
				 struct sut_view packed)
{
	json_t *advisories = json_object_get(entry, "advisories");
	json_t *hotpatches = json_object_get(draft->document, "hotpatches");
	struct sut_err *err = stage_file(draft, entry, packed);

	if (!err)
		err = take_out(hotpatches, entry, false, advisories);
	if (!err)
		err = take_out(json_object_get(draft->document, "not_hotpatchable"), entry, true,
			       advisories);
	if (!err)
		err = tell_advisories(draft, advisories);
	if (!err && json_array_append(hotpatches, entry) < 0)
		err = sut_err_nomem();
	return err;
}

struct sut_err *sut_release_draft_add(struct sut_release_draft *draft, struct sut_view file,
				      const struct sut_release_draft_origin *origin,
				      const json_t **entry_ret)
{
	_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };
	_cleanup_(sut_buf_deinit) struct sut_buf packed = { 0 };
	_cleanup_json_ json_t *entry = NULL;
	struct sut_err *err = sut_patch_read(file, &patch);

	if (!err && !sut_pack_is_packed(file)) {
		err = sut_pack(file, &packed);
		file = sut_buf_view(&packed);
	}
	if (!err)
		err = make_entry(draft, &patch, file, origin, &entry);
	if (!err)
		err = put_entry(draft, entry, file);
	if (!err && entry_ret)
		*entry_ret = entry;
	return err;
}

static json_t *reasons_of(const struct sut_reasons *reasons)
{
	json_t *list = json_array();

	for (size_t i = 0; i < reasons->n && json_array_size(list) < max_reasons; i++) {
		const struct sut_reason *r = &reasons->list[i];
		if (r->severity == SUT_SEVERITY_NOTE || r->accepted)
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s}", "code", r->code, "function",
						r->function, "detail", r->detail));
	}
	return list;
}

struct sut_err *sut_release_draft_leave(struct sut_release_draft *draft,
					const struct sut_release_draft_leftover *l)
{
	_cleanup_json_ json_t *advisories = json_array();
	_cleanup_json_ json_t *entry = json_pack(
		"{s:s, s:s, s:o, s:o, s:s, s:o, s:O}", "package", l->package, "path", l->path,
		"old_build_id", *l->old_build_id ? json_string(l->old_build_id) : json_null(),
		"new_build_id", *l->new_build_id ? json_string(l->new_build_id) : json_null(),
		"verdict", l->is_refused ? "refused" : "review", "reasons", reasons_of(l->reasons),
		"advisories", advisories);
	json_t *list = json_object_get(draft->document, "not_hotpatchable");
	struct sut_err *err = entry ? join(advisories, l->advisories) : sut_err_nomem();

	if (!err)
		err = take_out(list, entry, true, advisories);
	if (!err)
		err = tell_advisories(draft, advisories);
	if (!err && json_array_append(list, entry) < 0)
		err = sut_err_nomem();
	return err;
}

static int by_path(const void *a, const void *b)
{
	json_t *const *x = a, *const *y = b;
	int order = strcmp(text_of(*x, "path"), text_of(*y, "path"));

	return order ? order : strcmp(text_of(*x, "old_build_id"), text_of(*y, "old_build_id"));
}

// In an order that does not depend on how the release came about.
static struct sut_err *sort(struct sut_release_draft *draft, const char *key)
{
	json_t *list = json_object_get(draft->document, key), *one;
	size_t n = json_array_size(list), i;
	_cleanup_free_ json_t **items = calloc(n + 1, sizeof(json_t *));
	json_t *sorted = json_array();

	if (!items || !sorted) {
		json_decref(sorted);
		return sut_err_nomem();
	}
	json_array_foreach(list, i, one) items[i] = one;
	sut_array_sort(items, n, sizeof(json_t *), by_path);
	for (i = 0; i < n; i++)
		json_array_append(sorted, items[i]);
	return json_object_set_new(draft->document, key, sorted) < 0 ? sut_err_nomem() : NULL;
}

struct sut_err *sut_release_draft_stage(struct sut_release_draft *draft)
{
	_cleanup_(sut_release_deinit) struct sut_release release = { 0 };
	_cleanup_free_ char *text = NULL;
	struct sut_err *err = sort(draft, "hotpatches");

	if (!err)
		err = sort(draft, "not_hotpatchable");
	if (err)
		return err;
	text = json_dumps(draft->document, 0);
	if (!text)
		return sut_err_nomem();
	err = sut_release_read((struct sut_view){ (const uint8_t *)text, strlen(text) }, &release);
	if (err || draft->call->is_dry)
		return err;
	err = sut_channel_put(draft->call->repository, "hotpatches", "release", release.name,
			      json_incref(draft->document));
	return err ? err : sut_channel_prune(draft->call->repository, &release);
}
