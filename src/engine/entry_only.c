// SPDX-License-Identifier: Apache-2.0
#include "engine/entry_only.h"

#include <elf.h>
#include <stdint.h>

#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/judge.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "patch/patch.h"

/** One side of the change. */
struct side {
	const struct sut_program *program;
	const struct sut_unit *unit;
	uint64_t entry; /**< Link-time address. */
};

/** Bytes that endbr64 and the redirect take. */
enum { ENTRY_SIZE = 9 };

static const struct sut_frag *member(const struct side *side, size_t m)
{
	return &side->program->frags[side->program->members[side->unit->first_member + m]];
}

// One function for another, and nothing beside.
static bool is_alone(const struct sut_patch *patch)
{
	if (patch->n_functions != 1)
		return false;
	for (size_t i = 0; i < patch->n_parts; i++)
		if (patch->parts[i].flags & SHF_WRITE)
			return false;
	for (size_t i = 0; i < patch->n_symbols; i++)
		if (patch->symbols[i].where == SUT_WHERE_PART &&
		    patch->symbols[i].type == STT_FUNC && patch->functions[0].symbol != i)
			return false;
	return true;
}

// Is every function that changed replaced, or left for no reason but line numbers?
static bool is_complete(const struct sut_diff *diff, const struct sut_judgement *judgement)
{
	for (size_t u = 0; u < diff->pair->old->n_units; u++)
		if (diff->old_units[u].change != SUT_CHANGE_NONE && !judgement->replaced[u] &&
		    !judgement->cosmetic[u])
			return false;
	return true;
}

static bool has_sign(const struct sut_reasons *reasons)
{
	for (size_t i = 0; i < reasons->n; i++)
		if (reasons->list[i].severity != SUT_SEVERITY_NOTE)
			return true;
	return false;
}

static struct sut_view code_of(const struct sut_frag *frag, const struct sut_insn *insn)
{
	return (struct sut_view){ frag->code.data + insn->off, insn->size };
}

// Branches inside of a fragment are not among the references.
static bool returns_to_entry(const struct side *side)
{
	for (size_t m = 0; m < side->unit->n_members; m++) {
		const struct sut_frag *frag = member(side, m);
		for (size_t i = 0; i < frag->n_insns; i++) {
			const struct sut_insn *insn = &side->program->insns[frag->first_insn + i];
			uint64_t next = frag->start + insn->off + insn->size;
			uint64_t to = next + sut_insn_imm(insn, frag->code);
			bool is_direct = insn->flow == SUT_FLOW_JUMP ||
					 insn->flow == SUT_FLOW_COND || insn->flow == SUT_FLOW_CALL;
			if (is_direct && to - side->entry < ENTRY_SIZE)
				return true;
		}
		for (size_t r = 0; r < frag->n_refs; r++)
			if (side->program->refs[frag->first_ref + r].target - side->entry <
			    ENTRY_SIZE)
				return true;
	}
	return false;
}

static bool has_effect(const struct side *side, enum sut_effect wanted, int64_t distance)
{
	for (size_t m = 0; m < side->unit->n_members; m++) {
		const struct sut_frag *frag = member(side, m);
		for (size_t i = 0; i < frag->n_insns; i++) {
			const struct sut_insn *insn = &side->program->insns[frag->first_insn + i];
			int64_t at;
			if (sut_insn_effect(code_of(frag, insn), &at) == wanted && at == distance)
				return true;
		}
	}
	return false;
}

// Does @p a do nothing to the rest of the program that @p b does not, too?
static bool has_no_more_effects(const struct side *a, const struct side *b)
{
	for (size_t m = 0; m < a->unit->n_members; m++) {
		const struct sut_frag *frag = member(a, m);
		for (size_t i = 0; i < frag->n_insns; i++) {
			const struct sut_insn *insn = &a->program->insns[frag->first_insn + i];
			int64_t at;
			enum sut_effect effect = sut_insn_effect(code_of(frag, insn), &at);
			if (effect == SUT_EFFECT_UNKNOWN ||
			    (effect != SUT_EFFECT_NONE && !has_effect(b, effect, at)))
				return false;
		}
	}
	return true;
}

static bool is_inside(const struct side *side, uint64_t vaddr)
{
	const struct sut_frag *frag = sut_program_frag_at(side->program, vaddr);

	return frag && &side->program->units[frag->unit] == side->unit;
}

static bool is_read_only(const struct side *side, uint64_t vaddr)
{
	struct sut_place place;

	sut_place_find(side->program, vaddr, &place);
	return place.kind == SUT_PLACE_RODATA || place.kind == SUT_PLACE_TABLE;
}

static bool refers(const struct sut_pair *pair, const struct side *side, uint64_t vaddr,
		   bool is_old)
{
	for (size_t m = 0; m < side->unit->n_members; m++) {
		const struct sut_frag *frag = member(side, m);
		for (size_t r = 0; r < frag->n_refs; r++) {
			uint64_t target = side->program->refs[frag->first_ref + r].target;
			if (is_old ? sut_address_same(pair, target, vaddr)
				   : sut_address_same(pair, vaddr, target))
				return true;
		}
	}
	return false;
}

// Does @p a refer to nothing but constants that @p b does not refer to?
static bool has_no_more_references(const struct sut_pair *pair, const struct side *a,
				   const struct side *b, bool is_b_old)
{
	for (size_t m = 0; m < a->unit->n_members; m++) {
		const struct sut_frag *frag = member(a, m);
		for (size_t r = 0; r < frag->n_refs; r++) {
			uint64_t target = a->program->refs[frag->first_ref + r].target;
			if (is_inside(a, target) || is_read_only(a, target) ||
			    refers(pair, b, target, is_b_old))
				continue;
			return false;
		}
	}
	return true;
}

static bool is_known(const struct side *side)
{
	if (side->unit->has_unknown_jump || side->unit->never_returns)
		return false;
	for (size_t m = 0; m < side->unit->n_members; m++)
		if (member(side, m)->is_opaque)
			return false;
	return true;
}

bool sut_entry_only_prove(const struct sut_diff *diff, const struct sut_judgement *judgement,
			  const struct sut_reasons *reasons, const struct sut_patch *patch)
{
	const struct sut_pair *pair = diff->pair;

	if (!is_alone(patch) || has_sign(reasons) || judgement->needs_reload ||
	    !is_complete(diff, judgement))
		return false;
	const struct sut_frag *entry = sut_program_frag_at(pair->old, patch->functions[0].vaddr);
	uint32_t n = entry ? pair->to_new[entry - pair->old->frags] : SUT_NO_MATCH;
	if (n == SUT_NO_MATCH)
		return false;
	const struct sut_frag *to = &pair->new->frags[n];
	const struct side old = { pair->old, &pair->old->units[entry->unit], entry->start };
	const struct side new = { pair->new, &pair->new->units[to->unit], to->start };
	return is_known(&old) && is_known(&new) && !returns_to_entry(&old) &&
	       !returns_to_entry(&new) && has_no_more_effects(&new, &old) &&
	       has_no_more_effects(&old, &new) && has_no_more_references(pair, &new, &old, true) &&
	       has_no_more_references(pair, &old, &new, false);
}
