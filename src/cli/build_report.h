// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What `suture build` prints
 */

#include "cli/command.h"
#include "engine/build.h"

/** One pair of files. Owns its members. */
struct sut_report_row {
	struct sut_build build;
	char *output; /**< Path of the hotpatch, NULL when none was written. */
};

/** All pairs. Owns the rows; borrows the acceptances. */
struct sut_report {
	struct sut_report_row *rows;
	size_t n_rows;
	size_t n_removed;            /**< Files that the new package does not have. */
	uint64_t old_size, new_size; /**< Of the inputs, bytes. */
	const struct sut_acceptance *acceptances; /**< What was asked for. */
	size_t n_acceptances;
};

void sut_report_deinit(struct sut_report *report);

/** On a terminal, say on standard error that @p done of @p n files are built. */
void sut_report_progress(const struct sut_report *report, size_t done, size_t n);

/** Print a table, and sentences for what was not built. */
sut_check struct sut_err *sut_report_print(const struct sut_report *report);

/** Print the same as one JSON object. */
sut_check struct sut_err *sut_report_print_json(const struct sut_report *report);

/** The exit status that the verdicts make. */
enum sut_exit sut_report_status(const struct sut_report *report);
