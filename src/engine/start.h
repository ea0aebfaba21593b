// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Starts: one process that is about to load a guarded file
 *
 * Runs in a worker. Seizes the thread that waits for the guard, follows it from
 * system call to system call, and applies while it stands at the first of these
 * stops at which that is possible, which is before the file's code runs:
 *
 *     the program's own C library is there    so that a borrowed thread survives
 *                                             our death (process/borrow.h)
 *     the module has been relocated           only if the hotpatch has imports:
 *                                             then all libraries are there too
 *
 * The dynamic linkers make the read-only part of each module read-only (a system
 * call) when they have relocated it, and run constructors only after that.
 *
 * A follower speaks with the watcher over a socket, a byte for each message.
 */

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process/guard.h"

struct sut_apply;

/** The messages. */
enum sut_start_message {
	SUT_START_SEIZED = 'S', /**< To the watcher: it may be allowed. */
	SUT_START_FAILED = 'F', /**< To the watcher: it may be allowed, nobody follows. */
	SUT_START_MORE = 'E',   /**< From it: the same process waits for another file. */
	SUT_START_TAKEN = 'Y',  /**< To it: that file is being followed too. */
};

/** A start. */
struct sut_start {
	const struct sut_apply *apply;
	struct sut_guard guard;     /**< Closed by the worker before anything else. */
	struct sut_opening opening;
	int channel; /**< Our end of the socket. */
};

/** What sut_start_work() answers: {"row": a row or null, "cause": "exec" or "open",
 *  "late": boolean}. The row is null when the process did not load a build of ours;
 *  late when some of its code may have run before. */
json_t *sut_start_work(void *start);

/** Do all modules of @p pid that are a build of ours carry its hotpatch, or, with
 *  @p takes_any, any that is for the build? False also when there is no module. */
bool sut_start_is_patched(pid_t pid, const struct sut_apply *apply, bool takes_any);
