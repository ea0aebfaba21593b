// SPDX-License-Identifier: Apache-2.0

/**
 * Matching by order
 *
 * Compilers and linkers keep the order of functions, so what lies between two
 * matched neighbours in the old image lies between the same two in the new one.
 * Matches that break the order are left out of the frame (longest increasing
 * subsequence). Where whole object files have changed places, what follows or
 * precedes one match is a window of its own. In each window equal bodies are
 * matched first, then alike ones.
 */

#include <stdlib.h>

#include "base/cleanup.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/match.h"
#include "diff/pair.h"

/** Windows with more cells than this are only matched by equal bodies at their
 *  ends: the table of the common subsequence would get too large. */
static const size_t max_cells = 4000000;

/** What makes a match. */
enum evidence {
	EVIDENCE_EQUAL, /**< Equal bodies. */
	EVIDENCE_ALIKE, /**< Bodies that are alike to at least one half. */
	EVIDENCE_LONE,  /**< Hardly alike, but no other entry in the window is without a
			 *  match: a function that was rewritten. If it is another
			 *  one after all, what refers to it will differ. */
};

// Of bodies that have nothing to do with each other, 1 in 200 pairs reaches 0.15.
static const double least_score[] = { 1, 0.5, 0.15 };

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

static size_t collect(const struct sut_program *p, const uint32_t *match, size_t from, size_t to,
		      bool only_entries, uint32_t *ret)
{
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		if (match[i] == SUT_NO_MATCH && !p->frags[i].is_plt &&
		    (!only_entries || p->frags[i].is_called))
			ret[n++] = i;
	return n;
}

static struct sut_err *score_all(const struct sut_pair *pair, struct grid *g,
				 enum evidence evidence)
{
	for (size_t i = 0; i < g->n_old; i++) {
		const struct sut_frag *a = &pair->old->frags[g->old[i]];
		for (size_t j = 0; j < g->n_new; j++) {
			const struct sut_frag *b = &pair->new->frags[g->new[j]];
			double score = sut_pair_same_body(pair, a, b);
			if (evidence != EVIDENCE_EQUAL && score == 0) {
				struct sut_err *err = sut_match_similarity(pair, a, b, &score);
				if (err)
					return err;
			}
			g->score[i * g->n_new + j] =
				score >= least_score[evidence] ? (float)score : 0;
		}
	}
	return NULL;
}

// How many of the fragments have the body of `like`?
static size_t count_twins(const struct sut_program *p, const uint32_t *list, size_t n,
			  const struct sut_frag *like)
{
	size_t n_twins = 0;

	for (size_t i = 0; i < n; i++)
		n_twins += p->frags[list[i]].hash == like->hash &&
			   p->frags[list[i]].code.size == like->code.size;
	return n_twins;
}

// How many references of two equal bodies mean the same, as far as is known?
static size_t count_same_refs(const struct sut_pair *pair, const struct sut_frag *a,
			      const struct sut_frag *b)
{
	size_t n_same = 0;

	for (size_t i = 0; i < a->n_refs; i++)
		n_same += sut_ref_compare(pair, a, &pair->old->refs[a->first_ref + i],
					  &pair->new->refs[b->first_ref + i]) == SUT_CHANGE_NONE;
	return n_same;
}

// Of several equal bodies that only their references tell apart, one has come or gone:
// leave in row i the one whose references say most, if there is one.
static void part_row(const struct sut_pair *pair, struct grid *g, size_t i)
{
	const struct sut_frag *a = &pair->old->frags[g->old[i]];
	size_t best = 0, best_at = g->n_new;

	for (size_t j = 0; j < g->n_new; j++) {
		const struct sut_frag *b = &pair->new->frags[g->new[j]];
		size_t n_same = sut_pair_same_body(pair, a, b) ? count_same_refs(pair, a, b) : 0;
		g->score[i * g->n_new + j] = 0;
		if (n_same == best)
			best_at = g->n_new;
		if (n_same <= best)
			continue;
		best = n_same;
		best_at = j;
	}
	if (best_at < g->n_new)
		g->score[i * g->n_new + best_at] = 1;
}

static void part_twins(const struct sut_pair *pair, struct grid *g)
{
	for (size_t i = 0; i < g->n_old; i++) {
		const struct sut_frag *a = &pair->old->frags[g->old[i]];
		size_t n_new = a->n_refs ? count_twins(pair->new, g->new, g->n_new, a) : 0;
		if (n_new && n_new != count_twins(pair->old, g->old, g->n_old, a))
			part_row(pair, g, i);
	}
}

static struct sut_err *grid_init(const struct sut_pair *pair, struct window w,
				 enum evidence evidence, struct grid *g)
{
	g->old = malloc((w.o1 - w.o0 + 1) * sizeof(*g->old));
	g->new = malloc((w.n1 - w.n0 + 1) * sizeof(*g->new));
	if (!g->old || !g->new)
		return sut_err_nomem();
	bool is_lone = evidence == EVIDENCE_LONE;
	g->n_old = collect(pair->old, pair->to_new, w.o0, w.o1, is_lone, g->old);
	g->n_new = collect(pair->new, pair->to_old, w.n0, w.n1, is_lone, g->new);
	if (!g->n_old || !g->n_new || g->n_old > max_cells / g->n_new ||
	    (is_lone && (g->n_old > 1 || g->n_new > 1))) {
		g->n_old = 0;
		return NULL;
	}
	g->score = calloc(g->n_old * g->n_new, sizeof(*g->score));
	g->best = calloc((g->n_old + 1) * (g->n_new + 1), sizeof(*g->best));
	if (!g->score || !g->best)
		return sut_err_nomem();
	struct sut_err *err = score_all(pair, g, evidence);
	if (!err)
		part_twins(pair, g);
	return err;
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

// Can something beside a call lead to the fragment: a pointer that was taken, perhaps
// stored where no comparison sees it?
static bool is_pointed_to(const struct sut_program *p, const struct sut_frag *frag)
{
	for (size_t i = 0; i < p->image->n_relocs; i++)
		if (!p->image->relocs[i].symbol &&
		    (uint64_t)p->image->relocs[i].addend == frag->start)
			return true;
	for (size_t i = 0; i < p->n_refs; i++)
		if (p->refs[i].target == frag->start &&
		    (p->refs[i].kind == SUT_REF_MEMORY || p->refs[i].kind == SUT_REF_ABSOLUTE))
			return true;
	return frag->is_named;
}

static struct sut_err *match_window(struct sut_pair *pair, struct window w, enum evidence evidence,
				    size_t *n_added)
{
	_cleanup_(grid_deinit) struct grid g = { 0 };
	struct sut_err *err = grid_init(pair, w, evidence, &g);

	// A wrong match of what only calls lead to shows in the callers; a stored pointer
	// would lead from one function into another.
	if (!err && g.n_old && evidence == EVIDENCE_LONE &&
	    is_pointed_to(pair->old, &pair->old->frags[g.old[0]]))
		return NULL;
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

// Windows between neighbours of the frame.
static struct sut_err *match_frame(struct sut_pair *pair, enum evidence evidence, size_t *n_added)
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
			err = match_window(pair, w, evidence, n_added);
		w.o0 = w.o1 + 1;
		w.n0 = w.n1 + 1;
	}
	return err;
}

static size_t next_match(const uint32_t *match, size_t n, size_t at)
{
	while (at < n && match[at] == SUT_NO_MATCH)
		at++;
	return at;
}

static size_t after_previous_match(const uint32_t *match, size_t at)
{
	while (at > 0 && match[at - 1] == SUT_NO_MATCH)
		at--;
	return at;
}

// Windows behind and in front of each match, wherever it stands.
static struct sut_err *match_beside(struct sut_pair *pair, enum evidence evidence, size_t *n_added)
{
	struct sut_err *err = NULL;

	for (size_t o = 0; o < pair->old->n_frags && !err; o++) {
		size_t n = pair->to_new[o];
		if (n == SUT_NO_MATCH)
			continue;
		struct window behind = {
			o + 1,
			next_match(pair->to_new, pair->old->n_frags, o + 1),
			n + 1,
			next_match(pair->to_old, pair->new->n_frags, n + 1),
		};
		struct window before = {
			after_previous_match(pair->to_new, o),
			o,
			after_previous_match(pair->to_old, n),
			n,
		};
		err = match_window(pair, behind, evidence, n_added);
		if (!err)
			err = match_window(pair, before, evidence, n_added);
	}
	return err;
}

struct sut_err *sut_match_order(struct sut_pair *pair, size_t *n_added)
{
	size_t before = *n_added;
	struct sut_err *err = NULL;

	// What a step finds may lead to more by its calls: the weaker evidence of the
	// next step waits until nothing else is left.
	for (enum evidence e = EVIDENCE_EQUAL; e <= EVIDENCE_LONE && !err && *n_added == before;
	     e++) {
		err = match_frame(pair, e, n_added);
		if (!err && *n_added == before)
			err = match_beside(pair, e, n_added);
	}
	return err;
}
