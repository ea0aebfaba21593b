// SPDX-License-Identifier: Apache-2.0
#include "tiny.h"

#include <assert.h>
#include <stddef.h>

#define AT(member) offsetof(struct tiny, member)

/** Everything is mapped at its file offset. */
static Elf64_Phdr segment(uint32_t type, uint32_t flags, uint64_t off, uint64_t end)
{
	return (Elf64_Phdr){
		.p_type = type,
		.p_flags = flags,
		.p_offset = off,
		.p_vaddr = off,
		.p_filesz = end - off,
		.p_memsz = end - off,
		.p_align = 8,
	};
}

static Elf64_Shdr section(uint32_t name, uint32_t type, uint64_t flags, uint64_t off,
			  uint64_t end)
{
	return (Elf64_Shdr){
		.sh_name = name,
		.sh_type = type,
		.sh_flags = flags,
		.sh_addr = flags & SHF_ALLOC ? off : 0,
		.sh_offset = off,
		.sh_size = end - off,
		.sh_addralign = 8,
	};
}

static void set_header(struct tiny *t)
{
	t->header = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = AT(code),
		.e_phoff = AT(segments),
		.e_shoff = AT(sections),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = TINY_SEGMENTS,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = TINY_SECTIONS,
		.e_shstrndx = TINY_NAMES,
	};
	t->segments[TINY_TEXT] = segment(PT_LOAD, PF_R | PF_X, 0, AT(dynamic));
	t->segments[TINY_DATA] = segment(PT_LOAD, PF_R | PF_W, AT(dynamic), AT(names));
	t->segments[TINY_DATA].p_memsz += 32; // .bss
	t->segments[TINY_DYNAMIC] = segment(PT_DYNAMIC, PF_R | PF_W, AT(dynamic), AT(words));
	t->segments[TINY_NOTE] = segment(PT_NOTE, PF_R, AT(note), AT(symbols));
	t->segments[TINY_NOTE].p_align = 4;
	t->segments[TINY_TLS] = segment(PT_TLS, PF_R, AT(words[6]), AT(words[7]));
	t->segments[TINY_TLS].p_memsz = 24;
	t->segments[TINY_RELRO] = segment(PT_GNU_RELRO, PF_R, AT(dynamic), AT(words));
	t->note.head = (Elf64_Nhdr){ 4, sizeof(t->note.id), NT_GNU_BUILD_ID };
	memcpy(t->note.name, "GNU", 4);
	memcpy(t->note.id, "\1\2\3\4\5\6\7\x8", 8);
}

static void set_sections(struct tiny *t)
{
	static const char names[] = "\0.dynsym\0.eh_frame\0.tbss\0.bss\0.shstrtab";

	memcpy(t->names, names, sizeof(names));
	t->sections[TINY_DYNSYM] = section(1, SHT_DYNSYM, SHF_ALLOC, AT(symbols), AT(versions));
	t->sections[TINY_EH_FRAME] =
		section(9, SHT_PROGBITS, SHF_ALLOC, AT(eh_frame), AT(dynamic) & -4);
	t->sections[TINY_EH_FRAME].sh_size = sizeof(t->eh_frame);
	t->sections[TINY_TBSS] =
		section(19, SHT_NOBITS, SHF_ALLOC | SHF_TLS | SHF_WRITE, AT(words[7]), AT(names));
	t->sections[TINY_BSS] =
		section(25, SHT_NOBITS, SHF_ALLOC | SHF_WRITE, AT(names), AT(names) + 32);
	t->sections[TINY_NAMES] = section(30, SHT_STRTAB, 0, AT(names), AT(sections));
}

static void set_symbols(struct tiny *t)
{
	static const char strings[] =
		"\0put\0get\0old\0libneed.so\0NEED_1\0tiny.so\0DEF_1\0DEF_2";

	memcpy(t->strings, strings, sizeof(strings));
	t->symbols[1] = (Elf64_Sym){ .st_name = 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC) };
	t->symbols[2] = (Elf64_Sym){ .st_name = 5,
				     .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				     .st_shndx = SHN_ABS,
				     .st_value = AT(code),
				     .st_size = 32 };
	t->symbols[3] = t->symbols[2];
	t->symbols[3].st_name = 9;
	t->symbols[3].st_info = ELF64_ST_INFO(STB_WEAK, STT_OBJECT);
	t->symbols[3].st_other = STV_PROTECTED;
	t->versions[0] = 0;
	t->versions[1] = 4;
	t->versions[2] = 3;
	t->versions[3] = 2 | 0x8000;
	t->verneed.need = (Elf64_Verneed){ .vn_version = 1, .vn_cnt = 1, .vn_file = 13,
					   .vn_aux = sizeof(Elf64_Verneed) };
	t->verneed.aux = (Elf64_Vernaux){ .vna_other = 4, .vna_name = 24 };
	for (size_t i = 0; i < 3; i++) {
		static const uint32_t name[] = { 31, 39, 45 };

		t->verdef[i].def = (Elf64_Verdef){
			.vd_version = 1,
			.vd_flags = i == 0 ? VER_FLG_BASE : 0,
			.vd_ndx = i + 1,
			.vd_cnt = 1,
			.vd_aux = sizeof(Elf64_Verdef),
			.vd_next = i < 2 ? sizeof(t->verdef[i]) : 0,
		};
		t->verdef[i].aux.vda_name = name[i];
	}
	t->hash[0] = 1; // buckets
	t->hash[1] = 4; // symbols
}

static void set_relocs(struct tiny *t)
{
	// words: 0 symbolic, 1 PLT slot, 2 and 4 RELR
	t->rela[0] = (Elf64_Rela){ AT(words[0]), ELF64_R_INFO(1UL, R_X86_64_64), 5 };
	t->jmprel[0] = (Elf64_Rela){ AT(words[1]), ELF64_R_INFO(1UL, R_X86_64_JUMP_SLOT), 0 };
	t->relr[0] = AT(words[2]);
	t->relr[1] = 1 << 2 | 1; // the second word behind: words[4]
	t->words[2] = AT(code);
	t->words[4] = AT(code) + 8;
}

static void set_eh_frame(struct tiny *t)
{
	size_t at = AT(eh_frame);

	t->eh_frame.cie.size = sizeof(t->eh_frame.cie) - 4;
	t->eh_frame.cie.version = 1;
	memcpy(t->eh_frame.cie.letters, "zPLR", 5);
	t->eh_frame.cie.code_align = 1;
	t->eh_frame.cie.data_align = 0x78;
	t->eh_frame.cie.column = 16;
	t->eh_frame.cie.data_size = 7;
	t->eh_frame.cie.personality_encoding = 0x9b; // indirect pcrel sdata4
	t->eh_frame.cie.personality = AT(words[0]) - AT(eh_frame.cie.personality);
	t->eh_frame.cie.lsda_encoding = 0x1b;
	t->eh_frame.cie.fde_encoding = 0x1b;
	for (size_t i = 0; i < 2; i++) {
		size_t fde = AT(eh_frame.fde) + i * sizeof(t->eh_frame.fde[0]);

		// the second one's code comes first
		t->eh_frame.fde[i].size = sizeof(t->eh_frame.fde[0]) - 4;
		t->eh_frame.fde[i].cie = fde + 4 - at;
		t->eh_frame.fde[i].start = AT(code) + (i ? 0 : 32) - (fde + 8);
		t->eh_frame.fde[i].range = 32;
		t->eh_frame.fde[i].data_size = 4;
	}
	t->eh_frame.fde[0].lsda = (int32_t)(AT(note) - AT(eh_frame.fde[0].lsda));
}

static void set_dynamic(struct tiny *t)
{
	const Elf64_Dyn table[] = {
		{ DT_NEEDED, { 13 } },
		{ DT_SONAME, { 31 } },
		{ DT_STRTAB, { AT(strings) } },
		{ DT_STRSZ, { sizeof(t->strings) } },
		{ DT_SYMTAB, { AT(symbols) } },
		{ DT_SYMENT, { sizeof(Elf64_Sym) } },
		{ DT_HASH, { AT(hash) } },
		{ DT_RELA, { AT(rela) } },
		{ DT_RELASZ, { sizeof(t->rela) } },
		{ DT_RELAENT, { sizeof(Elf64_Rela) } },
		{ DT_JMPREL, { AT(jmprel) } },
		{ DT_PLTRELSZ, { sizeof(t->jmprel) } },
		{ DT_PLTREL, { DT_RELA } },
		{ DT_RELR, { AT(relr) } },
		{ DT_RELRSZ, { sizeof(t->relr) } },
		{ DT_RELRENT, { 8 } },
		{ DT_VERSYM, { AT(versions) } },
		{ DT_VERNEED, { AT(verneed) } },
		{ DT_VERNEEDNUM, { 1 } },
		{ DT_VERDEF, { AT(verdef) } },
		{ DT_VERDEFNUM, { 3 } },
		{ DT_INIT, { AT(code) } },
		{ DT_INIT_ARRAY, { AT(words[4]) } },
		{ DT_INIT_ARRAYSZ, { 8 } },
		{ DT_PLTGOT, { AT(words[1]) } },
		{ DT_FLAGS, { DF_BIND_NOW } },
	};

	static_assert(sizeof(table) < sizeof(t->dynamic), "no room for DT_NULL");
	memcpy(t->dynamic, table, sizeof(table));
}

struct tiny tiny_elf(void)
{
	struct tiny t = { 0 };

	set_header(&t);
	set_sections(&t);
	set_symbols(&t);
	set_relocs(&t);
	set_eh_frame(&t);
	set_dynamic(&t);
	return t;
}

struct sut_view tiny_view(const struct tiny *tiny)
{
	return (struct sut_view){ (const uint8_t *)tiny, sizeof(*tiny) };
}

Elf64_Dyn *tiny_dynamic(struct tiny *tiny, int64_t tag)
{
	Elf64_Dyn *entry = tiny->dynamic;

	while (entry->d_tag != tag) {
		assert(entry->d_tag != DT_NULL);
		entry++;
	}
	return entry;
}
