// SPDX-License-Identifier: Apache-2.0

/**
 * The function table and the ranges: what of the old code gets a redirect, and
 * what must be untouched and unused when that happens.
 */

#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "engine/compose.h"
#include "engine/compose_parts.h"

static const uint64_t jump_size = 5;

static bool starts_with_endbr(const struct sut_frag *frag)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	return frag->code.size >= 4 && memcmp(frag->code.data, endbr64, 4) == 0;
}

// Does an instruction of the unit branch to, or a call return into, the bytes
// from `low` up to, not with, `high`?
static bool enters(const struct sut_program *p, const struct sut_unit *unit, uint64_t low,
		   uint64_t high)
{
	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *frag = &p->frags[p->members[unit->first_member + m]];
		for (size_t i = 0; i < frag->n_insns; i++) {
			const struct sut_insn *insn = &p->insns[frag->first_insn + i];
			uint64_t next = frag->start + insn->off + insn->size;
			uint64_t to = next + sut_insn_imm(insn, frag->code);
			bool is_branch = insn->flow == SUT_FLOW_JUMP || insn->flow == SUT_FLOW_COND;
			bool is_call =
				insn->flow == SUT_FLOW_CALL || insn->flow == SUT_FLOW_INDIRECT_CALL;
			if ((is_branch && to >= low && to < high) ||
			    (is_call && next >= low && next < high))
				return true;
		}
	}
	return false;
}

// Where the jump stands: behind the landing pad of an indirect branch (CET).
static uint64_t jump_place(const struct sut_frag *frag)
{
	return frag->start + (starts_with_endbr(frag) ? 4 : 0);
}

static bool is_too_short(const struct sut_frag *frag)
{
	return frag->room < jump_place(frag) + jump_size;
}

static bool is_entered_inside(const struct sut_program *p, const struct sut_frag *frag)
{
	uint64_t at = jump_place(frag);

	return enters(p, &p->units[frag->unit], at + 1, at + jump_size);
}

static bool can_move(const struct sut_program *new, const struct sut_unit *unit)
{
	for (size_t m = 0; m < unit->n_members; m++)
		if (new->frags[new->members[unit->first_member + m]].is_opaque)
			return false;
	return !unit->has_unknown_jump;
}

bool sut_compose_can_replace(const struct sut_diff *diff, uint32_t u)
{
	const struct sut_pair *pair = diff->pair;
	const struct sut_unit *unit = &pair->old->units[u];

	if (diff->old_units[u].other == SUT_NO_MATCH || unit->never_returns ||
	    !can_move(pair->new, &pair->new->units[diff->old_units[u].other]))
		return false;
	for (size_t m = 0; m < unit->n_members; m++) {
		uint32_t o = pair->old->members[unit->first_member + m];
		const struct sut_frag *frag = &pair->old->frags[o];
		if (frag->is_plt || frag->is_opaque || frag->start == pair->old->main ||
		    frag->start == pair->old->image->entry)
			return false;
		if (!frag->is_called)
			continue;
		uint32_t n = pair->to_new[o];
		if (n == SUT_NO_MATCH || is_too_short(frag) || is_entered_inside(pair->old, frag) ||
		    !can_move(pair->new, &pair->new->units[pair->new->frags[n].unit]))
			return false;
	}
	return true;
}

static struct sut_err *check_entry(struct sut_composer *c, const struct sut_frag *frag,
				   uint64_t skip)
{
	struct sut_frag_name name = sut_frag_name(frag);

	if (is_too_short(frag))
		return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "entry-too-short",
				       name.text,
				       "the old function has %lu bytes where the jump to the new "
				       "one needs %lu; install the update and restart",
				       (unsigned long)(frag->room - frag->start),
				       (unsigned long)(skip + jump_size));
	if (is_entered_inside(c->old, frag))
		return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "branch-into-entry",
				       name.text,
				       "old code branches back into the first bytes, where the "
				       "jump would stand; install the update and restart");
	return NULL;
}

// Words that the program may write and that point into the middle of code that
// is replaced: they would lead from new code back into old code.
static struct sut_err *check_inner_pointers(struct sut_composer *c)
{
	const struct sut_image *image = c->old->image;

	for (size_t i = 0; i < image->n_relocs; i++) {
		const struct sut_reloc *r = &image->relocs[i];
		struct sut_place place, holder;

		if (r->symbol || !r->addend)
			continue;
		sut_place_find(c->old, r->addend, &place);
		if (place.kind != SUT_PLACE_INSIDE || !c->replaced[place.frag->unit])
			continue;
		sut_place_find(c->old, r->vaddr, &holder);
		if (holder.kind == SUT_PLACE_RELRO || holder.kind == SUT_PLACE_SLOT)
			continue;
		struct sut_err *err = sut_reasons_add(
			c->reasons, SUT_SEVERITY_REFUSAL, "inner-pointer",
			sut_frag_name(place.frag).text,
			"the variable at 0x%lx points into the middle of the function; "
			"install the update and restart",
			(unsigned long)r->vaddr);
		if (err)
			return err;
	}
	return NULL;
}

// Calls from other functions into the middle of code that is replaced.
static struct sut_err *check_inner_calls(struct sut_composer *c)
{
	for (size_t i = 0; i < c->old->n_frags; i++) {
		const struct sut_frag *frag = &c->old->frags[i];
		for (size_t r = 0; r < frag->n_refs; r++) {
			const struct sut_ref *ref = &c->old->refs[frag->first_ref + r];
			const struct sut_frag *to = sut_program_frag_at(c->old, ref->target);
			if (!to || to->start == ref->target || to->unit == frag->unit ||
			    !c->replaced[to->unit])
				continue;
			struct sut_err *err = sut_reasons_add(
				c->reasons, SUT_SEVERITY_REFUSAL, "inner-pointer",
				sut_frag_name(to).text,
				"code at 0x%lx refers to the middle of the function; install "
				"the update and restart",
				(unsigned long)(frag->start + ref->off));
			if (err)
				return err;
		}
	}
	return NULL;
}

static uint64_t range_end(const struct sut_frag *frag)
{
	uint64_t least = frag->start + (starts_with_endbr(frag) ? 4 : 0) + jump_size;

	return frag->is_called && frag->end < least ? least : frag->end;
}

static struct sut_err *add_range(struct sut_composer *c, const struct sut_frag *frag,
				 uint32_t function, size_t *capacity)
{
	struct sut_patch_range range = {
		.vaddr = frag->start,
		.size = range_end(frag) - frag->start,
		.function = function,
	};
	struct sut_view bytes;
	struct sut_err *err =
		sut_array_grow(&c->patch.ranges, c->patch.n_ranges, capacity, sizeof(range));

	if (!err && !sut_image_bytes(c->old->image, range.vaddr, range.size, &bytes))
		err = sut_err(SUT_E_FORMAT, "code at 0x%lx is not in the file",
			      (unsigned long)range.vaddr);
	if (!err)
		err = sut_sha256(bytes, &range.digest);
	if (err)
		return err;
	c->patch.ranges[c->patch.n_ranges++] = range;
	c->patch.functions[function].old_size += range.size;
	return NULL;
}

// Bytes of the new unit that belong to the entry at new fragment n: the fragment
// itself, and the parts that are no entries of their own.
static uint64_t new_size(const struct sut_composer *c, uint32_t n, bool is_first)
{
	const struct sut_unit *unit = &c->new->units[c->new->frags[n].unit];
	uint64_t size = c->new->frags[n].code.size;

	for (size_t m = 0; m < unit->n_members && is_first; m++) {
		uint32_t other = c->new->members[unit->first_member + m];
		if (other != n && !c->new->frags[other].is_called)
			size += c->new->frags[other].code.size;
	}
	return size;
}

// May something beside calls and jumps of known code lead to the entry: a stored
// pointer, a symbol that others import?
static bool is_pointed_to(const struct sut_composer *c, const struct sut_frag *frag)
{
	const struct sut_image *image = c->old->image;

	if (frag->is_named || frag->start == image->entry || frag->start == image->init ||
	    frag->start == image->fini)
		return true;
	for (size_t i = 0; i < image->n_relocs; i++)
		if (!image->relocs[i].symbol && (uint64_t)image->relocs[i].addend == frag->start)
			return true;
	for (size_t i = 0; i < c->old->n_refs; i++)
		if (c->old->refs[i].target == frag->start &&
		    (c->old->refs[i].kind == SUT_REF_MEMORY ||
		     c->old->refs[i].kind == SUT_REF_ABSOLUTE))
			return true;
	return image->type == ET_EXEC;
}

// An entry that the new build does not have: when only calls lead to it, all of them
// stand in code that changed with it, and it dies out. A stored pointer would go on
// leading to the old code.
static struct sut_err *note_gone(struct sut_composer *c, const struct sut_frag *frag)
{
	if (!is_pointed_to(c, frag))
		return sut_reasons_add(
			c->reasons, SUT_SEVERITY_NOTE, "dies-out", sut_frag_name(frag).text,
			"the new build does not have this part of a changed function; "
			"no new code leads to it, and it stays as it is");
	return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "entry-gone",
			       sut_frag_name(frag).text,
			       "this entry of a changed function has no counterpart in the new "
			       "build, and stored pointers may lead to it; install the update and "
			       "restart");
}

static bool has_successor(const struct sut_composer *c, uint32_t o)
{
	uint32_t n = c->resolver->diff->pair->to_new[o];

	return n != SUT_NO_MATCH && c->frag_off[n] != SUT_NOWHERE;
}

static struct sut_err *add_function(struct sut_composer *c, uint32_t o, bool is_first,
				    size_t *capacity)
{
	const struct sut_frag *frag = &c->old->frags[o];
	struct sut_frag_name name = sut_frag_name(frag);
	uint32_t n = c->resolver->diff->pair->to_new[o];
	struct sut_patch_function f = {
		.vaddr = frag->start,
		.entry_skip = starts_with_endbr(frag) ? 4 : 0,
	};
	struct sut_err *err;

	if (!has_successor(c, o))
		return note_gone(c, frag);
	err = check_entry(c, frag, f.entry_skip);
	if (err || sut_reasons_refuse(c->reasons))
		return err;
	f.new_size = new_size(c, n, is_first);
	struct sut_frag_name carried =
		sut_frag_name(c->new->frags[n].name ? &c->new->frags[n] : frag);
	err = sut_composer_symbol(c,
				  (struct sut_patch_symbol){
					  .name = carried.text,
					  .where = SUT_WHERE_PART,
					  .part = c->part_index[SUT_PART_TEXT],
					  .value = c->frag_off[n],
					  .type = 2, // STT_FUNC
				  },
				  &f.symbol);
	if (!err)
		err = sut_array_grow(&c->patch.functions, c->patch.n_functions, capacity,
				     sizeof(f));
	if (err)
		return err;
	f.name = strdup(name.text);
	if (!f.name)
		return sut_err_nomem();
	c->patch.functions[c->patch.n_functions++] = f;
	return NULL;
}

/** How many elements fit into the tables. */
struct capacities {
	size_t functions, ranges;
};

static struct sut_err *add_unit(struct sut_composer *c, const struct sut_unit *unit,
				struct capacities *capacity)
{
	size_t first = c->patch.n_functions;
	struct sut_err *err = NULL;

	for (size_t m = 0; m < unit->n_members && !err; m++) {
		uint32_t o = c->old->members[unit->first_member + m];
		if (c->old->frags[o].is_called)
			err = add_function(c, o, c->patch.n_functions == first,
					   &capacity->functions);
	}
	// Nothing enters it: dead code.
	if (c->patch.n_functions == first || sut_reasons_refuse(c->reasons))
		return err;
	for (size_t m = 0, at = first; m < unit->n_members && !err; m++) {
		const struct sut_frag *frag =
			&c->old->frags[c->old->members[unit->first_member + m]];
		uint32_t o = frag - c->old->frags;
		bool is_entry = frag->is_called && has_successor(c, o);
		// What dies out is left alone: old code may run in it for ever.
		if (frag->is_called && !is_entry)
			continue;
		err = add_range(c, frag, is_entry ? at++ : first, &capacity->ranges);
	}
	return err;
}

static int by_range(const void *a, const void *b)
{
	const struct sut_patch_range *x = a, *y = b;

	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

/** A function and where it stood, while the table is being sorted. */
struct moved {
	struct sut_patch_function function;
	uint32_t from;
};

static int by_function(const void *a, const void *b)
{
	const struct moved *x = a, *y = b;

	return x->function.vaddr < y->function.vaddr ? -1 : x->function.vaddr > y->function.vaddr;
}

static struct sut_err *sort_tables(struct sut_composer *c)
{
	struct sut_patch *patch = &c->patch;
	_cleanup_free_ struct moved *moved = calloc(patch->n_functions + 1, sizeof(*moved));
	_cleanup_free_ uint32_t *to = calloc(patch->n_functions + 1, sizeof(*to));

	if (!moved || !to)
		return sut_err_nomem();
	for (size_t i = 0; i < patch->n_functions; i++)
		moved[i] = (struct moved){ patch->functions[i], i };
	sut_array_sort(moved, patch->n_functions, sizeof(*moved), by_function);
	for (size_t i = 0; i < patch->n_functions; i++) {
		patch->functions[i] = moved[i].function;
		to[moved[i].from] = i;
	}
	for (size_t i = 0; i < patch->n_ranges; i++)
		patch->ranges[i].function = to[patch->ranges[i].function];
	if (patch->n_ranges)
		sut_array_sort(patch->ranges, patch->n_ranges, sizeof(*patch->ranges), by_range);
	return NULL;
}

struct sut_err *sut_composer_entries(struct sut_composer *c)
{
	struct capacities capacity = { 0 };
	struct sut_err *err = check_inner_pointers(c);

	if (!err)
		err = check_inner_calls(c);
	for (size_t u = 0; u < c->old->n_units && !err; u++)
		if (c->replaced[u])
			err = add_unit(c, &c->old->units[u], &capacity);
	return err ? err : sort_tables(c);
}
