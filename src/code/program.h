// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Programs
 *
 * All code of an image, decoded: cut into fragments, each fragment into
 * instructions and references, and the fragments joined into units.
 *
 *     image ──FDEs, gaps──> fragments ──decode──> instructions, references
 *                               │
 *                               └──branches between them──> units (hot + cold)
 *
 * A fragment is what one FDE covers, or what lies between two of them. A unit
 * is a function with all its parts: fragments that branch into each other's
 * middle can only move together. Jump tables belong to the unit whose code they
 * lead to.
 */

#include "code/insn.h"
#include "elf/image.h"

/** A contiguous piece of code. Owned by the program. */
struct sut_frag {
	uint64_t start, end;  /**< Link-time addresses, end exclusive; without the
			       *  padding behind it. */
	uint64_t room;        /**< Where the next fragment or the section's end
			       *  begins: end plus padding. */
	struct sut_view code; /**< The bytes. Borrowed from the image. */
	size_t first_insn, n_insns; /**< Into sut_program::insns. */
	size_t first_ref, n_refs;   /**< Into sut_program::refs. Branches inside the
				     *  fragment are not among them. */
	uint64_t hash;      /**< Of the bytes with the references' fields masked. */
	uint32_t unit;      /**< Index into sut_program::units. */
	bool is_opaque;     /**< Does not decode: data, or code we do not know. */
	bool is_plt;        /**< Linker-made stubs; never moved or compared. */
	bool is_called;     /**< Its start is an entry: called, pointed to,
			     *  exported, or jumped to from another unit. */
	bool is_named;      /**< A symbol stands at its start. */
	const struct sut_fde *fde; /**< Borrowed; NULL: a gap. */
	const char *name;   /**< Symbol at the start, or NULL. Borrowed. */
};

/** A jump table in read-only data. */
struct sut_jump_table {
	uint64_t vaddr;    /**< First entry; also what the entries count from. */
	uint32_t unit;     /**< The unit that its entries lead into. */
	uint32_t n_entries;
	uint8_t entry_size; /**< 4: distance from vaddr; 8: address (not in PIE). */
};

/** Fragments that move together. */
struct sut_unit {
	size_t first_member, n_members; /**< Into sut_program::members: fragments,
					 *  by address. */
	bool has_unknown_jump; /**< An indirect jump through a table that was not
				*  recognised. */
	bool never_returns;    /**< No return, no tail jump, and a loop over calls; or a
				*  call of such a one. */
};

/** Everything that code is made of. Owns its arrays; borrows the image. */
struct sut_program {
	const struct sut_image *image;
	struct sut_frag *frags; /**< Sorted by start, disjoint. */
	size_t n_frags;
	struct sut_insn *insns;
	size_t n_insns;
	struct sut_ref *refs;
	size_t n_refs;
	struct sut_unit *units;
	size_t n_units;
	uint32_t *members;
	struct sut_jump_table *tables; /**< Sorted by vaddr. */
	size_t n_tables;
	uint64_t *targets; /**< Every address that code or a relocation refers to,
			    *  and every object symbol's start; sorted, unique. */
	size_t n_targets;
	struct sut_plt_slot *plt; /**< Sorted by stub. */
	size_t n_plt;
	uint64_t main; /**< main()'s address when the start code tells, or 0. */
};

/** A PLT stub and the GOT slot that it jumps through. */
struct sut_plt_slot {
	uint64_t stub, slot;
};

/** Decode all code of @p image, which must outlive @p ret. */
sut_check struct sut_err *sut_program_init(const struct sut_image *image,
					   struct sut_program *ret);
void sut_program_deinit(struct sut_program *program);

/** Find the fragment that holds @p vaddr, or NULL. */
struct sut_frag *sut_program_frag_at(const struct sut_program *program,
				     uint64_t vaddr);

/** The fragment that ends at @p vaddr, where no other begins; NULL: none. */
struct sut_frag *sut_program_frag_behind(const struct sut_program *program, uint64_t vaddr);

/** Find the instruction of @p frag that starts at @p vaddr, by its index in the
 *  fragment; n_insns when none does. */
size_t sut_frag_insn_at(const struct sut_program *program, const struct sut_frag *frag,
			uint64_t vaddr);

/** The reference of instruction @p insn of @p frag, or NULL. */
const struct sut_ref *sut_frag_ref_of(const struct sut_program *program,
				      const struct sut_frag *frag, size_t insn);

/** Does an instruction of @p frag start at @p vaddr? */
bool sut_frag_is_boundary(const struct sut_program *program,
			  const struct sut_frag *frag, uint64_t vaddr);

/** Find the jump table at @p vaddr, or NULL. */
const struct sut_jump_table *sut_program_table_at(const struct sut_program *program,
					     uint64_t vaddr);

/** Where entry @p i of @p table leads. */
uint64_t sut_jump_table_entry(const struct sut_program *program,
			 const struct sut_jump_table *table, uint32_t i);

/** The first address behind @p vaddr that something refers to; UINT64_MAX when
 *  there is none. */
uint64_t sut_program_next_target(const struct sut_program *program,
				 uint64_t vaddr);
