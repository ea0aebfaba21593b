// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Modules
 *
 * The ELF files that a process maps to execute, read out of its own memory, so
 * that replaced and deleted files, containers and chroots need no care. A file
 * that is there twice (dlmopen) is two modules.
 *
 *     base + link-time address = remote address
 */

#include <stddef.h>

#include "base/err.h"
#include "process/addr.h"

struct sut_mapping;
struct sut_maps;
struct sut_process;

/** The longest build-id that is looked at; longer ones are cut. */
enum { SUT_MAX_BUILD_ID = 64 };

/** A build-id, or none when size is 0. */
struct sut_build_id {
	uint8_t bytes[SUT_MAX_BUILD_ID];
	size_t size;
};

/** A build mapped in a process. Borrows its path from the maps. */
struct sut_module {
	const char *path;      /**< As the maps tell it. */
	uint64_t dev, inode;   /**< Of the file; both 0 for the vdso. */
	uint64_t base;         /**< Load bias: 0 for a program that is not PIE. */
	struct sut_span span;  /**< Where its segments are. */
	struct sut_span text;  /**< Its first executable segment. */
	uint64_t dynamic;      /**< Remote address of PT_DYNAMIC; 0: none. */
	uint64_t eh_frame_hdr; /**< Remote address of PT_GNU_EH_FRAME; 0: none. */
	uint64_t eh_frame_hdr_size;
	struct sut_span relro; /**< What the dynamic linker makes read-only once it has
				    relocated the module (PT_GNU_RELRO); empty: none. */
	uint64_t relro_off; /**< Where that begins in the file. */
	bool is_executable_file; /**< ET_EXEC. */
	struct sut_build_id build_id;
	uint64_t build_id_at;    /**< Remote address of its bytes. */
};

/** The modules of a process. Owns the table; borrows the maps. */
struct sut_modules {
	struct sut_module *items; /**< Sorted by address. */
	size_t n;
	size_t capacity; /**< Private. */
};

/** Read the modules of @p process out of its memory. Mappings that are no ELF
 *  file, or cannot be read, are left out. A 32-bit program is
 *  SUT_E_UNSUPPORTED. */
sut_check struct sut_err *sut_modules_read(struct sut_process *process,
					   const struct sut_maps *maps, struct sut_modules *ret);
void sut_modules_deinit(struct sut_modules *modules);

/** Read the one whose file begins at @p mapping. @p ret is untouched and false
 *  returned when there is no 64-bit x86 ELF file with code. */
bool sut_module_read(struct sut_process *process, const struct sut_maps *maps,
		     const struct sut_mapping *mapping, struct sut_module *ret);

/** Find the module whose segments hold @p at, or NULL. */
const struct sut_module *sut_modules_at(const struct sut_modules *modules, uint64_t at);

/** Read lower-case hex into @p ret; false when it is none. */
bool sut_build_id_parse(const char *hex, struct sut_build_id *ret);

bool sut_build_id_equal(const struct sut_build_id *a, const struct sut_build_id *b);
