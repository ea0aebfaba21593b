// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "code/program.h"
#include "diff/match.h"
#include "diff/pair.h"

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

// The hashes of every run of `run` instructions, sorted.
static size_t grams(const struct sut_program *p, const struct sut_frag *frag, size_t run,
		    uint32_t *ret)
{
	const struct sut_insn *insns = p->insns + frag->first_insn;
	size_t n = 0;

	for (size_t i = 0; i + run <= frag->n_insns; i++) {
		uint64_t hash = SUT_HASH_SEED;
		for (size_t k = 0; k < run; k++)
			hash = sut_hash(hash, &insns[i + k].shape, sizeof(uint32_t));
		ret[n++] = (uint32_t)hash;
	}
	sut_array_sort(ret, n, sizeof(*ret), by_value);
	return n;
}

static size_t count_common(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b)
{
	size_t i = 0, j = 0, common = 0;

	while (i < n_a && j < n_b) {
		if (a[i] == b[j]) {
			common++;
			i++;
			j++;
		} else if (a[i] < b[j]) {
			i++;
		} else {
			j++;
		}
	}
	return common;
}

struct sut_err *sut_match_similarity(const struct sut_pair *pair, const struct sut_frag *a,
				     const struct sut_frag *b, double *ret)
{
	size_t least = a->n_insns < b->n_insns ? a->n_insns : b->n_insns;
	size_t most = a->n_insns > b->n_insns ? a->n_insns : b->n_insns;
	size_t run = least < 8 ? 1 : 4;

	*ret = 0;
	// Sizes that differ by more than 3 cannot reach one half.
	if (!least || most > 3 * least + 8)
		return NULL;
	_cleanup_free_ uint32_t *x = malloc((a->n_insns + 1) * sizeof(*x));
	_cleanup_free_ uint32_t *y = malloc((b->n_insns + 1) * sizeof(*y));
	if (!x || !y)
		return sut_err_nomem();
	size_t n_x = grams(pair->old, a, run, x), n_y = grams(pair->new, b, run, y);
	if (n_x + n_y)
		*ret = 2.0 * count_common(x, n_x, y, n_y) / (n_x + n_y);
	return NULL;
}
