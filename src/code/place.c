// SPDX-License-Identifier: Apache-2.0
#include "code/place.h"

#include <elf.h>

#include "code/program.h"

static const struct sut_plt_slot *find_stub(const struct sut_program *p, uint64_t vaddr)
{
	size_t low = 0, high = p->n_plt;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (p->plt[mid].stub < vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->n_plt && p->plt[low].stub == vaddr ? &p->plt[low] : NULL;
}

static bool is_slot(const struct sut_image *image, const struct sut_section *section,
		    const struct sut_reloc *reloc)
{
	switch (reloc->type) {
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
	case R_X86_64_DTPMOD64:
	case R_X86_64_DTPOFF64:
	case R_X86_64_TPOFF64:
	case R_X86_64_TLSDESC:
	case R_X86_64_IRELATIVE:
		return true;
	case R_X86_64_RELATIVE:
	case R_X86_64_64:
		// A pointer in a table looks alike; only the GOT's own are slots.
		return section && strncmp(section->name, ".got", 4) == 0;
	default:
		(void)image;
		return false;
	}
}

static void place_in_code(const struct sut_program *p, uint64_t vaddr, struct sut_place *ret)
{
	const struct sut_frag *frag = sut_program_frag_at(p, vaddr);

	if (!frag) {
		ret->frag = sut_program_frag_behind(p, vaddr);
		ret->kind = ret->frag ? SUT_PLACE_BEHIND : SUT_PLACE_EDGE;
		return;
	}
	ret->frag = frag;
	ret->kind = vaddr == frag->start ? SUT_PLACE_FUNCTION : SUT_PLACE_INSIDE;
	if (!frag->is_plt)
		return;

	const struct sut_plt_slot *stub = find_stub(p, vaddr);
	if (!stub)
		return;
	ret->reloc = sut_image_reloc_at(p->image, stub->slot);
	if (ret->reloc)
		ret->kind =
			ret->reloc->type == R_X86_64_IRELATIVE ? SUT_PLACE_IFUNC : SUT_PLACE_IMPORT;
}

static void place_in_data(const struct sut_program *p, uint64_t vaddr, struct sut_place *ret)
{
	const struct sut_image *image = p->image;
	const struct sut_section *section = ret->section;
	const struct sut_segment *segment = sut_image_segment_at(image, vaddr);
	bool is_writable = section ? section->flags & SHF_WRITE : segment && segment->flags & PF_W;

	ret->reloc = sut_image_reloc_at(image, vaddr);
	if (ret->reloc && is_slot(image, section, ret->reloc))
		ret->kind = SUT_PLACE_SLOT;
	else if (!is_writable)
		ret->kind = sut_program_table_at(p, vaddr) ? SUT_PLACE_TABLE : SUT_PLACE_RODATA;
	else if (vaddr >= image->relro_start && vaddr < image->relro_end)
		ret->kind = SUT_PLACE_RELRO;
	else if (section ? section->type == SHT_NOBITS
			 : segment && vaddr >= segment->vaddr + segment->file_size)
		ret->kind = SUT_PLACE_BSS;
	else
		ret->kind = SUT_PLACE_DATA;
}

void sut_place_find(const struct sut_program *p, uint64_t vaddr, struct sut_place *ret)
{
	const struct sut_segment *segment = sut_image_segment_at(p->image, vaddr);

	*ret = (struct sut_place){
		.kind = SUT_PLACE_NONE,
		.section = sut_image_section_at(p->image, vaddr),
	};
	if (ret->section ? ret->section->flags & SHF_EXECINSTR
			 : p->image->n_sections == 0 && segment && segment->flags & PF_X)
		place_in_code(p, vaddr, ret);
	else if (ret->section || (p->image->n_sections == 0 && segment))
		place_in_data(p, vaddr, ret);
	else if (vaddr >= p->image->low && vaddr < p->image->low + 64)
		ret->kind = SUT_PLACE_HEADER;
	else if (vaddr >= p->image->low && vaddr <= p->image->high)
		ret->kind = SUT_PLACE_EDGE;
}

const struct sut_symbol *sut_place_symbol(const struct sut_program *p,
					  const struct sut_reloc *reloc)
{
	return reloc && reloc->symbol ? &p->image->dynsyms[reloc->symbol] : NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool sut_place_same_import(const struct sut_program *old, const struct sut_place *a,
			   const struct sut_program *new, const struct sut_place *b)
{
	const struct sut_symbol *sa = sut_place_symbol(old, a->reloc);
	const struct sut_symbol *sb = sut_place_symbol(new, b->reloc);

	if (!a->reloc || !b->reloc || a->reloc->type != b->reloc->type)
		return false;
	if (!sa || !sb)
		return false;
	return same_text(sa->name, sb->name) && same_text(sa->version, sb->version) &&
	       a->reloc->addend == b->reloc->addend;
}

bool sut_place_same_offset(const struct sut_program *old, const struct sut_reloc *a,
			   const struct sut_program *new, const struct sut_reloc *b)
{
	struct sut_view x, y;

	return a->type != R_X86_64_DTPMOD64 ||
	       (sut_image_bytes(old->image, a->vaddr + 8, 8, &x) &&
		sut_image_bytes(new->image, b->vaddr + 8, 8, &y) && sut_view_equal(x, y));
}
