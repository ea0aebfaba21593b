// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The steps of sut_image_init()
 *
 * Private to src/elf. Each step fills its own members of an image whose earlier
 * steps have succeeded, in the order of the declarations; when one fails,
 * sut_image_deinit() frees what stands so far.
 *
 *     segments ─> sections ─> dynamic table ─> symbols ─> relocations ─> FDEs
 */

#include "elf/image.h"

/** What the dynamic table says: link-time addresses and sizes in bytes, 0 where
 *  a tag is absent. */
struct sut_dynamic {
	struct sut_view strings; /**< DT_STRTAB's bytes; empty or NUL at the end. */
	uint64_t strtab, strtab_size;
	uint64_t symtab, symbol_size;
	uint64_t hash, gnu_hash;
	uint64_t rela, rela_size, rela_entry;
	uint64_t jmprel, jmprel_size, jmprel_type;
	uint64_t relr, relr_size, relr_entry;
	uint64_t rel; /**< DT_REL: not used on x86-64. */
	uint64_t versym, verneed, verneed_count, verdef, verdef_count;
	uint64_t soname; /**< Offset in strings. */
	uint64_t flags, flags_1;
	bool exists; /**< There is a PT_DYNAMIC. */
};

/** Fill the segments, and what single program headers say. */
sut_check struct sut_err *sut_image_read_segments(struct sut_image *image);

/** Fill the sections. */
sut_check struct sut_err *sut_image_read_sections(struct sut_image *image);

/** Fill soname, needed, init and fini; tell the rest through @p ret. */
sut_check struct sut_err *sut_image_read_dynamic(struct sut_image *image,
						 struct sut_dynamic *ret);

/** Fill dynsyms, with versions, and symbols. */
sut_check struct sut_err *
sut_image_read_symbols(struct sut_image *image, const struct sut_dynamic *dynamic);

/** Fill relocs and has_text_relocs. */
sut_check struct sut_err *
sut_image_read_relocs(struct sut_image *image, const struct sut_dynamic *dynamic);

/** Fill the FDEs. */
sut_check struct sut_err *sut_image_read_fdes(struct sut_image *image);

/** The highest symbol index that a dynamic relocation in @p dynamic uses. */
sut_check struct sut_err *
sut_relocs_max_symbol(const struct sut_image *image,
		      const struct sut_dynamic *dynamic, uint64_t *ret);
