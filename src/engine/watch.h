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
 *     a program is executed ──► look ──► guard, apply    (the net)
 *
 * Files are guarded one by one: where a process maps the build, and where its path
 * is in every mount namespace. A copy that appears elsewhere is found by the net when
 * a program runs it, or by the next scan: the process is patched late, which is said,
 * and the copy is guarded.
 *
 * The watcher itself opens no guarded file and never waits for a worker, so that it
 * always answers. When it ends, however it ends, nobody waits any more; workers
 * that are under way finish.
 *
 *     static volatile sig_atomic_t is_over;   // set by a signal handler, or a thread
 *     struct sut_apply apply = { patches, n_patches, .timeout = 2000000000 };
 *     struct sut_watch watch = { .apply = &apply, .interval = 5000000000, .has_net = true,
 *                                .cancel = &is_over, .tell = my_log };
 *     struct sut_err *err = sut_apply_check(&apply);
 *     if (!err)
 *             err = sut_watch_run(&watch);    // returns when is_over is set
 *
 * It forks, waits for no child but its own, and raises the number of descriptors
 * that the calling process may have.
 */

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_apply;

/** What to watch, and whom to tell. */
struct sut_watch {
	const struct sut_apply *apply; /**< Unless `current` tells. */
	/** Asked time and again, NULL for never: what to apply from now on. When that is
	 *  another pointer than before, everything is looked through anew, and "watching"
	 *  told again. What it has returned must live until it has returned something
	 *  else. Borrowed. */
	const struct sut_apply *(*current)(void *context);
	char *const *files; /**< Where the builds' files may be, besides where processes
				 map them and where the hotpatches say: absolute paths, in
				 any mount namespace. */
	size_t n_files;
	uint64_t interval; /**< Between scans, ns. */
	/** Look at each program that is executed anywhere on the machine (process/execs.h),
	 *  so that copies that nobody knows of are found at once. */
	bool has_net;
	/** Set by a signal handler: the end. */
	const volatile sig_atomic_t *cancel;
	/**
	 * Told what happens: an object with "event" and, for
	 *   "watching"       "files": it is ready, so many files are guarded; "net":
	 *                    boolean, whether the kernel tells of executed programs;
	 *   "guarded"        "path": another file;
	 *   "unguarded"      "path", "reason": a file that cannot be guarded;
	 *   an outcome       the members of a row (engine/row.h), "cause": "running",
	 *                    "exec", "open" or "scan", "late": boolean;
	 *   "missed"         "pid", "reason": it was let go on unfollowed.
	 * Borrowed.
	 */
	void (*tell)(const json_t *event, void *context);
	/** Called some seconds after something has happened, while nobody waits: what was used
	 *  for it may be given back. NULL: nothing is. */
	void (*rest)(void *context);
	void *context;
};

/** Watch until cancelled. */
sut_check struct sut_err *sut_watch_run(const struct sut_watch *watch);
