// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the commands share that work on processes
 */

#include <getopt.h>

#include "cli/command.h"
#include "engine/crew.h"

struct sut_patch;

/** The options that they have in common, and the hotpatches they name. Owns its
 *  tables. */
struct sut_crew_options {
	pid_t *pids; /**< --pid; none: every process. */
	size_t n_pids;
	double timeout; /**< --timeout, seconds; 10 without. */
	bool is_dry_run;
	bool is_entry_only; /**< --entry-only; of apply. */
	bool is_json;
	const char *agent; /**< --agent FILE; of status. NULL: where it is usually. Borrowed. */
	char **files; /**< The arguments; borrowed. */
	size_t n_files;
};

/** Read the options. @p argc, @p argv as a command gets them. */
sut_check struct sut_err *sut_crew_options_read(int argc, char **argv,
						struct sut_crew_options *ret);
void sut_crew_options_deinit(struct sut_crew_options *options);

/** Read all the hotpatch files named. */
sut_check struct sut_err *sut_crew_read_patches(const struct sut_crew_options *options,
						struct sut_patch **ret);
void sut_crew_free_patches(struct sut_patch *patches, size_t n);

/** From now on Ctrl-C and SIGTERM set the flag that @c sut_crew.cancel wants. */
const volatile sig_atomic_t *sut_crew_catch_signals(void);

/** Show on a terminal how far a crew is; for sut_crew.progress. */
void sut_crew_progress(size_t n_done, size_t n_pids, void *context);

/** Print rows, as a table or JSON, and say how the command ends: of processes that a
 *  search found (@p is_found), those that are gone are nobody's failure. */
sut_check struct sut_err *sut_crew_print(const struct sut_row *rows, size_t n, size_t n_hidden,
					 bool is_found, bool is_json, enum sut_exit *status);
