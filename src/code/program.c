// SPDX-License-Identifier: Apache-2.0
#include "code/program.h"

#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "code/parts.h"

/** The arrays of a program while they grow. Owned by the program. */
struct sut_growth {
	size_t insns, refs; /**< Elements that fit. */
};

static struct sut_err *add_insn(struct sut_program *p, struct sut_growth *growth,
				const struct sut_insn *insn)
{
	struct sut_err *err = sut_array_grow(&p->insns, p->n_insns, &growth->insns,
					     sizeof(*insn));

	if (!err)
		p->insns[p->n_insns++] = *insn;
	return err;
}

static struct sut_err *add_ref(struct sut_program *p, struct sut_growth *growth,
			       const struct sut_ref *ref)
{
	struct sut_err *err =
		sut_array_grow(&p->refs, p->n_refs, &growth->refs, sizeof(*ref));

	if (!err)
		p->refs[p->n_refs++] = *ref;
	return err;
}

static bool is_branch(const struct sut_ref *ref)
{
	return ref->kind == SUT_REF_CALL || ref->kind == SUT_REF_JUMP ||
	       ref->kind == SUT_REF_COND;
}

// A branch inside the fragment moves with it: it is no reference.
static bool is_internal(const struct sut_frag *frag, const struct sut_ref *ref)
{
	return is_branch(ref) && ref->target >= frag->start && ref->target < frag->end;
}

static uint64_t masked_hash(const struct sut_program *p, const struct sut_frag *frag)
{
	uint64_t hash = sut_hash(SUT_HASH_SEED, &frag->n_refs, sizeof(frag->n_refs));
	uint64_t at = 0;

	for (size_t i = 0; i < frag->n_refs; i++) {
		const struct sut_ref *ref = &p->refs[frag->first_ref + i];
		hash = sut_hash(hash, frag->code.data + at, ref->off - at);
		at = ref->off + ref->size;
	}
	return sut_hash(hash, frag->code.data + at, frag->code.size - at);
}

static struct sut_err *decode_frag(struct sut_program *p, struct sut_growth *growth,
				   struct sut_span span, struct sut_frag *frag)
{
	struct sut_err *err = NULL;
	uint64_t off = 0;

	frag->first_insn = p->n_insns;
	frag->first_ref = p->n_refs;
	while (off < frag->code.size && !frag->is_opaque) {
		struct sut_view rest = { frag->code.data + off, frag->code.size - off };
		struct sut_insn insn;
		struct sut_ref ref;
		bool has_ref;

		if (!sut_insn_decode(rest, frag->start + off, span, &insn, &ref,
				     &has_ref)) {
			frag->is_opaque = true;
			break;
		}
		insn.off = off;
		ref.off += off;
		ref.insn = p->n_insns - frag->first_insn;
		err = add_insn(p, growth, &insn);
		if (!err && has_ref && !is_internal(frag, &ref))
			err = add_ref(p, growth, &ref);
		if (err)
			return err;
		off += insn.size;
	}
	if (frag->is_opaque) {
		p->n_insns = frag->first_insn;
		p->n_refs = frag->first_ref;
	}
	frag->n_insns = p->n_insns - frag->first_insn;
	frag->n_refs = p->n_refs - frag->first_ref;
	frag->hash = masked_hash(p, frag);
	return NULL;
}

static struct sut_err *decode_all(struct sut_program *p)
{
	struct sut_growth growth = { 0 };
	struct sut_span span = { 0, 0 };

	// Never NULL, even without code: other places add offsets to them.
	struct sut_err *none = sut_array_grow(&p->insns, 0, &growth.insns, sizeof(*p->insns));
	if (!none)
		none = sut_array_grow(&p->refs, 0, &growth.refs, sizeof(*p->refs));
	if (none)
		return none;
	if (p->image->type == ET_EXEC)
		span = (struct sut_span){ p->image->low, p->image->high };
	for (size_t i = 0; i < p->n_frags; i++) {
		struct sut_err *err = decode_frag(p, &growth, span, &p->frags[i]);
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *fill(struct sut_program *p)
{
	struct sut_err *err = sut_parts_cut(p);

	if (!err)
		err = decode_all(p);
	if (!err)
		err = sut_parts_read_plt(p);
	if (!err)
		err = sut_parts_collect_targets(p);
	if (!err)
		err = sut_parts_join(p);
	if (err)
		return err;
	sut_parts_find_main(p);
	return sut_parts_find_endless(p);
}

struct sut_err *sut_program_init(const struct sut_image *image,
				 struct sut_program *ret)
{
	struct sut_program program = { .image = image };
	struct sut_err *err = fill(&program);

	if (err) {
		sut_program_deinit(&program);
		return err;
	}
	*ret = program;
	return NULL;
}

void sut_program_deinit(struct sut_program *program)
{
	free(program->frags);
	free(program->insns);
	free(program->refs);
	free(program->units);
	free(program->members);
	free(program->tables);
	free(program->targets);
	free(program->plt);
	*program = (struct sut_program){ 0 };
}

struct sut_frag *sut_program_frag_at(const struct sut_program *program,
				     uint64_t vaddr)
{
	size_t low = 0, high = program->n_frags;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (program->frags[mid].end <= vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == program->n_frags || program->frags[low].start > vaddr)
		return NULL;
	return &program->frags[low];
}

struct sut_frag *sut_program_frag_behind(const struct sut_program *program, uint64_t vaddr)
{
	struct sut_frag *frag = sut_program_frag_at(program, vaddr - 1);

	return frag && frag->end == vaddr && !sut_program_frag_at(program, vaddr) ? frag : NULL;
}

size_t sut_frag_insn_at(const struct sut_program *program, const struct sut_frag *frag,
			uint64_t vaddr)
{
	size_t low = 0, high = frag->n_insns;
	const struct sut_insn *insns = program->insns + frag->first_insn;

	if (vaddr < frag->start || vaddr >= frag->end)
		return frag->n_insns;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (insns[mid].off < vaddr - frag->start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < frag->n_insns && insns[low].off == vaddr - frag->start ? low : frag->n_insns;
}

const struct sut_ref *sut_frag_ref_of(const struct sut_program *program,
				      const struct sut_frag *frag, size_t insn)
{
	for (size_t i = 0; i < frag->n_refs; i++)
		if (program->refs[frag->first_ref + i].insn == insn)
			return &program->refs[frag->first_ref + i];
	return NULL;
}

bool sut_frag_is_boundary(const struct sut_program *program,
			  const struct sut_frag *frag, uint64_t vaddr)
{
	return sut_frag_insn_at(program, frag, vaddr) < frag->n_insns;
}

const struct sut_jump_table *sut_program_table_at(const struct sut_program *program,
					     uint64_t vaddr)
{
	size_t low = 0, high = program->n_tables;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (program->tables[mid].vaddr < vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < program->n_tables && program->tables[low].vaddr == vaddr)
		return &program->tables[low];
	return NULL;
}

uint64_t sut_jump_table_entry(const struct sut_program *program,
			 const struct sut_jump_table *table, uint32_t i)
{
	struct sut_view bytes;
	uint64_t place = table->vaddr + (uint64_t)i * table->entry_size;

	if (!sut_image_bytes(program->image, place, table->entry_size, &bytes))
		return 0;
	if (table->entry_size == 4) {
		int32_t distance;
		memcpy(&distance, bytes.data, sizeof(distance));
		return table->vaddr + distance;
	}
	uint64_t address;
	memcpy(&address, bytes.data, sizeof(address));
	return address;
}

uint64_t sut_program_next_target(const struct sut_program *program,
				 uint64_t vaddr)
{
	size_t low = 0, high = program->n_targets;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (program->targets[mid] <= vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < program->n_targets ? program->targets[low] : UINT64_MAX;
}
