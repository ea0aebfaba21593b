// SPDX-License-Identifier: Apache-2.0
#include "process/dynamic.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "process/module.h"
#include "process/process.h"
#include "process/symbols.h"

enum { MAX_ENTRIES = 4096, MAX_VERSIONS = 65536 };

static struct sut_err *peek(const struct sut_dynamic *d, uint64_t at, void *to, size_t size)
{
	return sut_process_peek(d->process, (struct sut_addr){ at }, to, size);
}

struct sut_err *sut_dynamic_string(struct sut_process *process, uint64_t at, char **ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };

	// Piece by piece, never beyond a page that may be the last.
	for (;;) {
		uint8_t piece[64];
		size_t size = sizeof(piece) - at % sizeof(piece);
		struct sut_err *err =
			sut_process_peek(process, (struct sut_addr){ at }, piece, size);
		if (!err)
			err = sut_buf_add(&text, piece, size);
		if (err)
			return err;
		if (memchr(piece, 0, size))
			break;
		at += size;
		if (text.size > SUT_MAX_SYMBOL)
			return sut_err(SUT_E_FORMAT, "a name of over %d bytes", SUT_MAX_SYMBOL);
	}
	*ret = (char *)steal(text.data);
	return NULL;
}

static struct sut_err *string_at(const struct sut_dynamic *d, uint64_t off, char **ret)
{
	if (off >= d->strtab_size)
		return sut_err(SUT_E_FORMAT, "a name lies outside of the string table");
	return sut_dynamic_string(d->process, d->strtab + off, ret);
}

/** A piece of the dynamic section: names are known by offset before the string
 *  table is. */
struct names {
	uint64_t soname;
	bool has_soname;
	uint64_t *needed;
	size_t n, capacity;
};

// glibc writes remote addresses into the section when it loads a module; musl,
// and the kernel in the vdso, leave the link-time ones.
static uint64_t pointer(const struct sut_dynamic *d, struct sut_span span, uint64_t value)
{
	return sut_span_has(span, value) ? value : d->base + value;
}

static struct sut_err *take_entry(struct sut_dynamic *d, struct sut_span span,
				  const Elf64_Dyn *entry, struct names *names)
{
	uint64_t value = entry->d_un.d_val;
	struct sut_err *err = NULL;

	switch (entry->d_tag) {
	case DT_SYMTAB:
		d->symtab = pointer(d, span, value);
		break;
	case DT_STRTAB:
		d->strtab = pointer(d, span, value);
		break;
	case DT_STRSZ:
		d->strtab_size = value;
		break;
	case DT_GNU_HASH:
		d->gnu_hash = pointer(d, span, value);
		break;
	case DT_HASH:
		d->hash = pointer(d, span, value);
		break;
	case DT_VERSYM:
		d->versym = pointer(d, span, value);
		break;
	case DT_VERDEF:
		d->verdef = pointer(d, span, value);
		break;
	case DT_VERDEFNUM:
		d->n_verdefs = value < MAX_VERSIONS ? value : MAX_VERSIONS;
		break;
	case DT_DEBUG:
		d->debug = value;
		break;
	case DT_SYMBOLIC:
		d->is_symbolic = true;
		break;
	case DT_FLAGS:
		d->is_symbolic |= value & DF_SYMBOLIC;
		break;
	case DT_SONAME:
		names->soname = value;
		names->has_soname = true;
		break;
	case DT_NEEDED:
		err = sut_array_grow(&names->needed, names->n, &names->capacity,
				     sizeof(*names->needed));
		if (!err)
			names->needed[names->n++] = value;
		break;
	}
	return err;
}

static struct sut_err *take_names(struct sut_dynamic *d, const struct names *names)
{
	struct sut_err *err = NULL;

	if (names->has_soname)
		err = string_at(d, names->soname, &d->soname);
	for (size_t i = 0; i < names->n && !err; i++) {
		err = sut_array_grow(&d->needed, d->n_needed, &d->capacity, sizeof(*d->needed));
		if (!err)
			err = string_at(d, names->needed[i], &d->needed[d->n_needed]);
		if (!err)
			d->n_needed++;
	}
	return err;
}

struct sut_err *sut_dynamic_init(struct sut_process *process, const struct sut_module *module,
				 struct sut_dynamic *ret)
{
	_cleanup_(sut_dynamic_deinit) struct sut_dynamic d = {
		.process = process,
		.base = module->base,
		.at = module->dynamic,
	};
	struct names names = { 0 };
	struct sut_err *err = NULL;
	Elf64_Dyn entry = { .d_tag = DT_DEBUG };

	for (size_t i = 0; i < MAX_ENTRIES && entry.d_tag != DT_NULL && !err; i++) {
		err = peek(&d, d.at + i * sizeof(entry), &entry, sizeof(entry));
		if (!err)
			err = take_entry(&d, module->span, &entry, &names);
	}
	if (!err)
		err = take_names(&d, &names);
	free(names.needed);
	if (err)
		return sut_err_wrap(err, "dynamic section of %s", module->path);
	*ret = d;
	d = (struct sut_dynamic){ 0 };
	return NULL;
}

void sut_dynamic_deinit(struct sut_dynamic *dynamic)
{
	for (size_t i = 0; i < dynamic->n_needed; i++)
		free(dynamic->needed[i]);
	free(dynamic->needed);
	free(dynamic->soname);
	*dynamic = (struct sut_dynamic){ 0 };
}

static bool is_usable_type(uint8_t type)
{
	return type == STT_NOTYPE || type == STT_OBJECT || type == STT_FUNC ||
	       type == STT_COMMON || type == STT_GNU_IFUNC;
}

static bool is_definition(const Elf64_Sym *sym)
{
	uint8_t bind = ELF64_ST_BIND(sym->st_info), visibility = sym->st_other & 3;

	if (bind != STB_GLOBAL && bind != STB_WEAK && bind != STB_GNU_UNIQUE)
		return false;
	if (visibility == STV_HIDDEN || visibility == STV_INTERNAL)
		return false;
	// An undefined function with a value is a program's canonical PLT entry:
	// the function's address for everybody.
	return is_usable_type(ELF64_ST_TYPE(sym->st_info)) &&
	       (sym->st_value || sym->st_shndx == SHN_ABS);
}

// The name of version @p index, or NULL for the base version or one that is not
// defined here. Owned by the caller.
static struct sut_err *version_name(const struct sut_dynamic *d, uint16_t index, char **ret)
{
	uint64_t at = d->verdef;

	*ret = NULL;
	for (uint64_t i = 0; i < d->n_verdefs && at; i++) {
		Elf64_Verdef def;
		Elf64_Verdaux aux;
		struct sut_err *err = peek(d, at, &def, sizeof(def));
		if (err)
			return err;
		if ((def.vd_ndx & 0x7fff) == index && !(def.vd_flags & VER_FLG_BASE)) {
			err = peek(d, at + def.vd_aux, &aux, sizeof(aux));
			return err ? err : string_at(d, aux.vda_name, ret);
		}
		at = def.vd_next ? at + def.vd_next : 0;
	}
	return NULL;
}

// glibc's check_match(): which definition a reference accepts.
static struct sut_err *is_version(const struct sut_dynamic *d, uint32_t index,
				  const char *version, bool *ret)
{
	uint16_t word;

	*ret = true;
	if (!d->versym)
		return NULL;
	struct sut_err *err = peek(d, d->versym + 2 * (uint64_t)index, &word, sizeof(word));
	if (err)
		return err;
	bool is_hidden = word & 0x8000;
	if (!version) {
		// Any default version; of old ones the first and the base.
		*ret = !is_hidden || (word & 0x7fff) < 3;
		return NULL;
	}
	_cleanup_free_ char *name = NULL;
	err = version_name(d, word & 0x7fff, &name);
	*ret = name ? strcmp(name, version) == 0 : !is_hidden;
	return err;
}

static struct sut_err *check_symbol(const struct sut_dynamic *d, uint32_t index, const char *name,
				    const char *version, bool *found, struct sut_definition *ret)
{
	Elf64_Sym sym;
	_cleanup_free_ char *text = NULL;
	struct sut_err *err = peek(d, d->symtab + index * sizeof(sym), &sym, sizeof(sym));

	if (err || !is_definition(&sym))
		return err;
	err = string_at(d, sym.st_name, &text);
	if (err || strcmp(text, name) != 0)
		return err;
	err = is_version(d, index, version, found);
	if (err || !*found)
		return err;
	*ret = (struct sut_definition){
		.at = (sym.st_shndx == SHN_ABS ? 0 : d->base) + sym.st_value,
		.is_ifunc = ELF64_ST_TYPE(sym.st_info) == STT_GNU_IFUNC,
	};
	return NULL;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		h = h * 33 + *c;
	return h;
}

/** The start of DT_GNU_HASH. */
struct gnu_header {
	uint32_t n_buckets, first_symbol, n_bloom, bloom_shift;
};

static struct sut_err *find_by_gnu_hash(const struct sut_dynamic *d, const char *name,
					const char *version, bool *found,
					struct sut_definition *ret)
{
	struct gnu_header h;
	uint32_t hash = gnu_hash(name), index, chain = 0;
	struct sut_err *err = peek(d, d->gnu_hash, &h, sizeof(h));

	if (err || h.n_buckets == 0)
		return err;
	uint64_t buckets = d->gnu_hash + sizeof(h) + 8 * (uint64_t)h.n_bloom;
	uint64_t chains = buckets + 4 * (uint64_t)h.n_buckets;
	err = peek(d, buckets + 4 * (uint64_t)(hash % h.n_buckets), &index, sizeof(index));
	if (err || index < h.first_symbol)
		return err;
	for (; !(chain & 1) && !*found && !err; index++) {
		err = peek(d, chains + 4 * (uint64_t)(index - h.first_symbol), &chain,
			   sizeof(chain));
		if (!err && (chain | 1) == (hash | 1))
			err = check_symbol(d, index, name, version, found, ret);
	}
	return err;
}

static uint32_t sysv_hash(const char *name)
{
	uint32_t h = 0;

	for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
		h = (h << 4) + *c;
		h ^= (h >> 24) & 0xf0;
	}
	return h & 0x0fffffff;
}

static struct sut_err *find_by_hash(const struct sut_dynamic *d, const char *name,
				    const char *version, bool *found, struct sut_definition *ret)
{
	uint32_t sizes[2], index; // buckets, symbols
	struct sut_err *err = peek(d, d->hash, sizes, sizeof(sizes));

	if (err || sizes[0] == 0)
		return err;
	err = peek(d, d->hash + 8 + 4 * (uint64_t)(sysv_hash(name) % sizes[0]), &index, 4);
	for (uint32_t i = 0; i < sizes[1] && index && !*found && !err; i++) {
		err = check_symbol(d, index, name, version, found, ret);
		if (!err && !*found)
			err = peek(d, d->hash + 8 + 4 * ((uint64_t)sizes[0] + index), &index, 4);
	}
	return err;
}

struct sut_err *sut_dynamic_find(const struct sut_dynamic *d, const char *name,
				 const char *version, bool *found, struct sut_definition *ret)
{
	*found = false;
	if (!d->symtab || !d->strtab)
		return NULL;
	if (d->gnu_hash)
		return find_by_gnu_hash(d, name, version, found, ret);
	return d->hash ? find_by_hash(d, name, version, found, ret) : NULL;
}
