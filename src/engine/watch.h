// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The recipe `watch`
 *
 * Keeps every process patched that runs one of the builds: those that run now, and
 * those that start or load it later, before its code runs.
 *
 *     scan ──► guard the files ──► scan ──► apply        (at first, then on a timer)
 *     a guarded file is opened ──► follow ──► apply      (engine/start.h)
 *
 * Files are guarded one by one: where a process maps the build, and where its path
 * is in every mount namespace. A copy that appears elsewhere is found by the next
 * scan: the process is patched late, which is said, and the copy is guarded.
 *
 * The watcher itself opens no guarded file and never waits for a worker, so that it
 * always answers. When it ends, however it ends, nobody waits any more; workers
 * that are under way finish.
 */

#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_apply;

/** What to watch, and whom to tell. */
struct sut_watch {
	const struct sut_apply *apply;
	char *const *files; /**< Where the builds' files may be, besides where processes
				 map them and where the hotpatches say: absolute paths, in
				 any mount namespace. */
	size_t n_files;
	uint64_t interval; /**< Between scans, ns. */
	/** Set by a signal handler: the end. */
	const volatile sig_atomic_t *cancel;
	/**
	 * Told what happens: an object with "event" and, for
	 *   "watching"       "files": it is ready, so many files are guarded;
	 *   "guarded"        "path": another file;
	 *   "unguarded"      "path", "reason": a file that cannot be guarded;
	 *   an outcome       the members of a row (engine/row.h), "cause": "running",
	 *                    "exec", "open" or "scan", "late": boolean;
	 *   "missed"         "pid", "reason": it was let go on unfollowed.
	 * Borrowed.
	 */
	void (*tell)(const json_t *event, void *context);
	void *context;
};

/** Watch until cancelled. */
sut_check struct sut_err *sut_watch_run(const struct sut_watch *watch);
