// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Resolving
 *
 * Says what an address of the new image is in a process that runs the old one:
 * something that is there already, or something that must travel.
 *
 *     new address ──► old function, stub, slot, variable, bytes     (OLD)
 *                 ──► a fragment that the payload carries           (FRAG)
 *                 ──► a copy of read-only data, a new variable      (COPY, TABLE)
 *                 ──► an import that the old module does not have   (STUB, SLOT)
 *                 ──► nobody knows                                  (NONE)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_diff;
struct sut_pair;
struct sut_reloc;

enum sut_link_kind {
	SUT_LINK_NONE,     /**< Not resolved; sut_link::why says why. */
	SUT_LINK_OLD,      /**< `value` is an address in the old image. */
	SUT_LINK_FRAG,     /**< `value` is a new address inside fragment `index`. */
	SUT_LINK_TABLE,    /**< A jump table of the unit itself, at new address `value`. */
	SUT_LINK_COPY,     /**< New address `value` must be copied: read-only. */
	SUT_LINK_VARIABLE, /**< New address `value` is a variable that the old
			    *  image does not have. */
	SUT_LINK_SLOT,     /**< A word with the address of the import `reloc` names. */
	SUT_LINK_POINTER,  /**< A word with the address of new address `value`. */
	SUT_LINK_STUB,     /**< A jump to that import. With `value`: through the old
			    *  slot at that old address. */
	SUT_LINK_IMPORT,   /**< The address of the import `reloc` names: a word in data. */
};

/** The answer. */
struct sut_link {
	enum sut_link_kind kind;
	uint64_t value;
	uint32_t index;                /**< FRAG: new fragment. */
	const struct sut_reloc *reloc; /**< SLOT, STUB, IMPORT: the new image's. Borrowed. */
	bool is_between;               /**< OLD: taken from the neighbours' agreement. */
	const char *why;               /**< NONE: one clause for a person. Static. */
};

/** The answer is old address @p vaddr. */
void sut_link_set_old(struct sut_link *ret, uint64_t vaddr);
/** There is none; @p why is static. */
void sut_link_set_none(struct sut_link *ret, const char *why);

/** What resolving needs to look up quickly. Owns its index; borrows the diff. */
struct sut_resolver {
	const struct sut_diff *diff;
	struct sut_text *texts; /**< Texts of the old image, by hash. */
	size_t n_texts;
};

/** A text that something in the old image refers to. */
struct sut_text {
	uint64_t hash;
	uint64_t vaddr;
};

sut_check struct sut_err *sut_resolver_init(const struct sut_diff *diff, struct sut_resolver *ret);
void sut_resolver_deinit(struct sut_resolver *resolver);

/** Who refers to an address, and how. */
struct sut_user {
	uint32_t unit;   /**< New unit that holds the reference, or SUT_NO_MATCH for
			  *  data. */
	uint32_t access; /**< Bytes that are accessed; 0: the address is taken. */
};

/** Resolve new address @p vaddr for @p user. */
void sut_resolve(const struct sut_resolver *resolver, uint64_t vaddr, struct sut_user user,
		 struct sut_link *ret);

/** Has the object at old address @p from all that the one at new address @p to has:
 *  bytes, and pointers by meaning? */
bool sut_object_same(const struct sut_diff *diff, uint64_t from, uint64_t to);
