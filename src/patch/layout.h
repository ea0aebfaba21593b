// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The bytes of a `.hotpatch` file
 *
 * What only the reader and the writer know: names of sections, and the records
 * in them. All numbers are little-endian, as in any x86-64 ELF file. The whole
 * file is drawn in docs/format.md.
 */

#include <elf.h>
#include <stdint.h>

#include "base/hash.h"

/** The one format version that this code reads and writes. */
#define SUT_FORMAT_VERSION 1

/** Limits, far above what any fix needs and far below what would hurt the
 *  machine that reads a hostile file. In bytes, but for the number of parts. */
#define SUT_MAX_PARTS        64
#define SUT_MAX_PART_ALIGN   4096
#define SUT_MAX_PAYLOAD_SIZE (UINT64_C(64) << 20)
#define SUT_MAX_NAME_SIZE    4096
#define SUT_MAX_NAMES_SIZE   (UINT64_C(64) << 20)
#define SUT_MAX_META_SIZE    (16u << 20)
#define SUT_MAX_FILE_SIZE    (UINT64_C(128) << 20)

#define SUT_SECTION_FUNCTIONS ".suture.functions"
#define SUT_SECTION_RANGES    ".suture.ranges"
#define SUT_SECTION_META      ".suture.meta"
#define SUT_SECTION_NOTE      ".note.suture"

/** The sections that follow parts and relocations, in the file's order. */
enum sut_tail {
	SUT_TAIL_FUNCTIONS,
	SUT_TAIL_RANGES,
	SUT_TAIL_META,
	SUT_TAIL_NOTE,
	SUT_TAIL_SYMTAB,
	SUT_TAIL_STRTAB,
	SUT_TAIL_SHSTRTAB,
	SUT_TAIL_COUNT,
};

/** A record of .suture.functions. */
struct sut_file_function {
	uint64_t vaddr;      /**< Old entry, link-time. */
	uint64_t old_size;   /**< Bytes. */
	uint64_t new_size;   /**< Bytes. */
	uint32_t name;       /**< Offset in .strtab. */
	uint32_t symbol;     /**< Index in .symtab of the replacement's entry. */
	uint32_t entry_skip; /**< 0 or 4. */
	uint32_t zero;
};

/** A record of .suture.ranges. */
struct sut_file_range {
	uint64_t vaddr;    /**< Link-time. */
	uint64_t size;     /**< Bytes. */
	uint32_t function; /**< Index in .suture.functions. */
	uint32_t zero;
	struct sut_sha256 digest; /**< Of the old bytes. */
};

/** The whole of .note.suture: an ELF note (gABI chapter 5). */
struct sut_file_note {
	Elf64_Nhdr header; /**< n_type is SUT_NOTE_FORMAT. */
	char owner[8];     /**< "Suture", padded to a multiple of 4. */
	uint32_t version;  /**< SUT_FORMAT_VERSION. */
};

#define SUT_NOTE_OWNER  "Suture"
#define SUT_NOTE_FORMAT 1

_Static_assert(sizeof(struct sut_file_function) == 40, "drawn in docs/format.md");
_Static_assert(sizeof(struct sut_file_range) == 56, "drawn in docs/format.md");
_Static_assert(sizeof(struct sut_file_note) == 24, "drawn in docs/format.md");
