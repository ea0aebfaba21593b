// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Stacks for people
 *
 * Tells which thread is in the way, and where: its frames by the symbols of the
 * files that the target has mapped, where they have any, and of payloads by their
 * traces.
 */

#include <jansson.h>

#include "base/err.h"

struct sut_blocker;
struct sut_snapshot;
struct sut_traces;

/** Describe @p blocker:
 *      tid, thread       its number and its name
 *      function          that is to be replaced
 *      running, certain  booleans: as in struct sut_blocker
 *      depth             how many frames it has; 0: not known
 *      frames            the innermost ones: array of {address, module, name, offset};
 *                        name "" where there is no symbol, and the offset then that
 *                        in the module; module "" for what is in no file
 *  A new reference. */
sut_check struct sut_err *sut_blocker_describe(struct sut_snapshot *snapshot,
					       const struct sut_traces *traces,
					       const struct sut_blocker *blocker, json_t **ret);

/** The frames of a description in one line: "read+0x12 < wait_for_input+0x40 < ...".
 *  NULL stands for none. Owned by the caller; NULL when out of memory. */
char *sut_frames_text(const json_t *description);
