// SPDX-License-Identifier: Apache-2.0

/**
 * The data map: votes of identical bodies, of exported objects and of tables.
 */

#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/align.h"
#include "diff/match.h"
#include "diff/pair.h"

/** Bodies that are less alike do not vote. */
static const double least_alike = 0.5;

/** One vote: `from` became `to`. */
struct vote {
	uint64_t from, to;
};

/** Votes as they come in. */
struct votes {
	struct vote *list;
	size_t n, capacity;
};

static void votes_deinit(struct votes *v)
{
	free(v->list);
}

static struct sut_err *vote(struct votes *v, uint64_t from, uint64_t to)
{
	struct sut_err *err = sut_array_grow(&v->list, v->n, &v->capacity, sizeof(*v->list));

	if (!err)
		v->list[v->n++] = (struct vote){ from, to };
	return err;
}

static bool is_data(const struct sut_program *p, uint64_t vaddr)
{
	struct sut_place place;

	sut_place_find(p, vaddr, &place);
	switch (place.kind) {
	case SUT_PLACE_NONE:
	case SUT_PLACE_FUNCTION:
	case SUT_PLACE_INSIDE:
	case SUT_PLACE_BEHIND:
	case SUT_PLACE_IMPORT:
	case SUT_PLACE_IFUNC:
	case SUT_PLACE_TABLE:
		return false;
	default:
		return true;
	}
}

static struct sut_err *vote_by_bodies(const struct sut_pair *pair, struct votes *v)
{
	for (size_t o = 0; o < pair->old->n_frags; o++) {
		const struct sut_frag *a = &pair->old->frags[o];
		if (pair->to_new[o] == SUT_NO_MATCH)
			continue;
		const struct sut_frag *b = &pair->new->frags[pair->to_new[o]];
		if (!sut_pair_same_body(pair, a, b))
			continue;
		for (size_t i = 0; i < a->n_refs; i++) {
			uint64_t from = pair->old->refs[a->first_ref + i].target;
			uint64_t to = pair->new->refs[b->first_ref + i].target;
			if (!is_data(pair->old, from) || !is_data(pair->new, to))
				continue;
			struct sut_err *err = vote(v, from, to);
			if (err)
				return err;
		}
	}
	return NULL;
}

static bool is_object(const struct sut_symbol *s)
{
	return s->type == STT_OBJECT && s->section != SHN_UNDEF && s->section < SHN_LORESERVE &&
	       s->name[0];
}

static int by_symbol_name(const void *a, const void *b)
{
	const struct sut_symbol *x = *(const struct sut_symbol *const *)a;
	const struct sut_symbol *y = *(const struct sut_symbol *const *)b;

	return strcmp(x->name, y->name);
}

static const struct sut_symbol **objects(const struct sut_image *image, size_t *n_ret)
{
	const struct sut_symbol **list =
		malloc((image->n_dynsyms + image->n_symbols + 1) * sizeof(struct sut_symbol *));
	size_t n = 0;

	if (!list)
		return NULL;
	for (size_t i = 0; i < image->n_dynsyms; i++)
		if (is_object(&image->dynsyms[i]))
			list[n++] = &image->dynsyms[i];
	for (size_t i = 0; i < image->n_symbols; i++)
		if (is_object(&image->symbols[i]))
			list[n++] = &image->symbols[i];
	sut_array_sort(list, n, sizeof(*list), by_symbol_name);
	*n_ret = n;
	return list;
}

static bool is_unique(const struct sut_symbol **list, size_t n, size_t i)
{
	uint64_t at = list[i]->vaddr;

	// Two symbols of one name count as one when they stand at one address
	// (.dynsym and .symtab both have it).
	for (size_t j = i; j-- > 0 && strcmp(list[j]->name, list[i]->name) == 0;)
		if (list[j]->vaddr != at)
			return false;
	for (size_t j = i + 1; j < n && strcmp(list[j]->name, list[i]->name) == 0; j++)
		if (list[j]->vaddr != at)
			return false;
	return true;
}

static struct sut_err *vote_by_symbols(const struct sut_pair *pair, struct votes *v)
{
	size_t n_old, n_new, o = 0, n = 0;
	_cleanup_free_ const struct sut_symbol **old = objects(pair->old->image, &n_old);
	_cleanup_free_ const struct sut_symbol **new = objects(pair->new->image, &n_new);

	if (!old || !new)
		return sut_err_nomem();
	while (o < n_old && n < n_new) {
		int order = strcmp(old[o]->name, new[n]->name);
		if (order < 0) {
			o++;
		} else if (order > 0) {
			n++;
		} else {
			struct sut_err *err = NULL;
			if (is_unique(old, n_old, o) && is_unique(new, n_new, n))
				err = vote(v, old[o]->vaddr, new[n]->vaddr);
			if (err)
				return err;
			o++;
			n++;
		}
	}
	return NULL;
}

// A table that is mapped maps what its words point to.
static struct sut_err *vote_by_pointers(const struct sut_pair *pair, struct votes *v)
{
	const struct sut_image *old = pair->old->image;

	for (size_t i = 0; i < old->n_relocs; i++) {
		const struct sut_reloc *a = &old->relocs[i];
		uint64_t place;

		if (a->symbol || sut_map_look_up(&pair->forward, a->vaddr, &place) == SUT_MAP_NONE)
			continue;
		const struct sut_reloc *b = sut_image_reloc_at(pair->new->image, place);
		if (!b || a->type != b->type || b->symbol || !is_data(pair->old, a->addend) ||
		    !is_data(pair->new, b->addend))
			continue;
		struct sut_err *err = vote(v, a->addend, b->addend);
		if (err)
			return err;
	}
	return NULL;
}

static int by_from(const void *a, const void *b)
{
	const struct vote *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static void turn_round(struct votes *v)
{
	for (size_t i = 0; i < v->n; i++)
		v->list[i] = (struct vote){ v->list[i].to, v->list[i].from };
}

static struct sut_err *count(struct votes *v, struct sut_map *ret)
{
	struct sut_map_entry *entries = malloc((v->n + 1) * sizeof(*entries));
	size_t n = 0;

	if (!entries)
		return sut_err_nomem();
	if (v->n)
		sut_array_sort(v->list, v->n, sizeof(*v->list), by_from);
	for (size_t i = 0; i < v->n;) {
		struct sut_map_entry best = { .from = v->list[i].from };
		uint32_t all = 0;
		while (i < v->n && v->list[i].from == best.from) {
			uint64_t to = v->list[i].to;
			uint32_t votes = 0;
			for (; i < v->n && v->list[i].from == best.from && v->list[i].to == to; i++)
				votes++;
			all += votes;
			if (votes > best.votes) {
				best.votes = votes;
				best.to = to;
			}
		}
		best.against = all - best.votes;
		entries[n++] = best;
	}
	free(ret->entries);
	*ret = (struct sut_map){ entries, n };
	return NULL;
}

static struct sut_err *count_both(struct sut_pair *pair, struct votes *v)
{
	struct sut_err *err = count(v, &pair->forward);

	if (err)
		return err;
	turn_round(v);
	err = count(v, &pair->backward);
	turn_round(v);
	return err;
}

struct sut_err *sut_match_data(struct sut_pair *pair)
{
	_cleanup_(votes_deinit) struct votes direct = { 0 };
	struct sut_err *err = vote_by_bodies(pair, &direct);

	if (!err)
		err = vote_by_symbols(pair, &direct);
	if (!err)
		err = count_both(pair, &direct);

	// Tables point to tables: two more rounds reach what matters.
	for (int round = 0; round < 2 && !err; round++) {
		_cleanup_(votes_deinit) struct votes all = { 0 };
		for (size_t i = 0; i < direct.n && !err; i++)
			err = vote(&all, direct.list[i].from, direct.list[i].to);
		if (!err)
			err = vote_by_pointers(pair, &all);
		if (!err)
			err = count_both(pair, &all);
	}
	return err;
}

static struct sut_err *vote_by_walk(const struct sut_pair *pair, struct sut_body_walk *walk,
				    struct votes *v)
{
	size_t i, j;

	while (sut_body_walk_next(walk, &i, &j)) {
		const struct sut_ref *x = sut_frag_ref_of(pair->old, walk->a, i);
		const struct sut_ref *y = sut_frag_ref_of(pair->new, walk->b, j);
		if (!x || !y || x->kind != y->kind || !is_data(pair->old, x->target) ||
		    !is_data(pair->new, y->target))
			continue;
		struct sut_err *err = vote(v, x->target, y->target);
		if (err)
			return err;
	}
	return NULL;
}

struct sut_err *sut_match_weak_data(struct sut_pair *pair)
{
	_cleanup_(votes_deinit) struct votes v = { 0 };
	struct sut_err *err = NULL;

	for (size_t o = 0; o < pair->old->n_frags && !err; o++) {
		const struct sut_frag *a = &pair->old->frags[o];
		if (pair->to_new[o] == SUT_NO_MATCH)
			continue;
		const struct sut_frag *b = &pair->new->frags[pair->to_new[o]];
		struct sut_body_walk walk = { pair->old, pair->new, a, b, 0, 0 };
		double score = 0;
		if (sut_pair_same_body(pair, a, b))
			continue;
		err = sut_match_similarity(pair, a, b, &score);
		// A function that was written anew may use another variable in the old place.
		if (!err && score >= least_alike)
			err = vote_by_walk(pair, &walk, &v);
	}
	if (!err)
		err = count(&v, &pair->weak_forward);
	if (err)
		return err;
	turn_round(&v);
	return count(&v, &pair->weak_backward);
}

size_t sut_map_below(const struct sut_map *map, uint64_t vaddr)
{
	size_t low = 0, high = map->n_entries;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (map->entries[mid].from <= vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : map->n_entries;
}

const struct sut_map_entry *sut_map_find(const struct sut_map *map, uint64_t vaddr)
{
	size_t at = sut_map_below(map, vaddr);

	if (at == map->n_entries || map->entries[at].from != vaddr)
		return NULL;
	return &map->entries[at];
}

enum sut_map_quality sut_map_look_up(const struct sut_map *map, uint64_t vaddr, uint64_t *ret)
{
	size_t at = sut_map_below(map, vaddr);

	if (at == map->n_entries)
		return SUT_MAP_NONE;
	const struct sut_map_entry *below = &map->entries[at];
	if (below->from == vaddr) {
		*ret = below->to;
		return SUT_MAP_EXACT;
	}
	if (at + 1 == map->n_entries || below[1].to - below[1].from != below->to - below->from)
		return SUT_MAP_NONE;
	*ret = vaddr + (below->to - below->from);
	return SUT_MAP_BETWEEN;
}
