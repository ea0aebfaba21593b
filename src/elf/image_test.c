// SPDX-License-Identifier: Apache-2.0
#include "elf/image.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "test.h"
#include "tiny.h"

#define AT(member) offsetof(struct tiny, member)

/** Expect that the reader refuses @p t with @p text. */
static void expect_format(const struct tiny *t, const char *text)
{
	struct sut_image image;

	EXPECT_ERR(sut_image_init(tiny_view(t), &image), SUT_E_FORMAT, text);
}

static void expect_unsupported(const struct tiny *t, const char *text)
{
	struct sut_image image;

	EXPECT_ERR(sut_image_init(tiny_view(t), &image), SUT_E_UNSUPPORTED, text);
}

TEST(image, reads_the_header_and_what_single_segments_say)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.type == ET_DYN);
	EXPECT(image.entry == AT(code));
	EXPECT(!image.is_static && !image.has_text_relocs && image.is_bind_now);
	EXPECT(image.n_segments == TINY_SEGMENTS);
	EXPECT(image.low == 0 && image.high == AT(names) + 32);
	EXPECT(image.relro_start == AT(dynamic) && image.relro_end == AT(words));
	EXPECT(image.tls_vaddr == AT(words[6]) && image.tls_file_size == 8 &&
	       image.tls_mem_size == 24 && image.tls_align == 8);
	EXPECT(image.build_id.size == 8 && image.build_id.data == ((uint8_t *)&t) + AT(note.id));
	EXPECT(image.init == AT(code) && image.fini == 0);
	EXPECT(image.init_array == AT(words[4]) && image.init_array_size == 8);
	EXPECT(image.got_plt == AT(words[1]));
	EXPECT(strcmp(image.soname, "tiny.so") == 0);
	EXPECT(image.n_needed == 1 && strcmp(image.needed[0], "libneed.so") == 0);
}

TEST(image, finds_a_section_by_name)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.n_sections == TINY_SECTIONS);
	EXPECT(sut_image_section(&image, ".dynsym") == &image.sections[TINY_DYNSYM]);
	EXPECT(sut_image_section(&image, ".text") == NULL);
	EXPECT(sut_image_section(&image, "") == NULL);
}

TEST(image, finds_the_section_at_an_address_but_never_tbss)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	const struct sut_section *symbols = &image.sections[TINY_DYNSYM];
	EXPECT(sut_image_section_at(&image, AT(symbols)) == symbols);
	EXPECT(sut_image_section_at(&image, AT(symbols) + sizeof(t.symbols) - 1) == symbols);
	EXPECT(sut_image_section_at(&image, AT(symbols) + sizeof(t.symbols)) == NULL);
	EXPECT(sut_image_section_at(&image, AT(symbols) - 1) == NULL);
	EXPECT(sut_image_section_at(&image, AT(words[7])) == NULL);
	EXPECT(sut_image_section_at(&image, AT(names)) == &image.sections[TINY_BSS]);
}

TEST(image, gives_bytes_only_where_the_file_has_them)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };
	struct sut_view bytes;

	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(sut_image_bytes(&image, AT(words[2]), 8, &bytes));
	EXPECT(bytes.data == (uint8_t *)&t.words[2] && bytes.size == 8);
	EXPECT(sut_image_bytes(&image, AT(words[7]), 8, &bytes));
	EXPECT(!sut_image_bytes(&image, AT(words[7]), 9, &bytes));
	EXPECT(!sut_image_bytes(&image, AT(names), 1, &bytes));
	EXPECT(!sut_image_bytes(&image, AT(code), UINT64_MAX - 8, &bytes));
	EXPECT(!sut_image_bytes(&image, UINT64_MAX, 1, &bytes));
	EXPECT(sut_image_segment_at(&image, AT(names)) == &image.segments[TINY_DATA]);
	EXPECT(sut_image_segment_at(&image, AT(names) + 32) == NULL);
}

TEST(image, gives_symbols_their_versions)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.n_dynsyms == 4 && image.n_symbols == 0);
	const struct sut_symbol *put = &image.dynsyms[1], *get = put + 1, *old = put + 2;
	EXPECT(strcmp(put->name, "put") == 0 && strcmp(put->version, "NEED_1") == 0);
	EXPECT(put->section == SHN_UNDEF && !put->is_default_version);
	EXPECT(strcmp(get->name, "get") == 0 && strcmp(get->version, "DEF_2") == 0);
	EXPECT(get->is_default_version && get->vaddr == AT(code) && get->size == 32);
	EXPECT(get->type == STT_FUNC && get->bind == STB_GLOBAL);
	EXPECT(strcmp(old->name, "old") == 0 && strcmp(old->version, "DEF_1") == 0);
	EXPECT(!old->is_default_version && old->type == STT_OBJECT &&
	       old->bind == STB_WEAK && old->visibility == STV_PROTECTED);
}

TEST(image, merges_all_kinds_of_relocations_by_place)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.n_relocs == 4);
	const struct sut_reloc *r = image.relocs;
	EXPECT(r[0].vaddr == AT(words[0]) && r[0].type == R_X86_64_64 &&
	       r[0].symbol == 1 && r[0].addend == 5);
	EXPECT(r[1].vaddr == AT(words[1]) && r[1].type == R_X86_64_JUMP_SLOT);
	EXPECT(r[2].vaddr == AT(words[2]) && r[2].type == R_X86_64_RELATIVE &&
	       r[2].symbol == 0 && r[2].addend == AT(code));
	EXPECT(r[3].vaddr == AT(words[4]) && r[3].addend == AT(code) + 8);
	EXPECT(sut_image_reloc_at(&image, AT(words[2])) == &r[2]);
	EXPECT(sut_image_reloc_at(&image, AT(words[3])) == NULL);
	EXPECT(sut_image_reloc_from(&image, 0) == 0);
	EXPECT(sut_image_reloc_from(&image, AT(words[2]) + 1) == 3);
	EXPECT(sut_image_reloc_from(&image, AT(names)) == 4);
}

TEST(image, counts_plt_relocations_once_when_the_tables_overlap)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	tiny_dynamic(&t, DT_RELASZ)->d_un.d_val = sizeof(t.rela) + sizeof(t.jmprel);
	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.n_relocs == 4);
}

TEST(image, sorts_fdes_and_resolves_their_pointers)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.n_fdes == 2);
	EXPECT(image.eh_frame_vaddr == AT(eh_frame));
	const struct sut_fde *first = &image.fdes[0], *second = &image.fdes[1];
	EXPECT(first->start == AT(code) && first->end == AT(code) + 32);
	EXPECT(first->lsda == 0 && first->lsda_field == 0);
	EXPECT(second->start == AT(code) + 32 && second->end == AT(code) + 64);
	EXPECT(second->lsda == AT(note));
	EXPECT(second->lsda_field == AT(eh_frame.fde[0].lsda) - AT(eh_frame));
	EXPECT(second->off == AT(eh_frame.fde) - AT(eh_frame));
	EXPECT(second->size == sizeof(t.eh_frame.fde[0]));
	EXPECT(second->cie_off == 0 && second->cie_size == sizeof(t.eh_frame.cie));
	EXPECT(second->personality == AT(words[0]) && second->is_personality_indirect);
	EXPECT(second->personality_field == AT(eh_frame.cie.personality) - AT(eh_frame));
	EXPECT(second->pointer_encoding == 0x1b && second->lsda_encoding == 0x1b &&
	       second->personality_encoding == 0x9b);
	EXPECT(sut_image_fde_at(&image, AT(code) - 1) == NULL);
	EXPECT(sut_image_fde_at(&image, AT(code) + 31) == first);
	EXPECT(sut_image_fde_at(&image, AT(code) + 32) == second);
	EXPECT(sut_image_fde_at(&image, AT(code) + 64) == NULL);
}

TEST(image, keeps_the_longest_of_fdes_that_start_alike_and_no_empty_one)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 }, other = { 0 };

	t.eh_frame.fde[0].start -= 32;
	t.eh_frame.fde[0].range = 8;
	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.n_fdes == 1 && image.fdes[0].end == AT(code) + 32);
	t.eh_frame.fde[1].range = 0;
	EXPECT_OK(sut_image_init(tiny_view(&t), &other));
	EXPECT(other.n_fdes == 1 && other.fdes[0].end == AT(code) + 8);
}

TEST(image, reads_the_same_without_a_section_table)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	t.header.e_shoff = 0;
	t.header.e_shnum = 0;
	t.header.e_shstrndx = 0;
	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.n_sections == 0 && image.n_dynsyms == 4 && image.n_relocs == 4);
	// There is no PT_GNU_EH_FRAME either.
	EXPECT(image.n_fdes == 0 && image.eh_frame.size == 0);
}

TEST(image, says_what_it_does_not_support)
{
	struct tiny t = tiny_elf();

	t.segments[TINY_TEXT].p_filesz = 0;
	expect_unsupported(&t, "a debug file");
	t.header.e_type = ET_REL;
	expect_unsupported(&t, "a relocatable object file");
	t.header.e_type = ET_CORE;
	expect_unsupported(&t, "a core dump");
	t.header.e_machine = EM_AARCH64;
	expect_unsupported(&t, "an ELF file for arm64");
	t.header.e_ident[EI_CLASS] = ELFCLASS32;
	expect_unsupported(&t, "a 32-bit ELF file (arm64)");
	t.header.e_machine = EM_386;
	expect_unsupported(&t, "a 32-bit ELF file (i386)");
	t.header.e_machine = EM_X86_64;
	expect_unsupported(&t, "a 32-bit ELF file (x32)");
	t.header.e_ident[EI_CLASS] = ELFCLASS64;
	t.header.e_ident[EI_DATA] = ELFDATA2MSB;
	t.header.e_machine = EM_S390 << 8;
	expect_unsupported(&t, "a big-endian ELF file (s390)");
}

TEST(image, refuses_a_malformed_header)
{
	struct tiny t = tiny_elf();

	t.header.e_ident[0] = 0;
	expect_format(&t, "not an ELF file");
	t = tiny_elf();
	t.header.e_ident[EI_CLASS] = 3;
	expect_format(&t, "class 3 is unknown");
	t = tiny_elf();
	t.header.e_type = 77;
	expect_format(&t, "type 77 is unknown");
	t = tiny_elf();
	t.header.e_entry = AT(sections);
	expect_format(&t, "entry point lies outside the segments");
	t = tiny_elf();
	t.header.e_shstrndx = TINY_SECTIONS;
	expect_format(&t, "no section name table");
	t = tiny_elf();
	t.header.e_phoff = UINT64_MAX - 8;
	expect_format(&t, "program header table is cut off");
	t = tiny_elf();
	t.header.e_phnum = 0;
	expect_format(&t, "no loadable segment");
}

TEST(image, refuses_a_section_outside_the_file)
{
	struct tiny t = tiny_elf();

	t.sections[TINY_DYNSYM].sh_size = UINT64_MAX - 4; // offset + size wraps around
	expect_format(&t, "section 1: contents lie outside the file");
	t = tiny_elf();
	t.sections[TINY_EH_FRAME].sh_name = sizeof(t.names);
	expect_format(&t, "section 2: name lies outside the name table");
	t = tiny_elf();
	t.sections[TINY_EH_FRAME].sh_offset += 8;
	expect_format(&t, "section 2: contents differ from what its segment loads");
	t = tiny_elf();
	t.sections[TINY_BSS].sh_size = UINT64_MAX;
	expect_format(&t, "section 4: addresses wrap around");
}

TEST(image, refuses_segments_that_cannot_be_mapped)
{
	struct tiny t = tiny_elf();

	t.segments[TINY_DATA].p_vaddr -= 8;
	expect_format(&t, "segment 1 overlaps one before it");
	t = tiny_elf();
	t.segments[TINY_DATA].p_memsz = 8;
	expect_format(&t, "segment 1: larger in the file than in memory");
	t = tiny_elf();
	t.segments[TINY_DATA].p_memsz = UINT64_MAX;
	expect_format(&t, "segment 1: addresses wrap around");
	t = tiny_elf();
	t.segments[TINY_DATA].p_filesz = sizeof(t);
	expect_format(&t, "segment 1: contents lie outside the file");
	t = tiny_elf();
	t.segments[TINY_TLS].p_align = 24;
	expect_format(&t, "segment 4: alignment is no power of two");
	t = tiny_elf();
	t.note.head.n_descsz = 64;
	expect_format(&t, "segment 3: note is cut off");
}

TEST(image, refuses_a_dynamic_table_that_points_outside)
{
	static const struct {
		int64_t tag;
		uint64_t value;
		const char *text;
	} cases[] = {
		{ DT_NEEDED, sizeof(((struct tiny *)0)->strings), "a needed library's name" },
		{ DT_SONAME, UINT64_MAX, "soname lies outside" },
		{ DT_STRSZ, UINT64_MAX, "string table lies outside" },
		{ DT_STRSZ, 3, "string table has no end" },
		{ DT_SYMTAB, AT(names), "dynamic symbols: table lies outside" },
		{ DT_SYMENT, 16, "unknown size" },
		{ DT_RELA, UINT64_MAX, "DT_RELA lies outside" },
		{ DT_JMPREL, AT(names), "DT_JMPREL lies outside" },
		{ DT_PLTREL, DT_REL, "without addends" },
		{ DT_RELR, AT(sections), "DT_RELR lies outside" },
		{ DT_VERSYM, AT(names) - 2, "symbol versions: table lies outside" },
		{ DT_VERNEED, AT(names), "needs are cut off" },
		{ DT_VERDEF, AT(names), "definitions are cut off" },
		{ DT_INIT, AT(sections), "constructor lies outside" },
		{ DT_INIT_ARRAYSZ, 80, "constructor array lies outside" },
		{ DT_INIT_ARRAYSZ, 7, "constructor array lies outside" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tiny t = tiny_elf();

		tiny_dynamic(&t, cases[i].tag)->d_un.d_val = cases[i].value;
		expect_format(&t, cases[i].text);
	}
}

TEST(image, refuses_relocations_of_nothing)
{
	struct tiny t = tiny_elf();

	t.rela[0].r_info = ELF64_R_INFO(4UL, R_X86_64_64);
	expect_format(&t, "relocations: symbol 4 does not exist");
	t = tiny_elf();
	t.rela[0].r_offset = AT(sections);
	expect_format(&t, "lies outside the segments");
	t = tiny_elf();
	t.relr[0] = 3; // nothing before it
	expect_format(&t, "RELR starts with a bitmap");
	t = tiny_elf();
	t.relr[1] = t.relr[0]; // backwards
	expect_format(&t, "RELR place");
}

TEST(image, notices_relocations_in_read_only_segments)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };

	t.rela[0].r_offset = AT(code);
	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.has_text_relocs);
}

TEST(image, refuses_symbols_of_nowhere)
{
	struct tiny t = tiny_elf();

	t.symbols[1].st_name = sizeof(t.strings);
	expect_format(&t, "symbol 1: name lies outside the name table");
	t = tiny_elf();
	t.symbols[2].st_shndx = TINY_SECTIONS;
	expect_format(&t, "symbol 2: section 6 does not exist");
	t = tiny_elf();
	t.versions[3] = 9;
	expect_format(&t, "symbol versions: old has unknown version 9");
}

TEST(image, refuses_a_malformed_eh_frame)
{
	struct tiny t = tiny_elf();

	t.eh_frame.fde[0].cie -= 4;
	expect_format(&t, ".eh_frame: record at 0x1c names no CIE");
	t = tiny_elf();
	t.eh_frame.fde[1].size = 400;
	expect_format(&t, ".eh_frame: record at 0x34 is malformed");
	t = tiny_elf();
	t.eh_frame.cie.letters[1] = 'X';
	expect_format(&t, ".eh_frame: record at 0 is malformed");
	t = tiny_elf();
	t.eh_frame.cie.fde_encoding = 0x40;
	expect_format(&t, ".eh_frame: record at 0x1c is malformed");
	t = tiny_elf();
	t.eh_frame.fde[0].range = 0x7fffffff;
	expect_format(&t, ".eh_frame: record at 0x1c covers code outside the segments");
}

TEST(image, reads_fdes_with_long_lengths_and_absolute_pointers)
{
	struct tiny t = tiny_elf();
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };
	const struct __attribute__((packed)) {
		uint32_t mark;
		uint64_t size;
		uint32_t id;
		uint8_t version, letters[3], rest[3], data_size, encoding;
		uint32_t fde_mark;
		uint64_t fde_size;
		uint32_t cie;
		uint64_t start, range;
		uint8_t fde_data_size;
	} records = { UINT32_MAX, 13, 0, 1, "zR", { 1, 0x78, 16 }, 1, 0x00,
		      UINT32_MAX, 21, 37, AT(code), 16, 0 };

	memset(&t.eh_frame, 0, sizeof(t.eh_frame));
	memcpy(&t.eh_frame, &records, sizeof(records));
	t.sections[TINY_EH_FRAME].sh_size = sizeof(records);
	EXPECT_OK(sut_image_init(tiny_view(&t), &image));
	EXPECT(image.n_fdes == 1);
	EXPECT(image.fdes[0].start == AT(code) && image.fdes[0].end == AT(code) + 16);
	EXPECT(image.fdes[0].cie_off == 0 && image.fdes[0].cie_size == 25);
	EXPECT(image.fdes[0].off == 25 && image.fdes[0].size == 33);
}

TEST(image, survives_every_truncation)
{
	struct tiny t = tiny_elf();
	struct sut_image image;

	for (size_t size = 0; size < sizeof(t); size++) {
		// In memory of its own, so that a read behind the end is seen.
		_cleanup_free_ uint8_t *cut = malloc(size + 1);

		EXPECT(cut);
		memcpy(cut + 1, &t, size);
		EXPECT_ERR(sut_image_init((struct sut_view){ cut + 1, size }, &image),
			   SUT_E_FORMAT, "");
	}
}
