// SPDX-License-Identifier: Apache-2.0
#include "diff/pair.h"

#include <elf.h>
#include <stdlib.h>

#include "code/program.h"
#include "diff/match.h"

/** Rounds after which matching stops even if something new was found. */
static const int max_rounds = 24;

bool sut_pair_same_body(const struct sut_pair *pair, const struct sut_frag *a,
			const struct sut_frag *b)
{
	uint64_t at = 0;

	if (a->hash != b->hash || a->code.size != b->code.size || a->n_refs != b->n_refs ||
	    a->is_opaque != b->is_opaque)
		return false;
	for (size_t i = 0; i < a->n_refs; i++) {
		const struct sut_ref *x = &pair->old->refs[a->first_ref + i];
		const struct sut_ref *y = &pair->new->refs[b->first_ref + i];
		if (x->off != y->off || x->size != y->size || x->kind != y->kind)
			return false;
		if (memcmp(a->code.data + at, b->code.data + at, x->off - at) != 0)
			return false;
		at = x->off + x->size;
	}
	return memcmp(a->code.data + at, b->code.data + at, a->code.size - at) == 0;
}

static bool is_export(const struct sut_symbol *s)
{
	return s->section != SHN_UNDEF && s->section < SHN_LORESERVE &&
	       (s->type == STT_FUNC || s->type == STT_GNU_IFUNC);
}

// Is the fragment exported, and if so, is none of its names one of the other's? Other
// modules go on calling it by that name, for what it was.
static bool is_renamed(const struct sut_pair *pair, const struct sut_frag *a,
		       const struct sut_frag *b)
{
	const struct sut_image *old = pair->old->image, *new = pair->new->image;
	bool is_exported = false;

	if (!a->is_named || (a->name && b->name && strcmp(a->name, b->name) == 0))
		return false;
	for (size_t i = 0; i < old->n_dynsyms; i++) {
		const struct sut_symbol *s = &old->dynsyms[i];
		if (s->vaddr != a->start || !is_export(s))
			continue;
		is_exported = true;
		for (size_t k = 0; k < new->n_dynsyms; k++)
			if (new->dynsyms[k].vaddr == b->start && is_export(&new->dynsyms[k]) &&
			    strcmp(new->dynsyms[k].name, s->name) == 0)
				return false;
	}
	return is_exported;
}

bool sut_match_add(struct sut_pair *pair, size_t o, size_t n)
{
	if (pair->to_new[o] != SUT_NO_MATCH || pair->to_old[n] != SUT_NO_MATCH)
		return false;
	if (pair->old->frags[o].is_plt || pair->new->frags[n].is_plt)
		return false;
	const struct sut_frag *a = &pair->old->frags[o], *b = &pair->new->frags[n];
	if (is_renamed(pair, a, b) && !sut_pair_same_body(pair, a, b))
		return false;
	pair->to_new[o] = n;
	pair->to_old[n] = o;
	return true;
}

static struct sut_err *match(struct sut_pair *pair)
{
	size_t n_added = 0;
	struct sut_err *err = sut_match_names(pair, &n_added);

	if (!err)
		err = sut_match_bodies(pair, &n_added);
	for (int round = 0; round < max_rounds && !err && n_added; round++) {
		n_added = 0;
		err = sut_match_calls(pair, &n_added);
		if (!err)
			err = sut_match_data(pair);
		if (!err)
			err = sut_match_pointers(pair, &n_added);
		if (!err && !n_added)
			err = sut_match_shapes(pair, &n_added);
		if (!err && !n_added)
			err = sut_match_order(pair, &n_added);
	}
	if (!err)
		err = sut_match_data(pair);
	return err ? err : sut_match_weak_data(pair);
}

struct sut_err *sut_pair_init(const struct sut_program *old, const struct sut_program *new,
			      struct sut_pair *ret)
{
	struct sut_pair pair = {
		.old = old,
		.new = new,
		.to_new = malloc((old->n_frags + 1) * sizeof(*pair.to_new)),
		.to_old = malloc((new->n_frags + 1) * sizeof(*pair.to_old)),
	};
	struct sut_err *err = NULL;

	if (!pair.to_new || !pair.to_old)
		err = sut_err_nomem();
	for (size_t i = 0; i < old->n_frags && !err; i++)
		pair.to_new[i] = SUT_NO_MATCH;
	for (size_t i = 0; i < new->n_frags && !err; i++)
		pair.to_old[i] = SUT_NO_MATCH;
	if (!err)
		err = match(&pair);
	if (err) {
		sut_pair_deinit(&pair);
		return err;
	}
	*ret = pair;
	return NULL;
}

void sut_pair_deinit(struct sut_pair *pair)
{
	free(pair->to_new);
	free(pair->to_old);
	free(pair->forward.entries);
	free(pair->backward.entries);
	free(pair->weak_forward.entries);
	free(pair->weak_backward.entries);
	*pair = (struct sut_pair){ 0 };
}
