// SPDX-License-Identifier: Apache-2.0

/**
 * suture fetch
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/ui.h"
#include "fleet/version.h"
#include "process/find.h"
#include "process/module.h"
#include "tuf/client.h"
#include "tuf/metadata.h"

const char sut_usage_fetch[] =
	"usage: suture fetch --repository URL|DIR --store DIR [OPTION]...\n\n"
	"Fetches from a signed repository the hotpatches that this machine's running\n"
	"processes need, and verifies all of it (TUF). A mirror or a USB stick does as well as\n"
	"the repository itself.\n\n"
	"  --repository URL|DIR  http, https or file address, or a folder\n"
	"  --root FILE           the first root of trust, 1.root.json; needed once for a store\n"
	"  --store DIR           where what is trusted is kept; hotpatches come below targets/\n"
	"  --ring NAME           what is rolled out to this ring; without, the newest release\n"
	"                        that is not recalled\n"
	"  --release NAME        this release, whatever the rollout says\n"
	"  --all                 all hotpatches, also those of builds that nobody runs here\n"
	"  --ca-file FILE        certificates that the server may have, PEM\n"
	"  --json                print what was fetched as JSON\n\n"
	"Exit status: 0 all that is needed is there, 1 error, 2 bad usage.\n";

/** What is asked for. Borrows argv. */
struct request {
	struct sut_remote_place place;
	const char *ring, *release;
	bool is_all, is_json;
};

/** A fetch. Owns what it makes. */
struct fetch {
	const struct request *request;
	struct sut_remote remote;
	struct sut_want want;              /**< With --ring. */
	const struct sut_release *release; /**< Without; NULL: there is none. */
	json_t *running;                   /**< Builds that matter: hex → number of processes. */
	size_t n_hidden;
	json_t *files; /**< What is there now. */
	uint64_t size, full_size;
};

static void fetch_deinit(struct fetch *f)
{
	sut_want_deinit(&f->want);
	json_decref(f->running);
	json_decref(f->files);
	sut_remote_close(&f->remote);
}

static struct sut_err *read_request(int argc, char **argv, struct request *ret)
{
	const struct sut_ui_place places[] = {
		{ "repository", &ret->place.repository, NULL },
		{ "root", &ret->place.root, NULL },
		{ "store", &ret->place.store, NULL },
		{ "ring", &ret->ring, NULL },
		{ "release", &ret->release, NULL },
		{ "ca-file", &ret->place.ca_file, NULL },
		{ "all", NULL, &ret->is_all },
		{ "json", NULL, &ret->is_json },
		{ 0 },
	};
	struct sut_err *err = sut_ui_options(argc, argv, places);

	if (err)
		return err;
	if (optind < argc)
		return sut_err(SUT_E_USAGE, "'%s': takes options only", argv[optind]);
	if (!ret->place.repository || !ret->place.store)
		return sut_err(SUT_E_USAGE, "needs --repository URL|DIR and --store DIR");
	if (ret->ring && ret->release)
		return sut_err(SUT_E_USAGE, "--ring and --release exclude each other");
	return NULL;
}

static struct sut_err *choose(struct fetch *f)
{
	const struct sut_catalogue *c = &f->remote.catalogue;
	const char *name = f->request->release;

	if (f->request->ring)
		return sut_want_init(c, f->request->ring, NULL, &f->want);
	for (size_t i = 0; i < c->n_releases; i++) {
		const struct sut_release *r = &c->releases[i];
		bool is_wanted =
			name ? strcmp(r->name, name) == 0
			     : !sut_catalogue_revoked(c, r->name) &&
					(!f->release ||
					 sut_version_compare(r->name, f->release->name) > 0);
		if (is_wanted)
			f->release = r;
	}
	if (name && !f->release)
		return sut_err(SUT_E_USAGE, "the repository has no release %s", name);
	if (name && sut_catalogue_revoked(c, name))
		return sut_err(SUT_E_USAGE, "release %s was recalled: %s", name,
			       sut_catalogue_revoked(c, name)->reason);
	return NULL;
}

static size_t count_releases(const struct fetch *f)
{
	return f->request->ring ? f->want.n_allowed : f->release != NULL;
}

static const struct sut_release *release_at(const struct fetch *f, size_t i)
{
	return f->request->ring ? f->want.allowed[i] : f->release;
}

// Count the builds that matter among what a process maps.
static bool count_builds(struct sut_process *process, const struct sut_maps *maps, void *context)
{
	struct fetch *f = context;
	struct sut_modules modules = { 0 };
	struct sut_err *err = sut_modules_read(process, maps, &modules);

	for (size_t i = 0; !err && i < modules.n; i++) {
		const struct sut_build_id *id = &modules.items[i].build_id;
		char hex[2 * SUT_MAX_BUILD_ID + 1];
		sut_hex((struct sut_view){ id->bytes, id->size }, hex);
		json_t *count = json_object_get(f->running, hex);
		if (count)
			json_integer_set(count, json_integer_value(count) + 1);
	}
	sut_modules_deinit(&modules);
	sut_err_free(err);
	return false;
}

static struct sut_err *look_around(struct fetch *f)
{
	struct sut_found found = { 0 };

	f->running = json_object();
	for (size_t i = 0; i < count_releases(f); i++) {
		const struct sut_release *r = release_at(f, i);
		for (size_t k = 0; k < r->n_hotpatches; k++)
			if (json_object_set_new(f->running, r->hotpatches[k].old_build_id,
						json_integer(0)) < 0)
				return sut_err_nomem();
	}
	struct sut_err *err = sut_find(count_builds, f, &found);
	f->n_hidden = found.n_hidden;
	sut_pids_deinit(&found.pids);
	return err;
}

static const struct sut_release_hotpatch *hotpatch_for(const struct fetch *f, const char *build)
{
	if (f->request->ring)
		return sut_want_hotpatch(&f->want, build, NULL);
	const struct sut_release_hotpatch *h = sut_release_find(f->release, build);
	return h && !sut_catalogue_revoked_hotpatch(&f->remote.catalogue, h->name) ? h : NULL;
}

// The signed document says which bytes these are, too: both must agree.
static struct sut_err *check_target(const struct sut_release_hotpatch *h,
				    const struct sut_tuf_target *target)
{
	if (target->file.size == (int64_t)h->size && target->file.sha256 &&
	    strcmp(target->file.sha256, h->sha256) == 0)
		return NULL;
	return sut_err(SUT_E_UNTRUSTED, "%s is not the file that its release names", h->target);
}

static struct sut_err *fetch_one(struct fetch *f, const struct sut_release_hotpatch *h,
				 json_int_t n_processes)
{
	struct sut_tuf_target target;
	bool found;
	_cleanup_free_ char *folder = NULL, *path = NULL;
	struct sut_err *err = sut_tuf_client_find(f->remote.client, h->target, &target, &found);

	if (!err && !found)
		err = sut_err(SUT_E_UNTRUSTED, "%s is named by its release, and is not there",
			      h->target);
	if (!err)
		err = check_target(h, &target);
	if (!err && (asprintf(&folder, "%s/targets", f->request->place.store) < 0 ||
		     asprintf(&path, "%s/%s", folder, h->target) < 0))
		err = sut_err_nomem();
	if (!err)
		err = sut_tuf_client_download(f->remote.client, &target, folder);
	if (err)
		return err;
	f->size += h->size;
	f->full_size += h->full_size;
	json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "name", h->name, "package",
				h->package, "old_build_id", h->old_build_id, "path", path, "size",
				(json_int_t)h->size, "full_size", (json_int_t)h->full_size,
				"processes", n_processes);
	return json_array_append_new(f->files, one) < 0 ? sut_err_nomem() : NULL;
}

static struct sut_err *fetch_all(struct fetch *f)
{
	const char *build;
	json_t *count;

	f->files = json_array();
	json_object_foreach(f->running, build, count)
	{
		json_int_t n = json_integer_value(count);
		const struct sut_release_hotpatch *h =
			n || f->request->is_all ? hotpatch_for(f, build) : NULL;
		struct sut_err *err = h ? fetch_one(f, h, n) : NULL;
		if (err)
			return err;
	}
	return NULL;
}

static const char *release_name(const struct fetch *f)
{
	const struct sut_release *r = f->request->ring ? f->want.release : f->release;

	return r ? r->name : NULL;
}

static struct sut_err *print_table(const struct fetch *f)
{
	static const struct sut_column columns[] = {
		{ "HOTPATCH", SUT_COLUMN_TEXT },    { "PACKAGE", SUT_COLUMN_TEXT },
		{ "PROCESSES", SUT_COLUMN_NUMBER }, { "SIZE", SUT_COLUMN_NUMBER },
		{ "FULL", SUT_COLUMN_NUMBER },      { NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);
	json_t *one;
	size_t i;

	json_array_foreach(f->files, i, one)
	{
		json_int_t full = json_integer_value(json_object_get(one, "full_size"));
		struct sut_size_text size =
			sut_ui_size((uint64_t)json_integer_value(json_object_get(one, "size")));
		struct sut_size_text full_text = sut_ui_size((uint64_t)full);
		char n[24];
		snprintf(n, sizeof(n), "%lld",
			 (long long)json_integer_value(json_object_get(one, "processes")));
		const char *const cells[] = { json_string_value(json_object_get(one, "name")),
					      json_string_value(json_object_get(one, "package")), n,
					      size.text, full ? full_text.text : "-" };
		if (!err)
			err = sut_table_row(table, cells);
	}
	return err ? err : sut_table_print(table);
}

static struct sut_err *print(const struct fetch *f)
{
	struct sut_size_text size = sut_ui_size(f->size), full = sut_ui_size(f->full_size);
	const char *name = release_name(f);
	struct sut_err *err = NULL;

	if (f->request->ring)
		sut_ui_say("%s.", f->want.text);
	if (json_array_size(f->files))
		err = print_table(f);
	if (err)
		return err;
	if (f->n_hidden)
		sut_ui_say("%zu of the processes could not be looked into; root sees all of them.",
			   f->n_hidden);
	if (!name)
		sut_ui_say("No release is to be had.");
	else if (!json_array_size(f->files))
		sut_ui_say("%s has nothing for the builds that run here.", name);
	else
		sut_ui_say("%s: %zu hotpatches are there, %s instead of %s in packages.", name,
			   json_array_size(f->files), size.text, full.text);
	return NULL;
}

static struct sut_err *print_json(const struct fetch *f)
{
	struct sut_tuf_state state;
	char expires[SUT_TIME_SIZE];

	sut_tuf_client_state(f->remote.client, &state);
	sut_time_format(state.expires, expires);
	return sut_ui_print_json(json_pack(
		"{s:s?, s:s?, s:O, s:I, s:I, s:I, s:{s:I, s:I, s:s}}", "release", release_name(f),
		"text", f->request->ring ? f->want.text : NULL, "hotpatches", f->files, "size",
		(json_int_t)f->size, "full_size", (json_int_t)f->full_size, "hidden",
		(json_int_t)f->n_hidden, "tuf", "root", (json_int_t)state.root, "timestamp",
		(json_int_t)state.timestamp, "expires", expires));
}

struct sut_err *sut_cmd_fetch(int argc, char **argv, enum sut_exit *status)
{
	struct request request = { 0 };
	_cleanup_(fetch_deinit) struct fetch f = { .request = &request };
	struct sut_err *err = read_request(argc, argv, &request);

	if (!err)
		err = sut_remote_open(&request.place, &f.remote);
	if (!err)
		err = choose(&f);
	if (!err)
		err = look_around(&f);
	if (!err)
		err = fetch_all(&f);
	if (err)
		return err;
	*status = SUT_EXIT_OK;
	return request.is_json ? print_json(&f) : print(&f);
}
