// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/act_parts.h"
#include "agent/files.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/apply.h"
#include "engine/crew.h"
#include "engine/revert.h"
#include "engine/status.h"
#include "engine/verify.h"
#include "fleet/release.h"
#include "process/find.h"

/** How long each process is tried, ns. What is busy for longer goes another time. */
static const uint64_t patience = UINT64_C(5000000000);

static void key_of(pid_t pid, char ret[16])
{
	snprintf(ret, 16, "%d", (int)pid);
}

// Runs a crew and keeps its answers by pid in @into. A worker that gave none, since somebody
// ended it or there was no memory, says nothing of the process: its outcome is "error".
static struct sut_err *ask(const struct sut_pids *pids, sut_crew_fn work, void *context,
			   json_t *into)
{
	struct sut_crew crew = {
		.pids = pids->items, .n_pids = pids->n, .work = work, .context = context
	};
	json_t **answers;
	struct sut_err **errors;
	char key[16];

	if (!pids->n)
		return NULL;
	struct sut_err *err = sut_crew_run(&crew, &answers, &errors);
	if (err)
		return err;
	for (size_t i = 0; i < pids->n; i++) {
		key_of(pids->items[i], key);
		json_t *answer = answers[i];
		if (errors[i])
			answer = json_pack("{s:s, s:s, s:s, s:[]}", "error", errors[i]->msg,
					   "outcome", "error", "reason", errors[i]->msg,
					   "hotpatches");
		sut_err_free(errors[i]);
		json_object_set_new(into, key, answer);
	}
	free(answers);
	free(errors);
	return NULL;
}

// What all processes carry.
static struct sut_err *read_statuses(struct sut_look *look)
{
	struct sut_select all = { 0 };
	struct sut_pids pids = { 0 };
	size_t n_hidden;
	struct sut_err *err = sut_select_find(&all, &pids.items, &pids.n, &n_hidden);

	json_object_clear(look->statuses);
	if (!err)
		err = ask(&pids, sut_status_work, &all, look->statuses);
	sut_pids_deinit(&pids);
	return err;
}

static bool stands(const json_t *hotpatch)
{
	return strcmp(sut_state_text(hotpatch, "state"), "applied") == 0;
}

// It is worth trying soon again.
static bool wants_another_try(const json_t *row)
{
	const char *outcome = sut_state_text(row, "outcome");

	return strcmp(outcome, "busy") == 0 || strcmp(outcome, "error") == 0;
}

// Names of ours that stand in processes and must not. One whose build gets another
// hotpatch is replaced by it, in one stop.
static json_t *find_unwanted(const struct sut_look *look)
{
	json_t *names = json_object();
	const char *pid;
	json_t *status;
	const json_t *hotpatch;
	size_t i;

	json_object_foreach(look->statuses, pid, status)
	{
		json_array_foreach(json_object_get(status, "hotpatches"), i, hotpatch)
		{
			const char *name = sut_state_text(hotpatch, "name");
			const struct sut_standing *s =
				sut_look_standing(look, sut_state_text(hotpatch, "build_id"));
			bool is_replaced = s && sut_look_active(look, s->hotpatch->name);
			if (stands(hotpatch) && !is_replaced && sut_look_is_ours(look, name))
				json_object_set_new(names, name, json_true());
		}
	}
	return names;
}

static struct sut_err *take_out(struct sut_look *look)
{
	json_t *names = find_unwanted(look), *ignored, *rows = json_object();
	_cleanup_free_ char **list = calloc(json_object_size(names) + 1, sizeof(*list));
	struct sut_revert revert = { .timeout = patience };
	struct sut_pids pids = { 0 };
	struct sut_err *err = list && rows ? NULL : sut_err_nomem();
	const char *name;
	size_t n_hidden;
	json_t *row;

	json_object_foreach(names, name, ignored)
	{
		if (list)
			list[revert.select.n_names++] = (char *)name;
	}
	revert.select.names = list;
	if (!err && revert.select.n_names)
		err = sut_select_find(&revert.select, &pids.items, &pids.n, &n_hidden);
	if (!err)
		err = ask(&pids, sut_revert_work, &revert, rows);
	json_object_foreach(rows, name, row)
	{
		look->n_busy += wants_another_try(row);
	}
	sut_pids_deinit(&pids);
	json_decref(rows);
	json_decref(names);
	return err;
}

static bool has_all(const struct sut_look *look, const json_t *process)
{
	char key[16];
	const json_t *module, *hotpatch;
	size_t i, j;

	key_of(json_integer_value(json_object_get(process, "pid")), key);
	const json_t *list = json_object_get(json_object_get(look->statuses, key), "hotpatches");
	json_array_foreach(json_object_get(process, "modules"), i, module)
	{
		const struct sut_standing *s =
			sut_look_standing(look, sut_state_text(module, "build_id"));
		bool is_there = !s || !sut_look_active(look, s->hotpatch->name);
		json_array_foreach(list, j, hotpatch)
		{
			char digest[2 * SUT_SHA256_SIZE + 1];
			if (is_there)
				break;
			sut_hex((struct sut_view){ s->patch.digest.bytes, SUT_SHA256_SIZE },
				digest);
			is_there = stands(hotpatch) &&
				   strcmp(sut_state_text(hotpatch, "digest"), digest) == 0;
		}
		if (!is_there)
			return false;
	}
	return true;
}

static struct sut_err *put_in(struct sut_look *look)
{
	struct sut_apply apply = { .patches = look->patches,
				   .n_patches = look->n_patches,
				   .timeout = patience };
	struct sut_pids pids = { 0 };
	struct sut_err *err = look->n_patches ? sut_apply_check(&apply) : NULL;
	const json_t *process;
	const char *pid;
	json_t *row;
	size_t i;

	json_array_foreach(look->inventory.processes, i, process)
	{
		if (!err && !has_all(look, process))
			err = sut_pids_add(&pids,
					   json_integer_value(json_object_get(process, "pid")));
	}
	if (!err)
		err = ask(&pids, sut_apply_work, &apply, look->rows);
	json_object_foreach(look->rows, pid, row)
	{
		look->n_busy += wants_another_try(row);
	}
	sut_pids_deinit(&pids);
	return err;
}

struct sut_err *sut_look_touch(struct sut_look *look)
{
	struct sut_err *err = read_statuses(look);

	if (!err)
		err = take_out(look);
	if (!err)
		err = put_in(look);
	return err;
}

struct sut_err *sut_look_prove(struct sut_look *look)
{
	struct sut_select select = { .patches = look->patches, .n_patches = look->n_patches };
	struct sut_pids pids = { 0 };
	struct sut_err *err = read_statuses(look);
	const char *pid;
	json_t *status;

	json_object_foreach(look->statuses, pid, status)
	{
		if (!err && look->n_patches)
			err = sut_pids_add(&pids, atoi(pid));
	}
	if (!err)
		err = ask(&pids, sut_verify_work, &select, look->proofs);
	sut_pids_deinit(&pids);
	return err;
}
