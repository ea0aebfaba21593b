// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Stacks for people
 *
 * Names the functions of a thread that is in the way, with the symbols of the
 * files that the target has mapped, where they have any.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_snapshot;

/** Describe the frames @p pcs, innermost first: "read < wait_for_input < main",
 *  "server+0x3d070" where there is no symbol. Owned by the caller. */
sut_check struct sut_err *sut_frames_describe(struct sut_snapshot *snapshot, const uint64_t *pcs,
					      size_t n, char **ret);
