// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/crew.h"
#include "cli/ui.h"
#include "engine/apply.h"
#include "engine/watch.h"

/** The options. */
struct options {
	bool is_json;
	bool has_net;
	long interval; /**< Seconds between scans. */
	char **files;  /**< Absolute paths. Owned. */
	size_t n_files;
};

static void options_deinit(struct options *options)
{
	for (size_t i = 0; i < options->n_files; i++)
		free(options->files[i]);
	free(options->files);
}

// The path is looked for in every mount namespace, so ".." and links in it stay.
static struct sut_err *add_file(struct options *options, const char *path)
{
	_cleanup_free_ char *here = path[0] == '/' ? NULL : get_current_dir_name();
	char **files = reallocarray(options->files, options->n_files + 1, sizeof(*files));

	if (!files)
		return sut_err_nomem();
	options->files = files;
	if (asprintf(&files[options->n_files], "%s%s%s", here ? here : "", here ? "/" : "",
		     path) < 0)
		return sut_err_nomem();
	options->n_files++;
	return NULL;
}

static struct sut_err *read_options(int argc, char **argv, struct options *ret)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "file", required_argument, NULL, 'f' },
		{ "scan", required_argument, NULL, 's' },
		{ "no-net", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct sut_err *err = NULL;
	int option = 0;

	*ret = (struct options){ .interval = 5, .has_net = true };
	while (!err && option >= 0) {
		err = sut_ui_option(argc, argv, "", longs, &option);
		if (!err && option == 's')
			err = sut_ui_number(optarg, "--scan", 1, 86400, &ret->interval);
		else if (!err && option == 'f')
			err = add_file(ret, optarg);
		else if (!err && option == 'n')
			ret->has_net = false;
		else if (!err && option == 'j')
			ret->is_json = true;
	}
	return err;
}

static const char *text(const json_t *event, const char *key)
{
	const char *value = json_string_value(json_object_get(event, key));

	return value ? value : "";
}

static const char *cause_text(const char *cause)
{
	if (strcmp(cause, "exec") == 0)
		return "starting";
	if (strcmp(cause, "open") == 0)
		return "loading it";
	return strcmp(cause, "running") == 0 ? "running" : "found by a scan";
}

static void say_row(const json_t *event, int pid)
{
	const char *reason = text(event, "reason");
	bool is_late = json_is_true(json_object_get(event, "late"));

	sut_ui_say("%d %s, %s: %s%s%s%s", pid, text(event, "name"),
		   cause_text(text(event, "cause")), text(event, "event"), is_late ? ", late" : "",
		   *reason ? ": " : "", reason);
}

// One line for each event, at once: whoever reads along reads a pipe.
static void say_event(const json_t *event, void *context)
{
	const struct options *options = context;
	const char *name = text(event, "event");
	int pid = json_integer_value(json_object_get(event, "pid"));

	if (options->is_json) {
		_cleanup_free_ char *line = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
		sut_ui_say("%s", line ? line : "{}");
	} else if (strcmp(name, "watching") == 0) {
		sut_ui_say("watching %d files", (int)json_integer_value(
							json_object_get(event, "files")));
	} else if (strcmp(name, "guarded") == 0 || strcmp(name, "unguarded") == 0) {
		const char *reason = text(event, "reason");
		sut_ui_say("%s %s%s%s", name, text(event, "path"), *reason ? ": " : "", reason);
	} else if (strcmp(name, "missed") == 0) {
		sut_ui_say("%d missed: %s", pid, text(event, "reason"));
	} else {
		say_row(event, pid);
	}
	fflush(NULL);
}

struct sut_err *sut_cmd_watch(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(options_deinit) struct options options = { 0 };
	struct sut_patch *patches;
	struct sut_err *err = read_options(argc, argv, &options);

	if (err)
		return err;
	struct sut_crew_options files = { .files = argv + optind, .n_files = argc - optind };
	if (files.n_files == 0)
		return sut_err(SUT_E_USAGE, "name at least one hotpatch file");
	err = sut_crew_read_patches(&files, &patches);
	if (err)
		return err;
	struct sut_apply apply = {
		.patches = patches, .n_patches = files.n_files, .timeout = 2000000000
	};
	struct sut_watch watch = {
		.apply = &apply,
		.files = options.files,
		.n_files = options.n_files,
		.interval = options.interval * UINT64_C(1000000000),
		.has_net = options.has_net,
		.cancel = sut_crew_catch_signals(),
		.tell = say_event,
		.context = &options,
	};
	err = sut_apply_check(&apply);
	if (!err)
		err = sut_watch_run(&watch);
	sut_crew_free_patches(patches, files.n_files);
	*status = SUT_EXIT_OK;
	return err;
}
