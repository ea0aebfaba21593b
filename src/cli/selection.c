// SPDX-License-Identifier: Apache-2.0
#include "cli/selection.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/crew.h"
#include "cli/ui.h"
#include "patch/patch.h"

struct sut_err *sut_selection_read(const struct sut_crew_options *options,
				   struct sut_selection *ret)
{
	_cleanup_(sut_selection_deinit) struct sut_selection selection = {
		.patches = calloc(options->n_files + 1, sizeof(*selection.patches)),
		.names = calloc(options->n_files + 1, sizeof(*selection.names)),
	};

	if (!selection.patches || !selection.names)
		return sut_err_nomem();
	if (options->is_entry_only)
		return sut_err(SUT_E_USAGE, "--entry-only is an option of apply");
	for (size_t i = 0; i < options->n_files; i++) {
		char *file = options->files[i];
		// A name has no slash, and rarely is there a file of that name.
		if (!strchr(file, '/') && access(file, F_OK) < 0) {
			selection.names[selection.select.n_names++] = file;
			continue;
		}
		struct sut_err *err = sut_ui_read_patch(
			file, &selection.patches[selection.n_patches], NULL);
		if (err)
			return err;
		selection.n_patches++;
	}
	selection.select.patches = selection.patches;
	selection.select.n_patches = selection.n_patches;
	selection.select.names = selection.names;
	*ret = selection;
	selection = (struct sut_selection){ 0 };
	return NULL;
}

void sut_selection_deinit(struct sut_selection *selection)
{
	sut_crew_free_patches(selection->patches, selection->n_patches);
	free(selection->names);
	*selection = (struct sut_selection){ 0 };
}

struct sut_err *sut_selection_run(const struct sut_crew_options *options,
				  const struct sut_selection *selection,
				  json_t *(*work)(pid_t, void *), void *context,
				  enum sut_exit *status)
{
	_cleanup_free_ pid_t *found = NULL;
	struct sut_crew crew = {
		.pids = options->pids,
		.n_pids = options->n_pids,
		.work = work,
		.context = context,
		.cancel = sut_crew_catch_signals(),
		.progress = sut_crew_progress,
	};
	struct sut_row *rows = NULL;
	struct sut_err *err = NULL;
	size_t n_hidden = 0;

	if (!options->n_pids) {
		err = sut_select_find(&selection->select, &found, &crew.n_pids, &n_hidden);
		crew.pids = found;
	}
	if (!err)
		err = sut_crew_rows(&crew, &rows);
	if (!err)
		err = sut_crew_print(rows, crew.n_pids, n_hidden, selection->select.is_found,
				     options->is_json, status);
	sut_rows_free(rows, crew.n_pids);
	return err;
}
