// SPDX-License-Identifier: Apache-2.0
#include "patch/patch.h"

#include <assert.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "patch/layout.h"
#include "patch/strtab.h"

/** A file being written. Owns all but the patch. */
struct writer {
	const struct sut_patch *patch;
	struct sut_buf out;
	struct sut_strtab strings;  /**< .strtab */
	struct sut_strtab names;    /**< .shstrtab */
	Elf64_Shdr *headers;        /**< n_headers of the section table's size. */
	size_t n_headers;           /**< Written so far. */
	size_t tail;                /**< Index of the section SUT_TAIL_FUNCTIONS. */
};

static void writer_deinit(struct writer *w)
{
	sut_buf_deinit(&w->out);
	sut_strtab_deinit(&w->strings);
	sut_strtab_deinit(&w->names);
	free(w->headers);
}

// ELF wants a symbol table's local symbols first, and an undefined symbol must
// be global: so imports go behind all others, which keep their order.
static struct sut_err *order_symbols(struct sut_patch *patch)
{
	size_t n_imports = 0;
	size_t first_import = patch->n_symbols;

	for (size_t i = 0; i < patch->n_symbols; i++) {
		if (patch->symbols[i].where != SUT_WHERE_IMPORT)
			continue;
		if (!n_imports++)
			first_import = i;
	}
	if (first_import + n_imports == patch->n_symbols)
		return NULL;

	_cleanup_free_ uint32_t *moved = calloc(patch->n_symbols, sizeof(*moved));
	_cleanup_free_ struct sut_patch_symbol *symbols =
		calloc(patch->n_symbols, sizeof(*symbols));
	if (!moved || !symbols)
		return sut_err_nomem();
	size_t local = 0;
	size_t import = patch->n_symbols - n_imports;
	for (size_t i = 0; i < patch->n_symbols; i++) {
		bool is_import = patch->symbols[i].where == SUT_WHERE_IMPORT;
		moved[i] = is_import ? import++ : local++;
		symbols[moved[i]] = patch->symbols[i];
	}
	for (size_t i = 0; i < patch->n_relocs; i++)
		patch->relocs[i].symbol = moved[patch->relocs[i].symbol];
	for (size_t i = 0; i < patch->n_functions; i++)
		patch->functions[i].symbol = moved[patch->functions[i].symbol];
	free(patch->symbols);
	patch->symbols = steal(symbols);
	return NULL;
}

static bool has_relocs(const struct sut_patch *patch, size_t part)
{
	// Few parts, and their relocations stand together.
	for (size_t i = 0; i < patch->n_relocs; i++)
		if (patch->relocs[i].part >= part)
			return patch->relocs[i].part == part;
	return false;
}

// Append @p bytes as the next section; the rest of its header is in @p sh.
static struct sut_err *add_section(struct writer *w, const char *name, Elf64_Shdr sh,
				   struct sut_view bytes)
{
	struct sut_err *err = sut_strtab_add(&w->names, name, &sh.sh_name);

	if (!err)
		err = sut_buf_align(&w->out, sh.sh_addralign, 0);
	if (err)
		return err;
	sh.sh_offset = w->out.size;
	if (sh.sh_type != SHT_NOBITS) {
		sh.sh_size = bytes.size;
		err = sut_buf_add(&w->out, bytes.data, bytes.size);
	}
	w->headers[w->n_headers++] = sh;
	return err;
}

static struct sut_err *add_part(struct writer *w, const struct sut_part *part)
{
	Elf64_Shdr sh = {
		.sh_type = part->bytes ? SHT_PROGBITS : SHT_NOBITS,
		.sh_flags = part->flags,
		.sh_size = part->size,
		.sh_addralign = part->align,
	};

	return add_section(w, part->name, sh, (struct sut_view){ part->bytes, part->size });
}

static struct sut_err *add_relocs(struct writer *w, size_t part)
{
	const struct sut_patch *patch = w->patch;
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };
	_cleanup_free_ char *name = NULL;

	for (size_t i = 0; i < patch->n_relocs; i++) {
		const struct sut_patch_reloc *reloc = &patch->relocs[i];
		if (reloc->part != part)
			continue;
		Elf64_Rela rela = {
			.r_offset = reloc->off,
			// Entry 0 of .symtab is the null symbol.
			.r_info = ELF64_R_INFO((uint64_t)reloc->symbol + 1, reloc->type),
			.r_addend = reloc->addend,
		};
		struct sut_err *err = sut_buf_add(&bytes, &rela, sizeof(rela));
		if (err)
			return err;
	}
	if (asprintf(&name, ".rela%s", patch->parts[part].name) < 0)
		return sut_err_nomem();

	Elf64_Shdr sh = {
		.sh_type = SHT_RELA,
		.sh_flags = SHF_INFO_LINK,
		.sh_link = w->tail + SUT_TAIL_SYMTAB,
		.sh_info = part + 1,
		.sh_addralign = 8,
		.sh_entsize = sizeof(Elf64_Rela),
	};
	return add_section(w, name, sh, sut_buf_view(&bytes));
}

static struct sut_err *add_functions(struct writer *w)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };

	for (size_t i = 0; i < w->patch->n_functions; i++) {
		const struct sut_patch_function *f = &w->patch->functions[i];
		struct sut_file_function record = {
			.vaddr = f->vaddr,
			.old_size = f->old_size,
			.new_size = f->new_size,
			.symbol = f->symbol + 1,
			.entry_skip = f->entry_skip,
		};
		struct sut_err *err = sut_strtab_add(&w->strings, f->name, &record.name);
		if (!err)
			err = sut_buf_add(&bytes, &record, sizeof(record));
		if (err)
			return err;
	}

	Elf64_Shdr sh = {
		.sh_type = SHT_PROGBITS,
		.sh_link = w->tail + SUT_TAIL_SYMTAB,
		.sh_addralign = 8,
		.sh_entsize = sizeof(struct sut_file_function),
	};
	return add_section(w, SUT_SECTION_FUNCTIONS, sh, sut_buf_view(&bytes));
}

static struct sut_err *add_ranges(struct writer *w)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };

	for (size_t i = 0; i < w->patch->n_ranges; i++) {
		const struct sut_patch_range *r = &w->patch->ranges[i];
		struct sut_file_range record = {
			.vaddr = r->vaddr,
			.size = r->size,
			.function = r->function,
			.digest = r->digest,
		};
		struct sut_err *err = sut_buf_add(&bytes, &record, sizeof(record));
		if (err)
			return err;
	}

	Elf64_Shdr sh = {
		.sh_type = SHT_PROGBITS,
		.sh_link = w->tail + SUT_TAIL_FUNCTIONS,
		.sh_addralign = 8,
		.sh_entsize = sizeof(struct sut_file_range),
	};
	return add_section(w, SUT_SECTION_RANGES, sh, sut_buf_view(&bytes));
}

static struct sut_err *add_meta(struct writer *w)
{
	_cleanup_free_ char *text = json_dumps(w->patch->meta, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text)
		return sut_err_nomem();
	if (strlen(text) > SUT_MAX_META_SIZE)
		return sut_err(SUT_E_FORMAT, "metadata: %zu bytes", strlen(text));
	return add_section(w, SUT_SECTION_META,
			   (Elf64_Shdr){ .sh_type = SHT_PROGBITS, .sh_addralign = 1 },
			   (struct sut_view){ (const uint8_t *)text, strlen(text) });
}

static struct sut_err *add_note(struct writer *w)
{
	struct sut_file_note note = {
		.header = {
			.n_namesz = sizeof(SUT_NOTE_OWNER),
			.n_descsz = sizeof(note.version),
			.n_type = SUT_NOTE_FORMAT,
		},
		.owner = SUT_NOTE_OWNER,
		.version = SUT_FORMAT_VERSION,
	};

	return add_section(w, SUT_SECTION_NOTE,
			   (Elf64_Shdr){ .sh_type = SHT_NOTE, .sh_addralign = 4 },
			   (struct sut_view){ (const uint8_t *)&note, sizeof(note) });
}

static struct sut_err *symbol_name(struct writer *w, const struct sut_patch_symbol *symbol,
				   uint32_t *ret)
{
	_cleanup_free_ char *joined = NULL;

	if (!symbol->version)
		return sut_strtab_add(&w->strings, symbol->name, ret);
	if (asprintf(&joined, "%s@%s", symbol->name, symbol->version) < 0)
		return sut_err_nomem();
	return sut_strtab_add(&w->strings, joined, ret);
}

static struct sut_err *add_symbol(struct writer *w, const struct sut_patch_symbol *symbol,
				  struct sut_buf *bytes)
{
	uint8_t bind = STB_LOCAL;
	Elf64_Sym sym = { .st_value = symbol->value, .st_size = symbol->size };

	switch (symbol->where) {
	case SUT_WHERE_PART:
		sym.st_shndx = symbol->part + 1;
		break;
	case SUT_WHERE_OLD:
		sym.st_shndx = SHN_SUTURE_OLD;
		break;
	case SUT_WHERE_IMPORT:
		sym.st_shndx = SHN_UNDEF;
		bind = symbol->is_weak ? STB_WEAK : STB_GLOBAL;
		break;
	}
	sym.st_info = ELF64_ST_INFO(bind, symbol->type);

	struct sut_err *err = symbol_name(w, symbol, &sym.st_name);
	if (err)
		return err;
	return sut_buf_add(bytes, &sym, sizeof(sym));
}

static struct sut_err *add_symbols(struct writer *w)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };
	size_t n_local = 1;
	struct sut_err *err = sut_buf_zeros(&bytes, sizeof(Elf64_Sym));

	for (size_t i = 0; !err && i < w->patch->n_symbols; i++) {
		n_local += w->patch->symbols[i].where != SUT_WHERE_IMPORT;
		err = add_symbol(w, &w->patch->symbols[i], &bytes);
	}
	if (err)
		return err;

	Elf64_Shdr sh = {
		.sh_type = SHT_SYMTAB,
		.sh_link = w->tail + SUT_TAIL_STRTAB,
		.sh_info = n_local,
		.sh_addralign = 8,
		.sh_entsize = sizeof(Elf64_Sym),
	};
	return add_section(w, ".symtab", sh, sut_buf_view(&bytes));
}

static struct sut_err *add_strings(struct writer *w)
{
	Elf64_Shdr sh = { .sh_type = SHT_STRTAB, .sh_addralign = 1 };
	uint32_t off;
	struct sut_err *err = add_section(w, ".strtab", sh, sut_buf_view(&w->strings.bytes));

	// Its own name must be in it before its bytes are taken.
	if (!err)
		err = sut_strtab_add(&w->names, ".shstrtab", &off);
	if (err)
		return err;
	return add_section(w, ".shstrtab", sh, sut_buf_view(&w->names.bytes));
}

static struct sut_err *add_sections(struct writer *w)
{
	const struct sut_patch *patch = w->patch;
	struct sut_err *err = NULL;

	for (size_t i = 0; !err && i < patch->n_parts; i++)
		err = add_part(w, &patch->parts[i]);
	for (size_t i = 0; !err && i < patch->n_parts; i++)
		if (has_relocs(patch, i))
			err = add_relocs(w, i);
	if (!err)
		err = add_functions(w);
	if (!err)
		err = add_ranges(w);
	if (!err)
		err = add_meta(w);
	if (!err)
		err = add_note(w);
	if (!err)
		err = add_symbols(w);
	if (!err)
		err = add_strings(w);
	return err;
}

// The section table, and then the header, which says where that is.
static struct sut_err *finish(struct writer *w)
{
	struct sut_err *err = sut_buf_align(&w->out, 8, 0);

	if (err)
		return err;
	Elf64_Ehdr eh = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_REL,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = w->out.size,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = w->n_headers,
		.e_shstrndx = w->tail + SUT_TAIL_SHSTRTAB,
	};
	err = sut_buf_add(&w->out, w->headers, w->n_headers * sizeof(*w->headers));
	if (err)
		return err;
	memcpy(w->out.data, &eh, sizeof(eh));
	return NULL;
}

static struct sut_err *begin(struct writer *w)
{
	w->tail = 1 + w->patch->n_parts;
	for (size_t i = 0; i < w->patch->n_parts; i++)
		w->tail += has_relocs(w->patch, i);

	w->headers = calloc(w->tail + SUT_TAIL_COUNT, sizeof(*w->headers));
	if (!w->headers)
		return sut_err_nomem();
	w->n_headers = 1;
	return sut_buf_zeros(&w->out, sizeof(Elf64_Ehdr));
}

struct sut_err *sut_patch_write(struct sut_patch *patch, struct sut_buf *ret)
{
	_cleanup_(writer_deinit) struct writer w = { .patch = patch };

	assert(ret->size == 0);
	struct sut_err *err = sut_patch_check(patch);
	if (!err)
		err = order_symbols(patch);
	if (!err)
		err = begin(&w);
	if (!err)
		err = add_sections(&w);
	if (!err)
		err = finish(&w);
	if (!err)
		err = sut_sha256(sut_buf_view(&w.out), &patch->digest);
	if (err)
		return err;
	sut_buf_deinit(ret);
	*ret = w.out;
	w.out = (struct sut_buf){ 0 };
	return NULL;
}
