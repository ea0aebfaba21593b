// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/act.h"
#include "agent/act_parts.h"
#include "agent/catalogue.h"
#include "agent/files.h"
#include "agent/move.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/time.h"
#include "fleet/baseline.h"

// The baseline on which the wanted release sits, or that it is.
static const char *wanted_baseline(const struct sut_look *look)
{
	const struct sut_release *release = look->want.release;

	if (!release)
		return NULL;
	return release->kind == SUT_RELEASE_BASELINE ? release->name : release->baseline;
}

// A file that was replaced has this at the end of its path, for those who still run it.
static void note_deleted(const struct sut_baseline *baseline, json_t *paths)
{
	for (size_t i = 0; i < baseline->n_packages; i++)
		for (size_t j = 0; j < baseline->packages[i].n_builds; j++) {
			_cleanup_free_ char *deleted = NULL;
			if (asprintf(&deleted, "%s (deleted)",
				     baseline->packages[i].builds[j].path) >= 0)
				json_object_set_new(paths, deleted, json_true());
		}
}

struct sut_err *sut_look_plan_move(struct sut_look *look, json_t *paths)
{
	const char *name = wanted_baseline(look), *path;
	const char *status = look->act->config->dpkg;
	struct sut_baseline baseline = { 0 };
	bool found = false;
	json_t *ignored;
	struct sut_err *err = NULL;

	if (name && access(status, R_OK) == 0)
		err = sut_known_baseline(look->act->config, name, &found, &baseline);
	if (err || !found)
		return err;
	err = sut_move_plan(&baseline, status, &look->move);
	if (!err) {
		json_object_foreach(json_object_get(look->move, "paths"), path, ignored)
		{
			json_object_set_new(paths, path, json_true());
		}
		note_deleted(&baseline, paths);
	}
	sut_baseline_deinit(&baseline);
	return err;
}

// Does the process run a file that will be another one, or is already?
static bool runs_old(const struct sut_look *look, const json_t *process)
{
	const json_t *paths = json_object_get(look->move, "paths"), *module;
	size_t i;

	json_array_foreach(json_object_get(process, "modules"), i, module)
	{
		const char *path = sut_state_text(module, "path");
		size_t n = strlen(path);
		bool is_deleted = n > 10 && strcmp(path + n - 10, " (deleted)") == 0;
		if (is_deleted || json_object_get(paths, path))
			return true;
	}
	return false;
}

static void find_units(const struct sut_look *look, json_t *units, json_t *others)
{
	const json_t *process, *one;
	size_t i, j;

	json_array_foreach(look->inventory.processes, i, process)
	{
		// A container's files are its own, and not the package manager's here.
		if (!runs_old(look, process) ||
		    !json_is_null(json_object_get(process, "container")))
			continue;
		const char *unit = json_string_value(json_object_get(process, "unit"));
		bool is_there = false;
		json_array_foreach(units, j, one)
		{
			is_there |= unit && strcmp(json_string_value(one), unit) == 0;
		}
		if (unit && !is_there)
			json_array_append_new(units, json_string(unit));
		else if (!unit)
			json_array_append(others, json_object_get(process, "pid"));
	}
}

static void tell_move(struct sut_look *look, const json_t *before)
{
	size_t n = json_array_size(json_object_get(look->move, "packages"));
	char detail[128];

	if (n == 0 || (before && json_equal(json_object_get(before, "packages"),
					    json_object_get(look->move, "packages"))))
		return;
	snprintf(detail, sizeof(detail), "%zu package%s must move to baseline %s%s", n,
		 n == 1 ? "" : "s", sut_state_text(look->move, "baseline"),
		 json_is_true(json_object_get(look->move, "reboot")) ? ", and a reboot" : "");
	sut_look_event(look, sut_time_now(), "baseline", NULL, detail);
}

// Is there a package to move that nobody has put on hold?
static bool can_move(const json_t *packages)
{
	const json_t *one;
	size_t i;

	json_array_foreach(packages, i, one)
	{
		if (!json_is_true(json_object_get(one, "hold")))
			return true;
	}
	return false;
}

struct sut_err *sut_look_write_move(struct sut_look *look)
{
	_cleanup_json_ json_t *before = NULL;
	json_t *units = json_array(), *others = json_array();
	struct sut_err *err = sut_state_read(look->act->config, "trust/move.json", &before);

	if (look->move)
		find_units(look, units, others);
	const json_t *packages = json_object_get(look->move, "packages");
	bool is_needed = json_array_size(packages) || json_array_size(units) || json_array_size(others);
	if (!err && is_needed)
		tell_move(look, before);
	json_object_set_new(look->answer, "move", json_boolean(can_move(packages)));
	if (look->move) {
		json_object_del(look->move, "paths");
		json_object_set(look->move, "units", units);
		json_object_set(look->move, "others", others);
	}
	json_decref(units);
	json_decref(others);
	_cleanup_free_ char *path = sut_config_path(look->act->config, "trust/move.json");
	if (!err && !is_needed && path)
		unlink(path);
	if (err || !is_needed || (before && json_equal(look->move, before)))
		return err;
	return sut_state_write(look->act->config, "trust/move.json", look->move, 0600);
}
