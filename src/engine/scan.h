// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Scans: where builds are, in memory and in files
 *
 * Of the whole machine, or of some processes that have just begun.
 *
 * Runs in a worker, so that the watcher is never kept from answering by a slow
 * disk, and survives whatever a hostile process shows.
 */

#include <jansson.h>

#include "process/guard.h"

struct sut_apply;

/** A scan. */
struct sut_scan {
	const struct sut_apply *apply;
	struct sut_guard guard; /**< Closed by the worker before anything else. */
	/** A process that carries another hotpatch for the build counts as patched: it
	 *  may be a later one, and two watchers must not take turns. */
	bool takes_any;
	/** Files that were read before: an object whose keys are their identity and
	 *  whose values say whether they are a build. Borrowed. */
	const json_t *judged;
	/** Paths that builds have had: an object whose keys they are. Borrowed. */
	const json_t *paths;
	/** Mount namespaces with their roots that were looked into: an object whose keys
	 *  they are. A whole scan looks into all again. Borrowed. */
	const json_t *namespaces;
	const pid_t *pids; /**< Look at these only, which have just begun; NULL: at all. */
	size_t n_pids;
	/** They have begun long enough ago: one that is not ready to be patched counts as
	 *  unpatched. */
	bool is_settled;
};

/**
 * The answer:
 *   "unpatched"  array of pids that map a build and do not carry its hotpatch
 *   "mapped"     array of paths /proc/PID/map_files/… that lead to builds
 *   "named"      array of {"pid", "path"}: files that are builds, by their path
 *                below the root of that process
 *   "judged", "paths", "namespaces"  as above, with what is known now
 *   "hidden"     how many processes could not be looked into
 *   "error"      why the search failed, or ""
 */
json_t *sut_scan_work(void *scan);

/** Open what @p path is below the root of process @p pid, as that process would find
 *  it; -1 with errno. With O_PATH in @p flags the guard is not asked. */
int sut_scan_open(pid_t pid, const char *path, uint64_t flags);
