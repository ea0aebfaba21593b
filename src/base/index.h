// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Indexes
 *
 * Finds the elements of an array by a 64-bit key, which may be a hash: then the
 * caller compares what it finds. A key may have several elements, which come in
 * the order in which they were added.
 *
 *     for (size_t i = sut_index_first(&index, key); i != SUT_INDEX_END;
 *          i = sut_index_next(&index, i))
 *             use(array[index.entries[i].value]);
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SUT_INDEX_END SIZE_MAX

/** One element. */
struct sut_index_entry {
	uint64_t key;
	uint32_t value; /**< The caller's: an index into its array. */
	uint32_t next;  /**< Entry of the same bucket, or UINT32_MAX. */
};

/** An index. Owns its arrays. All zero is a valid empty index. */
struct sut_index {
	struct sut_index_entry *entries;
	size_t n, capacity;
	uint32_t *heads, *tails; /**< By bucket: entry, or UINT32_MAX. */
	size_t n_buckets;        /**< A power of two, or 0. */
};

void sut_index_deinit(struct sut_index *index);

/** Add @p value under @p key. */
sut_check struct sut_err *sut_index_add(struct sut_index *index, uint64_t key, uint32_t value);

/** Find the first entry under @p key. */
size_t sut_index_first(const struct sut_index *index, uint64_t key);

/** Find the next entry with the key of entry @p at. */
size_t sut_index_next(const struct sut_index *index, size_t at);
