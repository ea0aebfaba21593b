// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Which hotpatches in which processes a recipe is about, told from their traces
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct sut_patch;
struct sut_trace;
struct sut_traces;

/** A choice of hotpatches: these files, or those of these names. With neither:
 *  all. Borrows everything. */
struct sut_select {
	const struct sut_patch *patches;
	size_t n_patches;
	char *const *names;
	size_t n_names;
	/** A search found the processes: one that no longer has what was looked for when it is
	 *  worked on is gone. */
	bool is_found;
};

/** Is the hotpatch of @p trace chosen? */
bool sut_select_has(const struct sut_select *select, const struct sut_trace *trace);

/** In a process that a search found, no trace is chosen any more: SUT_E_GONE. */
sut_check struct sut_err *sut_select_check(const struct sut_select *select,
					   const struct sut_traces *traces);

/** Does process @p pid carry a chosen hotpatch, or a trace that cannot be read? True also
 *  when that cannot be told. */
bool sut_select_concerns(const struct sut_select *select, pid_t pid);

/** Find the processes that carry a chosen hotpatch, or a trace that cannot be
 *  read. @p ret is an array that the caller frees. */
sut_check struct sut_err *sut_select_find(const struct sut_select *select, pid_t **ret,
					  size_t *n_ret, size_t *n_hidden_ret);

/** The names of the chosen hotpatches in @p traces, joined by ", ". Owned by the
 *  caller; NULL when out of memory. */
char *sut_select_join(const struct sut_select *select, const struct sut_traces *traces);
