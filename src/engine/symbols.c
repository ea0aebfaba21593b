// SPDX-License-Identifier: Apache-2.0
#include "engine/symbols.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/target.h"
#include "patch/patch.h"

static void code_deinit(struct sut_payload *code)
{
	for (size_t i = 0; i < code->n_symbols; i++)
		free(code->symbols[i].name);
	free(code->symbols);
	free(code->hotpatch);
	sut_buf_deinit(&code->frames);
	*code = (struct sut_payload){ 0 };
}

void sut_payload_free(struct sut_payload *code, size_t n)
{
	for (size_t i = 0; code && i < n; i++)
		code_deinit(&code[i]);
	free(code);
}

static struct sut_err *add_symbol(struct sut_payload *code, const char *name, uint64_t at,
				  uint64_t size)
{
	struct sut_err *err = sut_array_grow(&code->symbols, code->n_symbols, &code->capacity,
					     sizeof(*code->symbols));

	if (err)
		return err;
	struct sut_payload_symbol *symbol = &code->symbols[code->n_symbols];
	*symbol = (struct sut_payload_symbol){ strdup(name), at, size };
	code->n_symbols += symbol->name != NULL;
	return symbol->name ? NULL : sut_err_nomem();
}

static const struct sut_patch *find_patch(const struct sut_trace *trace,
					  const struct sut_patch *patches, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(patches[i].digest.bytes, trace->digest.bytes, SUT_SHA256_SIZE) == 0 &&
		    patches[i].n_parts == trace->n_parts)
			return &patches[i];
	return NULL;
}

static struct sut_err *add_names(struct sut_payload *code, const struct sut_trace *trace,
				 const struct sut_patch *patch)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < trace->n_functions && !err; i++)
		err = add_symbol(code, trace->functions[i].name, trace->functions[i].target,
				 trace->functions[i].new_size);
	for (size_t i = 0; patch && i < patch->n_symbols && !err; i++) {
		const struct sut_patch_symbol *s = &patch->symbols[i];
		if (s->where == SUT_WHERE_PART && s->type == STT_FUNC && *s->name && s->size)
			err = add_symbol(code, s->name, trace->parts[s->part].at + s->value,
					 s->size);
	}
	return err;
}

static int by_place(const void *a, const void *b)
{
	const struct sut_payload_symbol *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void sort(struct sut_payload *code)
{
	if (code->n_symbols)
		qsort(code->symbols, code->n_symbols, sizeof(*code->symbols), by_place);
}

// One name for each place. A function's size may count parts that are elsewhere.
static void cut_overlaps(struct sut_payload *code)
{
	size_t n = 0;

	sort(code);
	for (size_t i = 0; i < code->n_symbols; i++) {
		struct sut_payload_symbol *s = &code->symbols[i];
		struct sut_payload_symbol *last = n ? &code->symbols[n - 1] : NULL;
		if (last && last->at == s->at) {
			free(s->name);
			continue;
		}
		if (last && last->at + last->size > s->at)
			last->size = s->at - last->at;
		code->symbols[n++] = *s;
	}
	code->n_symbols = n;
}

// Stubs, and functions that only the hotpatch could name.
static struct sut_err *fill_gaps(struct sut_payload *code)
{
	uint64_t at = code->text_at, end = code->text_at + code->text_size;
	size_t n = code->n_symbols;
	char name[160];

	snprintf(name, sizeof(name), "[suture:%.140s]", code->hotpatch);
	for (size_t i = 0; i <= n; i++) {
		uint64_t next = i < n ? code->symbols[i].at : end;
		struct sut_err *err = next > at ? add_symbol(code, name, at, next - at) : NULL;
		if (err)
			return err;
		if (i < n)
			at = next + code->symbols[i].size;
	}
	sort(code);
	return NULL;
}

static struct sut_err *read_frames(struct sut_payload *code, const struct sut_trace *trace,
				   struct sut_process *process)
{
	for (size_t i = 0; i < trace->n_parts; i++) {
		const struct sut_trace_part *part = &trace->parts[i];
		if (strcmp(part->name, ".eh_frame") != 0)
			continue;
		struct sut_err *err = sut_buf_zeros(&code->frames, part->size);
		code->frames_at = part->at;
		return err ? err
			   : sut_process_peek(process, (struct sut_addr){ part->at },
					      code->frames.data, part->size);
	}
	return NULL;
}

static struct sut_err *read_code(struct sut_target *target, const struct sut_trace *trace,
				 const struct sut_patch *patch, struct sut_payload *code)
{
	*code = (struct sut_payload){
		.hotpatch = strdup(trace->name),
		.text_at = trace->rx.start,
		.text_size = trace->rx.end - trace->rx.start,
	};
	struct sut_err *err = code->hotpatch ? NULL : sut_err_nomem();
	if (!err)
		err = add_names(code, trace, patch);
	if (!err)
		cut_overlaps(code);
	if (!err)
		err = fill_gaps(code);
	return err ? err : read_frames(code, trace, &target->now.process);
}

struct sut_err *sut_payload_read(pid_t pid, const struct sut_patch *patches, size_t n_patches,
				 struct sut_payload **ret, size_t *n_ret)
{
	struct sut_target target;
	struct sut_err *err = sut_target_open(pid, false, 0, &target);
	size_t n = 0;

	if (err)
		return err;
	struct sut_payload *code = calloc(target.traces.n + 1, sizeof(*code));
	if (!code)
		err = sut_err_nomem();
	for (size_t i = 0; i < target.traces.n && !err; i++) {
		const struct sut_trace *trace = &target.traces.items[i];
		if (trace->state == SUT_TRACE_PLACED || trace->rx.start >= trace->rx.end)
			continue;
		err = read_code(&target, trace, find_patch(trace, patches, n_patches), &code[n++]);
	}
	sut_target_close(&target);
	if (err) {
		sut_payload_free(code, n);
		return err;
	}
	*ret = code;
	*n_ret = n;
	return NULL;
}

struct sut_err *sut_payload_map(const struct sut_payload *code, struct sut_buf *ret)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < code->n_symbols && !err; i++) {
		const struct sut_payload_symbol *s = &code->symbols[i];
		_cleanup_free_ char *line = NULL;
		int size = asprintf(&line, "%lx %lx %s\n", (unsigned long)s->at,
				    (unsigned long)s->size, s->name);
		err = size < 0 ? sut_err_nomem() : sut_buf_add(ret, line, size);
	}
	return err;
}

/** Sections of the file for gdb. */
enum { NONE, TEXT, FRAMES, SYMTAB, STRTAB, SHSTRTAB, N_SECTIONS };

static const char section_names[] = "\0.text\0.eh_frame\0.symtab\0.strtab\0.shstrtab";

static uint32_t name_of(int section)
{
	uint32_t at = 0;

	for (int i = 0; i < section; i++)
		at += strlen(section_names + at) + 1;
	return at;
}

static struct sut_err *add_section(struct sut_buf *file, Elf64_Shdr *sh, const void *bytes,
				   size_t size)
{
	struct sut_err *err = sut_buf_align(file, 8, 0);

	sh->sh_offset = file->size;
	sh->sh_size = size;
	return err ? err : sut_buf_add(file, bytes, size);
}

static struct sut_err *make_symbols(const struct sut_payload *code, struct sut_buf *symtab,
				    struct sut_buf *strtab)
{
	struct sut_err *err = sut_buf_zeros(symtab, sizeof(Elf64_Sym));

	if (!err)
		err = sut_buf_zeros(strtab, 1);
	for (size_t i = 0; i < code->n_symbols && !err; i++) {
		const struct sut_payload_symbol *s = &code->symbols[i];
		Elf64_Sym sym = {
			.st_name = strtab->size,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			.st_shndx = TEXT,
			.st_value = s->at,
			.st_size = s->size,
		};
		err = sut_buf_add(symtab, &sym, sizeof(sym));
		if (!err)
			err = sut_buf_add(strtab, s->name, strlen(s->name) + 1);
	}
	return err;
}

static void set_headers(const struct sut_payload *code, Elf64_Shdr sections[N_SECTIONS])
{
	static const uint32_t types[N_SECTIONS] = { SHT_NULL,   SHT_NOBITS, SHT_PROGBITS,
						    SHT_SYMTAB, SHT_STRTAB, SHT_STRTAB };

	for (int i = 1; i < N_SECTIONS; i++)
		sections[i] = (Elf64_Shdr){ .sh_name = name_of(i),
					    .sh_type = types[i],
					    .sh_addralign = 8 };
	sections[TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
	sections[TEXT].sh_addr = code->text_at;
	sections[FRAMES].sh_flags = SHF_ALLOC;
	sections[FRAMES].sh_addr = code->frames_at;
	sections[SYMTAB].sh_link = STRTAB;
	sections[SYMTAB].sh_info = 1;
	sections[SYMTAB].sh_entsize = sizeof(Elf64_Sym);
}

struct sut_err *sut_payload_elf(const struct sut_payload *code, struct sut_buf *ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf symtab = { 0 }, strtab = { 0 };
	Elf64_Shdr sections[N_SECTIONS] = { 0 };
	Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(head),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = N_SECTIONS,
		.e_shstrndx = SHSTRTAB,
	};

	set_headers(code, sections);
	struct sut_err *err = make_symbols(code, &symtab, &strtab);
	if (!err)
		err = sut_buf_add(ret, &head, sizeof(head));
	if (!err)
		err = add_section(ret, &sections[TEXT], "", 0);
	sections[TEXT].sh_size = code->text_size;
	if (!err)
		err = add_section(ret, &sections[FRAMES], code->frames.data, code->frames.size);
	if (!err)
		err = add_section(ret, &sections[SYMTAB], symtab.data, symtab.size);
	if (!err)
		err = add_section(ret, &sections[STRTAB], strtab.data, strtab.size);
	if (!err)
		err = add_section(ret, &sections[SHSTRTAB], section_names, sizeof(section_names));
	if (!err)
		err = sut_buf_align(ret, 8, 0);
	if (err)
		return err;
	head.e_shoff = ret->size;
	memcpy(ret->data, &head, sizeof(head));
	return sut_buf_add(ret, sections, sizeof(sections));
}
