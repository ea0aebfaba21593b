// SPDX-License-Identifier: Apache-2.0

/**
 * Jump tables
 *
 * Compilers turn a switch into an indirect jump through a table in read-only
 * data. In position-independent code an entry is the 32-bit distance of a case
 * from the table (`lea table(%rip), %rb; movslq (%rb,%ri,4), %ra; add %rb, %ra;
 * jmp *%ra`), elsewhere it may be a 64-bit address (`jmp *table(,%ri,8)`). A
 * table is believed when at least its first two entries lead to instructions of
 * the code that uses it.
 */

#include <Zydis/Zydis.h>
#include <stdlib.h>

#include "base/buf.h"
#include "code/parts.h"
#include "code/place.h"
#include "code/program.h"

/** The longest table that is looked at; compilers stay far below. */
static const uint32_t max_entries = 65536;

static bool has_indirect_jump(const struct sut_program *p, const struct sut_frag *frag)
{
	for (size_t i = 0; i < frag->n_insns; i++)
		if (p->insns[frag->first_insn + i].flow == SUT_FLOW_INDIRECT_JUMP)
			return true;
	return false;
}

// May code of fragment `user` jump to vaddr through a table? `is_sure`: the entry
// belongs to this table and to no other.
static bool leads_home(const struct sut_program *p, struct sut_groups *g, size_t user,
		       uint64_t vaddr, bool is_sure)
{
	const struct sut_frag *to = sut_program_frag_at(p, vaddr);

	if (!to || to->is_plt || !sut_frag_is_boundary(p, to, vaddr))
		return false;
	if (sut_groups_same(g, user, to - p->frags))
		return true;
	// A cold part that only the table leads to.
	return !to->is_called && (is_sure || vaddr == to->start);
}

static uint32_t count_entries(const struct sut_program *p, struct sut_groups *g,
			      size_t user, const struct sut_jump_table *table)
{
	uint64_t limit = (sut_program_next_target(p, table->vaddr) - table->vaddr) /
			 table->entry_size;
	uint32_t n = 0;

	while (n < max_entries) {
		uint64_t to = sut_jump_table_entry(p, table, n);
		// A cold part is entered by its table, not shared with another.
		if (!to || !leads_home(p, g, user, to, n < limit))
			break;
		n++;
	}
	return n;
}

static struct sut_err *add_table(struct sut_program *p, struct sut_groups *g,
				 size_t user, uint64_t vaddr, uint8_t entry_size,
				 size_t *capacity)
{
	struct sut_jump_table table = {
		.vaddr = vaddr,
		.unit = user,
		.entry_size = entry_size,
	};

	table.n_entries = count_entries(p, g, user, &table);
	if (table.n_entries < 2)
		return NULL;
	struct sut_err *err =
		sut_array_grow(&p->tables, p->n_tables, capacity, sizeof(table));
	if (err)
		return err;
	for (uint32_t i = 0; i < table.n_entries; i++) {
		uint64_t to = sut_jump_table_entry(p, &table, i);
		sut_groups_merge(g, user, sut_program_frag_at(p, to) - p->frags);
	}
	p->tables[p->n_tables++] = table;
	return NULL;
}

static struct sut_err *find_in_frag(struct sut_program *p, struct sut_groups *g,
				    size_t user, size_t *capacity)
{
	const struct sut_frag *frag = &p->frags[user];

	for (size_t r = 0; r < frag->n_refs; r++) {
		const struct sut_ref *ref = &p->refs[frag->first_ref + r];
		const struct sut_insn *insn = &p->insns[frag->first_insn + ref->insn];
		struct sut_place place;
		uint8_t entry_size = 4;

		if (ref->kind == SUT_REF_ABSOLUTE && !ref->is_lea)
			entry_size = 8;
		else if (!ref->is_lea)
			continue;
		if (entry_size == 8 && insn->flow != SUT_FLOW_INDIRECT_JUMP &&
		    insn->mnemonic != ZYDIS_MNEMONIC_MOV)
			continue;
		sut_place_find(p, ref->target, &place);
		if (place.kind != SUT_PLACE_RODATA)
			continue;
		struct sut_err *err = add_table(p, g, user, ref->target, entry_size, capacity);
		if (err)
			return err;
	}
	return NULL;
}

static int by_table(const void *a, const void *b)
{
	const struct sut_jump_table *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	return x->n_entries > y->n_entries ? -1 : x->n_entries < y->n_entries;
}

static void sort_tables(struct sut_program *p)
{
	size_t n = 0;

	sut_array_sort(p->tables, p->n_tables, sizeof(*p->tables), by_table);
	for (size_t i = 0; i < p->n_tables; i++)
		if (n == 0 || p->tables[n - 1].vaddr != p->tables[i].vaddr)
			p->tables[n++] = p->tables[i];
	p->n_tables = n;
}

struct sut_err *sut_tables_find(struct sut_program *p, struct sut_groups *g)
{
	size_t capacity = 0;

	// The lea may stand in another fragment of the unit than the jump, so a
	// fragment counts when any of its group has an indirect jump.
	bool *jumps = calloc(p->n_frags + 1, sizeof(*jumps));
	struct sut_err *err = jumps ? NULL : sut_err_nomem();

	for (size_t i = 0; i < p->n_frags && !err; i++)
		jumps[i] = !p->frags[i].is_plt && has_indirect_jump(p, &p->frags[i]);
	for (size_t i = 0; i < p->n_frags && !err; i++)
		if (jumps[i])
			err = find_in_frag(p, g, i, &capacity);
	for (size_t i = 0; i < p->n_frags && !err; i++) {
		const struct sut_frag *frag = &p->frags[i];
		bool has_jumping_partner = false;
		for (size_t r = 0; r < frag->n_refs && !jumps[i] && !frag->is_plt; r++) {
			const struct sut_frag *to = sut_program_frag_at(
				p, p->refs[frag->first_ref + r].target);
			if (to && jumps[to - p->frags] &&
			    sut_groups_same(g, i, to - p->frags))
				has_jumping_partner = true;
		}
		if (has_jumping_partner)
			err = find_in_frag(p, g, i, &capacity);
	}
	free(jumps);
	if (!err && p->n_tables)
		sort_tables(p);
	return err;
}

/** Where the target of an indirect jump comes from. */
enum origin {
	ORIGIN_POINTER, /**< A loaded or passed function pointer: a tail call. */
	ORIGIN_SUM,     /**< A table's address plus an entry. */
	ORIGIN_UNKNOWN,
};

static bool writes(const struct sut_frag *frag, const struct sut_insn *insn, uint8_t reg)
{
	struct sut_view code;

	return sut_view_cut(frag->code, insn->off, insn->size, &code) &&
	       sut_insn_writes(code, reg);
}

// A table's entry is loaded with sign extension and an index: a unit without such
// a load has no table.
static bool loads_entries(const struct sut_program *p, const struct sut_unit *unit)
{
	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *frag = &p->frags[p->members[unit->first_member + m]];
		for (size_t i = 0; i < frag->n_insns; i++) {
			const struct sut_insn *insn = &p->insns[frag->first_insn + i];
			if (insn->mnemonic == ZYDIS_MNEMONIC_MOVSXD && insn->rm_reg == 255)
				return true;
		}
	}
	return false;
}

// psABI, figure 3.4: a called function need not keep them; rax is what it returns.
static bool is_lost_in_calls(uint8_t reg)
{
	return reg <= 2 || (reg >= 6 && reg <= 11);
}

// Look back from the jump for what wrote its register. For a sum, `table` is the
// register of the other summand.
static enum origin find_origin(const struct sut_program *p, const struct sut_frag *frag,
			       size_t at, uint8_t *table)
{
	const struct sut_insn *insns = p->insns + frag->first_insn;
	uint8_t target = insns[at].rm_reg;

	if (target == 255)
		return ORIGIN_POINTER;
	for (size_t i = at; i-- > 0;) {
		const struct sut_insn *insn = &insns[i];
		if (insn->flow != SUT_FLOW_NEXT && insn->flow != SUT_FLOW_NOP &&
		    insn->flow != SUT_FLOW_COND && insn->flow != SUT_FLOW_CALL &&
		    insn->flow != SUT_FLOW_INDIRECT_CALL)
			return loads_entries(p, &p->units[frag->unit]) ? ORIGIN_UNKNOWN :
									 ORIGIN_POINTER;
		if ((insn->flow == SUT_FLOW_CALL || insn->flow == SUT_FLOW_INDIRECT_CALL) &&
		    is_lost_in_calls(target))
			return ORIGIN_POINTER;
		if (!writes(frag, insn, target))
			continue;
		if (insn->mnemonic == ZYDIS_MNEMONIC_ADD && insn->rm_reg != 255 &&
		    !insn->imm_size) {
			*table = insn->rm_reg == target ? insn->reg : insn->rm_reg;
			return ORIGIN_SUM;
		}
		switch (insn->mnemonic) {
		case ZYDIS_MNEMONIC_LEA: // A function's address, or a sum.
			return insn->base == SUT_BASE_RIP || insn->base == SUT_BASE_NONE ?
				       ORIGIN_POINTER :
				       ORIGIN_UNKNOWN;
		case ZYDIS_MNEMONIC_MOV:
		case ZYDIS_MNEMONIC_POP:
		case ZYDIS_MNEMONIC_XOR:
		case ZYDIS_MNEMONIC_ROR: // Unmangling of glibc's stored pointers.
			return ORIGIN_POINTER;
		default:
			return insn->mnemonic >= ZYDIS_MNEMONIC_CMOVB &&
					       insn->mnemonic <= ZYDIS_MNEMONIC_CMOVZ ?
				       ORIGIN_POINTER :
				       ORIGIN_UNKNOWN;
		}
	}
	return ORIGIN_POINTER;
}

static bool has_table_in(const struct sut_program *p, const struct sut_frag *frag,
			 uint8_t reg)
{
	for (size_t r = 0; r < frag->n_refs; r++) {
		const struct sut_ref *ref = &p->refs[frag->first_ref + r];
		const struct sut_insn *insn = &p->insns[frag->first_insn + ref->insn];
		if (!ref->is_lea || (insn->reg != reg && insn->rm_reg != reg))
			continue;
		if (sut_program_table_at(p, ref->target))
			return true;
	}
	return false;
}

enum sut_jump_way sut_tables_judge_jump(const struct sut_program *p, const struct sut_frag *frag,
					size_t at)
{
	const struct sut_unit *unit = &p->units[frag->unit];
	uint8_t reg = 255;

	switch (find_origin(p, frag, at, &reg)) {
	case ORIGIN_POINTER:
		return SUT_JUMP_AWAY;
	case ORIGIN_UNKNOWN:
		return SUT_JUMP_UNKNOWN;
	default:
		break;
	}
	for (size_t m = 0; m < unit->n_members; m++)
		if (has_table_in(p, &p->frags[p->members[unit->first_member + m]], reg))
			return SUT_JUMP_INSIDE;
	return SUT_JUMP_UNKNOWN;
}
