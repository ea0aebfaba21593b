// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "cli/crew.h"
#include "engine/apply.h"

static struct sut_err *run(const struct sut_crew_options *options, struct sut_apply *apply,
			   enum sut_exit *status)
{
	_cleanup_free_ pid_t *found = NULL;
	struct sut_crew crew = {
		.pids = options->pids,
		.n_pids = options->n_pids,
		.work = sut_apply_work,
		.context = apply,
		.cancel = sut_crew_catch_signals(),
		.progress = sut_crew_progress,
	};
	struct sut_row *rows = NULL;
	struct sut_err *err = NULL;
	size_t n_hidden = 0;

	if (!options->n_pids) {
		err = sut_apply_find(apply, &found, &crew.n_pids, &n_hidden);
		crew.pids = found;
	}
	if (!err)
		err = sut_crew_rows(&crew, &rows);
	if (!err)
		err = sut_crew_print(rows, crew.n_pids, n_hidden, apply->is_found, options->is_json,
				     status);
	sut_rows_free(rows, crew.n_pids);
	return err;
}

struct sut_err *sut_cmd_apply(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(sut_crew_options_deinit) struct sut_crew_options options = { 0 };
	struct sut_patch *patches;
	struct sut_err *err = sut_crew_options_read(argc, argv, &options);

	if (err)
		return err;
	if (options.n_files == 0)
		return sut_err(SUT_E_USAGE, "name at least one hotpatch file");
	err = sut_crew_read_patches(&options, &patches);
	if (err)
		return err;
	struct sut_apply apply = {
		.patches = patches,
		.n_patches = options.n_files,
		.timeout = options.timeout * 1e9,
		.is_entry_only = options.is_entry_only,
		.is_dry_run = options.is_dry_run,
		.is_found = !options.n_pids,
	};
	err = sut_apply_check(&apply);
	if (!err)
		err = run(&options, &apply, status);
	sut_crew_free_patches(patches, options.n_files);
	return err;
}
