// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The watcher: processes that start later
 *
 * A process of its own that runs the engine's `watch` for the hotpatches that
 * trust/active.json lists. It exists only while there are some, tells what it has done
 * in one packet for each event, and ends when the patching process does.
 */

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "agent/config.h"

/** The watcher. */
struct sut_watcher {
	pid_t pid;     /**< 0: it does not run. */
	int channel;   /**< Events are read from here; -1: none. */
	bool is_ready; /**< It has said that it guards all files. */
};

/** Start it. */
sut_check struct sut_err *sut_watcher_start(const struct sut_config *config,
					    struct sut_watcher *ret);

/** trust/active.json has changed. */
void sut_watcher_reload(struct sut_watcher *watcher);

/** Ask it to end. */
void sut_watcher_stop(const struct sut_watcher *watcher);

/** It has ended: close the channel. */
void sut_watcher_ended(struct sut_watcher *watcher);

/** Take the next event: an object as of engine/watch.h, or {"event": "ended", "reason"}.
 *  NULL when there is none for now. A new reference. */
json_t *sut_watcher_next(const struct sut_watcher *watcher);
