// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Resolving variables. Private to diff/resolve.
 *
 * A variable that an unchanged function uses is mapped. One that only changed
 * functions use is found by their aligned instructions and by its neighbours, or
 * it is new: then the gap between its neighbours has grown, or its exported name
 * is new. What could be both does not resolve.
 */

#include <stdint.h>

struct sut_link;
struct sut_pair;

/** Resolve new address @p vaddr, which is in writable data and of which @p access bytes
 *  are accessed; 0: its address is taken. */
void sut_resolve_variable(const struct sut_pair *pair, uint64_t vaddr, uint32_t access,
			  struct sut_link *ret);
