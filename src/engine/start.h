// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Starts: one process that is about to load guarded files
 *
 * Runs in a worker. Seizes the thread that waits for the guard, follows it from
 * system call to system call, and applies at the first stop at which that is possible
 * (engine/ready.h), which is before the file's code runs. Other threads of the process
 * that come to wait for the guard meanwhile are followed likewise, and stand still
 * while it applies.
 *
 * A follower speaks with the watcher over a socket, a message at a time.
 */

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process/guard.h"

struct sut_apply;

enum sut_start_what {
	SUT_START_TAKEN,  /**< To the watcher: that thread is followed; it may be allowed. */
	SUT_START_FAILED, /**< To the watcher: it may be allowed, nobody follows it. */
	SUT_START_MORE,   /**< From it: that thread waits for a file. SIGCHLD comes with it. */
};

/** A message. */
struct sut_start_message {
	enum sut_start_what what;
	pid_t tid;
};

/** A start. */
struct sut_start {
	const struct sut_apply *apply;
	struct sut_guard guard; /**< Closed by the worker before anything else. */
	struct sut_opening opening;
	int channel; /**< Our end of the socket (SOCK_SEQPACKET). */
};

/** What sut_start_work() answers: {"row": a row or null, "cause": "exec" or "open",
 *  "late": boolean, "lost": boolean}. The row is null when the process did not load a
 *  build of ours; late when some of its code may have run before; lost when following
 *  was given up though a build was there. */
json_t *sut_start_work(void *start);
