// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/crew.h"
#include "cli/selection.h"
#include "engine/apply.h"
#include "engine/verify.h"

// With files, every process that runs their builds is looked at, also one that
// carries nothing: it is not as the files say.
static struct sut_err *find_targets(struct sut_crew_options *options,
				    const struct sut_selection *selection)
{
	const struct sut_apply apply = {
		.patches = selection->select.patches,
		.n_patches = selection->select.n_patches,
	};
	size_t n_hidden;

	if (options->n_pids || !apply.n_patches)
		return NULL;
	return sut_apply_find(&apply, &options->pids, &options->n_pids, &n_hidden);
}

struct sut_err *sut_cmd_verify(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(sut_crew_options_deinit) struct sut_crew_options options = { 0 };
	_cleanup_(sut_selection_deinit) struct sut_selection selection = { 0 };
	struct sut_err *err = sut_crew_options_read(argc, argv, &options);

	if (!err)
		err = sut_selection_read(&options, &selection);
	selection.select.is_found = !options.n_pids;
	if (!err)
		err = find_targets(&options, &selection);
	if (err)
		return err;
	return sut_selection_run(&options, &selection, sut_verify_work, &selection.select, status);
}
