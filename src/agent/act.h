// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * One look at the machine, and what follows from it
 *
 *     what the repository wants ─┐
 *     what runs here ────────────┼─► take out · put in · verify ─► coverage, events
 *     what is held here ─────────┘
 *
 * Runs in a worker, so that its memory goes when it ends. Ended at any moment it leaves
 * nothing half-way: what stands in a process is read from its trace by the next one.
 */

#include <jansson.h>
#include <stdbool.h>

#include "agent/memory.h"

/** What to do. Borrows everything. */
struct sut_act {
	const struct sut_config *config;
	const struct sut_memory *device;
	/** What the watcher told of processes since the last time: an object of rows by pid. */
	const json_t *rows;
	bool is_refresh; /**< The mirror may hold something new. */
};

/**
 * Do it (a sut_worker_fn; the context is a struct sut_act). Writes trust/active.json and
 * trust/coverage.json. The answer:
 *   "error"     why it could not, or null
 *   "refreshed" {"root", "timestamp", "expires"} of a refresh that succeeded, or null
 *   "refused"   why one was refused, or null
 *   "release"   the release wanted, or null; "baseline": of which
 *   "need"      array of targets that the mirror does not have
 *   "active"    how many hotpatches are to stand here
 *   "watched"   has active.json changed?
 *   "told"      what stands in processes: {"PID/START/HOTPATCH": {"pid", "start",
 *               "hotpatch", "name", "path", "unit", "at": seconds since 1970}}
 *   "move"      do packages have to move to the baseline?
 *   "busy"      how many processes may go another time
 *   "events"    array of {"time", "type", "hotpatch", "detail"}
 */
json_t *sut_act_work(void *act);
