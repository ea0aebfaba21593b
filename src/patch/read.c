// SPDX-License-Identifier: Apache-2.0
#include "patch/patch.h"

#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "patch/layout.h"
#include "patch/pack.h"

/** A file being read. Borrows the file's bytes; owns its copy of the section
 *  table. */
struct reader {
	struct sut_view file;
	Elf64_Ehdr eh;
	Elf64_Shdr *headers; /**< eh.e_shnum entries. */
	size_t tail;         /**< Index of the section SUT_TAIL_FUNCTIONS. */
	struct sut_view strings; /**< .strtab */
	struct sut_view names;   /**< .shstrtab */
	uint64_t names_size;   /**< Bytes of all names copied so far. */
	uint64_t payload_size; /**< Bytes of all parts copied so far. */
};

static void reader_deinit(struct reader *r)
{
	free(r->headers);
}

static struct sut_err *read_header(struct reader *r)
{
	Elf64_Ehdr *eh = &r->eh;

	if (r->file.size > SUT_MAX_FILE_SIZE)
		return sut_err(SUT_E_FORMAT, "has %zu bytes, more than any hotpatch has",
			       r->file.size);
	if (!sut_view_copy(r->file, 0, eh, sizeof(*eh)) ||
	    memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return sut_err(SUT_E_FORMAT, "is not a hotpatch (no ELF header)");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_type != ET_REL || eh->e_machine != EM_X86_64)
		return sut_err(SUT_E_FORMAT,
			       "is not a hotpatch (not a relocatable x86-64 ELF file)");
	if (eh->e_shentsize != sizeof(Elf64_Shdr) || eh->e_shnum <= SUT_TAIL_COUNT ||
	    eh->e_shnum >= SHN_LORESERVE)
		return sut_err(SUT_E_FORMAT, "is not a hotpatch (%u sections of %u bytes)",
			       eh->e_shnum, eh->e_shentsize);
	r->tail = eh->e_shnum - SUT_TAIL_COUNT;

	size_t size = eh->e_shnum * sizeof(*r->headers);
	r->headers = malloc(size);
	if (!r->headers)
		return sut_err_nomem();
	if (!sut_view_copy(r->file, eh->e_shoff, r->headers, size))
		return sut_err(SUT_E_FORMAT, "section table is cut off");
	return NULL;
}

static struct sut_err *get_bytes(const struct reader *r, size_t section, struct sut_view *ret)
{
	const Elf64_Shdr *sh = &r->headers[section];

	if (sh->sh_type == SHT_NOBITS || !sut_view_cut(r->file, sh->sh_offset, sh->sh_size, ret))
		return sut_err(SUT_E_FORMAT, "section %zu: contents lie outside of the file",
			       section);
	return NULL;
}

// The version comes before anything else, and is looked for by name, so that a
// later format may change all the rest and still be told apart from rubbish.
static struct sut_err *check_version(const struct reader *r)
{
	struct sut_file_note note = { 0 };
	struct sut_view names;

	if (r->eh.e_shstrndx >= r->eh.e_shnum)
		return sut_err(SUT_E_FORMAT, "no section names");
	struct sut_err *err = get_bytes(r, r->eh.e_shstrndx, &names);
	if (err)
		return err;
	for (size_t i = 0; i < r->eh.e_shnum; i++) {
		const Elf64_Shdr *sh = &r->headers[i];
		const char *name = sut_view_string(names, sh->sh_name);
		if (sh->sh_type != SHT_NOTE || !name || strcmp(name, SUT_SECTION_NOTE) != 0)
			continue;
		if (sh->sh_size < sizeof(note) ||
		    !sut_view_copy(r->file, sh->sh_offset, &note, sizeof(note)) ||
		    memcmp(note.owner, SUT_NOTE_OWNER, sizeof(SUT_NOTE_OWNER)) != 0)
			return sut_err(SUT_E_FORMAT, "%s is damaged", SUT_SECTION_NOTE);
		if (note.version != SUT_FORMAT_VERSION)
			return sut_err(SUT_E_UNSUPPORTED,
				       "has format version %u, this suture reads version %d: "
				       "use the suture that made it, or a later one",
				       note.version, SUT_FORMAT_VERSION);
		return NULL;
	}
	return sut_err(SUT_E_FORMAT, "is not a hotpatch (no %s section)", SUT_SECTION_NOTE);
}

/** The section that comes where the tail wants it, with records of @p size. */
static struct sut_err *get_table(const struct reader *r, enum sut_tail which, size_t size,
				 struct sut_view *ret)
{
	struct sut_view bytes;
	struct sut_err *err = get_bytes(r, r->tail + which, &bytes);

	if (err)
		return err;
	if (bytes.size % size != 0 || bytes.size / size >= UINT32_MAX)
		return sut_err(SUT_E_FORMAT, "section %zu: holds no whole number of records",
			       r->tail + which);
	*ret = bytes;
	return NULL;
}

// In a hostile file every name may be the same long one, and every section the
// same bytes: what is copied out is bounded before it is copied.
static struct sut_err *copy_string(struct reader *r, struct sut_view table, uint32_t off,
				   char **ret)
{
	const char *string = sut_view_string(table, off);

	if (!string)
		return sut_err(SUT_E_FORMAT, "name lies outside of the names");
	r->names_size += strnlen(string, SUT_MAX_NAMES_SIZE) + 1;
	if (r->names_size > SUT_MAX_NAMES_SIZE)
		return sut_err(SUT_E_FORMAT, "too many bytes of names");
	*ret = strdup(string);
	return *ret ? NULL : sut_err_nomem();
}

static struct sut_err *read_part(struct reader *r, size_t section, struct sut_part *part)
{
	const Elf64_Shdr *sh = &r->headers[section];
	struct sut_view bytes;
	struct sut_err *err = copy_string(r, r->names, sh->sh_name, &part->name);

	if (err)
		return err;
	part->flags = sh->sh_flags;
	part->size = sh->sh_size;
	part->align = sh->sh_addralign;
	if (sh->sh_type == SHT_NOBITS)
		return NULL;
	err = get_bytes(r, section, &bytes);
	if (err)
		return err;
	r->payload_size += bytes.size;
	if (r->payload_size > SUT_MAX_PAYLOAD_SIZE)
		return sut_err(SUT_E_FORMAT, "payload is too big");
	part->bytes = malloc(bytes.size + 1);
	if (!part->bytes)
		return sut_err_nomem();
	memcpy(part->bytes, bytes.data, bytes.size);
	return NULL;
}

static struct sut_err *read_parts(struct reader *r, struct sut_patch *patch)
{
	size_t n = 0;

	while (1 + n < r->tail && (r->headers[1 + n].sh_flags & SHF_ALLOC))
		n++;
	patch->parts = calloc(n + 1, sizeof(*patch->parts));
	if (!patch->parts)
		return sut_err_nomem();
	for (size_t i = 0; i < n; i++) {
		patch->n_parts++;
		struct sut_err *err = read_part(r, 1 + i, &patch->parts[i]);
		if (err)
			return sut_err_wrap(err, "part %zu", i);
	}
	return NULL;
}

static struct sut_err *count_relocs(const struct reader *r, const struct sut_patch *patch,
				    size_t *ret)
{
	size_t n = 0;

	for (size_t i = 1 + patch->n_parts; i < r->tail; i++) {
		const Elf64_Shdr *sh = &r->headers[i];
		struct sut_view bytes;
		struct sut_err *err = get_bytes(r, i, &bytes);
		if (err)
			return err;
		if (sh->sh_type != SHT_RELA || sh->sh_info < 1 || sh->sh_info > patch->n_parts ||
		    bytes.size % sizeof(Elf64_Rela) != 0)
			return sut_err(SUT_E_FORMAT, "section %zu: no relocations of a part", i);
		// Sections may overlap in a hostile file: bound the sum as well.
		n += bytes.size / sizeof(Elf64_Rela);
		if (n > r->file.size / sizeof(Elf64_Rela))
			return sut_err(SUT_E_FORMAT, "more relocations than the file can hold");
	}
	*ret = n;
	return NULL;
}

static struct sut_err *read_relocs(const struct reader *r, struct sut_patch *patch)
{
	size_t n;
	struct sut_err *err = count_relocs(r, patch, &n);

	if (err)
		return err;
	patch->relocs = calloc(n + 1, sizeof(*patch->relocs));
	if (!patch->relocs)
		return sut_err_nomem();
	for (size_t i = 1 + patch->n_parts; i < r->tail; i++) {
		const Elf64_Shdr *sh = &r->headers[i];
		for (size_t off = 0; off < sh->sh_size; off += sizeof(Elf64_Rela)) {
			Elf64_Rela rela;
			memcpy(&rela, r->file.data + sh->sh_offset + off, sizeof(rela));
			patch->relocs[patch->n_relocs++] = (struct sut_patch_reloc){
				.part = sh->sh_info - 1,
				.type = ELF64_R_TYPE(rela.r_info),
				.off = rela.r_offset,
				// The null symbol becomes one that no patch has.
				.symbol = (uint32_t)ELF64_R_SYM(rela.r_info) - 1,
				.addend = rela.r_addend,
			};
		}
	}
	return NULL;
}

static struct sut_err *read_functions(struct reader *r, struct sut_patch *patch)
{
	struct sut_file_function record;
	struct sut_view table;
	struct sut_err *err = get_table(r, SUT_TAIL_FUNCTIONS, sizeof(record), &table);

	if (err)
		return err;
	patch->functions = calloc(table.size / sizeof(record) + 1, sizeof(*patch->functions));
	if (!patch->functions)
		return sut_err_nomem();
	for (size_t i = 0; i < table.size / sizeof(record); i++) {
		memcpy(&record, table.data + i * sizeof(record), sizeof(record));
		struct sut_patch_function *f = &patch->functions[patch->n_functions++];
		*f = (struct sut_patch_function){
			.vaddr = record.vaddr,
			.old_size = record.old_size,
			.new_size = record.new_size,
			.symbol = record.symbol - 1,
			.entry_skip = record.entry_skip,
		};
		err = copy_string(r, r->strings, record.name, &f->name);
		if (err)
			return sut_err_wrap(err, "function %zu", i);
	}
	return NULL;
}

static struct sut_err *read_ranges(const struct reader *r, struct sut_patch *patch)
{
	struct sut_file_range record;
	struct sut_view table;
	struct sut_err *err = get_table(r, SUT_TAIL_RANGES, sizeof(record), &table);

	if (err)
		return err;
	patch->ranges = calloc(table.size / sizeof(record) + 1, sizeof(*patch->ranges));
	if (!patch->ranges)
		return sut_err_nomem();
	for (size_t i = 0; i < table.size / sizeof(record); i++) {
		memcpy(&record, table.data + i * sizeof(record), sizeof(record));
		patch->ranges[patch->n_ranges++] = (struct sut_patch_range){
			.vaddr = record.vaddr,
			.size = record.size,
			.function = record.function,
			.digest = record.digest,
		};
	}
	return NULL;
}

static struct sut_err *read_import(struct sut_patch_symbol *symbol)
{
	char *at = strchr(symbol->name, '@');

	symbol->where = SUT_WHERE_IMPORT;
	if (!at)
		return NULL;
	*at = 0;
	symbol->version = strdup(at + 1);
	return symbol->version ? NULL : sut_err_nomem();
}

static struct sut_err *read_symbol(struct reader *r, const Elf64_Sym *sym,
				   struct sut_patch_symbol *symbol)
{
	*symbol = (struct sut_patch_symbol){
		.value = sym->st_value,
		.size = sym->st_size,
		.type = ELF64_ST_TYPE(sym->st_info),
		.is_weak = ELF64_ST_BIND(sym->st_info) == STB_WEAK,
	};
	struct sut_err *err = copy_string(r, r->strings, sym->st_name, &symbol->name);
	if (err)
		return err;
	if (sym->st_shndx == SHN_UNDEF)
		return read_import(symbol);
	if (sym->st_shndx == SHN_SUTURE_OLD) {
		symbol->where = SUT_WHERE_OLD;
	} else {
		symbol->where = SUT_WHERE_PART;
		symbol->part = sym->st_shndx - 1;
	}
	return NULL;
}

static struct sut_err *read_symbols(struct reader *r, struct sut_patch *patch)
{
	Elf64_Sym sym;
	struct sut_view table;
	struct sut_err *err = get_table(r, SUT_TAIL_SYMTAB, sizeof(sym), &table);

	if (err)
		return err;
	size_t n = table.size / sizeof(sym);
	if (n == 0)
		return sut_err(SUT_E_FORMAT, "no null symbol");
	patch->symbols = calloc(n, sizeof(*patch->symbols));
	if (!patch->symbols)
		return sut_err_nomem();
	for (size_t i = 1; i < n; i++) {
		memcpy(&sym, table.data + i * sizeof(sym), sizeof(sym));
		err = read_symbol(r, &sym, &patch->symbols[patch->n_symbols++]);
		if (err)
			return sut_err_wrap(err, "symbol %zu", i - 1);
	}
	return NULL;
}

static struct sut_err *read_meta(const struct reader *r, struct sut_patch *patch)
{
	json_error_t why;
	struct sut_view bytes;
	struct sut_err *err = get_bytes(r, r->tail + SUT_TAIL_META, &bytes);

	if (err)
		return err;
	if (bytes.size > SUT_MAX_META_SIZE)
		return sut_err(SUT_E_FORMAT, "metadata: %zu bytes", bytes.size);
	patch->meta = json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES,
				 &why);
	return patch->meta ? NULL : sut_err(SUT_E_FORMAT, "metadata: is not JSON");
}

static struct sut_err *read_all(struct reader *r, struct sut_patch *patch)
{
	struct sut_err *err = read_parts(r, patch);

	if (!err)
		err = read_relocs(r, patch);
	if (!err)
		err = read_functions(r, patch);
	if (!err)
		err = read_ranges(r, patch);
	if (!err)
		err = read_symbols(r, patch);
	if (!err)
		err = read_meta(r, patch);
	return err;
}

// A patch has exactly one file. So whatever the reader did not look at (padding,
// alignments, order, links between sections) is right, and nobody can hide bytes.
static struct sut_err *check_same(struct sut_patch *patch, struct sut_view file)
{
	_cleanup_(sut_buf_deinit) struct sut_buf again = { 0 };
	struct sut_err *err = sut_patch_write(patch, &again);
	size_t i = 0;

	if (err)
		return err;
	if (sut_view_equal(sut_buf_view(&again), file))
		return NULL;
	while (i < file.size && i < again.size && file.data[i] == again.data[i])
		i++;
	return sut_err(SUT_E_FORMAT, "byte %zu is not as suture writes it", i);
}

static struct sut_err *read_plain(struct sut_view file, struct sut_patch *ret)
{
	_cleanup_(reader_deinit) struct reader r = { .file = file };
	_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };
	struct sut_err *err = read_header(&r);

	if (!err)
		err = check_version(&r);
	if (!err)
		err = get_bytes(&r, r.tail + SUT_TAIL_STRTAB, &r.strings);
	if (!err)
		err = get_bytes(&r, r.tail + SUT_TAIL_SHSTRTAB, &r.names);
	if (!err)
		err = read_all(&r, &patch);
	if (!err)
		err = check_same(&patch, file);
	if (err)
		return err;
	*ret = patch;
	patch = (struct sut_patch){ 0 };
	return NULL;
}

struct sut_err *sut_patch_read(struct sut_view file, struct sut_patch *ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf plain = { 0 };

	if (!sut_pack_is_packed(file))
		return read_plain(file, ret);
	struct sut_err *err = sut_unpack(file, &plain);
	return err ? err : read_plain(sut_buf_view(&plain), ret);
}
