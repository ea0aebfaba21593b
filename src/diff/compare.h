// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Comparing
 *
 * Decides for every unit of the old program whether the new one still means
 * the same: masked bytes equal, and every reference equal by meaning.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_frag;
struct sut_image;
struct sut_pair;
struct sut_program;
struct sut_ref;

/** Why a unit counts as changed; the first one found. */
enum sut_change {
	SUT_CHANGE_NONE,
	SUT_CHANGE_BODY,    /**< Its instructions. */
	SUT_CHANGE_PARTS,   /**< It consists of other fragments. */
	SUT_CHANGE_CALLEE,  /**< The same bytes refer to another function. */
	SUT_CHANGE_IMPORT,  /**< … another import. */
	SUT_CHANGE_STRING,  /**< … another text. */
	SUT_CHANGE_RODATA,  /**< … other read-only bytes. */
	SUT_CHANGE_DATA,    /**< … another variable. */
	SUT_CHANGE_TABLE,   /**< … another jump table. */
	SUT_CHANGE_REMOVED, /**< Not in the new program. */
};

/** What became of an old unit. */
struct sut_unit_diff {
	enum sut_change change;
	uint32_t other; /**< New unit, or SUT_NO_MATCH when removed. */
	uint64_t at;    /**< Old address of the first differing reference, or 0. */
};

/** The comparison of two programs. Owns its arrays; borrows the pair. */
struct sut_diff {
	const struct sut_pair *pair;
	struct sut_unit_diff *old_units; /**< By old unit. */
	uint32_t *new_units;             /**< By new unit: old unit, or SUT_NO_MATCH: added. */
};

sut_check struct sut_err *sut_diff_init(const struct sut_pair *pair, struct sut_diff *ret);
void sut_diff_deinit(struct sut_diff *diff);

/** Compare what reference @p x of old fragment @p a and its counterpart @p y mean. */
enum sut_change sut_ref_compare(const struct sut_pair *pair, const struct sut_frag *a,
				const struct sut_ref *x, const struct sut_ref *y);

/** A short word for @p change: "body", "string", … */
const char *sut_change_name(enum sut_change change);

/** Do old address @p from and new address @p to mean the same: the matched function,
 *  the same import, the mapped variable, equal read-only bytes? */
bool sut_address_same(const struct sut_pair *pair, uint64_t from, uint64_t to);

/** Do old address @p a and new address @p b hold the same read-only bytes, as
 *  far as a reference of @p access bytes (0: takes the address) can see? */
bool sut_rodata_same(const struct sut_pair *pair, uint64_t a, uint64_t b, uint32_t access);

/** The furthest place where the object at @p vaddr of read-only data may end, for all
 *  that references tell. */
uint64_t sut_object_end(const struct sut_program *program, uint64_t vaddr);

/** Is there nothing but a text, and padding behind it, at @p vaddr? */
bool sut_rodata_is_text_only(const struct sut_program *program, uint64_t vaddr);

/** Do old address @p a and new address @p b hold texts, with nothing behind them that
 *  differs? The texts may. */
bool sut_rodata_differs_in_text(const struct sut_pair *pair, uint64_t a, uint64_t b);

/** In programs that are not relocated: do the words at old address @p a and new
 *  address @p b look like addresses, and mean the same? */
bool sut_words_same(const struct sut_pair *pair, uint64_t a, uint64_t b, bool *are_addresses);

/** Find the text at @p vaddr: printable and NUL-terminated in read-only data, at
 *  least one character long; NULL when it is none. Borrowed from the image. */
const char *sut_rodata_text(const struct sut_image *image, uint64_t vaddr);
