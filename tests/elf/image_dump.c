// SPDX-License-Identifier: Apache-2.0

/**
 * Prints what sut_image_init() sees in a file, one fact a line, in the columns
 * that tests/elf/readelf_facts makes out of readelf's output.
 */

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "elf/image.h"

static void print_tables(const struct sut_image *image)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct sut_segment *s = &image->segments[i];

		printf("segment %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64
		       " %" PRIx64 "\n",
		       s->off, s->vaddr, s->file_size, s->mem_size, s->align);
	}
	for (size_t i = 1; i < image->n_sections; i++) {
		const struct sut_section *s = &image->sections[i];

		printf("section %zu %s %" PRIx64 " %" PRIx64 " %" PRIx64
		       " %u %u %" PRIu64 "\n",
		       i, s->name, s->vaddr, s->size, s->entry_size, s->link,
		       s->info, s->align);
	}
}

static void print_symbol(const char *table, size_t i, const struct sut_symbol *s)
{
	printf("%s %zu %" PRIx64 " %" PRIu64 " %u %s", table, i, s->vaddr, s->size,
	       s->section, s->name);
	if (s->version)
		printf("%s%s", s->is_default_version ? "@@" : "@", s->version);
	putchar('\n');
}

static void print_symbols(const struct sut_image *image)
{
	for (size_t i = 1; i < image->n_dynsyms; i++)
		print_symbol("dynsym", i, &image->dynsyms[i]);
	for (size_t i = 1; i < image->n_symbols; i++)
		print_symbol("symbol", i, &image->symbols[i]);
}

static void print_rest(const struct sut_image *image)
{
	for (size_t i = 0; i < image->n_relocs; i++) {
		const struct sut_reloc *r = &image->relocs[i];

		printf("reloc %" PRIx64 " %x %x %s%" PRIx64 "\n", r->vaddr,
		       r->symbol, r->type, r->addend < 0 ? "-" : "",
		       r->addend < 0 ? -(uint64_t)r->addend :
				       (uint64_t)r->addend);
	}
	for (size_t i = 0; i < image->n_fdes; i++) {
		const struct sut_fde *f = &image->fdes[i];

		printf("fde %x %x %" PRIx64 " %" PRIx64 "\n", f->off, f->cie_off,
		       f->start, f->end);
	}
	for (size_t i = 0; i < image->n_needed; i++)
		printf("needed %s\n", image->needed[i]);
	if (image->soname)
		printf("soname %s\n", image->soname);
	if (image->build_id.size) {
		printf("build-id ");
		for (size_t i = 0; i < image->build_id.size; i++)
			printf("%02x", image->build_id.data[i]);
		putchar('\n');
	}
}

int main(int argc, char **argv)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };
	struct sut_err *err;

	if (argc != 2) {
		fputs("usage: image-dump FILE\n", stderr);
		return 2;
	}
	err = sut_file_read(argv[1], &file);
	if (!err)
		err = sut_image_init(file.view, &image);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[1], err->msg);
		sut_err_free(err);
		return 1;
	}
	print_tables(&image);
	print_symbols(&image);
	print_rest(&image);
	return 0;
}
