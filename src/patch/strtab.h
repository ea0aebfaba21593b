// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * ELF string tables, being written
 *
 * Strings stand in the order in which they first came, each once; the empty
 * string is at offset 0. Same strings in the same order give the same bytes.
 */

#include "base/buf.h"

/** A string table. Owns everything; all zero is a valid empty one. */
struct sut_strtab {
	struct sut_buf bytes; /**< Begins with a NUL once a string was added. */
	void *known; /**< tsearch(3) tree: balanced, so that nobody can choose
			  names that make it slow. */
};

void sut_strtab_deinit(struct sut_strtab *tab);

/** Find or append @p string; @p ret is its offset. */
sut_check struct sut_err *sut_strtab_add(struct sut_strtab *tab,
					 const char *string, uint32_t *ret);
