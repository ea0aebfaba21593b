// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/agent_report.h"
#include "cli/crew.h"
#include "cli/selection.h"
#include "base/json.h"
#include "cli/ui.h"
#include "engine/status.h"

static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

// "applied", or how far it got; or that the file is not the one that it was any more.
static const char *state_of(const json_t *hotpatch)
{
	const char *module = string_of(hotpatch, "module"), *state = string_of(hotpatch, "state");

	if (json_is_true(json_object_get(hotpatch, "entry_only")) && strcmp(state, "applied") == 0)
		state = "entry only";
	return strcmp(module, "loaded") == 0 || strcmp(state, "reverted") == 0 ? state : module;
}

static struct sut_err *add_row(struct sut_table *table, const json_t *process,
			       const json_t *hotpatch)
{
	char pid[16], functions[48];
	json_int_t n = json_integer_value(json_object_get(hotpatch, "redirects"));
	size_t total = json_array_size(json_object_get(hotpatch, "functions"));

	snprintf(pid, sizeof(pid), "%d",
		 (int)json_integer_value(json_object_get(process, "pid")));
	snprintf(functions, sizeof(functions), "%d of %zu", (int)n, total);
	const char *cells[] = { pid,
				string_of(process, "name"),
				string_of(hotpatch, "name"),
				state_of(hotpatch),
				functions,
				string_of(hotpatch, "advisories"),
				string_of(hotpatch, "file") };
	return sut_table_row(table, cells);
}

static struct sut_err *add_error(struct sut_table *table, const json_t *process)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d",
		 (int)json_integer_value(json_object_get(process, "pid")));
	const char *cells[] = { pid, string_of(process, "name"), "", "unknown", "", "",
				string_of(process, "error") };
	return sut_table_row(table, cells);
}

static struct sut_err *print_table(const json_t *processes)
{
	static const struct sut_column columns[] = {
		{ "PID", SUT_COLUMN_NUMBER },	     { "PROCESS", SUT_COLUMN_TEXT },
		{ "HOTPATCH", SUT_COLUMN_TEXT },     { "STATE", SUT_COLUMN_TEXT },
		{ "REDIRECTED", SUT_COLUMN_NUMBER }, { "ADVISORIES", SUT_COLUMN_LONG },
		{ "FILE", SUT_COLUMN_LONG },	     { NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);
	size_t i, j;
	json_t *process, *hotpatch;

	json_array_foreach((json_t *)processes, i, process) {
		if (!err && *string_of(process, "error"))
			err = add_error(table, process);
		json_array_foreach(json_object_get(process, "hotpatches"), j, hotpatch) {
			if (!err)
				err = add_row(table, process, hotpatch);
		}
	}
	return err ? err : sut_table_print(table);
}

// A process that carried something when it was searched for and has gone is left out.
static json_t *gather(const struct sut_crew *crew, json_t **answers, struct sut_err **errors,
		      bool *has_failed)
{
	json_t *list = json_array();

	*has_failed = false;

	for (size_t i = 0; i < crew->n_pids; i++) {
		json_t *answer = answers[i];
		if (!errors[i] && json_object_size(answer) == 0) {
			json_decref(answer);
			continue;
		}
		*has_failed |= errors[i] || *string_of(answer, "error");
		if (errors[i])
			answer = json_pack("{s:i, s:s, s:s, s:[]}", "pid", (int)crew->pids[i],
					   "name", "", "error", errors[i]->msg, "hotpatches");
		sut_err_free(errors[i]);
		json_array_append_new(list, answer);
	}
	free(answers);
	free(errors);
	return list;
}

static struct sut_err *print(json_t *processes, size_t n_hidden, bool is_json, const json_t *story)
{
	if (is_json) {
		json_t *all = json_pack("{s:o, s:I}", "processes", processes, "hidden",
					(json_int_t)n_hidden);
		if (story)
			json_object_set(all, "agent", (json_t *)story);
		return sut_ui_print_json(all);
	}
	if (story)
		sut_agent_story_print(story);
	struct sut_err *err = NULL;
	if (json_array_size(processes))
		err = print_table(processes);
	else
		fputs("no process carries a hotpatch\n", stdout);
	json_decref(processes);
	return err;
}

struct sut_err *sut_cmd_status(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(sut_crew_options_deinit) struct sut_crew_options options = { 0 };
	_cleanup_(sut_selection_deinit) struct sut_selection selection = { 0 };
	json_t **answers;
	struct sut_err **errors;
	size_t n_hidden = 0;
	struct sut_err *err = sut_crew_options_read(argc, argv, &options);

	if (!err)
		err = sut_selection_read(&options, &selection);
	const bool is_named = options.n_pids;
	selection.select.is_found = !is_named;
	if (!err && !is_named)
		err = sut_select_find(&selection.select, &options.pids, &options.n_pids, &n_hidden);
	if (err)
		return err;
	const struct sut_crew crew = {
		.pids = options.pids,
		.n_pids = options.n_pids,
		.work = sut_status_work,
		.context = &selection.select,
		.cancel = sut_crew_catch_signals(),
		.progress = sut_crew_progress,
	};
	err = sut_crew_run(&crew, &answers, &errors);
	if (err)
		return err;
	bool has_failed;
	json_t *list = gather(&crew, answers, errors, &has_failed);
	// Of all processes, some are always about to end; one that was named was meant.
	*status = has_failed && is_named ? SUT_EXIT_SOME_NOT : SUT_EXIT_OK;
	// What this machine's agent tells is about all processes.
	_cleanup_json_ json_t *story = NULL;
	if (!is_named && !options.n_files)
		err = sut_agent_story_read(options.agent ? options.agent : SUT_AGENT_STORY, &story);
	if (err) {
		json_decref(list);
		return err;
	}
	return print(list, n_hidden, options.is_json, story);
}
