// SPDX-License-Identifier: Apache-2.0

/**
 * Addresses of read-only data that are compared
 *
 * `for (p = table; p != table + N; p++)` takes the address of what happens to stand
 * behind the table. If that has moved another way than the table did, the loop would
 * never end; and an object that travels as a copy is never equal to the one that
 * pointers in the process lead to. Where an address that is compared could mean two
 * things, it does not resolve.
 */

#include <Zydis/Zydis.h>

#include "code/insn.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "diff/resolve.h"
#include "engine/compose.h"
#include "engine/compose_parts.h"

// Is the register that instruction `at` loads compared before it is written again?
static bool is_compared(const struct sut_program *p, const struct sut_frag *frag, size_t at)
{
	const struct sut_insn *insns = p->insns + frag->first_insn;
	uint8_t reg = insns[at].reg != 255 ? insns[at].reg : insns[at].rm_reg;

	for (size_t i = at + 1; i < frag->n_insns; i++) {
		const struct sut_insn *insn = &insns[i];
		struct sut_view code;

		if (insn->mnemonic == ZYDIS_MNEMONIC_CMP &&
		    (insn->reg == reg || insn->rm_reg == reg) && !insn->imm_size)
			return true;
		if (insn->flow != SUT_FLOW_NEXT)
			continue; // Calls keep some registers; branches keep all.
		if (sut_view_cut(frag->code, insn->off, insn->size, &code) &&
		    sut_insn_writes(code, reg))
			return false;
	}
	return false;
}

// How far the mapped object that ends at or before `vaddr` has moved.
static bool find_move_before(const struct sut_map *map, uint64_t vaddr, uint64_t *ret)
{
	size_t below = vaddr ? sut_map_below(map, vaddr - 1) : map->n_entries;

	if (below == map->n_entries)
		return false;
	*ret = map->entries[below].to - map->entries[below].from;
	return true;
}

static bool is_ambiguous(const struct sut_composer *c, const struct sut_link *link,
			 uint64_t vaddr)
{
	uint64_t move;

	if (link->kind == SUT_LINK_COPY)
		return true;
	if (link->kind != SUT_LINK_OLD)
		return false;
	return find_move_before(&c->resolver->diff->pair->backward, vaddr, &move) &&
	       vaddr + move != link->value;
}

struct sut_err *sut_composer_check_compared(struct sut_composer *c, const struct sut_frag *frag,
					    const struct sut_ref *ref,
					    const struct sut_link *link)
{
	struct sut_place place;

	if (!ref->is_lea || !is_ambiguous(c, link, ref->target))
		return NULL;
	sut_place_find(c->new, ref->target, &place);
	if ((place.kind != SUT_PLACE_RODATA && place.kind != SUT_PLACE_RELRO) ||
	    !is_compared(c->new, frag, ref->insn))
		return NULL;
	c->stats->n_unresolved++;
	return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "unresolved",
			       sut_frag_name(frag).text,
			       "the new code compares a pointer with the address 0x%lx, which may be "
			       "the end of one object or the start of the next, and these have moved "
			       "apart; install the update and restart",
			       (unsigned long)ref->target);
}
