// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Linking a payload
 *
 * Computes the payload's bytes as they stand in the target: parts at their
 * places, every relocation done. Nothing is written here.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_buf;
struct sut_layout;
struct sut_patch;

/** Link @p patch for a payload at @p start and a module at load bias @p base;
 *  @p imports holds the remote address of each symbol that is one (the others'
 *  entries are ignored). Appends sut_layout_size() bytes to the empty @p ret, the
 *  trace's still zero. A reference that does not reach is SUT_E_UNSUPPORTED. */
sut_check struct sut_err *sut_link(const struct sut_patch *patch, const struct sut_layout *layout,
				   uint64_t start, uint64_t base, const uint64_t *imports,
				   struct sut_buf *ret);

/** The remote address of symbol @p symbol under the same conditions. */
uint64_t sut_link_address(const struct sut_patch *patch, const struct sut_layout *layout,
			  uint64_t start, uint64_t base, const uint64_t *imports, size_t symbol);
