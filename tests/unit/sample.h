// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A hotpatch made by hand
 *
 * Small, but with each kind of part, symbol and relocation, names that are
 * empty or there twice, and machine code that a disassembler understands.
 */

#include "patch/patch.h"

/** Make it. */
sut_check struct sut_err *sut_sample_patch(struct sut_patch *ret);
