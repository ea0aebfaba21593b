// SPDX-License-Identifier: Apache-2.0

/**
 * Who is referred to: PLT stubs, the set of all target addresses, entries.
 */

#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "code/parts.h"
#include "code/place.h"
#include "code/program.h"

/** A growing list of addresses. */
struct addresses {
	uint64_t *at;
	size_t n, capacity;
};

static struct sut_err *add(struct addresses *list, uint64_t vaddr)
{
	struct sut_err *err =
		sut_array_grow(&list->at, list->n, &list->capacity, sizeof(*list->at));

	if (!err)
		list->at[list->n++] = vaddr;
	return err;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_unique(struct addresses *list)
{
	size_t n = 0;

	sut_array_sort(list->at, list->n, sizeof(*list->at), by_value);
	for (size_t i = 0; i < list->n; i++)
		if (n == 0 || list->at[n - 1] != list->at[i])
			list->at[n++] = list->at[i];
	list->n = n;
}

// A stub starts on a multiple of 8 and ends with a jump through its slot; stubs
// of one section are alike, so the start is where the previous jump's stub ended.
static struct sut_err *read_stubs(struct sut_program *p, const struct sut_frag *frag,
				  size_t *capacity)
{
	const struct sut_insn *insns = p->insns + frag->first_insn;
	uint64_t step = 16;
	const struct sut_section *s = sut_image_section_at(p->image, frag->start);

	if (s && (s->entry_size == 8 || s->entry_size == 16))
		step = s->entry_size;
	for (size_t i = 0; i < frag->n_refs; i++) {
		const struct sut_ref *ref = &p->refs[frag->first_ref + i];
		if (ref->kind != SUT_REF_MEMORY && ref->kind != SUT_REF_ABSOLUTE)
			continue;
		if (insns[ref->insn].flow != SUT_FLOW_INDIRECT_JUMP)
			continue;
		struct sut_err *err =
			sut_array_grow(&p->plt, p->n_plt, capacity, sizeof(*p->plt));
		if (err)
			return err;
		uint64_t stub = frag->start + insns[ref->insn].off;
		stub -= (stub - frag->start) % step;
		p->plt[p->n_plt++] = (struct sut_plt_slot){ stub, ref->target };
	}
	return NULL;
}

static int by_stub(const void *a, const void *b)
{
	const struct sut_plt_slot *x = a, *y = b;

	return x->stub < y->stub ? -1 : x->stub > y->stub;
}

struct sut_err *sut_parts_read_plt(struct sut_program *p)
{
	size_t capacity = 0;

	for (size_t i = 0; i < p->n_frags; i++) {
		if (!p->frags[i].is_plt)
			continue;
		struct sut_err *err = read_stubs(p, &p->frags[i], &capacity);
		if (err)
			return err;
	}
	if (p->n_plt)
		sut_array_sort(p->plt, p->n_plt, sizeof(*p->plt), by_stub);
	return NULL;
}

static void mark_called(struct sut_program *p, uint64_t vaddr)
{
	struct sut_frag *frag = sut_program_frag_at(p, vaddr);

	if (frag && frag->start == vaddr)
		frag->is_called = true;
}

static struct sut_err *collect_refs(struct sut_program *p, struct addresses *list)
{
	for (size_t i = 0; i < p->n_refs; i++) {
		const struct sut_ref *ref = &p->refs[i];
		struct sut_err *err = NULL;

		if (ref->kind == SUT_REF_CALL || ref->kind == SUT_REF_MEMORY ||
		    ref->kind == SUT_REF_ABSOLUTE)
			mark_called(p, ref->target);
		if (ref->kind == SUT_REF_MEMORY || ref->kind == SUT_REF_ABSOLUTE)
			err = add(list, ref->target);
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *collect_relocs(struct sut_program *p, struct addresses *list)
{
	const struct sut_image *image = p->image;

	for (size_t i = 0; i < image->n_relocs; i++) {
		const struct sut_reloc *r = &image->relocs[i];
		uint64_t target;

		if (r->type == R_X86_64_RELATIVE || r->type == R_X86_64_IRELATIVE)
			target = r->addend;
		else if (r->symbol && image->dynsyms[r->symbol].section != SHN_UNDEF)
			target = image->dynsyms[r->symbol].vaddr + r->addend;
		else
			continue;
		mark_called(p, target);
		struct sut_err *err = add(list, target);
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *collect_symbols(struct sut_program *p, struct addresses *list)
{
	const struct sut_image *image = p->image;

	for (size_t i = 0; i < image->n_dynsyms; i++) {
		const struct sut_symbol *s = &image->dynsyms[i];
		struct sut_err *err = NULL;

		if (s->section == SHN_UNDEF || s->section >= SHN_LORESERVE)
			continue;
		if (s->type == STT_FUNC || s->type == STT_GNU_IFUNC)
			mark_called(p, s->vaddr);
		if (s->type == STT_OBJECT)
			err = add(list, s->vaddr);
		if (!err && s->type == STT_OBJECT && s->size)
			err = add(list, s->vaddr + s->size);
		if (err)
			return err;
	}
	return NULL;
}

// Pointers in data of an image that is not relocated.
static struct sut_err *collect_words(struct sut_program *p, struct addresses *list)
{
	const struct sut_image *image = p->image;

	for (size_t i = 0; i < image->n_sections; i++) {
		const struct sut_section *s = &image->sections[i];
		if (!(s->flags & SHF_ALLOC) || s->flags & SHF_EXECINSTR ||
		    s->type == SHT_NOBITS)
			continue;
		for (uint64_t off = 0; off + 8 <= s->data.size; off += 8) {
			uint64_t word;
			memcpy(&word, s->data.data + off, sizeof(word));
			if (word < image->low || word >= image->high)
				continue;
			mark_called(p, word);
			struct sut_err *err = add(list, word);
			if (err)
				return err;
		}
	}
	return NULL;
}

static struct sut_err *collect(struct sut_program *p, struct addresses *list)
{
	struct sut_err *err = collect_refs(p, list);

	if (!err)
		err = collect_relocs(p, list);
	if (!err)
		err = collect_symbols(p, list);
	if (!err && p->image->type == ET_EXEC)
		err = collect_words(p, list);
	return err;
}

struct sut_err *sut_parts_collect_targets(struct sut_program *p)
{
	struct addresses list = { 0 };
	struct sut_err *err = collect(p, &list);

	if (err) {
		free(list.at);
		return err;
	}
	if (list.n)
		sort_unique(&list);
	p->targets = list.at;
	p->n_targets = list.n;
	mark_called(p, p->image->entry);
	mark_called(p, p->image->init);
	mark_called(p, p->image->fini);
	return NULL;
}

// The start code's `lea main(%rip), %rdi` (psABI: first argument) stands before
// its only call, to __libc_start_main.
void sut_parts_find_main(struct sut_program *p)
{
	const struct sut_frag *start = sut_program_frag_at(p, p->image->entry);

	if (!p->image->entry || !start)
		return;
	for (size_t i = 0; i < start->n_refs; i++) {
		const struct sut_ref *ref = &p->refs[start->first_ref + i];
		const struct sut_insn *insn = &p->insns[start->first_insn + ref->insn];
		bool is_rdi = insn->reg == 7 || insn->rm_reg == 7;
		struct sut_place place;

		if (!ref->is_lea || !is_rdi)
			continue;
		sut_place_find(p, ref->target, &place);
		if (place.kind == SUT_PLACE_FUNCTION)
			p->main = ref->target;
	}
}
