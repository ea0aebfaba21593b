// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "elf/parse.h"

/** Version indices have 15 bits; bit 15 says "hidden" (not the default). */
#define MAX_VERSIONS 0x8000

/** A symbol version; NULL name: the file does not define this index. */
struct version {
	const char *name;
	bool is_definition; /**< From DT_VERDEF, else from DT_VERNEED. */
};

/** Copy @p size bytes from link-time address @p vaddr. */
static bool copy_at(const struct sut_image *image, uint64_t vaddr, void *to,
		    size_t size)
{
	struct sut_view bytes;

	if (!sut_image_bytes(image, vaddr, size, &bytes))
		return false;
	memcpy(to, bytes.data, size);
	return true;
}

/** The versions that the symbols of a file use, by index. */
struct versions {
	struct version *list;
	size_t n; /**< One past the highest index that a symbol has. */
};

static struct sut_err *add_version(const struct versions *versions,
				   uint16_t index, struct sut_view strings,
				   uint32_t name, bool is_definition)
{
	const char *text = sut_view_string(strings, name);

	index &= MAX_VERSIONS - 1;
	if (!text)
		return sut_err(SUT_E_FORMAT,
			       "a name lies outside the string table");
	if (index < versions->n)
		versions->list[index] = (struct version){ text, is_definition };
	return NULL;
}

static struct sut_err *read_definitions(const struct sut_image *image,
					const struct sut_dynamic *dynamic,
					const struct versions *versions)
{
	uint64_t at = dynamic->verdef;

	for (uint64_t i = 0; i < dynamic->verdef_count; i++) {
		Elf64_Verdef def;
		Elf64_Verdaux aux;

		if (i == MAX_VERSIONS || !copy_at(image, at, &def, sizeof(def)) ||
		    !copy_at(image, at + def.vd_aux, &aux, sizeof(aux)))
			return sut_err(SUT_E_FORMAT, "definitions are cut off");
		struct sut_err *err = add_version(versions, def.vd_ndx,
						  dynamic->strings, aux.vda_name,
						  true);
		if (err)
			return err;
		if (def.vd_next == 0)
			break;
		at += def.vd_next;
	}
	return NULL;
}

static struct sut_err *read_needs(const struct sut_image *image,
				  const struct sut_dynamic *dynamic,
				  const struct versions *versions)
{
	uint64_t at = dynamic->verneed;
	size_t n = 0; // over all libraries: bounds what a hostile file costs

	for (uint64_t i = 0; i < dynamic->verneed_count; i++) {
		Elf64_Verneed need;

		if (i == MAX_VERSIONS || !copy_at(image, at, &need, sizeof(need)))
			return sut_err(SUT_E_FORMAT, "needs are cut off");
		uint64_t aux_at = at + need.vn_aux;
		for (uint16_t k = 0; k < need.vn_cnt; k++) {
			Elf64_Vernaux aux;

			if (n++ == MAX_VERSIONS ||
			    !copy_at(image, aux_at, &aux, sizeof(aux)))
				return sut_err(SUT_E_FORMAT, "needs are cut off");
			struct sut_err *err =
				add_version(versions, aux.vna_other,
					    dynamic->strings, aux.vna_name, false);
			if (err)
				return err;
			aux_at += aux.vna_next;
		}
		if (need.vn_next == 0)
			break;
		at += need.vn_next;
	}
	return NULL;
}

static struct sut_err *set_versions(struct sut_image *image, struct sut_view table,
				    const struct versions *versions)
{
	for (size_t i = 1; i < image->n_dynsyms; i++) {
		struct sut_symbol *s = &image->dynsyms[i];
		uint16_t raw;

		sut_view_copy(table, i * sizeof(raw), &raw, sizeof(raw));
		uint16_t index = raw & (MAX_VERSIONS - 1);
		if (index <= VER_NDX_GLOBAL)
			continue;
		const struct version *v = &versions->list[index];
		if (!v->name)
			return sut_err(SUT_E_FORMAT, "%s has unknown version %u",
				       s->name, index);
		s->version = v->name;
		s->is_default_version = v->is_definition && raw == index &&
					s->section != SHN_UNDEF;
	}
	return NULL;
}

static struct sut_err *read_versions(struct sut_image *image,
				     const struct sut_dynamic *dynamic)
{
	struct versions versions = { 0 };
	struct sut_view table;

	if (!dynamic->versym)
		return NULL;
	if (!sut_image_bytes(image, dynamic->versym,
			     image->n_dynsyms * sizeof(uint16_t), &table))
		return sut_err(SUT_E_FORMAT, "table lies outside the file");
	for (size_t off = 0; off < table.size; off += sizeof(uint16_t)) {
		uint16_t raw;

		sut_view_copy(table, off, &raw, sizeof(raw));
		size_t index = raw & (MAX_VERSIONS - 1);
		if (index >= versions.n)
			versions.n = index + 1;
	}

	_cleanup_free_ struct version *list = calloc(versions.n + 1, sizeof(*list));
	if (!list)
		return sut_err_nomem();
	versions.list = list;
	struct sut_err *err = read_definitions(image, dynamic, &versions);
	if (!err)
		err = read_needs(image, dynamic, &versions);
	if (err)
		return err;
	return set_versions(image, table, &versions);
}

static struct sut_err *read_symbol(const struct sut_image *image,
				   const Elf64_Sym *from, struct sut_view names,
				   struct sut_symbol *ret)
{
	// The name table ends with a NUL, so an offset inside has an end.
	if (from->st_name >= names.size && from->st_name != 0)
		return sut_err(SUT_E_FORMAT, "name lies outside the name table");
	if (image->n_sections && from->st_shndx >= image->n_sections &&
	    from->st_shndx < SHN_LORESERVE)
		return sut_err(SUT_E_FORMAT, "section %u does not exist",
			       from->st_shndx);
	*ret = (struct sut_symbol){
		.name = names.size ? (const char *)names.data + from->st_name : "",
		.vaddr = from->st_value,
		.size = from->st_size,
		.type = ELF64_ST_TYPE(from->st_info),
		.bind = ELF64_ST_BIND(from->st_info),
		.visibility = ELF64_ST_VISIBILITY(from->st_other),
		.section = from->st_shndx,
	};
	return NULL;
}

static struct sut_err *read_table(const struct sut_image *image,
				  struct sut_view table, struct sut_view names,
				  struct sut_symbol **ret, size_t *n_ret)
{
	size_t n = table.size / sizeof(Elf64_Sym);

	if (names.size && names.data[names.size - 1] != 0)
		return sut_err(SUT_E_FORMAT, "name table has no end");

	_cleanup_free_ struct sut_symbol *symbols = calloc(n + 1, sizeof(*symbols));
	if (!symbols)
		return sut_err_nomem();
	for (size_t i = 0; i < n; i++) {
		Elf64_Sym from;

		sut_view_copy(table, i * sizeof(from), &from, sizeof(from));
		struct sut_err *err =
			read_symbol(image, &from, names, &symbols[i]);
		if (err)
			return sut_err_wrap(err, "symbol %zu", i);
	}
	*ret = steal(symbols);
	*n_ret = n;
	return NULL;
}

/** One past the highest symbol that DT_GNU_HASH reaches. Imports are not in
 *  it. The table is nowhere in the gABI: binutils' elf_gnu_hash layout is
 *  n_buckets, first symbol, n_bloom, shift, bloom words, buckets, chains. */
static struct sut_err *count_gnu_hash(const struct sut_image *image,
				      uint64_t vaddr, uint64_t *ret)
{
	uint32_t head[4];
	struct sut_view buckets;
	uint32_t last = 0;

	if (!copy_at(image, vaddr, head, sizeof(head)))
		return sut_err(SUT_E_FORMAT, "hash table lies outside the file");
	uint64_t buckets_at = vaddr + sizeof(head) + (uint64_t)head[2] * 8;
	uint64_t buckets_size = (uint64_t)head[0] * sizeof(uint32_t);
	if (!sut_image_bytes(image, buckets_at, buckets_size, &buckets))
		return sut_err(SUT_E_FORMAT, "hash table lies outside the file");
	for (size_t i = 0; i < head[0]; i++) {
		uint32_t bucket;

		sut_view_copy(buckets, i * sizeof(bucket), &bucket, sizeof(bucket));
		if (bucket > last)
			last = bucket;
	}
	if (last < head[1]) {
		*ret = head[1];
		return NULL;
	}
	// The highest chain ends with the highest symbol; bit 0 marks the end.
	uint64_t at = buckets_at + buckets_size +
		      (uint64_t)(last - head[1]) * sizeof(uint32_t);
	for (uint32_t hash = 0; !(hash & 1); at += sizeof(hash), last++)
		if (!copy_at(image, at, &hash, sizeof(hash)))
			return sut_err(SUT_E_FORMAT,
				       "hash table lies outside the file");
	*ret = last;
	return NULL;
}

/** Count .dynsym. Only its section says how long it is; without section table,
 *  what the hash tables and relocations reach is all that is ever used. */
static struct sut_err *count_dynsyms(const struct sut_image *image,
				     const struct sut_dynamic *dynamic,
				     uint64_t *ret)
{
	const struct sut_section *s = sut_image_section_at(image, dynamic->symtab);
	uint64_t n = 0, used;
	struct sut_err *err;

	if (s && s->type == SHT_DYNSYM && s->vaddr == dynamic->symtab) {
		*ret = s->size / sizeof(Elf64_Sym);
		return NULL;
	}
	if (dynamic->hash) {
		uint32_t head[2];

		if (!copy_at(image, dynamic->hash, head, sizeof(head)))
			return sut_err(SUT_E_FORMAT,
				       "hash table lies outside the file");
		*ret = head[1];
		return NULL;
	}
	if (dynamic->gnu_hash) {
		err = count_gnu_hash(image, dynamic->gnu_hash, &n);
		if (err)
			return err;
	}
	err = sut_relocs_max_symbol(image, dynamic, &used);
	if (err)
		return err;
	*ret = used >= n ? used + 1 : n;
	return NULL;
}

static struct sut_err *read_dynsyms(struct sut_image *image,
				    const struct sut_dynamic *dynamic)
{
	struct sut_view table;
	uint64_t n;

	if (!dynamic->symtab)
		return NULL;
	struct sut_err *err = count_dynsyms(image, dynamic, &n);
	if (err)
		return err;
	// n came from 32-bit counts or a size in bytes: no overflow.
	if (!sut_image_bytes(image, dynamic->symtab, n * sizeof(Elf64_Sym), &table))
		return sut_err(SUT_E_FORMAT, "table lies outside the file");
	return read_table(image, table, dynamic->strings, &image->dynsyms,
			  &image->n_dynsyms);
}

static struct sut_err *read_symtab(struct sut_image *image)
{
	const struct sut_section *symtab = NULL;

	for (size_t i = 0; i < image->n_sections && !symtab; i++)
		if (image->sections[i].type == SHT_SYMTAB)
			symtab = &image->sections[i];
	if (!symtab)
		return NULL;
	if (symtab->link >= image->n_sections)
		return sut_err(SUT_E_FORMAT, "no name table");
	return read_table(image, symtab->data, image->sections[symtab->link].data,
			  &image->symbols, &image->n_symbols);
}

struct sut_err *sut_image_read_symbols(struct sut_image *image,
				       const struct sut_dynamic *dynamic)
{
	struct sut_err *err = read_dynsyms(image, dynamic);

	if (err)
		return sut_err_wrap(err, "dynamic symbols");
	err = read_versions(image, dynamic);
	if (err)
		return sut_err_wrap(err, "symbol versions");
	err = read_symtab(image);
	if (err)
		return sut_err_wrap(err, "symbols");
	return NULL;
}
