// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The recipe `apply`
 *
 * Puts hotpatches into running processes. For one process all of them go in
 * together, in one stop, or none.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct sut_patch;

/** What to apply, and how. */
struct sut_apply {
	const struct sut_patch *patches;
	size_t n_patches;
	uint64_t timeout; /**< How long to try each process, ns. */
	bool is_entry_only; /**< Hotpatches that are proved to allow it are switched while
				 threads are in the old code. */
	bool is_dry_run;  /**< Check everything, change nothing. */
	/** A search found the processes: one that no longer maps a build when it is worked on
	 *  is gone, not refused. */
	bool is_found;
};

/** Do these hotpatches make sense together? SUT_E_USAGE when two are for the same
 *  build: one would replace the other. */
sut_check struct sut_err *sut_apply_check(const struct sut_apply *apply);

/** Find the processes that map one of the builds. @p n_hidden_ret: how many could
 *  not be looked into. @p ret is an array that the caller frees. */
sut_check struct sut_err *sut_apply_find(const struct sut_apply *apply, pid_t **ret,
					 size_t *n_ret, size_t *n_hidden_ret);

/** Does process @p pid map one of the builds? True also when that cannot be told. */
bool sut_apply_concerns(const struct sut_apply *apply, pid_t pid);

/** Apply to process @p pid, in a process of our own (it is a sut_crew_fn). The
 *  context is a struct sut_apply. */
json_t *sut_apply_work(pid_t pid, void *apply);

/** Apply to process @p pid, whose threads @p tids the calling thread has seized with
 *  SUT_TRACE_OPTIONS and which are at ptrace-stops: they stay stopped all the time,
 *  and when this returns. Threads that it traces besides may run. Likewise in a process
 *  of our own. */
json_t *sut_apply_held(pid_t pid, const pid_t *tids, size_t n, const struct sut_apply *apply);
