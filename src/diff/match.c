// SPDX-License-Identifier: Apache-2.0

/**
 * Matching by name, by body and by what identical bodies refer to.
 */

#include "diff/match.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "code/program.h"
#include "diff/pair.h"

/** A fragment under a key. */
struct keyed {
	uint64_t key;
	uint32_t frag;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->frag < y->frag ? -1 : x->frag > y->frag;
}

typedef bool (*key_fn)(const struct sut_program *p, const struct sut_frag *frag, uint64_t *ret);

static bool name_key(const struct sut_program *p, const struct sut_frag *frag, uint64_t *ret)
{
	(void)p;
	if (!frag->name || frag->is_plt)
		return false;
	*ret = sut_hash(SUT_HASH_SEED, frag->name, strlen(frag->name));
	return true;
}

static bool body_key(const struct sut_program *p, const struct sut_frag *frag, uint64_t *ret)
{
	(void)p;
	if (frag->code.size < 12 || frag->is_plt)
		return false;
	*ret = frag->hash;
	return true;
}

static bool shape_key(const struct sut_program *p, const struct sut_frag *frag, uint64_t *ret)
{
	/** Instructions that a body has at least whose shapes tell it from others. */
	static const size_t least = 12;

	if (frag->n_insns < least || frag->is_plt)
		return false;
	*ret = SUT_HASH_SEED;
	for (size_t i = 0; i < frag->n_insns; i++)
		*ret = sut_hash(*ret, &p->insns[frag->first_insn + i].shape, sizeof(uint32_t));
	return true;
}

static struct sut_err *sort_by(const struct sut_program *p, const uint32_t *taken, key_fn key,
			       struct keyed **ret, size_t *n_ret)
{
	struct keyed *list = malloc((p->n_frags + 1) * sizeof(*list));
	size_t n = 0;

	if (!list)
		return sut_err_nomem();
	for (size_t i = 0; i < p->n_frags; i++)
		if (taken[i] == SUT_NO_MATCH && key(p, &p->frags[i], &list[n].key))
			list[n++].frag = i;
	sut_array_sort(list, n, sizeof(*list), by_key);
	*ret = list;
	*n_ret = n;
	return NULL;
}

static size_t run_length(const struct keyed *list, size_t n, size_t at)
{
	size_t length = 1;

	while (at + length < n && list[at + length].key == list[at].key)
		length++;
	return length;
}

// Match the fragments whose key exists exactly once on both sides.
static struct sut_err *match_unique(struct sut_pair *pair, key_fn key, bool must_be_equal,
				    size_t *n_added)
{
	_cleanup_free_ struct keyed *old = NULL, *new = NULL;
	size_t n_old, n_new, o = 0, n = 0;
	struct sut_err *err = sort_by(pair->old, pair->to_new, key, &old, &n_old);

	if (!err)
		err = sort_by(pair->new, pair->to_old, key, &new, &n_new);
	if (err)
		return err;
	while (o < n_old && n < n_new) {
		size_t run_o = run_length(old, n_old, o), run_n = run_length(new, n_new, n);
		if (old[o].key < new[n].key) {
			o += run_o;
			continue;
		}
		if (old[o].key > new[n].key) {
			n += run_n;
			continue;
		}
		const struct sut_frag *a = &pair->old->frags[old[o].frag];
		const struct sut_frag *b = &pair->new->frags[new[n].frag];
		if (run_o == 1 && run_n == 1 && (!must_be_equal || sut_pair_same_body(pair, a, b)))
			*n_added += sut_match_add(pair, old[o].frag, new[n].frag);
		o += run_o;
		n += run_n;
	}
	return NULL;
}

struct sut_err *sut_match_names(struct sut_pair *pair, size_t *n_added)
{
	return match_unique(pair, name_key, false, n_added);
}

struct sut_err *sut_match_bodies(struct sut_pair *pair, size_t *n_added)
{
	return match_unique(pair, body_key, true, n_added);
}

struct sut_err *sut_match_shapes(struct sut_pair *pair, size_t *n_added)
{
	return match_unique(pair, shape_key, false, n_added);
}

/** A pair of fragments that somebody proposed. */
struct proposal {
	uint32_t old, new;
};

/** Proposals as they come in. */
struct proposals {
	struct proposal *list;
	size_t n, capacity;
};

static void proposals_deinit(struct proposals *p)
{
	free(p->list);
}

static int by_old(const void *a, const void *b)
{
	const struct proposal *x = a, *y = b;

	if (x->old != y->old)
		return x->old < y->old ? -1 : 1;
	return x->new < y->new ? -1 : x->new > y->new;
}

static struct sut_err *propose(struct sut_pair *pair, struct proposals *proposals,
			       uint64_t old_target, uint64_t new_target)
{
	const struct sut_frag *a = sut_program_frag_at(pair->old, old_target);
	const struct sut_frag *b = sut_program_frag_at(pair->new, new_target);

	if (!a || !b || a->is_plt || b->is_plt ||
	    (a->start == old_target) != (b->start == new_target))
		return NULL;
	struct proposal one = { a - pair->old->frags, b - pair->new->frags };
	if (pair->to_new[one.old] != SUT_NO_MATCH || pair->to_old[one.new] != SUT_NO_MATCH)
		return NULL;
	struct sut_err *err =
		sut_array_grow(&proposals->list, proposals->n, &proposals->capacity, sizeof(one));
	if (!err)
		proposals->list[proposals->n++] = one;
	return err;
}

// Take the proposals that nothing contradicts: each old fragment was proposed
// with one new one only, and the other way round. Equal bodies win over others.
static struct sut_err *settle(struct sut_pair *pair, struct proposals *p, size_t *n_added)
{
	_cleanup_free_ uint32_t *of_new = NULL;
	const uint32_t nobody = SUT_NO_MATCH, many = SUT_NO_MATCH - 1;

	if (!p->n)
		return NULL;
	of_new = malloc((pair->new->n_frags + 1) * sizeof(*of_new));
	if (!of_new)
		return sut_err_nomem();
	for (size_t i = 0; i < pair->new->n_frags; i++)
		of_new[i] = nobody;
	sut_array_sort(p->list, p->n, sizeof(*p->list), by_old);
	for (size_t i = 0; i < p->n; i++) {
		uint32_t *owner = &of_new[p->list[i].new];
		*owner = *owner == nobody || *owner == p->list[i].old ? p->list[i].old : many;
	}
	for (size_t i = 0; i < p->n;) {
		size_t end = i;
		while (end < p->n && p->list[end].old == p->list[i].old)
			end++;
		bool is_single = p->list[end - 1].new == p->list[i].new;
		if (is_single && of_new[p->list[i].new] == p->list[i].old)
			*n_added += sut_match_add(pair, p->list[i].old, p->list[i].new);
		i = end;
	}
	return NULL;
}

static struct sut_err *propose_from(struct sut_pair *pair, struct proposals *proposals)
{
	for (size_t o = 0; o < pair->old->n_frags; o++) {
		const struct sut_frag *a = &pair->old->frags[o];
		if (pair->to_new[o] == SUT_NO_MATCH)
			continue;
		const struct sut_frag *b = &pair->new->frags[pair->to_new[o]];
		if (!sut_pair_same_body(pair, a, b))
			continue;
		for (size_t i = 0; i < a->n_refs; i++) {
			struct sut_err *err =
				propose(pair, proposals, pair->old->refs[a->first_ref + i].target,
					pair->new->refs[b->first_ref + i].target);
			if (err)
				return err;
		}
	}
	return NULL;
}

struct sut_err *sut_match_calls(struct sut_pair *pair, size_t *n_added)
{
	// Each match of equal bodies may bring others: go on until none does.
	for (size_t before = *n_added;; before = *n_added) {
		_cleanup_(proposals_deinit) struct proposals proposals = { 0 };
		struct sut_err *err = propose_from(pair, &proposals);

		if (!err)
			err = settle(pair, &proposals, n_added);
		if (err || *n_added == before)
			return err;
	}
}

// Where the word at old address `vaddr` stands in the new image: in an object that is
// mapped and has kept its size, or between neighbours that moved alike.
static bool find_word(const struct sut_pair *pair, uint64_t vaddr, uint64_t *ret)
{
	size_t at = sut_map_below(&pair->forward, vaddr);
	const struct sut_map_entry *object = &pair->forward.entries[at];

	if (sut_map_look_up(&pair->forward, vaddr, ret) != SUT_MAP_NONE)
		return true;
	if (at == pair->forward.n_entries || object->against ||
	    sut_program_next_target(pair->old, object->from) <= vaddr ||
	    sut_program_next_target(pair->old, object->from) - object->from !=
		    sut_program_next_target(pair->new, object->to) - object->to)
		return false;
	*ret = object->to + (vaddr - object->from);
	return true;
}

struct sut_err *sut_match_pointers(struct sut_pair *pair, size_t *n_added)
{
	_cleanup_(proposals_deinit) struct proposals proposals = { 0 };
	const struct sut_image *old = pair->old->image;

	for (size_t i = 0; i < old->n_relocs; i++) {
		const struct sut_reloc *a = &old->relocs[i];
		uint64_t place;

		if (!find_word(pair, a->vaddr, &place))
			continue;
		const struct sut_reloc *b = sut_image_reloc_at(pair->new->image, place);
		if (!b || a->type != b->type || a->symbol || b->symbol)
			continue;
		struct sut_err *err = propose(pair, &proposals, a->addend, b->addend);
		if (err)
			return err;
	}
	return settle(pair, &proposals, n_added);
}
