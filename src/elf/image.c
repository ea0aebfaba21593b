// SPDX-License-Identifier: Apache-2.0
#include "elf/image.h"

#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "elf/parse.h"

static const char *machine_name(uint16_t machine, uint8_t class)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{ EM_386, "i386" },	  { EM_ARM, "arm" },
		{ EM_AARCH64, "arm64" },  { EM_PPC, "powerpc" },
		{ EM_PPC64, "ppc64" },	  { EM_S390, "s390" },
		{ EM_RISCV, "riscv" },	  { EM_MIPS, "mips" },
		{ EM_SPARC, "sparc" },	  { EM_SPARCV9, "sparc64" },
		{ EM_IA_64, "ia64" },	  { EM_68K, "m68k" },
		{ EM_PARISC, "hppa" },	  { EM_LOONGARCH, "loongarch" },
		{ EM_ALPHA, "alpha" },	  { EM_BPF, "bpf" },
	};

	if (machine == EM_X86_64)
		return class == ELFCLASS32 ? "x32" : "x86-64";
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "another machine";
}

bool sut_image_is_elf(struct sut_view file)
{
	return file.size >= SELFMAG && memcmp(file.data, ELFMAG, SELFMAG) == 0;
}

static struct sut_err *check_kind(const Elf64_Ehdr *eh)
{
	uint8_t class = eh->e_ident[EI_CLASS];
	uint8_t order = eh->e_ident[EI_DATA];
	uint16_t machine = eh->e_machine;

	if (class != ELFCLASS32 && class != ELFCLASS64)
		return sut_err(SUT_E_FORMAT, "ELF header: class %u is unknown",
			       class);
	if (order != ELFDATA2LSB && order != ELFDATA2MSB)
		return sut_err(SUT_E_FORMAT, "ELF header: byte order %u is unknown",
			       order);
	if (order == ELFDATA2MSB)
		machine = (uint16_t)(machine << 8 | machine >> 8);
	if (class == ELFCLASS32)
		return sut_err(SUT_E_UNSUPPORTED, "a 32-bit ELF file (%s)",
			       machine_name(machine, class));
	if (order == ELFDATA2MSB)
		return sut_err(SUT_E_UNSUPPORTED, "a big-endian ELF file (%s)",
			       machine_name(machine, class));
	if (machine != EM_X86_64)
		return sut_err(SUT_E_UNSUPPORTED, "an ELF file for %s (machine %u)",
			       machine_name(machine, class), machine);
	if (eh->e_ident[EI_VERSION] != EV_CURRENT || eh->e_version != EV_CURRENT)
		return sut_err(SUT_E_FORMAT, "ELF header: version %u is unknown",
			       eh->e_version);

	switch (eh->e_type) {
	case ET_EXEC:
	case ET_DYN:
		return NULL;
	case ET_REL:
		return sut_err(SUT_E_UNSUPPORTED, "a relocatable object file");
	case ET_CORE:
		return sut_err(SUT_E_UNSUPPORTED, "a core dump");
	default:
		return sut_err(SUT_E_FORMAT, "ELF header: type %u is unknown",
			       eh->e_type);
	}
}

static struct sut_err *read_header(struct sut_image *image)
{
	Elf64_Ehdr eh;

	if (!sut_image_is_elf(image->file))
		return sut_err(SUT_E_FORMAT, "not an ELF file");
	// A 32-bit header is shorter than ours, but only a hostile 32-bit file
	// has nothing behind it.
	if (!sut_view_copy(image->file, 0, &eh, sizeof(eh)))
		return sut_err(SUT_E_FORMAT, "ELF header is cut off");

	struct sut_err *err = check_kind(&eh);
	if (err)
		return err;
	image->type = eh.e_type;
	image->entry = eh.e_entry;
	return NULL;
}

struct sut_err *sut_image_init(struct sut_view file, struct sut_image *ret)
{
	_cleanup_(sut_image_deinit) struct sut_image image = { .file = file };
	struct sut_dynamic dynamic;
	struct sut_err *err;

	err = read_header(&image);
	if (err)
		return err;
	err = sut_image_read_segments(&image);
	if (err)
		return err;
	err = sut_image_read_sections(&image);
	if (err)
		return err;
	err = sut_image_read_dynamic(&image, &dynamic);
	if (err)
		return sut_err_wrap(err, "dynamic table");
	err = sut_image_read_symbols(&image, &dynamic);
	if (err)
		return err;
	err = sut_image_read_relocs(&image, &dynamic);
	if (err)
		return sut_err_wrap(err, "relocations");
	err = sut_image_read_fdes(&image);
	if (err)
		return sut_err_wrap(err, ".eh_frame");

	*ret = image;
	image = (struct sut_image){ 0 };
	return NULL;
}

void sut_image_deinit(struct sut_image *image)
{
	free(image->segments);
	free(image->sections);
	free(image->dynsyms);
	free(image->symbols);
	free(image->relocs);
	free(image->fdes);
	free(image->needed);
	free(image->loads);
	free(image->by_vaddr);
	*image = (struct sut_image){ 0 };
}

const struct sut_section *sut_image_section(const struct sut_image *image,
					    const char *name)
{
	for (size_t i = 1; i < image->n_sections; i++)
		if (strcmp(image->sections[i].name, name) == 0)
			return &image->sections[i];
	return NULL;
}

const struct sut_section *sut_image_section_at(const struct sut_image *image,
					       uint64_t vaddr)
{
	size_t from = 0, to = image->n_by_vaddr;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (image->by_vaddr[middle]->vaddr <= vaddr)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == 0)
		return NULL;

	const struct sut_section *s = image->by_vaddr[from - 1];
	return vaddr - s->vaddr < s->size ? s : NULL;
}

const struct sut_segment *sut_image_segment_at(const struct sut_image *image,
					       uint64_t vaddr)
{
	size_t from = 0, to = image->n_loads;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (image->loads[middle]->vaddr <= vaddr)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == 0)
		return NULL;

	const struct sut_segment *s = image->loads[from - 1];
	return vaddr - s->vaddr < s->mem_size ? s : NULL;
}

bool sut_image_bytes(const struct sut_image *image, uint64_t vaddr,
		     uint64_t size, struct sut_view *ret)
{
	const struct sut_segment *s = sut_image_segment_at(image, vaddr);

	if (!s || vaddr - s->vaddr > s->file_size ||
	    size > s->file_size - (vaddr - s->vaddr))
		return false;
	return sut_view_cut(image->file, s->off + (vaddr - s->vaddr), size, ret);
}

size_t sut_image_reloc_from(const struct sut_image *image, uint64_t vaddr)
{
	size_t from = 0, to = image->n_relocs;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (image->relocs[middle].vaddr < vaddr)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

const struct sut_reloc *sut_image_reloc_at(const struct sut_image *image,
					   uint64_t vaddr)
{
	size_t i = sut_image_reloc_from(image, vaddr);

	if (i == image->n_relocs || image->relocs[i].vaddr != vaddr)
		return NULL;
	return &image->relocs[i];
}

const struct sut_fde *sut_image_fde_at(const struct sut_image *image,
				       uint64_t vaddr)
{
	size_t from = 0, to = image->n_fdes;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (image->fdes[middle].start <= vaddr)
			from = middle + 1;
		else
			to = middle;
	}
	if (from == 0 || vaddr >= image->fdes[from - 1].end)
		return NULL;
	return &image->fdes[from - 1];
}
