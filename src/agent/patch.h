// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The patching process
 *
 *     messages of fetch ─┐                        ┌─► watcher   processes that start later
 *     crashes, probes ───┼─► what is to be done ──┼─► act       a look, and what follows
 *     time ──────────────┘                        └─► tell      the story, the report
 *
 * It decides and remembers; everything that takes memory or time, or reads foreign
 * bytes, is done by workers that end. Of those one runs at a time.
 */

#include "agent/config.h"

/** Run until SIGTERM. @p fetch and @p commands are sockets to the other processes. */
sut_check struct sut_err *sut_patch_run(const struct sut_config *config, int fetch, int commands);
