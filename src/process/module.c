// SPDX-License-Identifier: Apache-2.0
#include "process/module.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "process/maps.h"
#include "process/process.h"

enum { PAGE = 4096, MAX_HEADERS = 128, MAX_NOTES = 16384 };

/** The headers of an ELF file in memory. */
struct headers {
	Elf64_Ehdr file;
	Elf64_Phdr program[MAX_HEADERS];
};

static bool peek(struct sut_process *process, uint64_t at, void *to, size_t size)
{
	struct sut_err *err = sut_process_peek(process, (struct sut_addr){ at }, to, size);

	sut_err_free(err);
	return !err;
}

static bool read_headers(struct sut_process *process, uint64_t at, struct headers *ret)
{
	const Elf64_Ehdr *eh = &ret->file;

	if (!peek(process, at, &ret->file, sizeof(ret->file)) ||
	    memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_machine != EM_X86_64 || (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) ||
	    eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 ||
	    eh->e_phnum > MAX_HEADERS)
		return false;
	return peek(process, at + eh->e_phoff, ret->program, eh->e_phnum * sizeof(Elf64_Phdr));
}

// Find the build-id among the notes of one PT_NOTE segment (gABI "Note Section").
static bool find_build_id(struct sut_view notes, uint64_t align, struct sut_build_id *ret,
			  uint64_t *at_ret)
{
	Elf64_Nhdr note;
	uint64_t at = 0, mask = (align == 8 ? 8 : 4) - 1;

	while (sut_view_copy(notes, at, &note, sizeof(note))) {
		uint64_t name_at = at + sizeof(note);
		uint64_t desc_at = (name_at + note.n_namesz + mask) & ~mask;
		struct sut_view name, desc;
		if (!sut_view_cut(notes, name_at, note.n_namesz, &name) ||
		    !sut_view_cut(notes, desc_at, note.n_descsz, &desc))
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && name.size == 4 &&
		    memcmp(name.data, "GNU", 4) == 0 && desc.size) {
			ret->size = desc.size < SUT_MAX_BUILD_ID ? desc.size : SUT_MAX_BUILD_ID;
			memcpy(ret->bytes, desc.data, ret->size);
			*at_ret = desc_at;
			return true;
		}
		at = (desc_at + note.n_descsz + mask) & ~mask;
	}
	return false;
}

static void read_build_id(struct sut_process *process, const Elf64_Phdr *ph, struct sut_module *m)
{
	uint8_t notes[MAX_NOTES];
	size_t size = ph->p_memsz < MAX_NOTES ? ph->p_memsz : MAX_NOTES;

	uint64_t at, start = m->base + ph->p_vaddr;

	if (!m->build_id.size && peek(process, start, notes, size) &&
	    find_build_id((struct sut_view){ notes, size }, ph->p_align, &m->build_id, &at))
		m->build_id_at = start + at;
}

static void add_segment(struct sut_process *process, const Elf64_Phdr *ph, struct sut_module *m)
{
	uint64_t start = m->base + ph->p_vaddr, end = start + ph->p_memsz;

	switch (ph->p_type) {
	case PT_LOAD:
		if (start < m->span.start)
			m->span.start = start;
		if (end > m->span.end)
			m->span.end = end;
		if ((ph->p_flags & PF_X) && !m->text.end)
			m->text = (struct sut_span){ start, end };
		break;
	case PT_DYNAMIC:
		m->dynamic = start;
		break;
	case PT_GNU_EH_FRAME:
		m->eh_frame_hdr = start;
		m->eh_frame_hdr_size = ph->p_memsz;
		break;
	case PT_GNU_RELRO:
		m->relro = (struct sut_span){ start, end };
		m->relro_off = ph->p_offset;
		break;
	case PT_NOTE:
		read_build_id(process, ph, m);
		break;
	}
}

// The load bias: where the segment that holds the file's start really is, less
// its link-time address.
static bool find_base(const struct headers *h, uint64_t at, uint64_t *ret)
{
	for (size_t i = 0; i < h->file.e_phnum; i++) {
		const Elf64_Phdr *ph = &h->program[i];
		if (ph->p_type == PT_LOAD && ph->p_offset < PAGE) {
			*ret = at - (ph->p_vaddr & -(uint64_t)PAGE);
			return true;
		}
	}
	return false;
}

bool sut_module_read(struct sut_process *process, const struct sut_maps *maps,
		     const struct sut_mapping *mapping, struct sut_module *ret)
{
	struct headers h;
	struct sut_module m = {
		.path = mapping->path,
		.dev = mapping->dev,
		.inode = mapping->inode,
		.span = { UINT64_MAX, 0 },
	};

	if (!read_headers(process, mapping->span.start, &h) ||
	    !find_base(&h, mapping->span.start, &m.base))
		return false;
	m.is_executable_file = h.file.e_type == ET_EXEC;
	for (size_t i = 0; i < h.file.e_phnum; i++)
		add_segment(process, &h.program[i], &m);
	// A file that is mapped as data has its start in memory too, but its code
	// is not where a loader would have put it.
	const struct sut_mapping *text = m.text.end ? sut_maps_at(maps, m.text.start) : NULL;
	if (!text || !text->is_executable)
		return false;
	*ret = m;
	return true;
}

// Programs of 32 bits map their own file in the same way.
static bool is_32_bit(struct sut_process *process, uint64_t at)
{
	unsigned char ident[EI_NIDENT];

	return peek(process, at, ident, sizeof(ident)) && memcmp(ident, ELFMAG, SELFMAG) == 0 &&
	       ident[EI_CLASS] == ELFCLASS32;
}

struct sut_err *sut_modules_read(struct sut_process *process, const struct sut_maps *maps,
				 struct sut_modules *ret)
{
	_cleanup_(sut_modules_deinit) struct sut_modules modules = { 0 };
	uint64_t end = 0;

	for (size_t i = 0; i < maps->n; i++) {
		const struct sut_mapping *mapping = &maps->items[i];
		bool is_start = (mapping->inode || strcmp(mapping->path, "[vdso]") == 0) &&
				mapping->off == 0 && mapping->is_readable;
		if (!is_start || mapping->span.start < end)
			continue;
		struct sut_err *err = sut_array_grow(&modules.items, modules.n, &modules.capacity,
						     sizeof(*modules.items));
		if (err)
			return err;
		struct sut_module *module = &modules.items[modules.n];
		if (sut_module_read(process, maps, mapping, module)) {
			end = module->span.end;
			modules.n++;
		} else if (mapping->is_executable || i + 1 == maps->n ||
			   maps->items[i + 1].is_executable) {
			if (is_32_bit(process, mapping->span.start))
				return sut_err(SUT_E_UNSUPPORTED, "runs a 32-bit program");
		}
	}
	*ret = modules;
	modules = (struct sut_modules){ 0 };
	return NULL;
}

void sut_modules_deinit(struct sut_modules *modules)
{
	free(modules->items);
	*modules = (struct sut_modules){ 0 };
}

const struct sut_module *sut_modules_at(const struct sut_modules *modules, uint64_t at)
{
	for (size_t i = 0; i < modules->n; i++)
		if (sut_span_has(modules->items[i].span, at))
			return &modules->items[i];
	return NULL;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sut_build_id_parse(const char *hex, struct sut_build_id *ret)
{
	size_t size = strlen(hex);
	struct sut_build_id id = { .size = size / 2 };

	if (size == 0 || size % 2 || id.size > SUT_MAX_BUILD_ID)
		return false;
	for (size_t i = 0; i < id.size; i++) {
		int high = digit_of(hex[2 * i]), low = digit_of(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		id.bytes[i] = high << 4 | low;
	}
	*ret = id;
	return true;
}

bool sut_build_id_equal(const struct sut_build_id *a, const struct sut_build_id *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}
