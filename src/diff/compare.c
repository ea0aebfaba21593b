// SPDX-License-Identifier: Apache-2.0
#include "diff/compare.h"

#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/pair.h"

static bool same_function(const struct sut_pair *pair, const struct sut_frag *a,
			  const struct sut_frag *b)
{
	return a && b && pair->to_new[a - pair->old->frags] == b - pair->new->frags;
}

static bool same_inside(const struct sut_pair *pair, const struct sut_place *p, uint64_t from,
			const struct sut_place *q, uint64_t to)
{
	return same_function(pair, p->frag, q->frag) &&
	       from - p->frag->start == to - q->frag->start;
}

static bool same_slot(const struct sut_pair *pair, const struct sut_place *p,
		      const struct sut_place *q)
{
	if (p->reloc->type != q->reloc->type)
		return false;
	if (p->reloc->symbol || q->reloc->symbol)
		return sut_place_same_import(pair->old, p, pair->new, q);
	switch (p->reloc->type) {
	case R_X86_64_RELATIVE:
	case R_X86_64_IRELATIVE:
		return sut_address_same(pair, p->reloc->addend, q->reloc->addend);
	default:
		// Thread-local offsets of this module: the layout is checked apart.
		return p->reloc->addend == q->reloc->addend &&
		       sut_place_same_offset(pair->old, p->reloc, pair->new, q->reloc);
	}
}

static bool same_table(const struct sut_pair *pair, uint64_t from, uint64_t to)
{
	const struct sut_jump_table *a = sut_program_table_at(pair->old, from);
	const struct sut_jump_table *b = sut_program_table_at(pair->new, to);

	// The true length is not known: what both have must agree, and up to the
	// next thing that anyone refers to both must have it.
	uint64_t gap_a = (sut_program_next_target(pair->old, from) - from) / a->entry_size;
	uint64_t gap_b = (sut_program_next_target(pair->new, to) - to) / b->entry_size;
	uint32_t n_a = gap_a < a->n_entries ? gap_a : a->n_entries;
	uint32_t n_b = gap_b < b->n_entries ? gap_b : b->n_entries;
	if (a->entry_size != b->entry_size || n_a != n_b)
		return false;
	for (uint32_t i = 0; i < n_a; i++) {
		uint64_t u = sut_jump_table_entry(pair->old, a, i);
		uint64_t v = sut_jump_table_entry(pair->new, b, i);
		const struct sut_frag *f = sut_program_frag_at(pair->old, u);
		const struct sut_frag *g = sut_program_frag_at(pair->new, v);
		if (!same_function(pair, f, g) || u - f->start != v - g->start)
			return false;
	}
	return true;
}

static bool same_variable(const struct sut_pair *pair, uint64_t from, uint64_t to)
{
	uint64_t mapped, back;

	return sut_map_look_up(&pair->forward, from, &mapped) != SUT_MAP_NONE && mapped == to &&
	       (sut_map_look_up(&pair->backward, to, &back) == SUT_MAP_NONE || back == from);
}

// What a word or a reference points to, without looking at how it is used.
bool sut_address_same(const struct sut_pair *pair, uint64_t from, uint64_t to)
{
	struct sut_place p, q;

	sut_place_find(pair->old, from, &p);
	sut_place_find(pair->new, to, &q);
	if (p.kind != q.kind)
		return false;
	switch (p.kind) {
	case SUT_PLACE_FUNCTION:
		return same_function(pair, p.frag, q.frag);
	case SUT_PLACE_INSIDE:
		return same_inside(pair, &p, from, &q, to);
	case SUT_PLACE_BEHIND:
		return same_function(pair, p.frag, q.frag);
	case SUT_PLACE_IMPORT:
		return sut_place_same_import(pair->old, &p, pair->new, &q);
	case SUT_PLACE_IFUNC:
	case SUT_PLACE_SLOT:
		return same_slot(pair, &p, &q);
	case SUT_PLACE_TABLE:
		return same_table(pair, from, to);
	case SUT_PLACE_RODATA:
		return sut_rodata_same(pair, from, to, 0);
	case SUT_PLACE_NONE:
		// A base that only an index brings back into the image: the same when
		// nothing has moved at all.
		return from == to;
	case SUT_PLACE_HEADER:
		return from - pair->old->image->low == to - pair->new->image->low;
	default:
		return same_variable(pair, from, to);
	}
}

static uint32_t access_size(const struct sut_program *p, const struct sut_frag *frag,
			    const struct sut_ref *ref)
{
	const struct sut_insn *insn = &p->insns[frag->first_insn + ref->insn];
	struct sut_view code;

	// An absolute address may be the base of an indexed access.
	if (ref->kind != SUT_REF_MEMORY || ref->is_lea ||
	    !sut_view_cut(frag->code, insn->off, insn->size, &code))
		return 0;
	return sut_insn_access_size(code);
}

static enum sut_change change_of_kind(const struct sut_pair *pair, const struct sut_place *p,
				      const struct sut_ref *x)
{
	switch (p->kind) {
	case SUT_PLACE_FUNCTION:
	case SUT_PLACE_INSIDE:
	case SUT_PLACE_BEHIND:
		return SUT_CHANGE_CALLEE;
	case SUT_PLACE_IMPORT:
	case SUT_PLACE_IFUNC:
	case SUT_PLACE_SLOT:
		return SUT_CHANGE_IMPORT;
	case SUT_PLACE_TABLE:
		return SUT_CHANGE_TABLE;
	case SUT_PLACE_RODATA:
		return sut_rodata_text(pair->old->image, x->target) ? SUT_CHANGE_STRING
								    : SUT_CHANGE_RODATA;
	default:
		return SUT_CHANGE_DATA;
	}
}

enum sut_change sut_ref_compare(const struct sut_pair *pair, const struct sut_frag *a,
				const struct sut_ref *x, const struct sut_ref *y)
{
	struct sut_place p, q;

	sut_place_find(pair->old, x->target, &p);
	sut_place_find(pair->new, y->target, &q);
	if (p.kind == SUT_PLACE_RODATA && q.kind == SUT_PLACE_RODATA) {
		if (sut_rodata_same(pair, x->target, y->target, access_size(pair->old, a, x)))
			return SUT_CHANGE_NONE;
	} else if (sut_address_same(pair, x->target, y->target)) {
		return SUT_CHANGE_NONE;
	}
	return change_of_kind(pair, &p, x);
}

static enum sut_change compare_frags(const struct sut_pair *pair, const struct sut_frag *a,
				     const struct sut_frag *b, uint64_t *at)
{
	if (!sut_pair_same_body(pair, a, b))
		return SUT_CHANGE_BODY;
	for (size_t i = 0; i < a->n_refs; i++) {
		const struct sut_ref *x = &pair->old->refs[a->first_ref + i];
		enum sut_change change =
			sut_ref_compare(pair, a, x, &pair->new->refs[b->first_ref + i]);
		if (change) {
			*at = a->start + x->off;
			return change;
		}
	}
	return SUT_CHANGE_NONE;
}

// The new unit that most members went to: entries, if it has any. A cold part alone
// says nothing, since those are too alike.
static uint32_t find_other(const struct sut_pair *pair, const struct sut_unit *unit)
{
	uint32_t best = SUT_NO_MATCH;
	size_t best_size = 0;
	bool has_entry = false;

	for (size_t m = 0; m < unit->n_members; m++) {
		uint32_t o = pair->old->members[unit->first_member + m];
		uint32_t n = pair->to_new[o];
		const struct sut_frag *frag = &pair->old->frags[o];
		if (frag->is_called && !has_entry) {
			has_entry = true;
			best = SUT_NO_MATCH;
			best_size = 0;
		}
		if (n == SUT_NO_MATCH || (has_entry && !frag->is_called) ||
		    frag->code.size <= best_size)
			continue;
		best_size = frag->code.size;
		best = pair->new->frags[n].unit;
	}
	return best;
}

static void compare_unit(const struct sut_pair *pair, uint32_t u, struct sut_unit_diff *ret)
{
	const struct sut_unit *unit = &pair->old->units[u];

	ret->other = find_other(pair, unit);
	if (ret->other == SUT_NO_MATCH) {
		ret->change = SUT_CHANGE_REMOVED;
		return;
	}
	if (pair->new->units[ret->other].n_members != unit->n_members) {
		ret->change = SUT_CHANGE_PARTS;
		return;
	}
	for (size_t m = 0; m < unit->n_members && !ret->change; m++) {
		uint32_t o = pair->old->members[unit->first_member + m];
		uint32_t n = pair->to_new[o];
		if (n == SUT_NO_MATCH || pair->new->frags[n].unit != ret->other)
			ret->change = SUT_CHANGE_PARTS;
		else
			ret->change = compare_frags(pair, &pair->old->frags[o],
						    &pair->new->frags[n], &ret->at);
	}
}

struct sut_err *sut_diff_init(const struct sut_pair *pair, struct sut_diff *ret)
{
	size_t n_old = pair->old->n_units, n_new = pair->new->n_units;
	_cleanup_free_ struct sut_unit_diff *old = calloc(n_old + 1, sizeof(*old));
	_cleanup_free_ uint32_t *new = malloc((n_new + 1) * sizeof(*new));

	if (!old || !new)
		return sut_err_nomem();
	for (size_t n = 0; n < n_new; n++)
		new[n] = SUT_NO_MATCH;
	for (size_t o = 0; o < n_old; o++) {
		const struct sut_unit *unit = &pair->old->units[o];
		if (pair->old->frags[pair->old->members[unit->first_member]].is_plt)
			continue;
		compare_unit(pair, o, &old[o]);
		if (old[o].other != SUT_NO_MATCH)
			new[old[o].other] = o;
	}
	*ret = (struct sut_diff){ pair, steal(old), steal(new) };
	return NULL;
}

void sut_diff_deinit(struct sut_diff *diff)
{
	free(diff->old_units);
	free(diff->new_units);
	*diff = (struct sut_diff){ 0 };
}

const char *sut_change_name(enum sut_change change)
{
	static const char *const names[] = {
		[SUT_CHANGE_NONE] = "none",     [SUT_CHANGE_BODY] = "body",
		[SUT_CHANGE_PARTS] = "parts",   [SUT_CHANGE_CALLEE] = "callee",
		[SUT_CHANGE_IMPORT] = "import", [SUT_CHANGE_STRING] = "string",
		[SUT_CHANGE_RODATA] = "rodata", [SUT_CHANGE_DATA] = "data",
		[SUT_CHANGE_TABLE] = "table",   [SUT_CHANGE_REMOVED] = "removed",
	};

	return names[change];
}
