// SPDX-License-Identifier: Apache-2.0

/**
 * suture repo prune
 */

#include "base/cleanup.h"
#include "cli/repo_command.h"
#include "cli/ui.h"
#include "tuf/repository.h"

// Longer than any client takes from its timestamp to its last file.
static const int64_t in_use = 24 * 3600; // s

static struct sut_err *print(struct sut_repo_call *call, const struct sut_repository_waste *waste)
{
	json_t *paths = json_array();

	for (size_t i = 0; i < waste->n; i++) {
		json_array_append_new(paths, json_string(waste->files[i].path));
		sut_repo_say(call, "%s", waste->files[i].path);
	}
	struct sut_err *err = sut_repo_answer(call, "files", paths);
	if (!err)
		err = sut_repo_answer(call, "size", json_integer((json_int_t)waste->size));
	if (!err)
		err = sut_repo_answer(call, "removed", json_boolean(!call->is_dry));
	if (!waste->n)
		sut_repo_say(call, "Nothing is old.");
	else
		sut_repo_say(call, "%zu files, %s, %s removed.", waste->n,
			     sut_ui_size(waste->size).text, call->is_dry ? "would be" : "were");
	return err;
}

static struct sut_err *run_prune(struct sut_repo_call *call)
{
	_cleanup_(sut_repository_waste_deinit) struct sut_repository_waste waste = { 0 };
	const char *keep = sut_repo_value(call, SUT_REPO_KEEP);
	long n_keep = 2;
	struct sut_err *err = keep ? sut_ui_number(keep, "--keep", 0, 1000000, &n_keep) : NULL;

	if (!err)
		err = sut_repository_waste_find(call->repository, (size_t)n_keep,
						call->now - in_use, &waste);
	if (!err && !call->is_dry)
		err = sut_repository_waste_remove(call->repository, &waste);
	return err ? err : print(call, &waste);
}

const struct sut_repo_command sut_repo_prune_commands[] = {
	{ "prune", "keep dry-run", 0, 0, true, run_prune },
	{ NULL, NULL, 0, 0, false, NULL },
};
