// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Imports
 *
 * What a hotpatch's imports are in one target. Most are found by reading its
 * memory. An IFUNC's address is told by a function in the target, which a
 * borrowed thread calls, as the dynamic linker did for other modules.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_borrow;
struct sut_module;
struct sut_patch;
struct sut_process;
struct sut_snapshot;

/** The imports of one hotpatch. Owns its tables. */
struct sut_imports {
	/** For each symbol of the hotpatch that is an import, its remote address, or
	 *  its resolver's; 0 for a weak one that is nowhere, and for all others. */
	uint64_t *at;
	bool *is_resolver;
	size_t n;           /**< Symbols. */
	size_t n_resolvers; /**< That have not been called yet. */
};

/** Has @p patch any? */
bool sut_imports_exist(const struct sut_patch *patch);

/** Find the imports of @p patch for @p module. A missing one that is not weak is
 *  SUT_E_UNSUPPORTED. */
sut_check struct sut_err *sut_imports_init(struct sut_snapshot *snapshot,
					   const struct sut_module *module,
					   const struct sut_patch *patch,
					   struct sut_imports *ret);
void sut_imports_deinit(struct sut_imports *imports);

/** Call the resolvers with a borrowed thread. */
sut_check struct sut_err *sut_imports_call(struct sut_imports *imports,
					   const struct sut_patch *patch,
					   struct sut_borrow *borrow);
