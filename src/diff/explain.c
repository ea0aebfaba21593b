// SPDX-License-Identifier: Apache-2.0
#include "diff/explain.h"

#include <Zydis/Zydis.h>
#include <elf.h>

#include "code/place.h"
#include "code/program.h"
#include "diff/align.h"
#include "diff/compare.h"
#include "diff/pair.h"

/** How far a call may be from the instruction that sets its argument. */
static const size_t call_distance = 16;

enum { RSP = 4, RBP = 5 };

/** One fragment on one side, with a cursor. All borrowed. */
struct side {
	const struct sut_program *p;
	const struct sut_frag *frag;
	const struct sut_insn *insns;
	bool rbp_is_frame; /**< %rbp points into the stack frame. */
};

static bool sets_frame(const struct sut_insn *insn)
{
	return (insn->mnemonic == ZYDIS_MNEMONIC_MOV &&
		((insn->rm_reg == RBP && insn->reg == RSP) ||
		 (insn->rm_reg == RSP && insn->reg == RBP))) ||
	       (insn->mnemonic == ZYDIS_MNEMONIC_LEA && insn->base == RSP && insn->reg == RBP);
}

static struct side side_of(const struct sut_program *p, const struct sut_frag *frag)
{
	struct side side = { p, frag, p->insns + frag->first_insn, false };
	const struct sut_unit *unit = &p->units[frag->unit];

	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *f = &p->frags[p->members[unit->first_member + m]];
		for (size_t i = 0; i < f->n_insns && !side.rbp_is_frame; i++)
			side.rbp_is_frame = sets_frame(&p->insns[f->first_insn + i]);
	}
	return side;
}

static const struct sut_ref *ref_of(const struct side *s, size_t insn)
{
	size_t low = 0, high = s->frag->n_refs;
	const struct sut_ref *refs = s->p->refs + s->frag->first_ref;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (refs[mid].insn < insn)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->frag->n_refs && refs[low].insn == insn ? &refs[low] : NULL;
}

// Index of the instruction that a branch inside the fragment leads to.
static size_t branch_index(const struct side *s, const struct sut_insn *insn)
{
	uint64_t to = insn->off + insn->size + sut_insn_imm(insn, s->frag->code);
	size_t low = 0, high = s->frag->n_insns;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (s->insns[mid].off < to)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_direct_branch(const struct sut_insn *insn)
{
	return insn->flow == SUT_FLOW_JUMP || insn->flow == SUT_FLOW_COND ||
	       insn->flow == SUT_FLOW_CALL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);

	return n >= k && strcmp(text + n - k, end) == 0;
}

static bool is_source_name(const char *text)
{
	static const char *const ends[] = { ".c",   ".h", ".cc", ".cpp", ".cxx",
					    ".hpp", ".y", ".l",  ".inc" };

	for (size_t i = 0; text && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends_with(text, ends[i]))
			return true;
	return false;
}

// Is the value set at `at` handed to a call together with a source file's name?
static bool is_line_argument(const struct side *s, size_t at)
{
	bool has_call = false, has_name = false;

	for (size_t i = at + 1; i < s->frag->n_insns && i <= at + call_distance; i++) {
		const struct sut_ref *ref = ref_of(s, i);
		if (ref && ref->is_lea)
			has_name |= is_source_name(sut_rodata_text(s->p->image, ref->target));
		has_call = s->insns[i].flow == SUT_FLOW_CALL;
		if (s->insns[i].flow != SUT_FLOW_NEXT)
			break;
	}
	for (size_t i = at; i-- > 0 && i + call_distance >= at && !has_name;) {
		const struct sut_ref *ref = ref_of(s, i);
		if (s->insns[i].flow == SUT_FLOW_CALL || s->insns[i].flow == SUT_FLOW_INDIRECT_CALL)
			break;
		if (ref && ref->is_lea)
			has_name = is_source_name(sut_rodata_text(s->p->image, ref->target));
	}
	return has_call && has_name;
}

// psABI 3.2.3: the integer arguments go to rdi, rsi, rdx, rcx, r8, r9, then to
// the stack.
static bool sets_argument(const struct sut_insn *insn)
{
	static const uint8_t arguments[] = { 7, 6, 2, 1, 8, 9 };

	if (insn->mnemonic == ZYDIS_MNEMONIC_PUSH)
		return true;
	if (insn->mnemonic != ZYDIS_MNEMONIC_MOV)
		return false;
	if (insn->rm_reg == 255)
		return insn->base == RSP;
	for (size_t i = 0; i < sizeof(arguments); i++)
		if (insn->rm_reg == arguments[i])
			return true;
	return false;
}

// Does the code behind the call at `at` take its result for a pointer?
static bool uses_pointer(const struct side *s, size_t at)
{
	/** Instructions behind a call in which its result is picked up. */
	static const size_t distance = 4;

	if (s->insns[at].flow == SUT_FLOW_JUMP)
		return true; // A tail call: the caller's caller uses it.
	for (size_t i = at + 1; i < s->frag->n_insns && i <= at + distance; i++) {
		struct sut_view code;
		if (!sut_view_cut(s->frag->code, s->insns[i].off, s->insns[i].size, &code))
			return false;
		if (sut_insn_reads_wide(code, 0))
			return true;
		if (sut_insn_writes(code, 0))
			return false;
	}
	return false;
}

/** Whom a constant is handed to. */
enum receiver {
	RECEIVER_NONE,
	RECEIVER_CALL,
	RECEIVER_ALLOCATOR,
};

static enum receiver find_receiver(const struct side *s, size_t at)
{
	if (!sets_argument(&s->insns[at]))
		return RECEIVER_NONE;
	for (size_t i = at + 1; i < s->frag->n_insns && i <= at + call_distance; i++) {
		const struct sut_ref *ref = ref_of(s, i);
		enum sut_flow flow = s->insns[i].flow;
		if (flow == SUT_FLOW_INDIRECT_CALL)
			return RECEIVER_CALL;
		if ((flow == SUT_FLOW_CALL || flow == SUT_FLOW_JUMP) && ref)
			return sut_is_allocator(s->p, ref->target) && uses_pointer(s, i)
				       ? RECEIVER_ALLOCATOR
				       : RECEIVER_CALL;
		if (flow != SUT_FLOW_NEXT)
			return RECEIVER_NONE;
	}
	return RECEIVER_NONE;
}

static void keep(struct sut_shift *list, size_t *n, struct sut_shift shift)
{
	if (*n < SUT_MAX_SHIFTS)
		list[*n] = shift;
	++*n;
}

static bool is_one_bit(int64_t value)
{
	uint64_t low = (uint64_t)value & 0xffffffff, rest = ~low & 0xffffffff;
	uint64_t byte = ~low & 0xff;

	return (low && !(low & (low - 1))) || (rest && !(rest & (rest - 1))) ||
	       (byte && !(byte & (byte - 1)) && low > 0x7f);
}

static bool is_mask(const struct sut_insn *insn, struct sut_shift shift)
{
	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_TEST:
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_BT:
	case ZYDIS_MNEMONIC_BTS:
	case ZYDIS_MNEMONIC_BTR:
		return is_one_bit(shift.from) && is_one_bit(shift.to);
	default:
		return false;
	}
}

static void note_immediate(const struct side *a, size_t i, const struct side *b, size_t j,
			   struct sut_explanation *ret)
{
	const struct sut_insn *insn = &a->insns[i];
	struct sut_shift shift = { sut_insn_imm(insn, a->frag->code),
				   sut_insn_imm(&b->insns[j], b->frag->code) };

	// The size and the alignment of the stack frame.
	if (insn->rm_reg == RSP)
		return;
	enum receiver receiver = find_receiver(a, i);
	if (receiver && shift.from > 0 && shift.to > 0 && is_line_argument(a, i) &&
	    is_line_argument(b, j))
		ret->n_lines++;
	else if (is_mask(insn, shift))
		keep(ret->masks, &ret->n_masks, shift);
	else if (receiver == RECEIVER_ALLOCATOR)
		keep(ret->sizes, &ret->n_sizes, shift);
	else if (receiver == RECEIVER_CALL)
		keep(ret->arguments, &ret->n_arguments, shift);
	else
		keep(ret->constants, &ret->n_constants, shift);
}

static void note_displacement(const struct side *a, const struct sut_insn *x, const struct side *b,
			      const struct sut_insn *y, struct sut_explanation *ret)
{
	struct sut_shift shift = { sut_insn_disp(x, a->frag->code),
				   sut_insn_disp(y, b->frag->code) };

	if (x->base == RSP || (x->base == RBP && (a->rbp_is_frame || b->rbp_is_frame)))
		return;
	if (x->base == SUT_BASE_THREAD)
		keep(ret->threads, &ret->n_threads, shift);
	else
		keep(ret->offsets, &ret->n_offsets, shift);
}

// A slot with the offset of a thread-local variable of this image?
static bool is_own_thread_slot(const struct sut_reloc *reloc)
{
	return !reloc->symbol &&
	       (reloc->type == R_X86_64_TPOFF64 || reloc->type == R_X86_64_TLSDESC ||
		reloc->type == R_X86_64_DTPMOD64);
}

static void note_reference(const struct sut_pair *pair, const struct side *a,
			   const struct sut_ref *x, const struct sut_ref *y,
			   struct sut_explanation *ret)
{
	enum sut_change change = sut_ref_compare(pair, a->frag, x, y);
	struct sut_place p, q;
	const char *s, *t;

	if (!change)
		return;
	sut_place_find(pair->old, x->target, &p);
	sut_place_find(pair->new, y->target, &q);
	if (p.kind == SUT_PLACE_SLOT && q.kind == SUT_PLACE_SLOT && is_own_thread_slot(p.reloc) &&
	    is_own_thread_slot(q.reloc))
		keep(ret->threads, &ret->n_threads,
		     (struct sut_shift){ p.reloc->addend, q.reloc->addend });
	s = sut_rodata_text(pair->old->image, x->target);
	t = sut_rodata_text(pair->new->image, y->target);
	if (change == SUT_CHANGE_STRING && s && t && sut_text_is_cosmetic(s, t) &&
	    sut_rodata_differs_in_text(pair, x->target, y->target))
		ret->n_texts++;
	else
		ret->n_references++;
}

// Note how instruction i of one side differs from j of the other, which has the
// same shape. Branches are only compared when the skeletons are the same.
static void note_difference(const struct sut_pair *pair, const struct side *a, size_t i,
			    const struct side *b, size_t j, struct sut_explanation *ret)
{
	const struct sut_insn *x = &a->insns[i], *y = &b->insns[j];
	const struct sut_ref *r = ref_of(a, i), *q = ref_of(b, j);

	if (!r != !q) {
		ret->n_references++;
		return;
	}
	if (r)
		note_reference(pair, a, r, q, ret);
	if (is_direct_branch(x)) {
		if (!r && ret->is_same_skeleton && branch_index(a, x) != branch_index(b, y))
			ret->n_references++;
		return;
	}
	bool has_own_disp = !r || (r->kind != SUT_REF_MEMORY && r->off != x->off + x->disp_off);
	if (has_own_disp && sut_insn_disp(x, a->frag->code) != sut_insn_disp(y, b->frag->code))
		note_displacement(a, x, b, y, ret);
	bool is_address = r && r->kind == SUT_REF_ABSOLUTE;
	if (!is_address && sut_insn_imm(x, a->frag->code) != sut_insn_imm(y, b->frag->code))
		note_immediate(a, i, b, j, ret);
}

static bool same_shapes(const struct side *a, const struct side *b)
{
	if (a->frag->n_insns != b->frag->n_insns || a->frag->is_opaque || b->frag->is_opaque)
		return false;
	for (size_t i = 0; i < a->frag->n_insns; i++)
		if (a->insns[i].shape != b->insns[i].shape)
			return false;
	return true;
}

static void explain_frags(const struct sut_pair *pair, const struct side *a, const struct side *b,
			  struct sut_explanation *ret)
{
	struct sut_body_walk walk = { a->p, b->p, a->frag, b->frag, 0, 0 };
	size_t i, j;

	while (sut_body_walk_next(&walk, &i, &j))
		note_difference(pair, a, i, b, j, ret);
}

void sut_explain(const struct sut_pair *pair, uint32_t o, uint32_t n, struct sut_explanation *ret)
{
	const struct sut_unit *unit = &pair->old->units[o];
	bool is_same = unit->n_members == pair->new->units[n].n_members;

	*ret = (struct sut_explanation){ 0 };
	for (int pass = 0; pass < 2; pass++) {
		ret->is_same_skeleton = is_same;
		for (size_t m = 0; m < unit->n_members; m++) {
			uint32_t from = pair->old->members[unit->first_member + m];
			uint32_t to = pair->to_new[from];
			if (to == SUT_NO_MATCH || pair->new->frags[to].unit != n) {
				is_same = false;
				continue;
			}
			struct side a = side_of(pair->old, &pair->old->frags[from]);
			struct side b = side_of(pair->new, &pair->new->frags[to]);
			if (pass == 0)
				is_same = is_same && same_shapes(&a, &b);
			else
				explain_frags(pair, &a, &b, ret);
		}
	}
}

bool sut_explanation_is_cosmetic(const struct sut_explanation *e)
{
	return e->is_same_skeleton && e->n_lines + e->n_texts > 0 && !e->n_masks && !e->n_sizes &&
	       !e->n_arguments && !e->n_constants && !e->n_references && !e->n_offsets &&
	       !e->n_threads;
}
