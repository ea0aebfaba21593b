// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Places
 *
 * What stands at an address of an image: the name that the comparison gives to
 * a reference instead of its number.
 */

#include <stdbool.h>
#include <stdint.h>

struct sut_frag;
struct sut_program;
struct sut_reloc;
struct sut_section;
struct sut_symbol;

enum sut_place_kind {
	SUT_PLACE_NONE,     /**< Outside of every section. */
	SUT_PLACE_FUNCTION, /**< First byte of a fragment. */
	SUT_PLACE_INSIDE,   /**< Middle of a fragment. */
	SUT_PLACE_BEHIND,   /**< Padding right behind a fragment: what a branch leads to
			     *   that follows a call which does not return. */
	SUT_PLACE_IMPORT,   /**< PLT stub of an import. */
	SUT_PLACE_IFUNC,    /**< PLT stub of an indirect function of this image. */
	SUT_PLACE_SLOT,     /**< A word that the dynamic linker fills (GOT). */
	SUT_PLACE_TABLE,    /**< A jump table. */
	SUT_PLACE_RODATA,   /**< Never written. */
	SUT_PLACE_RELRO,    /**< Written by the dynamic linker only. */
	SUT_PLACE_DATA,     /**< Initialised and writable. */
	SUT_PLACE_BSS,      /**< Zero at the start, writable. */
	SUT_PLACE_HEADER,   /**< ELF header and program headers. */
	SUT_PLACE_EDGE,     /**< One past the end of a section, nothing there. */
};

/** What an address means. */
struct sut_place {
	enum sut_place_kind kind;
	const struct sut_reloc *reloc;    /**< SLOT, IMPORT, IFUNC: the slot's. */
	const struct sut_frag *frag;      /**< FUNCTION, INSIDE, BEHIND. */
	const struct sut_section *section; /**< The section, or NULL. */
};

/** Name what is at @p vaddr. Everything in @p ret is borrowed. */
void sut_place_find(const struct sut_program *program, uint64_t vaddr, struct sut_place *ret);

/** The symbol that @p reloc refers to; NULL when it has none. */
const struct sut_symbol *sut_place_symbol(const struct sut_program *program,
					  const struct sut_reloc *reloc);

/** Do two thread-local slots without a symbol, of one type and addend, stand for the same
 *  offset? A module's number is followed by the offset, which needs no relocation. */
bool sut_place_same_offset(const struct sut_program *old, const struct sut_reloc *a,
			   const struct sut_program *new, const struct sut_reloc *b);

/** Do two places of kind SLOT, IMPORT or IFUNC bring the same symbol in the
 *  same way? Relative slots are not decided here: false. */
bool sut_place_same_import(const struct sut_program *old, const struct sut_place *a,
			   const struct sut_program *new, const struct sut_place *b);
