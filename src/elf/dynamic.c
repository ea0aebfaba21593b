// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "elf/parse.h"

#define DYNAMIC(member) true, offsetof(struct sut_dynamic, member)
#define IMAGE(member)	false, offsetof(struct sut_image, member)

/** Where each tag's value goes. */
static const struct {
	int64_t tag;
	bool is_dynamic; /**< Into the sut_dynamic, else into the sut_image. */
	size_t at;	 /**< Offset of a uint64_t. */
} fields[] = {
	{ DT_STRTAB, DYNAMIC(strtab) },
	{ DT_STRSZ, DYNAMIC(strtab_size) },
	{ DT_SYMTAB, DYNAMIC(symtab) },
	{ DT_SYMENT, DYNAMIC(symbol_size) },
	{ DT_HASH, DYNAMIC(hash) },
	{ DT_GNU_HASH, DYNAMIC(gnu_hash) },
	{ DT_RELA, DYNAMIC(rela) },
	{ DT_RELASZ, DYNAMIC(rela_size) },
	{ DT_RELAENT, DYNAMIC(rela_entry) },
	{ DT_JMPREL, DYNAMIC(jmprel) },
	{ DT_PLTRELSZ, DYNAMIC(jmprel_size) },
	{ DT_PLTREL, DYNAMIC(jmprel_type) },
	{ DT_RELR, DYNAMIC(relr) },
	{ DT_RELRSZ, DYNAMIC(relr_size) },
	{ DT_RELRENT, DYNAMIC(relr_entry) },
	{ DT_REL, DYNAMIC(rel) },
	{ DT_VERSYM, DYNAMIC(versym) },
	{ DT_VERNEED, DYNAMIC(verneed) },
	{ DT_VERNEEDNUM, DYNAMIC(verneed_count) },
	{ DT_VERDEF, DYNAMIC(verdef) },
	{ DT_VERDEFNUM, DYNAMIC(verdef_count) },
	{ DT_SONAME, DYNAMIC(soname) },
	{ DT_FLAGS, DYNAMIC(flags) },
	{ DT_FLAGS_1, DYNAMIC(flags_1) },
	{ DT_INIT, IMAGE(init) },
	{ DT_FINI, IMAGE(fini) },
	{ DT_INIT_ARRAY, IMAGE(init_array) },
	{ DT_INIT_ARRAYSZ, IMAGE(init_array_size) },
	{ DT_FINI_ARRAY, IMAGE(fini_array) },
	{ DT_FINI_ARRAYSZ, IMAGE(fini_array_size) },
	{ DT_PLTGOT, IMAGE(got_plt) },
};

static void use_entry(struct sut_image *image, struct sut_dynamic *dynamic,
		      const Elf64_Dyn *entry)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (fields[i].tag != entry->d_tag)
			continue;
		uint8_t *base = fields[i].is_dynamic ? (uint8_t *)dynamic :
						       (uint8_t *)image;
		memcpy(base + fields[i].at, &entry->d_un.d_val, sizeof(uint64_t));
		return;
	}
	if (entry->d_tag == DT_BIND_NOW)
		image->is_bind_now = true;
	if (entry->d_tag == DT_TEXTREL)
		image->has_text_relocs = true;
}

static struct sut_err *read_strings(struct sut_image *image,
				    struct sut_dynamic *dynamic)
{
	if (dynamic->strtab_size == 0)
		return NULL;
	if (!sut_image_bytes(image, dynamic->strtab, dynamic->strtab_size,
			     &dynamic->strings))
		return sut_err(SUT_E_FORMAT, "string table lies outside the file");
	if (dynamic->strings.data[dynamic->strings.size - 1] != 0)
		return sut_err(SUT_E_FORMAT, "string table has no end");
	if (dynamic->soname) {
		image->soname = sut_view_string(dynamic->strings, dynamic->soname);
		if (!image->soname)
			return sut_err(SUT_E_FORMAT,
				       "soname lies outside the string table");
	}
	return NULL;
}

static struct sut_err *read_needed(struct sut_image *image,
				   const struct sut_dynamic *dynamic,
				   struct sut_view table)
{
	size_t capacity = 0;
	Elf64_Dyn entry;

	for (size_t off = 0; sut_view_copy(table, off, &entry, sizeof(entry));
	     off += sizeof(entry)) {
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag != DT_NEEDED)
			continue;
		struct sut_err *err = sut_array_grow(&image->needed,
						     image->n_needed, &capacity,
						     sizeof(*image->needed));
		if (err)
			return err;
		const char *name =
			sut_view_string(dynamic->strings, entry.d_un.d_val);
		if (!name)
			return sut_err(SUT_E_FORMAT,
				       "a needed library's name lies outside the string table");
		image->needed[image->n_needed++] = name;
		image->is_static = false;
	}
	return NULL;
}

/** Does an array of addresses lie inside one segment's memory? */
static bool is_array_inside(const struct sut_image *image, uint64_t vaddr,
			    uint64_t size)
{
	const struct sut_segment *s = sut_image_segment_at(image, vaddr);

	if (size == 0)
		return true;
	return size % 8 == 0 && s && size <= s->mem_size - (vaddr - s->vaddr);
}

static struct sut_err *check(const struct sut_image *image,
			     const struct sut_dynamic *dynamic)
{
	if (!is_array_inside(image, image->init_array, image->init_array_size) ||
	    !is_array_inside(image, image->fini_array, image->fini_array_size))
		return sut_err(SUT_E_FORMAT,
			       "constructor array lies outside the segments");
	if ((image->init && !sut_image_segment_at(image, image->init)) ||
	    (image->fini && !sut_image_segment_at(image, image->fini)))
		return sut_err(SUT_E_FORMAT,
			       "constructor lies outside the segments");
	// The psABI for x86-64 uses only relocations with addends.
	if (dynamic->rel || (dynamic->jmprel_size && dynamic->jmprel_type != DT_RELA))
		return sut_err(SUT_E_FORMAT, "relocations without addends");
	if ((dynamic->rela_size && dynamic->rela_entry != sizeof(Elf64_Rela)) ||
	    (dynamic->relr_size && dynamic->relr_entry != sizeof(uint64_t)) ||
	    (dynamic->symtab && dynamic->symbol_size != sizeof(Elf64_Sym)))
		return sut_err(SUT_E_FORMAT, "entries have an unknown size");
	return NULL;
}

struct sut_err *sut_image_read_dynamic(struct sut_image *image,
				       struct sut_dynamic *ret)
{
	struct sut_dynamic dynamic = { 0 };
	struct sut_view table = { 0 };
	struct sut_err *err;

	for (size_t i = 0; i < image->n_segments; i++) {
		const struct sut_segment *s = &image->segments[i];

		if (s->type != PT_DYNAMIC)
			continue;
		if (dynamic.exists)
			return sut_err(SUT_E_FORMAT, "there are two of them");
		// By address, as the dynamic linker finds it.
		if (!sut_image_bytes(image, s->vaddr, s->file_size, &table))
			return sut_err(SUT_E_FORMAT, "lies outside the file");
		dynamic.exists = true;
	}

	Elf64_Dyn entry;
	for (size_t off = 0; sut_view_copy(table, off, &entry, sizeof(entry));
	     off += sizeof(entry)) {
		if (entry.d_tag == DT_NULL)
			break;
		use_entry(image, &dynamic, &entry);
	}
	image->is_bind_now |= (dynamic.flags & DF_BIND_NOW) ||
			      (dynamic.flags_1 & DF_1_NOW);
	image->has_text_relocs |= (dynamic.flags & DF_TEXTREL) != 0;

	err = read_strings(image, &dynamic);
	if (err)
		return err;
	err = read_needed(image, &dynamic, table);
	if (err)
		return err;
	err = check(image, &dynamic);
	if (err)
		return err;
	*ret = dynamic;
	return NULL;
}
