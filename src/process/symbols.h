// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Dynamic symbols of a process
 *
 * Finds symbols as the target's own dynamic linker would for one of its modules,
 * reading its memory: the search scope (program, preloaded and needed libraries
 * in the order of loading; for a module that was opened later, also its own
 * dependencies; DT_SYMBOLIC), versions, weak and hidden definitions.
 *
 * The rules are those of glibc's elf/dl-lookup.c; musl's linker keeps the same
 * list of modules (struct link_map of <link.h>) and knows no versions.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_module;
struct sut_snapshot;

/** A definition that was found. */
struct sut_definition {
	uint64_t at;   /**< Remote address; of the resolver when is_ifunc. */
	bool is_ifunc; /**< STT_GNU_IFUNC: a function that tells the address. */
};

/** Where symbols are searched for one module. Owns its tables. */
struct sut_scope {
	struct sut_snapshot *snapshot; /**< Borrowed. */
	struct sut_dynamic *objects;   /**< In the order of the search. */
	size_t n_objects;
	size_t n_initial; /**< How many of them were loaded with the program, and stay. */
	size_t first; /**< With DT_SYMBOLIC: the module itself, searched before all. */
};

/** Work out the scope of @p module. A static program has an empty one. */
sut_check struct sut_err *sut_scope_init(struct sut_snapshot *snapshot,
					 const struct sut_module *module, struct sut_scope *ret);
void sut_scope_deinit(struct sut_scope *scope);

/** Was @p module loaded with the program? */
bool sut_scope_has_initial(const struct sut_scope *scope, const struct sut_module *module);

/** Find @p name of @p version in any module of the process, whether it is in a scope
 *  or not, in the order of their addresses. */
sut_check struct sut_err *sut_symbols_anywhere(struct sut_snapshot *snapshot, const char *name,
					       const char *version, bool *found,
					       struct sut_definition *ret);

/** Find @p name, of @p version or NULL. @p found says whether it is there. */
sut_check struct sut_err *sut_scope_find(const struct sut_scope *scope, const char *name,
					 const char *version, bool *found,
					 struct sut_definition *ret);
