// SPDX-License-Identifier: Apache-2.0
#include "code/follow.h"

#include <Zydis/Zydis.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "code/program.h"

enum { RDX = 2, RSP = 4, RBP = 5, RSI = 6, RDI = 7, R11 = 11 };

/** Where a value can be: 0–15 are the registers, from 16 on places on the stack,
 *  in the order in which the search met them. */
enum { FIRST_PLACE = 16, MAX_HOLDERS = 32 };

/** A place in the stack frame. */
struct place {
	uint8_t base; /**< rsp or rbp. */
	int64_t disp;
};

/** A point to go on from: `holder` has the value before instruction `insn`. */
struct step {
	uint32_t insn;
	uint8_t holder;
};

/** One search. Owns the steps and the marks; borrows the rest. */
struct search {
	const struct sut_program *program;
	const struct sut_frag *frag;
	const struct sut_insn *insns;
	struct place places[MAX_HOLDERS - FIRST_PLACE];
	size_t n_places;
	struct step *steps;
	size_t n_steps, capacity;
	uint32_t *seen; /**< By instruction: bit h says that holder h was followed. */
	unsigned uses;
};

static void search_deinit(struct search *s)
{
	free(s->steps);
	free(s->seen);
}

static struct sut_err *go_on(struct search *s, size_t insn, uint8_t holder)
{
	if (insn >= s->frag->n_insns || holder >= MAX_HOLDERS ||
	    s->seen[insn] & UINT32_C(1) << holder)
		return NULL;
	s->seen[insn] |= UINT32_C(1) << holder;
	struct sut_err *err =
		sut_array_grow(&s->steps, s->n_steps, &s->capacity, sizeof(*s->steps));
	if (!err)
		s->steps[s->n_steps++] = (struct step){ insn, holder };
	return err;
}

// psABI 3.2.1: these registers belong to the called function.
static bool is_lost_in_calls(uint8_t holder)
{
	return holder <= RDX /* rax, rcx, rdx */ || holder == RSI || holder == RDI ||
	       (holder >= 8 && holder <= R11);
}

static bool is_on_stack(const struct sut_insn *insn)
{
	return insn->base == RSP || insn->base == RBP;
}

// The holder that is the memory operand of an instruction on the stack.
static uint8_t find_place(struct search *s, const struct sut_insn *insn)
{
	struct place wanted = { insn->base, sut_insn_disp(insn, s->frag->code) };

	for (size_t i = 0; i < s->n_places; i++)
		if (s->places[i].base == wanted.base && s->places[i].disp == wanted.disp)
			return FIRST_PLACE + i;
	if (s->n_places == MAX_HOLDERS - FIRST_PLACE)
		return MAX_HOLDERS;
	s->places[s->n_places] = wanted;
	return FIRST_PLACE + s->n_places++;
}

static bool has_operand(struct search *s, const struct sut_insn *insn, uint8_t holder)
{
	if (holder < FIRST_PLACE)
		return insn->reg == holder || insn->rm_reg == holder;
	return insn->rm_reg == 255 && is_on_stack(insn) && find_place(s, insn) == holder;
}

static void note_use(struct search *s, const struct sut_insn *insn, uint8_t holder)
{
	if (insn->imm_size || !has_operand(s, insn, holder))
		return;
	if (insn->mnemonic == ZYDIS_MNEMONIC_CMP)
		s->uses |= SUT_USE_COMPARED;
	if (insn->mnemonic == ZYDIS_MNEMONIC_SUB)
		s->uses |= SUT_USE_SUBTRACTED;
}

static bool writes_register(const struct search *s, const struct sut_insn *insn, uint8_t reg)
{
	struct sut_view code;

	return sut_view_cut(s->frag->code, insn->off, insn->size, &code) &&
	       sut_insn_writes(code, reg);
}

// Is the memory operand of a `mov` its destination?
static bool is_store(const struct search *s, const struct sut_insn *insn)
{
	return insn->rm_reg == 255 &&
	       (insn->imm_size || !writes_register(s, insn, insn->reg));
}

static bool overwrites(struct search *s, const struct sut_insn *insn, uint8_t holder)
{
	if (holder < FIRST_PLACE)
		return writes_register(s, insn, holder);
	return insn->mnemonic == ZYDIS_MNEMONIC_MOV && has_operand(s, insn, holder) &&
	       is_store(s, insn);
}

// `mov` of the value: to another register, to the stack, or from there.
static struct sut_err *follow_move(struct search *s, const struct sut_insn *insn,
				   struct step step)
{
	uint8_t to;

	if (insn->mnemonic != ZYDIS_MNEMONIC_MOV || insn->imm_size ||
	    !has_operand(s, insn, step.holder) || overwrites(s, insn, step.holder))
		return NULL;
	if (insn->rm_reg != 255)
		to = insn->reg == step.holder ? insn->rm_reg : insn->reg;
	else if (step.holder >= FIRST_PLACE)
		to = insn->reg;
	else if (is_on_stack(insn))
		to = find_place(s, insn);
	else
		return NULL;
	return go_on(s, step.insn + 1, to);
}

static struct sut_err *follow_branch(struct search *s, const struct sut_insn *insn,
				     uint8_t holder)
{
	uint64_t to = s->frag->start + insn->off + insn->size +
		      sut_insn_imm(insn, s->frag->code);

	return go_on(s, sut_frag_insn_at(s->program, s->frag, to), holder);
}

static struct sut_err *take_step(struct search *s, struct step step)
{
	const struct sut_insn *insn = &s->insns[step.insn];
	struct sut_err *err;

	note_use(s, insn, step.holder);
	err = follow_move(s, insn, step);
	if (err)
		return err;
	switch (insn->flow) {
	case SUT_FLOW_RETURN:
	case SUT_FLOW_TRAP:
	case SUT_FLOW_INDIRECT_JUMP:
		return NULL;
	case SUT_FLOW_JUMP:
		return follow_branch(s, insn, step.holder);
	case SUT_FLOW_COND:
		err = follow_branch(s, insn, step.holder);
		break;
	case SUT_FLOW_CALL:
	case SUT_FLOW_INDIRECT_CALL:
		if (is_lost_in_calls(step.holder))
			return NULL;
		break;
	default:
		if (overwrites(s, insn, step.holder))
			return NULL;
		break;
	}
	return err ? err : go_on(s, step.insn + 1, step.holder);
}

struct sut_err *sut_follow_value(const struct sut_program *program, const struct sut_frag *frag,
				 size_t at, unsigned *ret)
{
	_cleanup_(search_deinit) struct search s = {
		.program = program,
		.frag = frag,
		.insns = program->insns + frag->first_insn,
		.seen = calloc(frag->n_insns + 1, sizeof(*s.seen)),
	};

	if (!s.seen)
		return sut_err_nomem();
	// `lea` names its register in ModRM.reg, `mov $address` in the opcode.
	const struct sut_insn *first = &s.insns[at];
	struct sut_err *err = go_on(&s, at + 1, first->reg != 255 ? first->reg : first->rm_reg);
	while (!err && s.n_steps)
		err = take_step(&s, s.steps[--s.n_steps]);
	if (!err)
		*ret = s.uses;
	return err;
}
