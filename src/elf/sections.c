// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "elf/parse.h"

/** The tables of an ELF header, with the gABI's escapes for large counts
 *  resolved. */
struct tables {
	uint64_t ph_off, n_ph;
	uint64_t sh_off, n_sh;
	uint32_t names; /**< Section index of the section names; 0: none. */
};

static struct sut_err *read_tables(struct sut_view file, struct tables *ret)
{
	Elf64_Ehdr eh;

	sut_view_copy(file, 0, &eh, sizeof(eh)); // checked by read_header()
	struct tables t = { eh.e_phoff, eh.e_phnum, eh.e_shoff, eh.e_shnum,
			    eh.e_shstrndx };

	if (eh.e_shoff) {
		Elf64_Shdr first;

		if (eh.e_shentsize != sizeof(first))
			return sut_err(SUT_E_FORMAT, "section headers of %u bytes",
				       eh.e_shentsize);
		if (!sut_view_copy(file, eh.e_shoff, &first, sizeof(first)))
			return sut_err(SUT_E_FORMAT, "section table is cut off");
		if (eh.e_shnum == 0)
			t.n_sh = first.sh_size;
		if (eh.e_shstrndx == SHN_XINDEX)
			t.names = first.sh_link;
		if (eh.e_phnum == PN_XNUM)
			t.n_ph = first.sh_info;
	} else {
		t.n_sh = 0;
	}
	if (t.n_ph && eh.e_phentsize != sizeof(Elf64_Phdr))
		return sut_err(SUT_E_FORMAT, "program headers of %u bytes",
			       eh.e_phentsize);
	*ret = t;
	return NULL;
}

/** Cut a table of @p n headers of @p size bytes each out of @p file. */
static bool cut_table(struct sut_view file, uint64_t off, uint64_t n,
		      size_t size, struct sut_view *ret)
{
	uint64_t bytes;

	return !__builtin_mul_overflow(n, size, &bytes) &&
	       sut_view_cut(file, off, bytes, ret);
}

static struct sut_err *read_segment(struct sut_view file, const Elf64_Phdr *ph,
				    struct sut_segment *ret)
{
	struct sut_view bytes;
	uint64_t end;

	if (ph->p_filesz && !sut_view_cut(file, ph->p_offset, ph->p_filesz, &bytes))
		return sut_err(SUT_E_FORMAT, "contents lie outside the file");
	if (ph->p_memsz < ph->p_filesz && ph->p_type != PT_NULL)
		return sut_err(SUT_E_FORMAT, "larger in the file than in memory");
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end))
		return sut_err(SUT_E_FORMAT, "addresses wrap around");
	if (ph->p_align & (ph->p_align - 1))
		return sut_err(SUT_E_FORMAT, "alignment is no power of two");
	*ret = (struct sut_segment){
		.type = ph->p_type,
		.flags = ph->p_flags,
		.off = ph->p_offset,
		.vaddr = ph->p_vaddr,
		.file_size = ph->p_filesz,
		.mem_size = ph->p_memsz,
		.align = ph->p_align,
	};
	return NULL;
}

static struct sut_err *index_loads(struct sut_image *image)
{
	image->loads = calloc(image->n_segments + 1, sizeof(*image->loads));
	if (!image->loads)
		return sut_err_nomem();

	uint64_t end = 0;
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct sut_segment *s = &image->segments[i];

		if (s->type != PT_LOAD || s->mem_size == 0)
			continue;
		// What objcopy --only-keep-debug leaves of the code.
		if (s->flags & PF_X && s->file_size == 0)
			return sut_err(SUT_E_UNSUPPORTED,
				       "a debug file: its code is not in it");
		// The gABI wants them ascending; the lookups rely on it.
		if (s->vaddr < end)
			return sut_err(SUT_E_FORMAT,
				       "segment %zu overlaps one before it", i);
		end = s->vaddr + s->mem_size;
		image->loads[image->n_loads++] = s;
	}
	if (image->n_loads == 0)
		return sut_err(SUT_E_FORMAT, "no loadable segment");
	image->low = image->loads[0]->vaddr;
	image->high = end;
	if (image->entry && !sut_image_segment_at(image, image->entry))
		return sut_err(SUT_E_FORMAT, "entry point lies outside the segments");
	return NULL;
}

/** Find the build-id among the notes of @p s, unless there is one already. */
static struct sut_err *read_notes(struct sut_image *image,
				  const struct sut_segment *s)
{
	// Notes of an 8-aligned segment are padded to 8 (gABI, "Note Section").
	uint64_t align = s->align == 8 ? 8 : 4;
	struct sut_view notes;
	uint64_t off = 0;

	if (!sut_view_cut(image->file, s->off, s->file_size, &notes))
		return NULL; // an empty segment with an offset outside the file
	while (notes.size - off >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		struct sut_view name, desc;

		sut_view_copy(notes, off, &note, sizeof(note));
		off += sizeof(note);
		uint64_t desc_off = (off + note.n_namesz + align - 1) & -align;
		if (!sut_view_cut(notes, off, note.n_namesz, &name) ||
		    !sut_view_cut(notes, desc_off, note.n_descsz, &desc))
			return sut_err(SUT_E_FORMAT, "note is cut off");
		if (note.n_type == NT_GNU_BUILD_ID && image->build_id.size == 0 &&
		    sut_view_equal(name, (struct sut_view){ (uint8_t *)"GNU", 4 }))
			image->build_id = desc;
		off = (desc_off + note.n_descsz + align - 1) & -align;
		if (off >= notes.size)
			break;
	}
	return NULL;
}

static struct sut_err *use_segment(struct sut_image *image,
				   const struct sut_segment *s)
{
	switch (s->type) {
	case PT_NOTE:
		return read_notes(image, s);
	case PT_INTERP:
		image->is_static = false;
		break;
	case PT_GNU_RELRO:
		image->relro_start = s->vaddr;
		image->relro_end = s->vaddr + s->mem_size;
		break;
	case PT_TLS:
		image->tls_vaddr = s->vaddr;
		image->tls_file_size = s->file_size;
		image->tls_mem_size = s->mem_size;
		image->tls_align = s->align;
		break;
	}
	return NULL;
}

struct sut_err *sut_image_read_segments(struct sut_image *image)
{
	struct tables tables;
	struct sut_view table;
	struct sut_err *err = read_tables(image->file, &tables);

	if (err)
		return err;
	if (!cut_table(image->file, tables.ph_off, tables.n_ph,
		       sizeof(Elf64_Phdr), &table))
		return sut_err(SUT_E_FORMAT, "program header table is cut off");
	image->segments = calloc(tables.n_ph + 1, sizeof(*image->segments));
	if (!image->segments)
		return sut_err_nomem();
	for (size_t i = 0; i < tables.n_ph; i++) {
		Elf64_Phdr ph;

		sut_view_copy(table, i * sizeof(ph), &ph, sizeof(ph));
		err = read_segment(image->file, &ph, &image->segments[i]);
		if (err)
			return sut_err_wrap(err, "segment %zu", i);
	}
	image->n_segments = tables.n_ph;
	err = index_loads(image);
	if (err)
		return err;

	image->is_static = true;
	for (size_t i = 0; i < image->n_segments; i++) {
		err = use_segment(image, &image->segments[i]);
		if (err)
			return sut_err_wrap(err, "segment %zu", i);
	}
	return NULL;
}

/** Are an allocated section's bytes those that its addresses are loaded from? */
static bool is_loaded_as_it_stands(const struct sut_image *image,
				   const struct sut_section *s)
{
	struct sut_view loaded;

	if (!(s->flags & SHF_ALLOC) || s->data.size == 0 ||
	    !sut_image_segment_at(image, s->vaddr))
		return true;
	return sut_image_bytes(image, s->vaddr, s->data.size, &loaded) &&
	       loaded.data == s->data.data;
}

static struct sut_err *read_section(const struct sut_image *image,
				    const Elf64_Shdr *sh, struct sut_view names,
				    struct sut_section *ret)
{
	struct sut_section s = {
		.name = sut_view_string(names, sh->sh_name),
		.type = sh->sh_type,
		.link = sh->sh_link,
		.info = sh->sh_info,
		.flags = sh->sh_flags,
		.vaddr = sh->sh_flags & SHF_ALLOC ? sh->sh_addr : 0,
		.size = sh->sh_size,
		.align = sh->sh_addralign,
		.entry_size = sh->sh_entsize,
	};
	uint64_t end;

	if (names.size == 0)
		s.name = "";
	if (!s.name)
		return sut_err(SUT_E_FORMAT, "name lies outside the name table");
	if (s.type != SHT_NOBITS &&
	    !sut_view_cut(image->file, sh->sh_offset, sh->sh_size, &s.data))
		return sut_err(SUT_E_FORMAT, "contents lie outside the file");
	if (__builtin_add_overflow(s.vaddr, s.size, &end))
		return sut_err(SUT_E_FORMAT, "addresses wrap around");
	if (s.align & (s.align - 1))
		return sut_err(SUT_E_FORMAT, "alignment is no power of two");
	if (!is_loaded_as_it_stands(image, &s))
		return sut_err(SUT_E_FORMAT,
			       "contents differ from what its segment loads");
	*ret = s;
	return NULL;
}

static int by_vaddr(const void *a, const void *b)
{
	const struct sut_section *x = *(const struct sut_section *const *)a;
	const struct sut_section *y = *(const struct sut_section *const *)b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	return x < y ? -1 : x > y;
}

static struct sut_err *index_sections(struct sut_image *image)
{
	image->by_vaddr = calloc(image->n_sections + 1, sizeof(*image->by_vaddr));
	if (!image->by_vaddr)
		return sut_err_nomem();
	for (size_t i = 0; i < image->n_sections; i++) {
		const struct sut_section *s = &image->sections[i];

		// .tbss has the addresses of whatever follows it.
		if (!(s->flags & SHF_ALLOC) || s->size == 0 ||
		    (s->type == SHT_NOBITS && s->flags & SHF_TLS))
			continue;
		image->by_vaddr[image->n_by_vaddr++] = s;
	}
	qsort(image->by_vaddr, image->n_by_vaddr, sizeof(*image->by_vaddr),
	      by_vaddr);
	return NULL;
}

static struct sut_err *find_names(struct sut_view file, struct sut_view table,
				  const struct tables *tables,
				  struct sut_view *ret)
{
	Elf64_Shdr sh;

	*ret = (struct sut_view){ 0 };
	if (tables->names == SHN_UNDEF)
		return NULL;
	if (tables->names >= tables->n_sh)
		return sut_err(SUT_E_FORMAT, "no section name table");
	sut_view_copy(table, tables->names * sizeof(sh), &sh, sizeof(sh));
	// A name table of one byte 0 is larger than none: it lets us tell
	// "nameless" from "outside".
	if (!sut_view_cut(file, sh.sh_offset, sh.sh_size, ret) || ret->size == 0)
		return sut_err(SUT_E_FORMAT, "section name table is cut off");
	return NULL;
}

struct sut_err *sut_image_read_sections(struct sut_image *image)
{
	struct tables tables;
	struct sut_view table, names;
	struct sut_err *err = read_tables(image->file, &tables);

	if (err)
		return err;
	if (!cut_table(image->file, tables.sh_off, tables.n_sh,
		       sizeof(Elf64_Shdr), &table))
		return sut_err(SUT_E_FORMAT, "section table is cut off");
	err = find_names(image->file, table, &tables, &names);
	if (err && tables.n_sh)
		return err;
	sut_err_free(err);

	image->sections = calloc(tables.n_sh + 1, sizeof(*image->sections));
	if (!image->sections)
		return sut_err_nomem();
	for (size_t i = 0; i < tables.n_sh; i++) {
		Elf64_Shdr sh;

		sut_view_copy(table, i * sizeof(sh), &sh, sizeof(sh));
		image->sections[i] = (struct sut_section){ .name = "" };
		if (sh.sh_type == SHT_NULL)
			continue;
		err = read_section(image, &sh, names, &image->sections[i]);
		if (err)
			return sut_err_wrap(err, "section %zu", i);
	}
	image->n_sections = tables.n_sh;
	return index_sections(image);
}
