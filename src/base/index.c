// SPDX-License-Identifier: Apache-2.0
#include "base/index.h"

#include <stdlib.h>

static const uint32_t nothing = UINT32_MAX;

void sut_index_deinit(struct sut_index *index)
{
	free(index->entries);
	free(index->heads);
	free(index->tails);
	*index = (struct sut_index){ 0 };
}

// Addresses differ in their low bits only a little: mix (Fibonacci hashing).
static size_t bucket_of(const struct sut_index *index, uint64_t key)
{
	return (key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (index->n_buckets - 1);
}

static void link_entry(struct sut_index *index, uint32_t i)
{
	size_t bucket = bucket_of(index, index->entries[i].key);

	index->entries[i].next = nothing;
	if (index->heads[bucket] == nothing)
		index->heads[bucket] = i;
	else
		index->entries[index->tails[bucket]].next = i;
	index->tails[bucket] = i;
}

static struct sut_err *grow(struct sut_index *index)
{
	size_t n_buckets = index->n_buckets ? 2 * index->n_buckets : 64;
	uint32_t *heads = malloc(n_buckets * sizeof(*heads));
	uint32_t *tails = malloc(n_buckets * sizeof(*tails));

	if (!heads || !tails) {
		free(heads);
		free(tails);
		return sut_err_nomem();
	}
	free(index->heads);
	free(index->tails);
	index->heads = heads;
	index->tails = tails;
	index->n_buckets = n_buckets;
	for (size_t i = 0; i < n_buckets; i++)
		heads[i] = nothing;
	for (size_t i = 0; i < index->n; i++)
		link_entry(index, i);
	return NULL;
}

struct sut_err *sut_index_add(struct sut_index *index, uint64_t key, uint32_t value)
{
	struct sut_err *err = sut_array_grow(&index->entries, index->n, &index->capacity,
					     sizeof(*index->entries));

	if (!err && index->n >= index->n_buckets)
		err = grow(index);
	if (err)
		return err;
	index->entries[index->n] = (struct sut_index_entry){ key, value, nothing };
	link_entry(index, index->n++);
	return NULL;
}

static size_t find_from(const struct sut_index *index, uint32_t at, uint64_t key)
{
	while (at != nothing && index->entries[at].key != key)
		at = index->entries[at].next;
	return at == nothing ? SUT_INDEX_END : at;
}

size_t sut_index_first(const struct sut_index *index, uint64_t key)
{
	if (!index->n_buckets)
		return SUT_INDEX_END;
	return find_from(index, index->heads[bucket_of(index, key)], key);
}

size_t sut_index_next(const struct sut_index *index, size_t at)
{
	return find_from(index, index->entries[at].next, index->entries[at].key);
}
