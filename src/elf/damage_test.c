// SPDX-License-Identifier: Apache-2.0

/**
 * Damaged ELF files: a real library in all truncations and under thousands of
 * pseudo-random changes must be read or refused, and what is read must keep the
 * promises of image.h, which walk_image() asserts.
 */

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "elf/image.h"
#include "test.h"
#include "tiny.h"
#include "walk.h"

/** xorshift64: fixed seeds make every run the same. */
static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/** Read @p bytes; true when they were taken. */
static bool try(struct sut_view bytes)
{
	struct sut_image image;
	struct sut_err *err = sut_image_init(bytes, &image);

	if (!err) {
		walk_image(&image);
		sut_image_deinit(&image);
		return true;
	}
	EXPECT(err->code == SUT_E_FORMAT || err->code == SUT_E_UNSUPPORTED);
	sut_err_free(err);
	return false;
}

/** Change 1 to 4 places of a copy of @p file: a bit, a byte, or a word that is
 *  likely to upset a bounds check. */
static bool try_damaged(struct sut_view file, uint64_t *state)
{
	static const uint64_t words[] = { 0, 1, 0x7fffffff, 0xffffffff,
					  INT64_MAX, UINT64_MAX };
	_cleanup_free_ uint8_t *copy = malloc(file.size);

	EXPECT(copy);
	memcpy(copy, file.data, file.size);
	for (size_t n = 1 + next(state) % 4; n; n--) {
		size_t at = next(state) % file.size;
		uint64_t kind = next(state);

		if (kind % 3 == 0)
			copy[at] ^= 1 << (kind >> 32 & 7);
		else if (kind % 3 == 1)
			copy[at] = kind >> 32;
		else if (at + 8 <= file.size)
			memcpy(copy + at, &words[(kind >> 32) % 6], 1 << (kind >> 40 & 3));
	}
	return try((struct sut_view){ copy, file.size });
}

static void damage(struct sut_view file, size_t rounds, uint64_t seed)
{
	uint64_t state = seed;
	size_t n_taken = 0;

	EXPECT(try(file));
	for (size_t i = 0; i < rounds; i++)
		n_taken += try_damaged(file, &state);
	// Both must happen, or the rounds have tested one thing only.
	EXPECT(n_taken > 0 && n_taken < rounds);
}

TEST(image, survives_20000_damaged_tiny_libraries)
{
	struct tiny t = tiny_elf();

	damage(tiny_view(&t), 20000, 0x5eed);
}

TEST(image, survives_10000_damaged_copies_of_a_real_library)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };

	EXPECT_OK(sut_file_read(ELF_FIXTURE, &file));
	damage(file.view, 10000, 0xf1f1);
}

TEST(image, survives_damaged_copies_without_a_section_table)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	Elf64_Ehdr header;

	EXPECT_OK(sut_file_read(ELF_FIXTURE, &file));
	EXPECT(sut_view_copy(file.view, 0, &header, sizeof(header)));
	header.e_shoff = 0;
	header.e_shnum = header.e_shstrndx = 0;
	_cleanup_free_ uint8_t *bare = malloc(file.view.size);
	EXPECT(bare);
	memcpy(bare, file.view.data, file.view.size);
	memcpy(bare, &header, sizeof(header));
	damage((struct sut_view){ bare, file.view.size }, 10000, 0xba4e);
}

TEST(image, refuses_every_truncation_of_a_real_library)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };

	EXPECT_OK(sut_file_read(ELF_FIXTURE, &file));
	for (size_t size = 0; size < file.view.size; size++) {
		_cleanup_free_ uint8_t *cut = malloc(size + 1);

		EXPECT(cut);
		memcpy(cut + 1, file.view.data, size);
		EXPECT(!try((struct sut_view){ cut + 1, size }));
	}
}

TEST(image, reads_the_real_library_as_its_source_says)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	_cleanup_(sut_image_deinit) struct sut_image image = { 0 };
	const struct sut_symbol *other = NULL, *names = NULL, *import = NULL;

	EXPECT_OK(sut_file_read(ELF_FIXTURE, &file));
	EXPECT_OK(sut_image_init(file.view, &image));
	for (size_t i = 0; i < image.n_dynsyms; i++) {
		const struct sut_symbol *s = &image.dynsyms[i];

		if (strcmp(s->name, "fixture_other") == 0)
			other = s;
		if (strcmp(s->name, "fixture_names") == 0)
			names = s;
		if (strcmp(s->name, "malloc") == 0)
			import = s;
	}
	EXPECT(other && names && import);
	EXPECT(strcmp(other->version, "FIXTURE_2") == 0 && other->is_default_version);
	EXPECT(strcmp(names->version, "FIXTURE_1") == 0);
	EXPECT(import->section == SHN_UNDEF && !import->is_default_version);

	const struct sut_fde *fde = sut_image_fde_at(&image, other->vaddr);
	EXPECT(fde && fde->start == other->vaddr && fde->end == other->vaddr + other->size);
	EXPECT(fde->lsda && strcmp(sut_image_section_at(&image, fde->lsda)->name,
				   ".gcc_except_table") == 0);
	EXPECT(fde->is_personality_indirect);
	const struct sut_reloc *r = sut_image_reloc_at(&image, fde->personality);
	EXPECT(r && strcmp(image.dynsyms[r->symbol].name, "__gcc_personality_v0") == 0);

	r = sut_image_reloc_at(&image, names->vaddr); // packed as RELR
	EXPECT(r && r->type == R_X86_64_RELATIVE);
	EXPECT(strcmp(sut_image_section_at(&image, r->addend)->name, ".data.rel.ro") == 0 ||
	       strcmp(sut_image_section_at(&image, r->addend)->name, ".data.rel.ro.local") == 0);
	EXPECT(image.tls_mem_size == 4 && image.init_array_size == 16);
	EXPECT(image.build_id.size == 20);
}
