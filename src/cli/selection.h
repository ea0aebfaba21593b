// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Hotpatches named on the command line, by file or by name, that processes carry
 */

#include <jansson.h>

#include "cli/command.h"
#include "engine/select.h"

struct sut_crew_options;

/** What was named. Owns its tables. */
struct sut_selection {
	struct sut_select select;
	struct sut_patch *patches;
	size_t n_patches;
	char **names; /**< The names themselves are borrowed. */
};

/** Each argument that is a file is read, the others are taken as names. */
sut_check struct sut_err *sut_selection_read(const struct sut_crew_options *options,
					     struct sut_selection *ret);
void sut_selection_deinit(struct sut_selection *selection);

/** Run @p work, a sut_crew_fn, on the processes that the options name, or else on those that
 *  carry what was selected, and print the rows. */
sut_check struct sut_err *sut_selection_run(const struct sut_crew_options *options,
					    const struct sut_selection *selection,
					    json_t *(*work)(pid_t, void *), void *context,
					    enum sut_exit *status);
