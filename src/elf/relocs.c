// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "elf/parse.h"

/** The tables of relocations with addends; those not there are empty. */
struct tables {
	struct sut_view rela;
	struct sut_view jmprel;
};

static struct sut_err *find_tables(const struct sut_image *image,
				   const struct sut_dynamic *dynamic,
				   struct tables *ret)
{
	struct tables t = { 0 };

	if (dynamic->rela_size &&
	    !sut_image_bytes(image, dynamic->rela, dynamic->rela_size, &t.rela))
		return sut_err(SUT_E_FORMAT, "DT_RELA lies outside the file");
	if (dynamic->jmprel_size &&
	    !sut_image_bytes(image, dynamic->jmprel, dynamic->jmprel_size,
			     &t.jmprel))
		return sut_err(SUT_E_FORMAT, "DT_JMPREL lies outside the file");
	// Some linkers count the PLT's relocations into DT_RELASZ as well; the
	// dynamic linker copes (elf_dynamic_do_Rela in glibc), so must we.
	if (t.rela.size && t.jmprel.size && t.jmprel.data >= t.rela.data &&
	    t.jmprel.data + t.jmprel.size <= t.rela.data + t.rela.size)
		t.jmprel = (struct sut_view){ 0 };
	*ret = t;
	return NULL;
}

static void max_symbol(struct sut_view table, uint64_t *max)
{
	Elf64_Rela rela;

	for (size_t off = 0; sut_view_copy(table, off, &rela, sizeof(rela));
	     off += sizeof(rela))
		if (ELF64_R_SYM(rela.r_info) > *max)
			*max = ELF64_R_SYM(rela.r_info);
}

struct sut_err *sut_relocs_max_symbol(const struct sut_image *image,
				      const struct sut_dynamic *dynamic,
				      uint64_t *ret)
{
	struct tables t;
	struct sut_err *err = find_tables(image, dynamic, &t);

	if (err)
		return err;
	*ret = 0;
	max_symbol(t.rela, ret);
	max_symbol(t.jmprel, ret);
	return NULL;
}

static struct sut_err *add(struct sut_image *image, size_t *capacity,
			   const struct sut_reloc *reloc)
{
	const struct sut_segment *s = sut_image_segment_at(image, reloc->vaddr);

	if (!s)
		return sut_err(SUT_E_FORMAT, "place %#lx lies outside the segments",
			       reloc->vaddr);
	if (!(s->flags & PF_W))
		image->has_text_relocs = true;
	struct sut_err *err = sut_array_grow(&image->relocs, image->n_relocs,
					     capacity, sizeof(*image->relocs));
	if (err)
		return err;
	image->relocs[image->n_relocs++] = *reloc;
	return NULL;
}

static struct sut_err *read_rela(struct sut_image *image, struct sut_view table,
				 size_t *capacity)
{
	Elf64_Rela rela;

	for (size_t off = 0; sut_view_copy(table, off, &rela, sizeof(rela));
	     off += sizeof(rela)) {
		struct sut_reloc reloc = {
			.vaddr = rela.r_offset,
			.type = ELF64_R_TYPE(rela.r_info),
			.symbol = ELF64_R_SYM(rela.r_info),
			.addend = rela.r_addend,
		};

		if (reloc.type == R_X86_64_NONE)
			continue;
		if (reloc.symbol && reloc.symbol >= image->n_dynsyms)
			return sut_err(SUT_E_FORMAT, "symbol %u does not exist",
				       reloc.symbol);
		struct sut_err *err = add(image, capacity, &reloc);
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *add_relative(struct sut_image *image, size_t *capacity,
				    uint64_t vaddr, uint64_t *next)
{
	struct sut_view word;
	struct sut_reloc reloc = { .vaddr = vaddr, .type = R_X86_64_RELATIVE };

	// Linkers write places in ascending order; to insist on it bounds the
	// memory that the 63-fold packing could make us use.
	if (vaddr < *next || !sut_image_bytes(image, vaddr, 8, &word))
		return sut_err(SUT_E_FORMAT, "RELR place %#lx is wrong", vaddr);
	memcpy(&reloc.addend, word.data, sizeof(reloc.addend));
	*next = vaddr + 8;
	return add(image, capacity, &reloc);
}

static struct sut_err *read_relr(struct sut_image *image,
				 const struct sut_dynamic *dynamic,
				 size_t *capacity)
{
	struct sut_view table = { 0 };
	uint64_t entry, base = 0, next = 0;
	struct sut_err *err;

	if (dynamic->relr_size &&
	    !sut_image_bytes(image, dynamic->relr, dynamic->relr_size, &table))
		return sut_err(SUT_E_FORMAT, "DT_RELR lies outside the file");
	// gABI draft "Relative Relocation Table": an even entry is a place; an
	// odd one is a bitmap over the 63 words that follow.
	for (size_t off = 0; sut_view_copy(table, off, &entry, sizeof(entry));
	     off += sizeof(entry)) {
		if (!(entry & 1)) {
			err = add_relative(image, capacity, entry, &next);
			if (err)
				return err;
			base = entry + 8;
			continue;
		}
		if (base == 0)
			return sut_err(SUT_E_FORMAT, "RELR starts with a bitmap");
		for (uint64_t bit = 1; bit < 64; bit++) {
			if (!(entry >> bit & 1))
				continue;
			err = add_relative(image, capacity, base + (bit - 1) * 8,
					   &next);
			if (err)
				return err;
		}
		base += UINT64_C(63) * 8;
	}
	return NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct sut_reloc *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->symbol != y->symbol)
		return x->symbol < y->symbol ? -1 : 1;
	return (x->addend > y->addend) - (x->addend < y->addend);
}

/** A static executable applies the relocations in its allocated SHT_RELA
 *  sections itself (IRELATIVE between __rela_iplt_start and _end). */
static struct sut_err *read_static(struct sut_image *image, size_t *capacity)
{
	for (size_t i = 0; i < image->n_sections; i++) {
		const struct sut_section *s = &image->sections[i];

		if (s->type != SHT_RELA || !(s->flags & SHF_ALLOC))
			continue;
		struct sut_err *err = read_rela(image, s->data, capacity);
		if (err)
			return err;
	}
	return NULL;
}

struct sut_err *sut_image_read_relocs(struct sut_image *image,
				      const struct sut_dynamic *dynamic)
{
	size_t capacity = 0;
	struct tables t;
	struct sut_err *err;

	if (dynamic->exists) {
		err = find_tables(image, dynamic, &t);
		if (!err)
			err = read_rela(image, t.rela, &capacity);
		if (!err)
			err = read_rela(image, t.jmprel, &capacity);
		if (!err)
			err = read_relr(image, dynamic, &capacity);
	} else {
		err = read_static(image, &capacity);
	}
	if (err)
		return err;
	if (image->n_relocs)
		qsort(image->relocs, image->n_relocs, sizeof(*image->relocs),
		      by_place);
	return NULL;
}
