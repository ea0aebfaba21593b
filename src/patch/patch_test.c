// SPDX-License-Identifier: Apache-2.0
#include "patch/patch.h"

#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "patch/layout.h"
#include "patch/strtab.h"
#include "sample.h"
#include "test.h"

static struct sut_patch sample(void)
{
	struct sut_patch patch;

	EXPECT_OK(sut_sample_patch(&patch));
	return patch;
}

static struct sut_buf sample_file(void)
{
	_cleanup_(sut_patch_deinit) struct sut_patch patch = sample();
	struct sut_buf file = { 0 };

	EXPECT_OK(sut_patch_write(&patch, &file));
	return file;
}

static Elf64_Shdr *headers_of(struct sut_buf *file)
{
	return (Elf64_Shdr *)(file->data + ((Elf64_Ehdr *)file->data)->e_shoff);
}

static void *tail_of(struct sut_buf *file, enum sut_tail which)
{
	size_t tail = ((Elf64_Ehdr *)file->data)->e_shnum - SUT_TAIL_COUNT;

	return file->data + headers_of(file)[tail + which].sh_offset;
}

static void expect_refused(const struct sut_buf *file, enum sut_code code, const char *text)
{
	struct sut_patch patch;

	EXPECT_ERR(sut_patch_read(sut_buf_view(file), &patch), code, text);
}

static void expect_same_symbols(const struct sut_patch *a, const struct sut_patch *b)
{
	EXPECT(a->n_symbols == b->n_symbols);
	for (size_t i = 0; i < a->n_symbols; i++) {
		const struct sut_patch_symbol *x = &a->symbols[i], *y = &b->symbols[i];
		EXPECT(strcmp(x->name, y->name) == 0);
		EXPECT(!x->version == !y->version);
		EXPECT(!x->version || strcmp(x->version, y->version) == 0);
		EXPECT(x->where == y->where && x->part == y->part && x->value == y->value);
		EXPECT(x->size == y->size && x->type == y->type && x->is_weak == y->is_weak);
	}
}

static void expect_same_payload(const struct sut_patch *a, const struct sut_patch *b)
{
	EXPECT(a->n_parts == b->n_parts && a->n_relocs == b->n_relocs);
	for (size_t i = 0; i < a->n_parts; i++) {
		const struct sut_part *x = &a->parts[i], *y = &b->parts[i];
		EXPECT(strcmp(x->name, y->name) == 0 && x->flags == y->flags);
		EXPECT(x->size == y->size && x->align == y->align && !x->bytes == !y->bytes);
		EXPECT(!x->bytes || memcmp(x->bytes, y->bytes, x->size) == 0);
	}
	for (size_t i = 0; i < a->n_relocs; i++) {
		const struct sut_patch_reloc *x = &a->relocs[i], *y = &b->relocs[i];
		EXPECT(x->part == y->part && x->type == y->type && x->off == y->off);
		EXPECT(x->symbol == y->symbol && x->addend == y->addend);
	}
}

static void expect_same(const struct sut_patch *a, const struct sut_patch *b)
{
	expect_same_payload(a, b);
	expect_same_symbols(a, b);
	EXPECT(a->n_functions == b->n_functions && a->n_ranges == b->n_ranges);
	for (size_t i = 0; i < a->n_functions; i++) {
		const struct sut_patch_function *x = &a->functions[i], *y = &b->functions[i];
		EXPECT(strcmp(x->name, y->name) == 0 && x->vaddr == y->vaddr);
		EXPECT(x->old_size == y->old_size && x->new_size == y->new_size);
		EXPECT(x->symbol == y->symbol && x->entry_skip == y->entry_skip);
	}
	for (size_t i = 0; i < a->n_ranges; i++) {
		const struct sut_patch_range *x = &a->ranges[i], *y = &b->ranges[i];
		EXPECT(x->vaddr == y->vaddr && x->size == y->size);
		EXPECT(x->function == y->function);
		EXPECT(memcmp(&x->digest, &y->digest, sizeof(x->digest)) == 0);
	}
	EXPECT(json_equal(a->meta, b->meta));
	EXPECT(memcmp(&a->digest, &b->digest, sizeof(a->digest)) == 0);
}

TEST(patch, what_is_written_reads_back_equal)
{
	_cleanup_(sut_patch_deinit) struct sut_patch patch = sample();
	_cleanup_(sut_patch_deinit) struct sut_patch back = { 0 };
	_cleanup_(sut_buf_deinit) struct sut_buf file = { 0 };

	EXPECT_OK(sut_patch_write(&patch, &file));
	EXPECT_OK(sut_patch_read(sut_buf_view(&file), &back));
	expect_same(&patch, &back);
}

TEST(patch, what_is_read_writes_back_byte_for_byte)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	_cleanup_(sut_buf_deinit) struct sut_buf again = { 0 };
	_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };

	EXPECT_OK(sut_patch_read(sut_buf_view(&file), &patch));
	EXPECT_OK(sut_patch_write(&patch, &again));
	EXPECT(sut_view_equal(sut_buf_view(&file), sut_buf_view(&again)));
}

TEST(patch, writing_moves_imports_last_and_keeps_what_they_mean)
{
	_cleanup_(sut_patch_deinit) struct sut_patch before = sample();
	_cleanup_(sut_patch_deinit) struct sut_patch after = sample();
	_cleanup_(sut_buf_deinit) struct sut_buf file = { 0 };

	EXPECT_OK(sut_patch_write(&after, &file));
	for (size_t i = 0; i < 8; i++)
		EXPECT(after.symbols[i].where != SUT_WHERE_IMPORT);
	EXPECT(after.symbols[8].where == SUT_WHERE_IMPORT);
	EXPECT(after.symbols[9].where == SUT_WHERE_IMPORT);
	for (size_t i = 0; i < before.n_relocs; i++) {
		const struct sut_patch_symbol *x = &before.symbols[before.relocs[i].symbol];
		const struct sut_patch_symbol *y = &after.symbols[after.relocs[i].symbol];
		EXPECT(strcmp(x->name, y->name) == 0 && x->value == y->value);
	}
	for (size_t i = 0; i < before.n_functions; i++)
		EXPECT(before.symbols[before.functions[i].symbol].value ==
		       after.symbols[after.functions[i].symbol].value);
}

TEST(patch, reading_and_writing_tell_the_same_digest)
{
	_cleanup_(sut_patch_deinit) struct sut_patch patch = sample();
	_cleanup_(sut_buf_deinit) struct sut_buf file = { 0 };
	struct sut_sha256 digest;

	EXPECT_OK(sut_patch_write(&patch, &file));
	EXPECT_OK(sut_sha256(sut_buf_view(&file), &digest));
	EXPECT(memcmp(&digest, &patch.digest, sizeof(digest)) == 0);
}

TEST(patch, refuses_every_truncation)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	struct sut_patch patch;

	for (size_t size = 0; size < file.size; size++) {
		// An own copy of just that size, so that a sanitizer sees what is beyond.
		_cleanup_free_ uint8_t *cut = malloc(size + !size);
		EXPECT(cut);
		memcpy(cut, file.data, size);
		EXPECT_ERR(sut_patch_read((struct sut_view){ cut, size }, &patch), SUT_E_FORMAT,
			   "");
	}
}

TEST(patch, refuses_bytes_after_its_end)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();

	EXPECT_OK(sut_buf_add(&file, "x", 1));
	expect_refused(&file, SUT_E_FORMAT, "is not as suture writes it");
}

// Any bit may be content, which only a signature protects; but whatever is taken
// is a patch that the engine can rely on, and is the file's only reading.
TEST(patch, a_flipped_bit_is_refused_or_gives_a_patch_that_passes_the_check)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	size_t n_refused = 0;

	for (size_t bit = 0; bit < file.size * 8; bit++) {
		struct sut_patch patch = { 0 };
		file.data[bit / 8] ^= 1 << bit % 8;
		struct sut_err *err = sut_patch_read(sut_buf_view(&file), &patch);
		if (!err)
			EXPECT_OK(sut_patch_check(&patch));
		n_refused += err != NULL;
		sut_err_free(err);
		sut_patch_deinit(&patch);
		file.data[bit / 8] ^= 1 << bit % 8;
	}
	EXPECT(n_refused > file.size * 8 / 2);
}

TEST(patch, many_flipped_bits_are_refused_or_give_a_patch_that_passes_the_check)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	uint64_t random = 0x5eed;

	for (size_t round = 0; round < 5000; round++) {
		_cleanup_(sut_buf_deinit) struct sut_buf bad = { 0 };
		_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };
		EXPECT_OK(sut_buf_add(&bad, file.data, file.size));
		for (size_t flips = round % 16; flips < 16; flips++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			bad.data[(random >> 32) % bad.size] ^= 1 << (random >> 29) % 8;
		}
		struct sut_err *err = sut_patch_read(sut_buf_view(&bad), &patch);
		if (!err)
			EXPECT_OK(sut_patch_check(&patch));
		sut_err_free(err);
	}
}

TEST(patch, a_later_format_version_is_refused_with_its_number)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	struct sut_file_note *note = tail_of(&file, SUT_TAIL_NOTE);

	note->version = 2;
	expect_refused(&file, SUT_E_UNSUPPORTED, "format version 2");
}

TEST(patch, other_elf_files_are_told_apart)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();

	((Elf64_Ehdr *)file.data)->e_type = ET_DYN;
	expect_refused(&file, SUT_E_FORMAT, "not a relocatable x86-64 ELF file");
	((Elf64_Ehdr *)file.data)->e_type = ET_REL;
	((struct sut_file_note *)tail_of(&file, SUT_TAIL_NOTE))->owner[0] = 's';
	expect_refused(&file, SUT_E_FORMAT, ".note.suture is damaged");
}

TEST(patch, huge_counts_are_refused)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	Elf64_Shdr *sections = headers_of(&file);
	uint64_t size = sections[1].sh_size;

	sections[1].sh_size = UINT64_MAX - 7;
	expect_refused(&file, SUT_E_FORMAT, "lie outside of the file");
	sections[1].sh_size = size;
	sections[5].sh_size = UINT64_MAX; // .bss takes no bytes in the file
	expect_refused(&file, SUT_E_FORMAT, "part .bss: size");
	sections[5].sh_size = 64;
	((Elf64_Ehdr *)file.data)->e_shnum = 0xfeff;
	expect_refused(&file, SUT_E_FORMAT, "section table is cut off");
}

TEST(patch, metadata_written_in_another_way_is_refused)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	const char as_written[] = "\"added\":1,\"changed\":2";
	const char swapped[] = "\"changed\":2,\"added\":1";
	char *found = memmem(file.data, file.size, as_written, strlen(as_written));

	EXPECT(found);
	memcpy(found, swapped, strlen(swapped));
	expect_refused(&file, SUT_E_FORMAT, "is not as suture writes it");
}

TEST(strtab, holds_each_string_once)
{
	_cleanup_(sut_strtab_deinit) struct sut_strtab tab = { 0 };
	uint32_t a, b, again, none;

	EXPECT_OK(sut_strtab_add(&tab, "a", &a));
	EXPECT_OK(sut_strtab_add(&tab, "bc", &b));
	EXPECT_OK(sut_strtab_add(&tab, "", &none));
	EXPECT_OK(sut_strtab_add(&tab, "a", &again));
	EXPECT(none == 0 && a == 1 && b == 3 && again == a);
	EXPECT(tab.bytes.size == 6 && memcmp(tab.bytes.data, "\0a\0bc", 6) == 0);
}
