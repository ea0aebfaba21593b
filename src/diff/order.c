// SPDX-License-Identifier: Apache-2.0

/**
 * Matching by order
 *
 * Compilers and linkers keep the order of functions, so what lies between two
 * matched neighbours in the old image lies between the same two in the new one.
 * Matches that break the order are left out of the frame (longest increasing
 * subsequence); in each window equal bodies are matched first, then alike ones.
 */

#include <stdlib.h>

#include "base/cleanup.h"
#include "code/program.h"
#include "diff/match.h"
#include "diff/pair.h"

/** Windows with more cells than this are only matched by equal bodies at their
 *  ends: the table of the common subsequence would get too large. */
static const size_t max_cells = 4000000;

/** Two bodies less alike than this are not the same function. */
static const double least_similarity = 0.5;

/** A window: fragments o0..o1 of the old and n0..n1 of the new image. */
struct window {
	size_t o0, o1, n0, n1; /**< Ends exclusive. */
};

/** Unmatched fragments of a window, and the score of each pair of them. */
struct grid {
	uint32_t *old, *new;
	size_t n_old, n_new;
	float *score; /**< n_old * n_new: 1 equal, 0 not alike. */
	float *best;  /**< (n_old + 1) * (n_new + 1): best sum of the rest. */
};

static void grid_deinit(struct grid *g)
{
	free(g->old);
	free(g->new);
	free(g->score);
	free(g->best);
}

static size_t collect(const struct sut_program *p, const uint32_t *match, size_t from,
		      size_t to, uint32_t *ret)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		if (match[i] == SUT_NO_MATCH && !p->frags[i].is_plt)
			ret[n++] = i;
	return n;
}

static struct sut_err *score_all(const struct sut_pair *pair, struct grid *g,
				 bool is_exact)
{
	for (size_t i = 0; i < g->n_old; i++) {
		const struct sut_frag *a = &pair->old->frags[g->old[i]];
		for (size_t j = 0; j < g->n_new; j++) {
			const struct sut_frag *b = &pair->new->frags[g->new[j]];
			double score = sut_pair_same_body(pair, a, b);
			if (!is_exact && score == 0) {
				struct sut_err *err =
					sut_match_similarity(pair, a, b, &score);
				if (err)
					return err;
			}
			g->score[i * g->n_new + j] =
				score >= least_similarity ? (float)score : 0;
		}
	}
	return NULL;
}

static struct sut_err *grid_init(const struct sut_pair *pair, struct window w,
				 bool is_exact, struct grid *g)
{
	g->old = malloc((w.o1 - w.o0 + 1) * sizeof(*g->old));
	g->new = malloc((w.n1 - w.n0 + 1) * sizeof(*g->new));
	if (!g->old || !g->new)
		return sut_err_nomem();
	g->n_old = collect(pair->old, pair->to_new, w.o0, w.o1, g->old);
	g->n_new = collect(pair->new, pair->to_old, w.n0, w.n1, g->new);
	if (!g->n_old || !g->n_new || g->n_old > max_cells / g->n_new) {
		g->n_old = 0;
		return NULL;
	}
	g->score = calloc(g->n_old * g->n_new, sizeof(*g->score));
	g->best = calloc((g->n_old + 1) * (g->n_new + 1), sizeof(*g->best));
	if (!g->score || !g->best)
		return sut_err_nomem();
	return score_all(pair, g, is_exact);
}

static void align(struct sut_pair *pair, struct grid *g, size_t *n_added)
{
	size_t width = g->n_new + 1;

	for (size_t i = g->n_old; i-- > 0;) {
		for (size_t j = g->n_new; j-- > 0;) {
			float score = g->score[i * g->n_new + j];
			float best = g->best[(i + 1) * width + j];
			if (g->best[i * width + j + 1] > best)
				best = g->best[i * width + j + 1];
			if (score > 0 && score + g->best[(i + 1) * width + j + 1] > best)
				best = score + g->best[(i + 1) * width + j + 1];
			g->best[i * width + j] = best;
		}
	}
	for (size_t i = 0, j = 0; i < g->n_old && j < g->n_new;) {
		float score = g->score[i * g->n_new + j];
		float here = g->best[i * width + j];
		if (score > 0 && here == score + g->best[(i + 1) * width + j + 1])
			*n_added += sut_match_add(pair, g->old[i++], g->new[j++]);
		else if (here == g->best[(i + 1) * width + j])
			i++;
		else
			j++;
	}
}

static struct sut_err *match_window(struct sut_pair *pair, struct window w, bool is_exact,
				    size_t *n_added)
{
	_cleanup_(grid_deinit) struct grid g = { 0 };
	struct sut_err *err = grid_init(pair, w, is_exact, &g);

	if (!err && g.n_old)
		align(pair, &g, n_added);
	return err;
}

// The matched fragments whose new indices rise with the old ones, as many as
// possible: kept[i] says that old fragment i is one of them.
static struct sut_err *find_frame(const struct sut_pair *pair, bool *kept)
{
	size_t n = pair->old->n_frags, length = 0;
	_cleanup_free_ uint32_t *tails = malloc((n + 1) * sizeof(*tails));
	_cleanup_free_ uint32_t *before = malloc((n + 1) * sizeof(*before));

	if (!tails || !before)
		return sut_err_nomem();
	for (size_t i = 0; i < n; i++) {
		if (pair->to_new[i] == SUT_NO_MATCH)
			continue;
		size_t low = 0, high = length;
		while (low < high) {
			size_t mid = (low + high) / 2;
			if (pair->to_new[tails[mid]] < pair->to_new[i])
				low = mid + 1;
			else
				high = mid;
		}
		before[i] = low ? tails[low - 1] : SUT_NO_MATCH;
		tails[low] = i;
		if (low == length)
			length++;
	}
	if (!length)
		return NULL;
	for (uint32_t at = tails[length - 1]; at != SUT_NO_MATCH; at = before[at])
		kept[at] = true;
	return NULL;
}

static struct sut_err *match_windows(struct sut_pair *pair, bool is_exact,
				     size_t *n_added)
{
	size_t n = pair->old->n_frags;
	_cleanup_free_ bool *kept = calloc(n + 1, sizeof(*kept));
	struct window w = { 0 };
	struct sut_err *err = kept ? find_frame(pair, kept) : sut_err_nomem();

	for (size_t i = 0; i <= n && !err; i++) {
		if (i < n && !kept[i])
			continue;
		w.o1 = i;
		w.n1 = i < n ? pair->to_new[i] : pair->new->n_frags;
		if (w.o1 > w.o0 && w.n1 > w.n0)
			err = match_window(pair, w, is_exact, n_added);
		w.o0 = w.o1 + 1;
		w.n0 = w.n1 + 1;
	}
	return err;
}

struct sut_err *sut_match_order(struct sut_pair *pair, size_t *n_added)
{
	size_t n_exact = 0;
	struct sut_err *err = match_windows(pair, true, &n_exact);

	*n_added += n_exact;
	// Equal bodies may lead to more by their calls; alike ones come last.
	if (!err && !n_exact)
		err = match_windows(pair, false, n_added);
	return err;
}
