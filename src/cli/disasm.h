// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The payload's code as text
 *
 * Assembly in Intel's notation, with the symbols that the relocations name where
 * the file has only zeros.
 */

#include "base/buf.h"
#include "patch/patch.h"

/** Append all executable parts of @p patch, line by line. */
sut_check struct sut_err *sut_disasm(const struct sut_patch *patch, struct sut_buf *ret);
