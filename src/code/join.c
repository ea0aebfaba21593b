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
		p->units[u].first_member = p->units[u - 1].first_member +
					   p->units[u - 1].n_members;
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

/** How control can leave a unit, and whether it can stay. */
struct leaving {
	bool returns;
	bool jumps_out;
	bool loops; /**< Over at least one call. */
};

// Does a branch lead back over a call? A loop that calls nothing waits for nothing:
// it is the end of abort() and its like.
static bool calls_between(const struct sut_program *p, const struct sut_frag *frag,
			  const struct sut_insn *branch)
{
	const struct sut_insn *insns = p->insns + frag->first_insn;
	int64_t to = branch->off + branch->size + sut_insn_imm(branch, frag->code);

	for (const struct sut_insn *i = branch; i-- > insns && (int64_t)i->off >= to;)
		if (i->flow == SUT_FLOW_CALL || i->flow == SUT_FLOW_INDIRECT_CALL)
			return true;
	return false;
}

static void look_at_flow(const struct sut_program *p, const struct sut_frag *frag,
			 struct leaving *ret)
{
	const struct sut_insn *insns = p->insns + frag->first_insn;

	for (size_t i = 0; i < frag->n_insns; i++) {
		const struct sut_insn *insn = &insns[i];
		if (insn->flow == SUT_FLOW_RETURN)
			ret->returns = true;
		if (insn->flow == SUT_FLOW_INDIRECT_JUMP)
			ret->jumps_out = true;
		if ((insn->flow == SUT_FLOW_JUMP || insn->flow == SUT_FLOW_COND) &&
		    calls_between(p, frag, insn))
			ret->loops = true;
	}
	for (size_t r = 0; r < frag->n_refs; r++) {
		const struct sut_ref *ref = &p->refs[frag->first_ref + r];
		const struct sut_frag *to = sut_program_frag_at(p, ref->target);
		if ((ref->kind == SUT_REF_JUMP || ref->kind == SUT_REF_COND) &&
		    (!to || to->unit != frag->unit))
			ret->jumps_out = true;
	}
}

static void look_at_units(struct sut_program *p)
{
	for (size_t u = 0; u < p->n_units; u++) {
		struct sut_unit *unit = &p->units[u];
		struct leaving leaving = { 0 };
		for (size_t m = 0; m < unit->n_members; m++) {
			const struct sut_frag *frag =
				&p->frags[p->members[unit->first_member + m]];
			look_at_flow(p, frag, &leaving);
			if (sut_tables_has_unknown_jump(p, frag))
				unit->has_unknown_jump = true;
		}
		unit->never_returns = leaving.loops && !leaving.returns &&
				      !leaving.jumps_out;
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
	look_at_units(p);
	return NULL;
}
