// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Workers
 *
 * A worker is a forked child that works on one target and hands back one JSON
 * value. Why a process for each target:
 *   - when it ends, the kernel lets go of the target's threads without a stop (it
 *     works in a thread of its own, which ends first);
 *   - waiting for threads needs SIGCHLD for itself;
 *   - it is in a session of its own, so that Ctrl-C, a closed terminal or the
 *     death of the main process cannot end it in the middle of a change;
 *   - whatever a hostile target's memory does to a parser, only this target's
 *     worker ends, with an error.
 */

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/** A worker that is running, or has ended. Owns its pipe. */
struct sut_worker {
	pid_t pid; /**< 0: none. */
	int pipe;  /**< Its result is read from here; -1: none. */
};

/** What a worker does: returns its result, a new reference, or NULL when out of
 *  memory. It looks at sut_worker_is_cancelled() where it can stop safely. */
typedef json_t *(*sut_worker_fn)(void *context);

/** Start a worker that calls @p work with @p context. */
sut_check struct sut_err *sut_worker_start(sut_worker_fn work, void *context,
					   struct sut_worker *ret);

/** The thread that does the work; 0 before it has begun and after it has ended. */
pid_t sut_worker_thread(const struct sut_worker *worker);

/** Ask a worker to back out at the next safe point. */
void sut_worker_cancel(const struct sut_worker *worker);

/** Wait for a worker and take its result, a new reference. A worker that ended
 *  without one is an error. */
sut_check struct sut_err *sut_worker_finish(struct sut_worker *worker, json_t **ret);

/** In a worker: has somebody asked it to back out? */
bool sut_worker_is_cancelled(void);
