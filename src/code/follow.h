// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Following a value
 *
 * Where the value that an instruction leaves in a register goes: along the
 * branches of its fragment, through moves to other registers and to the stack,
 * until it is overwritten or a call may have destroyed it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sut_frag;
struct sut_program;

/** What becomes of a value: a set of these. */
enum sut_use {
	SUT_USE_COMPARED = 1,   /**< With another value, not a constant. */
	SUT_USE_SUBTRACTED = 2, /**< It from another one, or the other way round. */
};

/** Find the uses of the address that instruction @p at of @p frag loads. */
sut_check struct sut_err *sut_follow_value(const struct sut_program *program,
					   const struct sut_frag *frag, size_t at,
					   unsigned *ret);
