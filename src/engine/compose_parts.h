// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The state of one composition, and its steps. Private to engine/compose*.
 */

#include "base/index.h"
#include "diff/resolve.h"
#include "patch/patch.h"

struct sut_compose_stats;
struct sut_frag;
struct sut_jump_table;
struct sut_program;
struct sut_reasons;
struct sut_reloc;
struct sut_ref;

#define SUT_NOWHERE UINT64_MAX

/** The parts of a payload, in the order of the file. */
enum sut_payload_part {
	SUT_PART_TEXT,
	SUT_PART_RODATA,
	SUT_PART_RELRO,
	SUT_PART_GOT,
	SUT_PART_DATA,
	SUT_PART_BSS,
	SUT_PART_EXCEPT,
	SUT_PART_FRAME,
	SUT_N_PARTS,
};

/** A contiguous piece of new data that travels. */
struct sut_block {
	uint64_t start, end;        /**< New addresses. */
	enum sut_payload_part part; /**< RODATA, RELRO, DATA or BSS. */
	uint64_t off;               /**< In the part, once it has its place. */
};

/** A jump table that travels. */
struct sut_carried_table {
	const struct sut_jump_table *table; /**< Borrowed from the new program. */
	uint64_t off;                       /**< In .rodata. */
};

/** A word in .got that travels. */
struct sut_got_word {
	const struct sut_reloc *import; /**< An import; or NULL and … */
	uint64_t vaddr;                 /**< … a new address. */
};

/** A stub that jumps through a word. */
struct sut_carried_stub {
	uint64_t old_slot; /**< In the old image; or 0 and … */
	size_t word;       /**< … a word in .got. */
	uint64_t off;      /**< In .text. */
};

/** A place that will get a relocation. */
struct sut_site {
	enum sut_payload_part part;
	uint32_t owner; /**< What holds the place: new fragment for .text, else
			 *  block or table by part and its own numbering. */
	uint64_t off;   /**< Offset in the part; for .text in the fragment. */
	uint8_t size;   /**< 1, 4 or 8 bytes. */
	uint8_t tail;   /**< Bytes from the field's end to the next instruction. */
	bool is_relative;
	uint64_t vaddr; /**< New address that is referred to. */
	struct sut_link link;
};

/** Where the unwind data of a new fragment stands. */
struct sut_frame_off {
	uint64_t cie, fde; /**< In .eh_frame; fde SUT_NOWHERE: none. */
	uint64_t lsda;     /**< In .gcc_except_table, if it has one. */
	bool owns_cie;     /**< The first one with this CIE. */
};

/** One composition. Owns its arrays; borrows the resolver and the reasons. */
struct sut_composer {
	const struct sut_resolver *resolver;
	const struct sut_program *old, *new;
	const bool *replaced;
	struct sut_reasons *reasons;
	struct sut_compose_stats *stats;

	uint64_t *frag_off;              /**< By new fragment: offset in .text, or SUT_NOWHERE. */
	struct sut_frame_off *frame_off; /**< By new fragment. */
	uint32_t *queue;                 /**< New units that travel, in the order found. */
	size_t n_queue;
	bool *is_queued; /**< By new unit. */

	struct sut_site *sites;
	size_t n_sites, sites_capacity;
	struct sut_block *blocks;
	size_t n_blocks, blocks_capacity;
	struct sut_carried_table *tables;
	size_t n_tables, tables_capacity;
	struct sut_got_word *words;
	size_t n_words, words_capacity;
	struct sut_carried_stub *stubs;
	size_t n_stubs, stubs_capacity;

	/* Where to find them: sites in data by their place, blocks and tables by their
	 * start, words and stubs by what they hold, symbols by their hash. */
	struct sut_index word_site_index, block_index, table_index, word_index, stub_index,
		symbol_index;
	struct sut_index variable_index; /**< Old variables whose first values were
					  *  compared, by new address. */
	struct sut_index cie_index;      /**< Fragments that own a CIE, by its offset. */
	uint64_t *lsdas;                 /**< Where exception tables start, sorted. */
	size_t n_lsdas;

	struct sut_buf parts[SUT_N_PARTS]; /**< .bss: only the size counts. */
	size_t n_symbols_capacity, n_relocs_capacity;
	uint32_t part_index[SUT_N_PARTS]; /**< Index in the hotpatch, or UINT32_MAX. */
	struct sut_patch patch;
};

/** Let new unit @p unit travel too. */
void sut_composer_queue(struct sut_composer *c, uint32_t unit);

/** Note a place that refers to new address @p vaddr, and let travel what it needs.
 *  @p name is the function to blame when it does not resolve. */
sut_check struct sut_err *sut_composer_refer(struct sut_composer *c, struct sut_site site,
					     struct sut_user user, const char *name);

/** Give data its place: blocks, tables, words and stubs. */
sut_check struct sut_err *sut_composer_place(struct sut_composer *c);

/** Write parts, symbols and relocations into the hotpatch. */
sut_check struct sut_err *sut_composer_emit(struct sut_composer *c);

/** Refuse an address of read-only data that @p ref takes, that is compared, and that
 *  could mean two things. */
sut_check struct sut_err *sut_composer_check_compared(struct sut_composer *c,
						      const struct sut_frag *frag,
						      const struct sut_ref *ref,
						      const struct sut_link *link);

/** In a program that is not relocated: refuse @p vaddr, which looks like an address, if
 *  it may be a number as well. */
sut_check struct sut_err *sut_composer_check_number(struct sut_composer *c, uint64_t vaddr,
						    const char *name);

/** Find where the exception tables of the new image start: lsdas. */
sut_check struct sut_err *sut_composer_find_lsdas(struct sut_composer *c);

/** Let travel what the unwind data of @p frag needs. */
sut_check struct sut_err *sut_composer_need_frame(struct sut_composer *c,
						  const struct sut_frag *frag);

/** Give the unwind data of all carried fragments its place. */
sut_check struct sut_err *sut_composer_place_frames(struct sut_composer *c);

/** Write the relocations of the unwind data. */
sut_check struct sut_err *sut_composer_emit_frames(struct sut_composer *c);

/** Let travel what @p link needs, for data. */
sut_check struct sut_err *sut_composer_need(struct sut_composer *c, const struct sut_link *link);

/** The symbol of the start of a part. */
sut_check struct sut_err *sut_composer_part_symbol(struct sut_composer *c,
						   enum sut_payload_part part, uint32_t *ret);

/** Write the function table and the ranges; refuse entries that take no jump. */
sut_check struct sut_err *sut_composer_entries(struct sut_composer *c);

/** Find or make a symbol of the hotpatch. Takes copies. */
sut_check struct sut_err *sut_composer_symbol(struct sut_composer *c,
					      struct sut_patch_symbol wanted, uint32_t *ret);
/** Append a relocation. */
sut_check struct sut_err *sut_composer_reloc(struct sut_composer *c, struct sut_patch_reloc reloc);

/** The symbol for @p link, and what to add to it. False: it has none. */
sut_check struct sut_err *sut_composer_link_symbol(struct sut_composer *c,
						   const struct sut_link *link, uint32_t *symbol,
						   int64_t *addend);

#define SUT_NO_WORD SIZE_MAX

/** The word for @p import, or for new address @p vaddr; SUT_NO_WORD: none. */
size_t sut_composer_word(const struct sut_composer *c, const struct sut_reloc *import,
			 uint64_t vaddr);

/** The stub for @p link, or NULL. */
const struct sut_carried_stub *sut_composer_stub(const struct sut_composer *c,
						 const struct sut_link *link);

/** The block that holds new address @p vaddr (its end counts too), or NULL. */
const struct sut_block *sut_composer_block_at(const struct sut_composer *c, uint64_t vaddr);
