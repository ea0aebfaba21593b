// SPDX-License-Identifier: Apache-2.0

/**
 * Joining fragments into units.
 */

#include <stdlib.h>

#include "base/cleanup.h"
#include "code/parts.h"
#include "code/program.h"

struct sut_groups {
	uint32_t *parent; /**< By fragment; a root is its own parent. */
};

static uint32_t root_of(struct sut_groups *g, size_t i)
{
	while (g->parent[i] != i) {
		g->parent[i] = g->parent[g->parent[i]];
		i = g->parent[i];
	}
	return i;
}

bool sut_groups_same(struct sut_groups *g, size_t a, size_t b)
{
	return root_of(g, a) == root_of(g, b);
}

// The lower index becomes the root, so that a unit's root is its first fragment.
void sut_groups_merge(struct sut_groups *g, size_t a, size_t b)
{
	uint32_t x = root_of(g, a), y = root_of(g, b);

	if (x < y)
		g->parent[y] = x;
	else
		g->parent[x] = y;
}

// A branch into the middle joins; so does a conditional branch to a start that
// nobody else enters, which is how the compiler reaches a function's cold part.
static bool is_joining(const struct sut_ref *ref, const struct sut_frag *to)
{
	if (ref->kind != SUT_REF_JUMP && ref->kind != SUT_REF_COND)
		return false;
	if (to->is_plt || to->is_opaque)
		return false;
	if (ref->target != to->start)
		return true;
	return ref->kind == SUT_REF_COND && !to->is_called;
}

// A branch behind a fragment that ends in a call: the call does not return, so the
// compiler left off there, and the branch comes from another part of that function.
static const struct sut_frag *left_off(const struct sut_program *p, const struct sut_ref *ref)
{
	const struct sut_frag *to = sut_program_frag_behind(p, ref->target);
	const struct sut_insn *last =
		to && to->n_insns ? &p->insns[to->first_insn + to->n_insns - 1] : NULL;

	if ((ref->kind != SUT_REF_JUMP && ref->kind != SUT_REF_COND) || !last || to->is_opaque)
		return NULL;
	return last->flow == SUT_FLOW_CALL || last->flow == SUT_FLOW_INDIRECT_CALL ? to : NULL;
}

static void join_by_branches(struct sut_program *p, struct sut_groups *g)
{
	for (size_t i = 0; i < p->n_frags; i++) {
		const struct sut_frag *frag = &p->frags[i];
		if (frag->is_plt)
			continue;
		for (size_t r = 0; r < frag->n_refs; r++) {
			const struct sut_ref *ref = &p->refs[frag->first_ref + r];
			const struct sut_frag *to = sut_program_frag_at(p, ref->target);
			if (to && to != frag && is_joining(ref, to))
				sut_groups_merge(g, i, to - p->frags);
			to = left_off(p, ref);
			if (to && to != frag)
				sut_groups_merge(g, i, to - p->frags);
		}
	}
}

static struct sut_err *number_units(struct sut_program *p, struct sut_groups *g)
{
	_cleanup_free_ uint32_t *next = calloc(p->n_frags + 1, sizeof(*next));

	p->units = calloc(p->n_frags + 1, sizeof(*p->units));
	p->members = calloc(p->n_frags + 1, sizeof(*p->members));
	if (!next || !p->units || !p->members)
		return sut_err_nomem();
	for (size_t i = 0; i < p->n_frags; i++) {
		uint32_t root = root_of(g, i);
		p->frags[i].unit = root == i ? p->n_units++ : p->frags[root].unit;
		p->units[p->frags[i].unit].n_members++;
	}
	for (size_t u = 1; u < p->n_units; u++)
		p->units[u].first_member = p->units[u - 1].first_member + p->units[u - 1].n_members;
	for (size_t i = 0; i < p->n_frags; i++) {
		uint32_t unit = p->frags[i].unit;
		p->members[p->units[unit].first_member + next[unit]++] = i;
	}
	for (size_t t = 0; t < p->n_tables; t++)
		p->tables[t].unit = p->frags[p->tables[t].unit].unit;
	return NULL;
}

// A jump to a start in another unit enters it.
static void mark_jumped_to(struct sut_program *p)
{
	for (size_t i = 0; i < p->n_frags; i++) {
		const struct sut_frag *frag = &p->frags[i];
		for (size_t r = 0; r < frag->n_refs; r++) {
			const struct sut_ref *ref = &p->refs[frag->first_ref + r];
			struct sut_frag *to = sut_program_frag_at(p, ref->target);
			if (to && to->start == ref->target && to->unit != frag->unit)
				to->is_called = true;
		}
	}
}

struct sut_err *sut_parts_join(struct sut_program *p)
{
	_cleanup_free_ uint32_t *parent = calloc(p->n_frags + 1, sizeof(*parent));
	struct sut_groups groups = { .parent = parent };

	if (!parent)
		return sut_err_nomem();
	for (size_t i = 0; i < p->n_frags; i++)
		parent[i] = i;
	join_by_branches(p, &groups);
	struct sut_err *err = sut_tables_find(p, &groups);
	if (!err)
		err = number_units(p, &groups);
	if (err)
		return err;
	mark_jumped_to(p);
	return NULL;
}
