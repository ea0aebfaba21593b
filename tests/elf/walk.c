// SPDX-License-Identifier: Apache-2.0
#include "walk.h"

#include <assert.h>
#include <elf.h>

#include "base/hash.h"

static uint64_t view(uint64_t sum, struct sut_view v)
{
	return sut_hash(sum, v.data, v.size);
}

static uint64_t string(uint64_t sum, const char *s)
{
	return s ? sut_hash(sum, s, strlen(s)) : sum;
}

static uint64_t walk_tables(const struct sut_image *image, uint64_t sum)
{
	for (size_t i = 0; i < image->n_sections; i++) {
		const struct sut_section *s = &image->sections[i];

		sum = view(string(sum, s->name), s->data);
		assert(i == 0 || s->type == SHT_NOBITS || s->size == s->data.size);
		assert(sut_image_section(image, s->name) || i == 0 || !*s->name);
		sut_image_section_at(image, s->vaddr);
		sut_image_section_at(image, s->vaddr + s->size);
	}
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct sut_segment *s = &image->segments[i];
		struct sut_view bytes;

		assert(s->mem_size >= s->file_size || s->type == PT_NULL);
		if (s->type != PT_LOAD || s->mem_size == 0)
			continue;
		assert(sut_image_segment_at(image, s->vaddr) == s);
		assert(sut_image_segment_at(image, s->vaddr + s->mem_size - 1) == s);
		assert(sut_image_segment_at(image, s->vaddr - 1) != s);
		assert(s->vaddr >= image->low &&
		       s->vaddr + s->mem_size <= image->high);
		if (s->file_size == 0)
			continue;
		assert(sut_image_bytes(image, s->vaddr, s->file_size, &bytes));
		assert(!sut_image_bytes(image, s->vaddr, s->file_size + 1, &bytes));
		sum = view(sum, bytes);
	}
	return sum;
}

static uint64_t walk_symbols(const struct sut_image *image,
			     const struct sut_symbol *symbols, size_t n,
			     uint64_t sum)
{
	for (size_t i = 0; i < n; i++) {
		const struct sut_symbol *s = &symbols[i];

		assert(s->section < image->n_sections || image->n_sections == 0 ||
		       s->section >= SHN_LORESERVE);
		assert(s->version || !s->is_default_version);
		sum = string(string(sum, s->name), s->version);
	}
	return sum;
}

static void walk_relocs(const struct sut_image *image)
{
	for (size_t i = 0; i < image->n_relocs; i++) {
		const struct sut_reloc *r = &image->relocs[i];

		assert(r->symbol == 0 || r->symbol < image->n_dynsyms);
		assert(sut_image_segment_at(image, r->vaddr));
		assert(i == 0 || r[-1].vaddr <= r->vaddr);
		assert(sut_image_reloc_at(image, r->vaddr)->vaddr == r->vaddr);
		assert(sut_image_reloc_from(image, r->vaddr) <= i);
	}
	assert(sut_image_reloc_from(image, UINT64_MAX) <= image->n_relocs);
}

static uint64_t walk_fdes(const struct sut_image *image, uint64_t sum)
{
	for (size_t i = 0; i < image->n_fdes; i++) {
		const struct sut_fde *f = &image->fdes[i];
		struct sut_view part;

		assert(f->start < f->end);
		assert(i == 0 || f[-1].start < f->start);
		assert(sut_image_segment_at(image, f->start) ==
		       sut_image_segment_at(image, f->end - 1));
		assert(sut_image_fde_at(image, f->start) == f);
		assert(sut_view_cut(image->eh_frame, f->off, f->size, &part));
		sum = view(sum, part);
		assert(sut_view_cut(image->eh_frame, f->cie_off, f->cie_size, &part));
		sum = view(sum, part);
		assert(f->lsda_field == 0 || (f->lsda_field > f->off &&
					      f->lsda_field < f->off + f->size));
		assert(f->personality_field == 0 ||
		       (f->personality_field > f->cie_off &&
			f->personality_field < f->cie_off + f->cie_size));
	}
	assert(!sut_image_fde_at(image, UINT64_MAX));
	return sum;
}

uint64_t walk_image(const struct sut_image *image)
{
	uint64_t sum = SUT_HASH_SEED;

	sum = walk_tables(image, sum);
	sum = walk_symbols(image, image->dynsyms, image->n_dynsyms, sum);
	sum = walk_symbols(image, image->symbols, image->n_symbols, sum);
	walk_relocs(image);
	sum = walk_fdes(image, sum);
	for (size_t i = 0; i < image->n_needed; i++)
		sum = string(sum, image->needed[i]);
	sum = view(view(string(sum, image->soname), image->build_id),
		   image->eh_frame);
	return sum;
}
