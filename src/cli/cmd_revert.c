// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "cli/crew.h"
#include "cli/selection.h"
#include "engine/revert.h"

struct sut_err *sut_cmd_revert(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(sut_crew_options_deinit) struct sut_crew_options options = { 0 };
	_cleanup_(sut_selection_deinit) struct sut_selection selection = { 0 };
	struct sut_err *err = sut_crew_options_read(argc, argv, &options);

	if (err)
		return err;
	if (options.n_files == 0)
		return sut_err(SUT_E_USAGE, "name at least one hotpatch, or its file");
	err = sut_selection_read(&options, &selection);
	if (err)
		return err;
	selection.select.is_found = !options.n_pids;
	struct sut_revert revert = {
		.select = selection.select,
		.timeout = options.timeout * 1e9,
		.is_dry_run = options.is_dry_run,
	};
	return sut_selection_run(&options, &selection, sut_revert_work, &revert, status);
}
