// SPDX-License-Identifier: Apache-2.0

/**
 * Which functions never return, as far as their code tells: event loops, and what
 * leads to them. They are always on some stack.
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "code/parts.h"
#include "code/program.h"

/** How control can leave a unit. */
struct leaving {
	bool returns;
	bool jumps_out;
	bool is_lost; /**< It jumps somewhere unknown. */
};

static void look_at_flow(const struct sut_program *p, const struct sut_frag *frag,
			 struct leaving *ret)
{
	const struct sut_insn *insns = p->insns + frag->first_insn;

	for (size_t i = 0; i < frag->n_insns; i++) {
		const struct sut_insn *insn = &insns[i];
		if (insn->flow == SUT_FLOW_RETURN)
			ret->returns = true;
		if (insn->flow == SUT_FLOW_INDIRECT_JUMP) {
			enum sut_jump_way way = sut_tables_judge_jump(p, frag, i);
			ret->jumps_out |= way != SUT_JUMP_INSIDE;
			ret->is_lost |= way == SUT_JUMP_UNKNOWN;
		}
	}
	for (size_t r = 0; r < frag->n_refs; r++) {
		const struct sut_ref *ref = &p->refs[frag->first_ref + r];
		const struct sut_frag *to = sut_program_frag_at(p, ref->target);
		if (!to)
			to = sut_program_frag_behind(p, ref->target);
		if ((ref->kind == SUT_REF_JUMP || ref->kind == SUT_REF_COND) &&
		    (!to || to->unit != frag->unit))
			ret->jumps_out = true;
	}
}

// The unit that a call leads to.
static uint32_t callee(const struct sut_program *p, const struct sut_ref *ref)
{
	const struct sut_frag *to = sut_program_frag_at(p, ref->target);

	return ref->kind == SUT_REF_CALL && to && to->start == ref->target ? to->unit : UINT32_MAX;
}

/** A fragment whose loops are looked for. */
struct flow {
	const struct sut_program *p;
	const struct sut_frag *frag;
	const bool *cannot_return; /**< Per unit. */
	bool *ends;                /**< Per instruction: a call from which nothing returns. */
	bool *reached;             /**< Per instruction, from where a branch leads to. */
	size_t *todo;              /**< Room for all instructions. */
};

static bool is_call(const struct sut_insn *insn)
{
	return insn->flow == SUT_FLOW_CALL || insn->flow == SUT_FLOW_INDIRECT_CALL;
}

// The instruction at offset @p off of the fragment; n_insns: none.
static size_t insn_at(const struct flow *f, int64_t off)
{
	return sut_frag_insn_at(f->p, f->frag, f->frag->start + off);
}

static int64_t branch_target(const struct flow *f, const struct sut_insn *insn)
{
	return insn->off + insn->size + sut_insn_imm(insn, f->frag->code);
}

static void reach(struct flow *f, size_t i, size_t *n_todo)
{
	if (i >= f->frag->n_insns || f->reached[i])
		return;
	f->reached[i] = true;
	f->todo[(*n_todo)++] = i;
}

// Mark what can run after instruction @p first.
static void follow_flow(struct flow *f, size_t first)
{
	const struct sut_insn *insns = f->p->insns + f->frag->first_insn;
	size_t n_todo = 0;

	memset(f->reached, 0, f->frag->n_insns * sizeof(*f->reached));
	reach(f, first, &n_todo);
	while (n_todo) {
		size_t i = f->todo[--n_todo];
		const struct sut_insn *insn = &insns[i];
		if (insn->flow == SUT_FLOW_JUMP || insn->flow == SUT_FLOW_COND)
			reach(f, insn_at(f, branch_target(f, insn)), &n_todo);
		if (!f->ends[i] && (insn->flow == SUT_FLOW_NEXT || insn->flow == SUT_FLOW_NOP ||
				    insn->flow == SUT_FLOW_COND || is_call(insn)))
			reach(f, i + 1, &n_todo);
	}
}

// Does what a branch back leads to get to that branch again, over a call? A loop that
// calls nothing waits for nothing: it is the end of abort() and its like.
static bool is_loop(struct flow *f, size_t branch)
{
	const struct sut_insn *insns = f->p->insns + f->frag->first_insn;
	size_t first = insn_at(f, branch_target(f, &insns[branch]));
	bool has_call = false;

	for (size_t i = first; i < branch; i++)
		has_call |= is_call(&insns[i]);
	if (!has_call)
		return false;
	follow_flow(f, first);
	has_call = false;
	for (size_t i = first; i < branch; i++)
		has_call |= f->reached[i] && is_call(&insns[i]);
	return has_call && f->reached[branch];
}

static bool has_loop(struct flow *f)
{
	const struct sut_insn *insns = f->p->insns + f->frag->first_insn;

	for (size_t r = 0; r < f->frag->n_refs; r++) {
		const struct sut_ref *ref = &f->p->refs[f->frag->first_ref + r];
		uint32_t u = callee(f->p, ref);
		f->ends[ref->insn] = u != UINT32_MAX && f->cannot_return[u];
	}
	for (size_t i = 0; i < f->frag->n_insns; i++)
		if ((insns[i].flow == SUT_FLOW_JUMP || insns[i].flow == SUT_FLOW_COND) &&
		    is_loop(f, i))
			return true;
	return false;
}

static struct sut_err *find_loops(struct sut_program *p, struct sut_unit *unit,
				  const bool *cannot_return)
{
	for (size_t m = 0; m < unit->n_members && !unit->never_returns; m++) {
		const struct sut_frag *frag = &p->frags[p->members[unit->first_member + m]];
		_cleanup_free_ bool *ends = calloc(frag->n_insns + 1, sizeof(*ends));
		_cleanup_free_ bool *reached = calloc(frag->n_insns + 1, sizeof(*reached));
		_cleanup_free_ size_t *todo = calloc(frag->n_insns + 1, sizeof(*todo));
		if (!ends || !reached || !todo)
			return sut_err_nomem();
		struct flow flow = { p, frag, cannot_return, ends, reached, todo };
		unit->never_returns = has_loop(&flow);
	}
	return NULL;
}

/** Units, by what is known of their stay on a stack. */
struct stay {
	const struct sut_program *p;
	bool *cannot_return;
	bool *stays; /**< Loops for ever, or calls what does and cannot return. */
};

// Mark the callees of unit u that stay, if `mark`; tell whether there is one.
static bool calls_staying(const struct stay *s, uint32_t u, bool *mark)
{
	const struct sut_unit *unit = &s->p->units[u];
	bool has_one = false;

	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *frag = &s->p->frags[s->p->members[unit->first_member + m]];
		for (size_t r = 0; r < frag->n_refs; r++) {
			uint32_t to = callee(s->p, &s->p->refs[frag->first_ref + r]);
			if (to == UINT32_MAX || !s->stays[to])
				continue;
			has_one = true;
			if (mark)
				mark[to] = true;
		}
	}
	return has_one;
}

// What main() calls, cannot return, and calls what loops for ever is on a stack as
// long as the program runs. Elsewhere such a function may as well be one that prints
// an error and exits.
static struct sut_err *spread_from_main(struct sut_program *p, struct stay *s)
{
	const struct sut_frag *frag = p->main ? sut_program_frag_at(p, p->main) : NULL;
	_cleanup_free_ bool *reached = calloc(p->n_units + 1, sizeof(*reached));
	_cleanup_free_ bool *done = calloc(p->n_units + 1, sizeof(*done));
	bool has_more = frag;

	if (!reached || !done)
		return sut_err_nomem();
	for (size_t u = 0; u < p->n_units; u++)
		s->stays[u] = p->units[u].never_returns;
	while (has_more) {
		has_more = false;
		for (size_t u = 0; u < p->n_units; u++)
			if (s->cannot_return[u] && !s->stays[u] && calls_staying(s, u, NULL))
				s->stays[u] = has_more = true;
	}
	if (frag)
		reached[frag->unit] = has_more = true;
	while (has_more) {
		has_more = false;
		for (size_t u = 0; u < p->n_units; u++) {
			if (!reached[u] || done[u])
				continue;
			done[u] = has_more = true;
			calls_staying(s, u, reached);
		}
	}
	for (size_t u = 0; u < p->n_units; u++)
		p->units[u].never_returns |= reached[u] && s->stays[u];
	return NULL;
}

struct sut_err *sut_parts_find_endless(struct sut_program *p)
{
	_cleanup_free_ bool *cannot_return = calloc(p->n_units + 1, sizeof(*cannot_return));
	_cleanup_free_ bool *stays = calloc(p->n_units + 1, sizeof(*stays));
	struct stay stay = { p, cannot_return, stays };
	struct sut_err *err = NULL;

	if (!cannot_return || !stays)
		return sut_err_nomem();
	for (size_t u = 0; u < p->n_units; u++) {
		struct sut_unit *unit = &p->units[u];
		struct leaving leaving = { 0 };
		for (size_t m = 0; m < unit->n_members; m++)
			look_at_flow(p, &p->frags[p->members[unit->first_member + m]], &leaving);
		unit->has_unknown_jump = leaving.is_lost;
		cannot_return[u] = !leaving.returns && !leaving.jumps_out;
	}
	for (size_t u = 0; u < p->n_units && !err; u++)
		if (cannot_return[u])
			err = find_loops(p, &p->units[u], cannot_return);
	return err ? err : spread_from_main(p, &stay);
}
