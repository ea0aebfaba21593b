// SPDX-License-Identifier: Apache-2.0
#include "agent/act.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/act_parts.h"
#include "agent/catalogue.h"
#include "agent/files.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "tuf/folder.h"

static struct sut_err *init_look(const struct sut_act *act, struct sut_look *look)
{
	*look = (struct sut_look){
		.act = act,
		.rows = json_object(),
		.statuses = json_object(),
		.proofs = json_object(),
		.answer = json_object(),
		.events = json_array(),
		.need = json_array(),
	};
	return look->rows && look->statuses && look->proofs && look->answer && look->events &&
			       look->need
		       ? NULL
		       : sut_err_nomem();
}

static void deinit_look(struct sut_look *look)
{
	json_t *owned[] = { look->rows,   look->statuses, look->proofs,
			    look->events, look->need,     look->move };

	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		json_decref(owned[i]);
	for (size_t i = 0; i < look->n_standing; i++)
		sut_patch_deinit(&look->standing[i].patch);
	free(look->standing);
	free(look->patches);
	sut_inventory_deinit(&look->inventory);
	sut_want_deinit(&look->want);
	sut_known_deinit(look->known);
}

void sut_look_event(struct sut_look *look, int64_t time, const char *type, const char *hotpatch,
		    const char *detail)
{
	json_array_append_new(look->events,
			      json_pack("{s:I, s:s, s:s?, s:s}", "time", (json_int_t)time, "type",
					type, "hotpatch", hotpatch, "detail", detail));
}

struct sut_standing *sut_look_standing(const struct sut_look *look, const char *build_id)
{
	for (size_t i = 0; i < look->n_standing; i++)
		if (strcmp(look->standing[i].hotpatch->old_build_id, build_id) == 0)
			return &look->standing[i];
	return NULL;
}

static bool is_active(const struct sut_standing *s)
{
	return s->is_taken && !s->held && (!s->waits || s->is_kept);
}

struct sut_standing *sut_look_active(const struct sut_look *look, const char *name)
{
	for (size_t i = 0; i < look->n_standing; i++)
		if (is_active(&look->standing[i]) &&
		    strcmp(look->standing[i].hotpatch->name, name) == 0)
			return &look->standing[i];
	return NULL;
}

bool sut_look_is_ours(const struct sut_look *look, const char *name)
{
	const json_t *told = json_object_get(look->act->device->json, "told");
	const struct sut_known *known = look->known;
	const char *key;
	json_t *one;

	for (size_t i = 0; i < known->catalogue.n_releases; i++)
		for (size_t j = 0; j < known->releases[i].n_hotpatches; j++)
			if (strcmp(known->releases[i].hotpatches[j].name, name) == 0)
				return true;
	json_object_foreach((json_t *)told, key, one)
	{
		if (strcmp(sut_state_text(one, "hotpatch"), name) == 0)
			return true;
	}
	return false;
}

// What releases tell of: the builds that they close, the fixed ones, and the files.
static void note_interest(const struct sut_known *known, json_t *builds, json_t *paths)
{
	for (size_t i = 0; i < known->catalogue.n_releases; i++) {
		const struct sut_release *r = &known->releases[i];
		for (size_t j = 0; j < r->n_hotpatches; j++) {
			json_object_set_new(builds, r->hotpatches[j].old_build_id, json_true());
			json_object_set_new(builds, r->hotpatches[j].new_build_id, json_false());
			json_object_set_new(paths, r->hotpatches[j].path, json_true());
		}
		for (size_t j = 0; j < r->n_leftovers; j++)
			json_object_set_new(paths, r->leftovers[j].path, json_true());
	}
}

static bool is_mapped(const struct sut_look *look, const char *build_id)
{
	const json_t *process, *module;
	size_t i, j;

	json_array_foreach(look->inventory.processes, i, process)
	{
		json_array_foreach(json_object_get(process, "modules"), j, module)
		{
			if (strcmp(sut_state_text(module, "build_id"), build_id) == 0)
				return true;
		}
	}
	return false;
}

static bool has_stood(const json_t *before, const char *sha256)
{
	const json_t *one;
	size_t i;

	json_array_foreach(before, i, one)
	{
		if (strcmp(sut_state_text(one, "sha256"), sha256) == 0)
			return true;
	}
	return false;
}

static struct sut_err *read_patch(const struct sut_look *look, struct sut_standing *s)
{
	_cleanup_free_ char *path = sut_known_path(look->act->config, s->hotpatch->sha256);
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = path ? sut_file_read(path, &file) : sut_err_nomem();

	if (!err)
		err = sut_patch_read(file.view, &s->patch);
	if (!err &&
	    strcmp(sut_patch_string(&s->patch, "old_build_id"), s->hotpatch->old_build_id) != 0) {
		sut_patch_deinit(&s->patch);
		err = sut_err(SUT_E_MISMATCH, "it is for another build than its release says");
	}
	return err ? sut_err_wrap(err, "%s", s->hotpatch->name) : NULL;
}

// The one that stands for the build and that this device may still have, or NULL.
static const struct sut_release_hotpatch *find_stood(const struct sut_look *look,
						     const json_t *before, const char *build_id,
						     const struct sut_release **release_ret)
{
	const struct sut_want *want = &look->want;

	for (size_t i = 0; i < want->n_allowed; i++)
		for (size_t j = 0; j < want->allowed[i]->n_hotpatches; j++) {
			const struct sut_release_hotpatch *h = &want->allowed[i]->hotpatches[j];
			if (strcmp(h->old_build_id, build_id) != 0 ||
			    !has_stood(before, h->sha256) ||
			    sut_catalogue_revoked_hotpatch(want->catalogue, h->name))
				continue;
			*release_ret = want->allowed[i];
			return h;
		}
	return NULL;
}

// A device that is held, or paused, stays as it is: what is new waits, what stands is kept.
static void keep(const struct sut_look *look, const json_t *before, struct sut_standing *s)
{
	const json_t *device = look->act->device->json;
	const char *hold = json_string_value(json_object_get(device, "hub_hold"));
	bool is_paused = json_is_true(json_object_get(device, "paused"));

	if ((!hold && !is_paused) || has_stood(before, s->hotpatch->sha256))
		return;
	s->waits = hold ? hold : "rollouts are paused for this device";
	s->is_on_hold = hold;
	const struct sut_release *release;
	const struct sut_release_hotpatch *stood =
		find_stood(look, before, s->hotpatch->old_build_id, &release);
	if (!stood)
		return;
	s->hotpatch = stood;
	s->release = release;
	s->is_kept = true;
}

// A hotpatch is held here as a file: one that was built anew gets its chance.
static struct sut_err *fill_standing(struct sut_look *look, const json_t *before,
				     struct sut_standing *s)
{
	keep(look, before, s);
	const json_t *list = json_object_get(look->act->device->json, "held");
	const json_t *held = json_object_get(list, s->hotpatch->name);
	if (held && strcmp(sut_state_text(held, "sha256"), s->hotpatch->sha256) == 0)
		s->held = held;
	if (s->held || (s->waits && !s->is_kept))
		return NULL;
	struct sut_err *err = sut_known_take(look->act->config, s->hotpatch, &s->is_taken);
	if (!err && !s->is_taken)
		json_array_append_new(look->need, json_string(s->hotpatch->target));
	if (!err && s->is_taken)
		err = read_patch(look, s);
	if (err) {
		// One that cannot be used does not keep the others out.
		s->is_taken = false;
		sut_look_event(look, sut_time_now(), "refused", s->hotpatch->name, err->msg);
		sut_err_free(err);
	}
	return NULL;
}

// Of each build that runs here, or whose file is there and may be run.
static struct sut_err *find_standing(struct sut_look *look, const json_t *builds,
				     const json_t *before)
{
	size_t n = json_object_size(builds);
	const char *build_id;
	json_t *is_old;

	look->standing = calloc(n + 1, sizeof(*look->standing));
	look->patches = calloc(n + 1, sizeof(*look->patches));
	if (!look->standing || !look->patches)
		return sut_err_nomem();
	json_object_foreach((json_t *)builds, build_id, is_old)
	{
		struct sut_standing s = { 0 };
		s.hotpatch = sut_want_hotpatch(&look->want, build_id, &s.release);
		if (!s.hotpatch ||
		    (!is_mapped(look, build_id) && access(s.hotpatch->path, F_OK) < 0))
			continue;
		struct sut_err *err = fill_standing(look, before, &s);
		if (err)
			return err;
		look->standing[look->n_standing++] = s;
		if (is_active(&s))
			look->patches[look->n_patches++] = s.patch;
	}
	return NULL;
}

// The watcher reads it. Written before anything is put in, so that processes that start
// meanwhile are covered by one or the other.
static struct sut_err *write_active(struct sut_look *look, const json_t *before)
{
	_cleanup_json_ json_t *active = json_array();

	for (size_t i = 0; i < look->n_standing; i++) {
		const struct sut_release_hotpatch *h = look->standing[i].hotpatch;
		if (is_active(&look->standing[i]))
			json_array_append_new(active, json_pack("{s:s, s:s, s:s, s:s}", "name",
								h->name, "sha256", h->sha256,
								"path", h->path, "release",
								look->standing[i].release->name));
	}
	bool is_same = before && json_equal(active, before);
	json_object_set_new(look->answer, "watched", json_boolean(!is_same));
	json_object_set_new(look->answer, "active", json_integer(json_array_size(active)));
	if (is_same)
		return NULL;
	return sut_state_write(look->act->config, "trust/active.json", active, 0600);
}

static struct sut_err *decide(struct sut_look *look)
{
	const struct sut_act *act = look->act;
	const char *has = json_string_value(json_object_get(act->device->json, "release"));
	_cleanup_json_ json_t *builds = json_object(), *paths = json_object(), *before = NULL;
	struct sut_interest interest = { builds, paths };
	struct sut_err *err = builds && paths ? NULL : sut_err_nomem();

	if (!err)
		err = sut_want_init(&look->known->catalogue, sut_memory_ring(act->device), has,
				    &look->want);
	if (err)
		return err;
	note_interest(look->known, builds, paths);
	err = sut_look_plan_move(look, paths);
	if (!err)
		err = sut_inventory_take(&interest, &look->inventory);
	if (!err)
		err = sut_look_write_move(look);
	if (!err)
		err = sut_state_read(act->config, "trust/active.json", &before);
	if (!err)
		err = find_standing(look, builds, before);
	if (!err)
		err = write_active(look, before);
	return err;
}

static void refresh(struct sut_look *look)
{
	json_t *tuf = NULL;
	struct sut_err *err = sut_known_refresh(look->act->config, &tuf);

	if (!err) {
		json_object_set_new(look->answer, "refreshed", tuf);
		return;
	}
	// What was verified before stays in force.
	json_object_set_new(look->answer, "refused", json_string(err->msg));
	sut_err_free(err);
}

static struct sut_err *lock_looks(const struct sut_config *config, int *ret)
{
	static const unsigned patience = 120; // s
	_cleanup_free_ char *folder = sut_config_path(config, "trust");

	return folder ? sut_folder_lock(folder, patience, ret) : sut_err_nomem();
}

json_t *sut_act_work(void *context)
{
	_cleanup_close_ int lock = -1;
	struct sut_known known = { 0 };
	struct sut_look look;
	struct sut_err *err = init_look(context, &look);

	look.known = &known;
	// One at a time: an earlier one may go on whose patching process was ended.
	if (!err)
		err = lock_looks(look.act->config, &lock);
	if (!err && look.act->is_refresh)
		refresh(&look);
	if (!err)
		err = sut_known_init(look.act->config, &known);
	if (!err)
		err = decide(&look);
	if (!err)
		err = sut_look_touch(&look);
	if (!err)
		err = sut_look_prove(&look);
	if (!err)
		err = sut_look_cover(&look);
	json_t *answer = look.answer;
	if (err)
		json_object_set_new(answer, "error", json_string(err->msg));
	sut_err_free(err);
	json_object_set(answer, "events", look.events);
	json_object_set(answer, "need", look.need);
	json_object_set_new(answer, "busy", json_integer(look.n_busy));
	const struct sut_release *release = look.want.release;
	json_object_set_new(answer, "release", release ? json_string(release->name) : json_null());
	json_object_set_new(answer, "baseline",
			    release ? json_string(release->baseline) : json_null());
	deinit_look(&look);
	return answer;
}
