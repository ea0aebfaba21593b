// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Hotpatches
 *
 * The model of one `.hotpatch`: what the builder composes, the file holds and
 * the engine applies. On disk it is an ELF relocatable object (docs/format.md),
 * so that readelf, objdump and gdb read it too.
 *
 *     sut_patch
 *       parts      .text .rodata .data.rel.ro .data .bss .got .eh_frame …  (SHF_ALLOC)
 *       symbols    in a part · in the old module (SHN_SUTURE_OLD) · import (SHN_UNDEF)
 *       relocs     place in a part, R_X86_64_*, symbol, addend
 *       functions  which old entry gets a redirect, and to which symbol
 *       ranges     the old code that must be exactly so, and in which no thread may be
 *       meta       identity, advisories, verdict, conditions              (JSON)
 *
 * A patch that sut_patch_check() has accepted holds no index, offset or size
 * that points outside of it; reading a file checks it.
 */

#include <jansson.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/view.h"

/** Reserved section index of symbols whose value is a link-time address in the
 *  old module (in SHN_LOOS..SHN_HIOS, gABI chapter 4). */
#define SHN_SUTURE_OLD 0xff20

/** An allocated section of the payload. */
struct sut_part {
	char *name;     /**< ".text", ".rodata", …; unique. Owned. */
	uint64_t flags; /**< SHF_ALLOC, with SHF_EXECINSTR or SHF_WRITE or neither;
			     never both. */
	uint64_t size;  /**< In memory, bytes. */
	uint64_t align; /**< Power of two, at most 4096. */
	uint8_t *bytes; /**< size bytes; NULL for zero-filled (.bss). Owned. */
};

enum sut_where {
	SUT_WHERE_PART,   /**< value is an offset in part number `part`. */
	SUT_WHERE_OLD,    /**< value is a link-time address in the old module. */
	SUT_WHERE_IMPORT, /**< Found by name and version in the target, as the
			       dynamic linker would for the old module. */
};

/** A symbol of the payload. */
struct sut_patch_symbol {
	char *name;    /**< Never NULL; "" for a bare address. Owned. */
	char *version; /**< Imports only: required version or NULL. Owned. */
	enum sut_where where;
	uint32_t part;  /**< For SUT_WHERE_PART. */
	uint64_t value; /**< See sut_where; 0 for imports. */
	uint64_t size;  /**< Bytes; 0 when not known. */
	uint8_t type;   /**< STT_FUNC, STT_OBJECT or STT_NOTYPE. */
	bool is_weak;   /**< Imports: absent means address 0. */
};

/** A relocation of the payload. */
struct sut_patch_reloc {
	uint32_t part;   /**< The part that holds the place. */
	uint32_t type;   /**< R_X86_64_64, R_X86_64_PC32, R_X86_64_PC64,
			      R_X86_64_32, R_X86_64_32S; nothing else. */
	uint64_t off;    /**< The place's offset in the part. */
	uint32_t symbol; /**< Index into symbols. */
	int64_t addend;
};

/** A piece of old code that belongs to a replaced function. */
struct sut_patch_range {
	uint64_t vaddr;   /**< Link-time address in the old module. */
	uint64_t size;    /**< Bytes. */
	uint32_t function; /**< Index into functions. */
	struct sut_sha256 digest; /**< Of the old bytes as in the file. */
};

/** A function that is replaced: the redirect stands at vaddr + entry_skip. */
struct sut_patch_function {
	char *name;        /**< As the old build names it, or "fn_<hex vaddr>".
				Owned. */
	uint64_t vaddr;    /**< Its entry in the old module, link-time. */
	uint64_t old_size; /**< Bytes of all its ranges. */
	uint64_t new_size; /**< Bytes of its replacement, all fragments. */
	uint32_t symbol;   /**< Replacement's entry: index into symbols, in a part. */
	uint8_t entry_skip; /**< 4 when the old entry starts with endbr64, else 0. */
};

/**
 * A hotpatch. Owns everything in it.
 *
 * meta is an object with these members (all strings unless said otherwise):
 *   name             "server-1a2b3c4d-5e6f7081": file's base name, 8 hex digits
 *                    of the old and of the new build-id
 *   file             normalised path or base name of the patched ELF file
 *   old_build_id, new_build_id      lower-case hex
 *   old_image_span   integer: sut_image.high - low of the old build
 *   package, old_version, new_version, architecture      "" when built from files
 *   advisories       array of strings
 *   verdict          "hotpatch" or "review" (a review whose signs were all accepted)
 *   conditions       array of {code, function, detail, accepted}: every sign found;
 *                    accepted is the reason given, or "" for a mere note
 *   after            array of strings: steps that complete the fix ("reload")
 *   counts           {total, identical, changed, added, cosmetic} of functions
 *   added            array of {name, size}: new functions in the payload
 *   cosmetic         array of strings: changed only in line numbers etc., left as is
 *   entry_only_safe  boolean: old and new code may run side by side
 *   builder          version of suture that made it
 */
struct sut_patch {
	struct sut_part *parts;
	size_t n_parts;
	struct sut_patch_symbol *symbols;
	size_t n_symbols;
	struct sut_patch_reloc *relocs; /**< Sorted by part, then offset. */
	size_t n_relocs;
	struct sut_patch_function *functions; /**< Sorted by vaddr. */
	size_t n_functions;
	struct sut_patch_range *ranges; /**< Sorted by vaddr, disjoint. */
	size_t n_ranges;
	json_t *meta;
	struct sut_sha256 digest; /**< Of the plain file; set by reading or writing. */
};

void sut_patch_deinit(struct sut_patch *patch);

/** Check everything that the rest of the engine relies on: indices, offsets,
 *  alignments, relocation places inside initialised parts, entry ranges
 *  that hold a 5-byte jump, types of meta's members. */
sut_check struct sut_err *sut_patch_check(const struct sut_patch *patch);

/** Read a `.hotpatch`, plain or packed, out of @p file, which may be let go
 *  afterwards, and check it. On failure @p ret is untouched and owns nothing. */
sut_check struct sut_err *sut_patch_read(struct sut_view file,
					 struct sut_patch *ret);

struct sut_buf;

/** Put @p patch as a `.hotpatch` file into the empty @p ret, checked before.
 *  Deterministic. Moves the imports of @p patch behind its other symbols (with
 *  the indices that name them), as ELF wants them, and sets its digest. */
sut_check struct sut_err *sut_patch_write(struct sut_patch *patch,
					  struct sut_buf *ret);

/** How many bytes a relocation of @p type changes: 8 or 4, or 0 when a payload
 *  may not have that type. */
size_t sut_patch_reloc_width(uint32_t type);

/** A member of meta that is a string; "" when absent. Borrowed. */
const char *sut_patch_string(const struct sut_patch *patch, const char *key);
