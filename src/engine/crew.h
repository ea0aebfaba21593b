// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Crews
 *
 * Many processes at once, a worker for each, some at a time.
 */

#include <signal.h>

#include "engine/row.h"
#include "process/worker.h"

/** What a worker does with one process: returns its answer, a new reference. */
typedef json_t *(*sut_crew_fn)(pid_t pid, void *context);

/** How a crew works. */
struct sut_crew {
	const pid_t *pids;
	size_t n_pids;
	sut_crew_fn work;
	void *context; /**< For @c work. */
	/** Set by a signal handler: workers back out, no new ones start. NULL: never. */
	const volatile sig_atomic_t *cancel;
	/** Called in this process for each answer, in any order; may be NULL. */
	void (*progress)(size_t n_done, size_t n_pids, void *context);
	void *progress_context;
};

/** Run it. @p ret is an array of @c n_pids answers in the order of the pids, which
 *  the caller frees with json_decref() and free(). A worker that failed, or was
 *  never started, has NULL there, and its error in @p errors_ret (likewise an
 *  array, freed with sut_err_free() and free()). */
sut_check struct sut_err *sut_crew_run(const struct sut_crew *crew, json_t ***ret,
				       struct sut_err ***errors_ret);

/** Run it where answers are rows. @p ret is an array of @c n_pids rows. */
sut_check struct sut_err *sut_crew_rows(const struct sut_crew *crew, struct sut_row **ret);

void sut_rows_free(struct sut_row *rows, size_t n);
