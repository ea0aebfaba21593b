// SPDX-License-Identifier: Apache-2.0
#include "diff/align.h"

#include "code/insn.h"
#include "code/program.h"

/** How far ahead two bodies are searched for the next common place. */
static const size_t search_distance = 24;

/** Instructions in a row that make a common place. */
static const size_t meeting_length = 3;

static bool same_shape(const struct sut_body_walk *w, size_t i, size_t j)
{
	if (i >= w->a->n_insns || j >= w->b->n_insns)
		return false;
	return w->old->insns[w->a->first_insn + i].shape ==
	       w->new->insns[w->b->first_insn + j].shape;
}

static bool meets(const struct sut_body_walk *w, size_t i, size_t j)
{
	for (size_t k = 0; k < meeting_length; k++)
		if (!same_shape(w, i + k, j + k))
			return false;
	return true;
}

// Go to the nearest place where both are alike again.
static bool resync(struct sut_body_walk *w)
{
	for (size_t sum = 1; sum <= 2 * search_distance; sum++) {
		for (size_t k = 0; k <= sum; k++) {
			if (meets(w, w->i + k, w->j + sum - k)) {
				w->i += k;
				w->j += sum - k;
				return true;
			}
		}
	}
	return false;
}

bool sut_body_walk_next(struct sut_body_walk *w, size_t *i, size_t *j)
{
	if (w->i >= w->a->n_insns || w->j >= w->b->n_insns)
		return false;
	if (!same_shape(w, w->i, w->j) && !resync(w))
		return false;
	*i = w->i++;
	*j = w->j++;
	return true;
}
