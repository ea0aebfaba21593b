// SPDX-License-Identifier: Apache-2.0

/**
 * Signs of a changed structure
 *
 * A field that is inserted or widened shifts the displacements of those behind it
 * in every function that uses them; a moved bit-field changes masks; a field at
 * the end shows in allocation sizes only. One function alone may differ so because
 * it was rewritten; two that differ alike, or one that differs in nothing else,
 * speak of a structure.
 */

#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/explain.h"
#include "diff/judge.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "diff/signs.h"
#include "elf/image.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

/** The largest growth of an allocation that is taken for new fields. */
static const int64_t max_growth = 65536;

static bool counts(const struct sut_evidence *e, uint32_t u)
{
	enum sut_change change = e->diff->old_units[u].change;

	return change != SUT_CHANGE_NONE && change != SUT_CHANGE_REMOVED &&
	       !e->judgement->cosmetic[u];
}

static size_t kept(size_t n)
{
	return n < SUT_MAX_SHIFTS ? n : SUT_MAX_SHIFTS;
}

static bool has_shift(const struct sut_shift *list, size_t n, struct sut_shift wanted)
{
	for (size_t i = 0; i < kept(n); i++)
		if (list[i].from == wanted.from && list[i].to == wanted.to)
			return true;
	return false;
}

// Two instructions that changed places shift one way and back.
static bool is_swapped(const struct sut_shift *list, size_t n, struct sut_shift shift)
{
	return has_shift(list, n, (struct sut_shift){ shift.to, shift.from });
}

// In how many other changed units does the same displacement shift alike?
static size_t count_alike(const struct sut_evidence *e, uint32_t u, struct sut_shift shift)
{
	size_t n = 0;

	for (size_t o = 0; o < e->diff->pair->old->n_units; o++)
		if (o != u && counts(e, o) &&
		    has_shift(e->why[o].offsets, e->why[o].n_offsets, shift))
			n++;
	return n;
}

static bool calls_import(const struct sut_program *p, uint32_t u, const char *name)
{
	const struct sut_unit *unit = &p->units[u];

	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *frag = &p->frags[p->members[unit->first_member + m]];
		for (size_t i = 0; i < frag->n_refs; i++) {
			struct sut_place place;
			sut_place_find(p, p->refs[frag->first_ref + i].target, &place);
			const struct sut_symbol *symbol = sut_place_symbol(p, place.reloc);
			if (symbol && strcmp(symbol->name, name) == 0)
				return true;
		}
	}
	return false;
}

// Thread-local variables: their offsets are counted from the thread's segment.
static struct sut_err *find_threads(const struct sut_evidence *e, uint32_t u)
{
	const struct sut_explanation *why = &e->why[u];
	char name[128];

	if (!why->n_threads || is_swapped(why->threads, why->n_threads, why->threads[0]))
		return NULL;
	return sut_reasons_add(
		e->reasons, SUT_SEVERITY_SIGN, "layout",
		sut_unit_name(e->diff->pair->old, u, name, sizeof(name)),
		"the thread-local variable at %ld seems to be the one at %ld now: if "
		"their layout changed, threads that run have the old one",
		(long)why->threads[0].from, (long)why->threads[0].to);
}

static struct sut_err *find_offsets(const struct sut_evidence *e, uint32_t u)
{
	const struct sut_explanation *why = &e->why[u];
	char name[128];

	for (size_t i = 0; i < kept(why->n_offsets); i++) {
		struct sut_shift shift = why->offsets[i];
		if (is_swapped(why->offsets, why->n_offsets, shift) || shift.from == shift.to)
			continue;
		size_t n_alike = count_alike(e, u, shift);
		if (!why->is_same_skeleton && !n_alike &&
		    !calls_import(e->diff->pair->old, u, "__tls_get_addr"))
			continue;
		return sut_reasons_add(
			e->reasons, SUT_SEVERITY_SIGN, "layout",
			sut_unit_name(e->diff->pair->old, u, name, sizeof(name)),
			"offset 0x%lx became 0x%lx (%zu such displacements here, the same "
			"shift in %zu more functions): a structure changed its layout, and "
			"objects that live now have the old one; debug data, or knowing that "
			"none outlives the patch, settles it",
			(unsigned long)shift.from, (unsigned long)shift.to, why->n_offsets,
			n_alike);
	}
	return NULL;
}

static struct sut_err *find_masks(const struct sut_evidence *e, uint32_t u)
{
	const struct sut_explanation *why = &e->why[u];
	char name[128];

	for (size_t i = 0; i < kept(why->n_masks); i++) {
		size_t n_alike = 0;
		for (size_t o = 0; o < e->diff->pair->old->n_units; o++)
			n_alike += o != u && counts(e, o) && e->why[o].n_masks;
		if (!n_alike)
			continue;
		return sut_reasons_add(
			e->reasons, SUT_SEVERITY_SIGN, "layout",
			sut_unit_name(e->diff->pair->old, u, name, sizeof(name)),
			"bit mask 0x%lx became 0x%lx, and masks changed in %zu more functions: "
			"a bit-field moved, and objects that live now have the old layout; "
			"debug data, or knowing that none outlives the patch, settles it",
			(unsigned long)why->masks[i].from, (unsigned long)why->masks[i].to,
			n_alike);
	}
	return NULL;
}

static bool has_displacement(const struct sut_program *p, uint32_t u, int64_t low, int64_t high)
{
	const struct sut_unit *unit = &p->units[u];

	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *frag = &p->frags[p->members[unit->first_member + m]];
		for (size_t i = 0; i < frag->n_insns; i++) {
			const struct sut_insn *insn = &p->insns[frag->first_insn + i];
			if (!insn->disp_size || insn->base >= 16 || insn->base == 4)
				continue;
			int64_t disp = sut_insn_disp(insn, frag->code);
			if (disp >= low && disp < high)
				return true;
		}
	}
	return false;
}

// Does new code reach into [low, high) of some structure where the old did not?
static bool reaches(const struct sut_evidence *e, int64_t low, int64_t high)
{
	const struct sut_pair *pair = e->diff->pair;

	for (uint32_t u = 0; u < pair->old->n_units; u++)
		if (counts(e, u) && !has_displacement(pair->old, u, low, high) &&
		    has_displacement(pair->new, e->diff->old_units[u].other, low, high))
			return true;
	return false;
}

static bool scales_by(const struct sut_program *p, uint32_t u, int64_t factor)
{
	const struct sut_unit *unit = &p->units[u];

	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *frag = &p->frags[p->members[unit->first_member + m]];
		for (size_t i = 0; i < frag->n_insns; i++) {
			const struct sut_insn *insn = &p->insns[frag->first_insn + i];
			int64_t value = sut_insn_imm(insn, frag->code);
			if (insn->mnemonic == ZYDIS_MNEMONIC_SHL && value > 0 && value < 32)
				value = INT64_C(1) << value;
			else if (insn->mnemonic != ZYDIS_MNEMONIC_IMUL)
				continue;
			if (value == factor)
				return true;
		}
	}
	return false;
}

// An element of an array that grew: one function steps by the new size instead of
// the old, another one no longer multiplies by the old.
static struct sut_err *find_stride(const struct sut_evidence *e, uint32_t u)
{
	const struct sut_explanation *why = &e->why[u];
	const struct sut_pair *pair = e->diff->pair;
	char name[128];

	for (size_t i = 0; i < kept(why->n_constants); i++) {
		struct sut_shift shift = why->constants[i];
		if (shift.from < 8 || shift.to <= shift.from || shift.to - shift.from > max_growth)
			continue;
		for (uint32_t o = 0; o < pair->old->n_units; o++) {
			if (o == u || !counts(e, o) || !scales_by(pair->old, o, shift.from) ||
			    scales_by(pair->new, e->diff->old_units[o].other, shift.from))
				continue;
			return sut_reasons_add(
				e->reasons, SUT_SEVERITY_SIGN, "layout",
				sut_unit_name(pair->old, u, name, sizeof(name)),
				"elements of an array seem to take %ld bytes instead of %ld: "
				"arrays that live now have the old size; debug data, or knowing "
				"that none outlives the patch, settles it",
				(long)shift.to, (long)shift.from);
		}
	}
	return NULL;
}

static struct sut_err *add_allocation(const struct sut_evidence *e, uint32_t u,
				      struct sut_shift shift, const char *evidence)
{
	char name[128];

	return sut_reasons_add(e->reasons, SUT_SEVERITY_SIGN, "allocation",
			       sut_unit_name(e->diff->pair->old, u, name, sizeof(name)),
			       "%s %ld became %ld: objects allocated before the patch have the "
			       "old size; debug data, or knowing that none outlives the patch, "
			       "settles it",
			       evidence, (long)shift.from, (long)shift.to);
}

static struct sut_err *find_allocations(const struct sut_evidence *e, uint32_t u)
{
	const struct sut_explanation *why = &e->why[u];

	for (size_t i = 0; i < kept(why->n_sizes); i++)
		if (!is_swapped(why->sizes, why->n_sizes, why->sizes[i]))
			return add_allocation(e, u, why->sizes[i], "the allocation size");
	for (size_t i = 0; i < kept(why->n_arguments); i++) {
		struct sut_shift shift = why->arguments[i];
		if (shift.from >= 16 && shift.to > shift.from &&
		    shift.to - shift.from <= max_growth && reaches(e, shift.from, shift.to))
			return add_allocation(e, u, shift,
					      "new code uses offsets behind the old end of what "
					      "seems to be a structure: the size handed to a "
					      "function,");
	}
	return NULL;
}

// Did another constant of the unit become what this one was, or the other way round, by
// the same step? So do values behind one that was inserted; larger ones are rather lines.
static bool is_chained(const struct sut_explanation *why, struct sut_shift shift)
{
	/** Enumerations hardly have more members. */
	static const int64_t most = 128;

	for (size_t i = 0; i < kept(why->n_constants) && shift.from >= 0 && shift.from < most;
	     i++) {
		struct sut_shift other = why->constants[i];
		if (other.from == shift.to && other.to - other.from == shift.to - shift.from)
			return true;
	}
	return false;
}

static struct sut_err *find_constants(const struct sut_evidence *e, uint32_t u)
{
	const struct sut_explanation *why = &e->why[u];
	char name[128];

	for (size_t i = 0; i < kept(why->n_constants); i++) {
		struct sut_shift shift = why->constants[i];
		size_t n_alike = 0;
		if (!why->is_same_skeleton || is_swapped(why->constants, why->n_constants, shift))
			continue;
		for (size_t o = 0; o < e->diff->pair->old->n_units; o++)
			n_alike += o != u && counts(e, o) &&
				   (has_shift(e->why[o].constants, e->why[o].n_constants, shift) ||
				    has_shift(e->why[o].arguments, e->why[o].n_arguments, shift));
		if (!n_alike && !is_chained(why, shift))
			continue;
		return sut_reasons_add(
			e->reasons, SUT_SEVERITY_SIGN, "constants",
			sut_unit_name(e->diff->pair->old, u, name, sizeof(name)),
			"the constant %ld became %ld here and in %zu more functions: if it is "
			"a renumbered enumeration, values stored before the patch mean "
			"something else now",
			(long)shift.from, (long)shift.to, n_alike);
	}
	return NULL;
}

// Does code of the new program refer to an address in (low, high)?
static bool is_referred_to(const struct sut_program *new, uint64_t low, uint64_t high)
{
	return sut_program_next_target(new, low) < high;
}

// A static object that grew: the gap behind it did, nobody refers to the new part by
// address, and new code reaches there by an offset.
static struct sut_err *find_static_growth(const struct sut_evidence *e)
{
	const struct sut_map *map = &e->diff->pair->forward;
	const struct sut_pair *pair = e->diff->pair;
	struct sut_err *err = NULL;

	for (size_t i = 0; i + 1 < map->n_entries && !err; i++) {
		const struct sut_map_entry *a = &map->entries[i], *b = a + 1;
		int64_t old_gap = b->from - a->from, new_gap = b->to - a->to;
		struct sut_place place;
		char name[32];

		sut_place_find(pair->old, a->from, &place);
		if ((place.kind != SUT_PLACE_DATA && place.kind != SUT_PLACE_BSS) ||
		    b->to <= a->to || new_gap <= old_gap || old_gap < 16 ||
		    sut_image_section_at(pair->new->image, a->to) !=
			    sut_image_section_at(pair->new->image, b->to) ||
		    is_referred_to(pair->new, a->to, b->to) || !reaches(e, old_gap - 15, new_gap))
			continue;
		snprintf(name, sizeof(name), "data_%lx", (unsigned long)a->from);
		err = sut_reasons_add(
			e->reasons, SUT_SEVERITY_SIGN, "layout", name,
			"the variable at 0x%lx seems to have grown: %ld bytes up to the next one "
			"became %ld, and new code uses offsets there, which hold something else "
			"in processes that run now",
			(unsigned long)a->from, (long)old_gap, (long)new_gap);
	}
	return err;
}

struct sut_err *sut_signs_layout(const struct sut_evidence *e)
{
	struct sut_err *err = NULL;

	for (uint32_t u = 0; u < e->diff->pair->old->n_units && !err; u++) {
		if (!counts(e, u))
			continue;
		size_t before = e->reasons->n;
		err = find_offsets(e, u);
		if (!err)
			err = find_threads(e, u);
		if (!err && e->reasons->n == before)
			err = find_masks(e, u);
		if (!err && e->reasons->n == before)
			err = find_stride(e, u);
		if (!err)
			err = find_allocations(e, u);
		before = e->reasons->n;
		if (!err)
			err = find_constants(e, u);
		if (!err && e->reasons->n == before)
			err = sut_signs_values(e, u);
	}
	return err ? err : find_static_growth(e);
}
