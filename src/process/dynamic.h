// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The dynamic section of one module in memory, and a lookup in it alone
 *
 * Private to process/symbols.c.
 */

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_module;
struct sut_process;
struct sut_definition;

/** The longest name of a symbol, version or library that is read. */
enum { SUT_MAX_SYMBOL = 4096 };

/** A module's dynamic section. Owns the names. All addresses are remote; 0: not
 *  there. */
struct sut_dynamic {
	struct sut_process *process; /**< Borrowed. */
	uint64_t base;
	uint64_t at; /**< Of the section itself: the module's identity. */
	uint64_t symtab, strtab, gnu_hash, hash, versym, verdef;
	uint64_t strtab_size, n_verdefs;
	uint64_t debug; /**< DT_DEBUG: struct r_debug; in the program only. */
	bool is_symbolic;
	char *soname;  /**< NULL: none. */
	char **needed; /**< In order. */
	size_t n_needed, capacity;
};

/** Read the dynamic section of @p module, which has one. */
sut_check struct sut_err *sut_dynamic_init(struct sut_process *process,
					   const struct sut_module *module,
					   struct sut_dynamic *ret);
void sut_dynamic_deinit(struct sut_dynamic *dynamic);

/** Find @p name of @p version (or NULL) among what this module defines. */
sut_check struct sut_err *sut_dynamic_find(const struct sut_dynamic *dynamic, const char *name,
					   const char *version, bool *found,
					   struct sut_definition *ret);

/** Read the NUL-terminated string at remote address @p at. Owned by the caller. */
sut_check struct sut_err *sut_dynamic_string(struct sut_process *process, uint64_t at,
					     char **ret);
