// SPDX-License-Identifier: Apache-2.0

/**
 * Signs of renumbered values in the tables that a switch became
 *
 * A value that is inserted among others moves what belongs to those behind it, by the
 * same step: cases in a jump table, results in a table of constants. Values that a
 * process stored before mean something else then. One that is appended moves nothing.
 */

#include "code/place.h"
#include "code/program.h"
#include "diff/align.h"
#include "diff/compare.h"
#include "diff/explain.h"
#include "diff/judge.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "diff/signs.h"

/** Entries behind the inserted one that must have moved. */
static const uint32_t least_moved = 2;

/** A shorter text may as well be a number. */
static const size_t sure_text = 4;

/** A table on both sides. All borrowed. */
struct tables {
	const struct sut_pair *pair;
	uint64_t from, to; /**< Where they stand. */
	uint32_t n_old, n_new;
	uint32_t width;               /**< Bytes of an entry of a table of constants. */
	const struct sut_frag *a, *b; /**< The fragments that use it. */
};

// Does instruction i of the old fragment do what j of the new one does?
static bool same_insn(const struct tables *t, size_t i, size_t j)
{
	const struct sut_insn *x = &t->pair->old->insns[t->a->first_insn + i];
	const struct sut_insn *y = &t->pair->new->insns[t->b->first_insn + j];
	const struct sut_ref *r = sut_frag_ref_of(t->pair->old, t->a, i),
			     *q = sut_frag_ref_of(t->pair->new, t->b, j);

	if (x->shape != y->shape || !r != !q)
		return false;
	if (r)
		return sut_ref_compare(t->pair, t->a, r, q) == SUT_CHANGE_NONE;
	return x->flow == SUT_FLOW_COND || x->flow == SUT_FLOW_JUMP ||
	       (sut_insn_imm(x, t->a->code) == sut_insn_imm(y, t->b->code) &&
		sut_insn_disp(x, t->a->code) == sut_insn_disp(y, t->b->code));
}

// Do entry i of the old table and entry k of the new one lead to the same code, as far as
// its first instructions tell?
static bool same_case(const struct tables *t, uint32_t i, uint32_t k)
{
	/** What tells cases from each other stands here. */
	static const size_t first = 4;
	const struct sut_program *old = t->pair->old, *new = t->pair->new;
	size_t x = sut_frag_insn_at(
		old, t->a, sut_jump_table_entry(old, sut_program_table_at(old, t->from), i));
	size_t y = sut_frag_insn_at(new, t->b,
				    sut_jump_table_entry(new, sut_program_table_at(new, t->to), k));

	for (size_t n = 0; n < first; n++, x++, y++) {
		if (x >= t->a->n_insns || y >= t->b->n_insns || !same_insn(t, x, y))
			return false;
		enum sut_flow flow = old->insns[t->a->first_insn + x].flow;
		if (flow == SUT_FLOW_RETURN || flow == SUT_FLOW_JUMP)
			break;
	}
	return true;
}

// Did entries move by `step`?
static bool has_moved_cases(const struct tables *t, uint32_t step)
{
	uint32_t n_moved = 0;

	for (uint32_t i = 0; i + step < t->n_new && i < t->n_old; i++)
		n_moved += !same_case(t, i, i) && same_case(t, i, i + step);
	return n_moved >= least_moved;
}

static bool has_moved_constants(const struct tables *t, uint32_t step)
{
	uint32_t same = 0;
	struct sut_view x, y;

	if (!sut_image_bytes(t->pair->old->image, t->from, (uint64_t)t->n_old * t->width, &x) ||
	    !sut_image_bytes(t->pair->new->image, t->to, (uint64_t)(t->n_old + step) * t->width,
			     &y))
		return false;
	while (same < t->n_old &&
	       memcmp(x.data + same * t->width, y.data + same * t->width, t->width) == 0)
		same++;
	return t->n_old - same >= least_moved &&
	       memcmp(x.data + same * t->width, y.data + (same + step) * t->width,
		      (size_t)(t->n_old - same) * t->width) == 0;
}

static bool has_moved(const struct tables *jumps, const struct tables *constants)
{
	for (uint32_t step = 1; step <= 4; step++)
		if ((jumps->n_old && has_moved_cases(jumps, step)) ||
		    (constants->n_old && has_moved_constants(constants, step)))
			return true;
	return false;
}

// Is there nothing but padding in the last bytes of the old table? Then less is left.
static uint32_t count_constants(const struct sut_program *p, uint64_t vaddr, uint32_t width)
{
	uint64_t size = sut_program_next_target(p, vaddr) - vaddr;
	struct sut_view bytes;

	if (size > 4096 || !sut_image_bytes(p->image, vaddr, size, &bytes))
		return 0;
	while (size && !bytes.data[size - 1])
		size--;
	return (size + width - 1) / width;
}

static bool have_moved_at(const struct tables *like, const struct sut_ref *x,
			  const struct sut_ref *y)
{
	const struct sut_jump_table *a = sut_program_table_at(like->pair->old, x->target);
	const struct sut_jump_table *b = sut_program_table_at(like->pair->new, y->target);
	struct tables jumps = *like, constants = *like;
	struct sut_place place, other;

	jumps.from = constants.from = x->target;
	jumps.to = constants.to = y->target;
	if (a && b) {
		jumps.n_old = a->n_entries;
		jumps.n_new = b->n_entries;
		return has_moved(&jumps, &constants);
	}
	sut_place_find(like->pair->old, x->target, &place);
	sut_place_find(like->pair->new, y->target, &other);
	const char *text = sut_rodata_text(like->pair->old->image, x->target);
	if (a || b || place.kind != SUT_PLACE_RODATA || other.kind != SUT_PLACE_RODATA ||
	    sut_rodata_is_text_only(like->pair->old, x->target) ||
	    sut_rodata_text(like->pair->new->image, y->target) ||
	    (text && strlen(text) >= sure_text))
		return false;
	for (uint32_t width = 1; width <= 8; width *= 2) {
		constants.width = width;
		constants.n_old = count_constants(like->pair->old, x->target, width);
		if (has_moved(&jumps, &constants))
			return true;
	}
	return false;
}

static const struct sut_ref *lea_of(const struct sut_program *p, const struct sut_frag *frag,
				    size_t insn)
{
	for (size_t i = 0; i < frag->n_refs; i++) {
		const struct sut_ref *ref = &p->refs[frag->first_ref + i];
		if (ref->insn == insn)
			return ref->is_lea || ref->kind == SUT_REF_ABSOLUTE ? ref : NULL;
	}
	return NULL;
}

static bool check_frags(const struct sut_pair *pair, const struct sut_frag *a,
			const struct sut_frag *b)
{
	struct tables tables = { .pair = pair, .a = a, .b = b };
	struct sut_body_walk walk = { pair->old, pair->new, a, b, 0, 0 };
	size_t i, j;

	while (sut_body_walk_next(&walk, &i, &j)) {
		const struct sut_ref *x = lea_of(pair->old, a, i), *y = lea_of(pair->new, b, j);
		if (x && y && have_moved_at(&tables, x, y))
			return true;
	}
	return false;
}

struct sut_err *sut_signs_values(const struct sut_evidence *e, uint32_t u)
{
	const struct sut_pair *pair = e->diff->pair;
	const struct sut_unit *unit = &pair->old->units[u];
	bool has_moved = false;
	char name[128];

	for (size_t m = 0; m < unit->n_members && !has_moved; m++) {
		uint32_t o = pair->old->members[unit->first_member + m];
		if (pair->to_new[o] != SUT_NO_MATCH)
			has_moved = check_frags(pair, &pair->old->frags[o],
						&pair->new->frags[pair->to_new[o]]);
	}
	if (!has_moved)
		return NULL;
	return sut_reasons_add(e->reasons, SUT_SEVERITY_SIGN, "constants",
			       sut_unit_name(pair->old, u, name, sizeof(name)),
			       "what belongs to some values belongs to higher ones now: if an "
			       "enumeration was renumbered, values stored before the patch mean "
			       "something else");
}
