// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-compose OUT VICTIM OBJECT FUNCTION...
 *
 * Makes a hotpatch for tests of the live part: the functions named are replaced
 * in VICTIM (a linked file with a symbol table) by those of OBJECT (compiled with
 * -fPIC). What OBJECT does not define is taken from VICTIM by its name, or
 * imported, NAME@VERSION as that version. Everything is by symbols, so that the live part can be tested without
 * the builder, with exactly the payload that a test wants. With $ENTRY_ONLY_SAFE the
 * hotpatch says that old and new code may run side by side.
 */
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "elf/image.h"
#include "patch/patch.h"

enum { MAX = 4096 };

/** What is being put together. Nothing is freed: the program ends. */
struct compose {
	struct sut_image victim;
	Elf *object;
	size_t shstrndx;
	struct sut_patch patch;
	uint32_t part_of[MAX];   /**< For each section of the object: its part + 1. */
	uint32_t symbol_of[MAX]; /**< For each symbol of the object: its index + 1. */
	uint32_t got_of[MAX];    /**< For each symbol of the patch: GOT slot + 1. */
	uint32_t got, plt;       /**< Their parts. */
	size_t n_got, n_plt;
};

static void die(const char *what, const char *name)
{
	fprintf(stderr, "live-compose: %s %s\n", what, name);
	exit(1);
}

static void check(struct sut_err *err)
{
	if (err)
		die(err->msg, "");
}

static uint32_t add_part(struct compose *c, const char *name, uint64_t flags, uint64_t size,
			 uint64_t align, const void *bytes)
{
	struct sut_part *part = &c->patch.parts[c->patch.n_parts];

	*part = (struct sut_part){ strdup(name), flags, size, align ? align : 1, NULL };
	if (bytes) {
		part->bytes = malloc(size);
		memcpy(part->bytes, bytes, size);
	}
	return c->patch.n_parts++;
}

static uint32_t add_symbol(struct compose *c, struct sut_patch_symbol symbol)
{
	c->patch.symbols[c->patch.n_symbols] = symbol;
	return c->patch.n_symbols++;
}

static void add_reloc(struct compose *c, uint32_t part, uint32_t type, uint64_t off,
		      uint32_t symbol, int64_t addend)
{
	c->patch.relocs[c->patch.n_relocs++] =
		(struct sut_patch_reloc){ part, type, off, symbol, addend };
}

// A linker ends unwind data with a record of length 0.
static uint32_t add_frames(struct compose *c, const GElf_Shdr *sh, const void *bytes)
{
	static uint8_t frames[1 << 16];

	if (sh->sh_size + 4 > sizeof(frames))
		die("too much", ".eh_frame");
	memcpy(frames, bytes, sh->sh_size);
	return add_part(c, ".eh_frame", SHF_ALLOC, sh->sh_size + 4, 8, frames);
}

static void add_sections(struct compose *c)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(c->object, scn))) {
		GElf_Shdr sh;
		gelf_getshdr(scn, &sh);
		if (!(sh.sh_flags & SHF_ALLOC) || sh.sh_size == 0 || sh.sh_type == SHT_NOTE)
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		const char *name = elf_strptr(c->object, c->shstrndx, sh.sh_name);
		if (strcmp(name, ".eh_frame") == 0) {
			c->part_of[elf_ndxscn(scn)] = add_frames(c, &sh, data->d_buf) + 1;
			continue;
		}
		c->part_of[elf_ndxscn(scn)] =
			add_part(c, name, sh.sh_flags & (SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR),
				 sh.sh_size, sh.sh_addralign,
				 sh.sh_type == SHT_NOBITS ? NULL : data->d_buf) +
			1;
	}
}

static const struct sut_symbol *find_in_victim(const struct compose *c, const char *name)
{
	for (size_t i = 0; i < c->victim.n_symbols; i++) {
		const struct sut_symbol *s = &c->victim.symbols[i];
		if (s->section != SHN_UNDEF && s->type != STT_TLS && strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static uint32_t take_symbol(struct compose *c, const GElf_Sym *sym, const char *name)
{
	struct sut_patch_symbol symbol = { .name = strdup(name), .size = sym->st_size };
	uint8_t type = GELF_ST_TYPE(sym->st_info);
	const struct sut_symbol *old = find_in_victim(c, name);

	symbol.type = type == STT_FUNC || type == STT_OBJECT ? type : STT_NOTYPE;
	if (sym->st_shndx != SHN_UNDEF && sym->st_shndx < MAX && c->part_of[sym->st_shndx]) {
		symbol.where = SUT_WHERE_PART;
		symbol.part = c->part_of[sym->st_shndx] - 1;
		symbol.value = sym->st_value;
	} else if (old) {
		symbol.where = SUT_WHERE_OLD;
		symbol.value = old->vaddr;
	} else {
		char *version = strchr(symbol.name, '@');
		symbol.where = SUT_WHERE_IMPORT;
		if (version) {
			*version = 0;
			symbol.version = strdup(version + 1 + (version[1] == '@'));
		}
		symbol.is_weak = GELF_ST_BIND(sym->st_info) == STB_WEAK;
		symbol.size = 0;
	}
	return add_symbol(c, symbol);
}

static uint32_t symbol_at(struct compose *c, Elf_Data *symtab, size_t strtab, size_t i)
{
	GElf_Sym sym;

	if (!c->symbol_of[i]) {
		gelf_getsym(symtab, i, &sym);
		c->symbol_of[i] = take_symbol(c, &sym, elf_strptr(c->object, strtab, sym.st_name)) + 1;
	}
	return c->symbol_of[i] - 1;
}

static uint32_t got_slot(struct compose *c, uint32_t symbol)
{
	if (!c->got_of[symbol]) {
		add_reloc(c, c->got, R_X86_64_64, 8 * c->n_got, symbol, 0);
		c->got_of[symbol] = add_symbol(c, (struct sut_patch_symbol){
							  .name = strdup(""),
							  .where = SUT_WHERE_PART,
							  .part = c->got,
							  .value = 8 * c->n_got++,
							  .size = 8,
							  .type = STT_OBJECT,
						  }) +
				    1;
	}
	return c->got_of[symbol] - 1;
}

// jmp *slot(%rip); int3 …
static uint32_t plt_stub(struct compose *c, uint32_t symbol)
{
	uint64_t at = 16 * c->n_plt++;

	memcpy(c->patch.parts[c->plt].bytes + at, "\xff\x25", 2);
	memset(c->patch.parts[c->plt].bytes + at + 6, 0xcc, 10);
	add_reloc(c, c->plt, R_X86_64_PC32, at + 2, got_slot(c, symbol), -4);
	return add_symbol(c, (struct sut_patch_symbol){ .name = strdup(""),
							.where = SUT_WHERE_PART,
							.part = c->plt,
							.value = at,
							.size = 16,
							.type = STT_FUNC });
}

static void take_reloc(struct compose *c, uint32_t part, const GElf_Rela *r, uint32_t symbol)
{
	uint32_t type = GELF_R_TYPE(r->r_info);

	switch (type) {
	case R_X86_64_PLT32:
	case R_X86_64_PC32:
		if (c->patch.symbols[symbol].where == SUT_WHERE_IMPORT)
			symbol = plt_stub(c, symbol);
		type = R_X86_64_PC32;
		break;
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
		symbol = got_slot(c, symbol);
		type = R_X86_64_PC32;
		break;
	}
	add_reloc(c, part, type, r->r_offset, symbol, r->r_addend);
}

static void add_relocs(struct compose *c)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(c->object, scn))) {
		GElf_Shdr sh, symtab_sh;
		gelf_getshdr(scn, &sh);
		if (sh.sh_type != SHT_RELA || !c->part_of[sh.sh_info])
			continue;
		Elf_Scn *symtab_scn = elf_getscn(c->object, sh.sh_link);
		gelf_getshdr(symtab_scn, &symtab_sh);
		Elf_Data *relas = elf_getdata(scn, NULL);
		Elf_Data *symtab = elf_getdata(symtab_scn, NULL);
		for (size_t i = 0; i < sh.sh_size / sh.sh_entsize; i++) {
			GElf_Rela r;
			gelf_getrela(relas, i, &r);
			take_reloc(c, c->part_of[sh.sh_info] - 1, &r,
				   symbol_at(c, symtab, symtab_sh.sh_link, GELF_R_SYM(r.r_info)));
		}
	}
}

static void add_range(struct compose *c, const char *name, uint32_t function)
{
	const struct sut_symbol *s = find_in_victim(c, name);
	struct sut_view bytes;

	if (!s)
		return;
	if (!sut_image_bytes(&c->victim, s->vaddr, s->size, &bytes))
		die("no bytes of", name);
	struct sut_patch_range *range = &c->patch.ranges[c->patch.n_ranges++];
	*range = (struct sut_patch_range){ .vaddr = s->vaddr, .size = s->size, .function = function };
	check(sut_sha256(bytes, &range->digest));
	c->patch.functions[function].old_size += s->size;
}

static uint32_t find_defined(const struct compose *c, const char *name)
{
	for (size_t i = 0; i < c->patch.n_symbols; i++)
		if (c->patch.symbols[i].where == SUT_WHERE_PART &&
		    strcmp(c->patch.symbols[i].name, name) == 0)
			return i;
	die("the object does not define", name);
	return 0;
}

static void add_function(struct compose *c, const char *name)
{
	const struct sut_symbol *old = find_in_victim(c, name);
	uint32_t symbol = find_defined(c, name), index = c->patch.n_functions++;
	char cold[256];
	struct sut_view start;

	if (!old || !sut_image_bytes(&c->victim, old->vaddr, 4, &start))
		die("the victim has no", name);
	c->patch.functions[index] = (struct sut_patch_function){
		.name = strdup(name),
		.vaddr = old->vaddr,
		.new_size = c->patch.symbols[symbol].size,
		.symbol = symbol,
		.entry_skip = memcmp(start.data, "\xf3\x0f\x1e\xfa", 4) == 0 ? 4 : 0,
	};
	add_range(c, name, index);
	snprintf(cold, sizeof(cold), "%s.cold", name);
	add_range(c, cold, index);
}

// Symbols that no relocation names, the functions among them.
static void add_defined(struct compose *c)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(c->object, scn))) {
		GElf_Shdr sh;
		gelf_getshdr(scn, &sh);
		if (sh.sh_type != SHT_SYMTAB)
			continue;
		for (size_t i = 1; i < sh.sh_size / sh.sh_entsize; i++) {
			GElf_Sym sym;
			gelf_getsym(elf_getdata(scn, NULL), i, &sym);
			if (GELF_ST_TYPE(sym.st_info) == STT_FUNC)
				symbol_at(c, elf_getdata(scn, NULL), sh.sh_link, i);
		}
	}
}

static int by_reloc(const void *a, const void *b)
{
	const struct sut_patch_reloc *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return (x->off > y->off) - (x->off < y->off);
}

static int by_range(const void *a, const void *b)
{
	const struct sut_patch_range *x = a, *y = b;

	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

// Functions are sorted by address; they must be named in that order.
static void set_meta(struct compose *c, const char *victim)
{
	char id[2 * 64 + 1] = "";
	const char *base = strrchr(victim, '/') ? strrchr(victim, '/') + 1 : victim;
	char name[256];

	if (c->victim.build_id.size > 64 || c->victim.build_id.size == 0)
		die("no build-id:", victim);
	sut_hex(c->victim.build_id, id);
	snprintf(name, sizeof(name), "%s-%.8s-00000000", base, id);
	c->patch.meta = json_pack(
		"{s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:[s],s:s,s:[],s:[],"
		"s:{s:i,s:i,s:I,s:i,s:i},s:[],s:[],s:b,s:s}",
		"name", name, "file", base, "old_build_id", id, "new_build_id", "00000000",
		"old_image_span", (json_int_t)(c->victim.high - c->victim.low), "package", "",
		"old_version", "", "new_version", "", "architecture", "amd64", "advisories",
		"TEST-1", "verdict", "hotpatch", "conditions", "after", "counts", "total", 0,
		"identical", 0, "changed", (json_int_t)c->patch.n_functions, "added", 0, "cosmetic",
		0, "added", "cosmetic", "entry_only_safe",
		getenv("ENTRY_ONLY_SAFE") != NULL, "builder", "live-compose");
	if (!c->patch.meta)
		die("meta of", victim);
}

static void trim_unused(struct compose *c)
{
	struct sut_patch *p = &c->patch;

	// Parts of size 0 are not allowed; these two come last.
	p->parts[c->got].size = c->n_got * 8;
	p->parts[c->plt].size = c->n_plt * 16;
	if (c->n_plt == 0)
		p->n_parts--;
	if (c->n_got == 0)
		p->n_parts--;
}

static int put_out(struct compose *c, const char *path)
{
	struct sut_buf buf = { 0 };

	check(sut_patch_write(&c->patch, &buf));
	check(sut_file_write(path, sut_buf_view(&buf)));
	sut_buf_deinit(&buf);
	return 0;
}

int main(int argc, char **argv)
{
	static struct compose c;
	struct sut_file victim, object;
	static uint8_t zeros[16 * MAX];

	if (argc < 5)
		die("usage:", "live-compose OUT VICTIM OBJECT FUNCTION...");
	check(sut_file_read(argv[2], &victim));
	check(sut_image_init(victim.view, &c.victim));
	check(sut_file_read(argv[3], &object));
	elf_version(EV_CURRENT);
	c.object = elf_memory((char *)object.view.data, object.view.size);
	if (!c.object || elf_getshdrstrndx(c.object, &c.shstrndx) < 0)
		die("no ELF file:", argv[3]);
	c.patch.parts = calloc(MAX, sizeof(*c.patch.parts));
	c.patch.symbols = calloc(MAX, sizeof(*c.patch.symbols));
	c.patch.relocs = calloc(MAX, sizeof(*c.patch.relocs));
	c.patch.functions = calloc(MAX, sizeof(*c.patch.functions));
	c.patch.ranges = calloc(MAX, sizeof(*c.patch.ranges));

	add_sections(&c);
	c.got = add_part(&c, ".got", SHF_ALLOC, 8 * MAX, 8, zeros);
	c.plt = add_part(&c, ".plt", SHF_ALLOC | SHF_EXECINSTR, 16 * MAX, 16, zeros);
	add_relocs(&c);
	add_defined(&c);
	trim_unused(&c);
	for (int i = 4; i < argc; i++)
		add_function(&c, argv[i]);
	qsort(c.patch.relocs, c.patch.n_relocs, sizeof(*c.patch.relocs), by_reloc);
	qsort(c.patch.ranges, c.patch.n_ranges, sizeof(*c.patch.ranges), by_range);
	set_meta(&c, argv[2]);
	return put_out(&c, argv[1]);
}
