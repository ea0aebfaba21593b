// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "live/link.h"
#include "live/place.h"
#include "patch/patch.h"
#include "process/maps.h"

static const uint64_t reach = UINT64_C(1) << 31;

static struct sut_maps parse(const char *text)
{
	struct sut_maps maps;

	EXPECT_OK(sut_maps_parse((struct sut_view){ (const uint8_t *)text, strlen(text) }, &maps));
	return maps;
}

static const struct sut_layout two_pages = { .ro = 4096, .rx = 4096 };

static bool is_free(const struct sut_maps *maps, uint64_t at, uint64_t size)
{
	for (size_t i = 0; i < maps->n; i++)
		if (at < maps->items[i].span.end && maps->items[i].span.start < at + size)
			return false;
	return true;
}

// Is the place free with a page on both sides, and within reach of all of module?
static bool is_good(const struct sut_maps *maps, struct sut_span module, uint64_t at)
{
	uint64_t size = sut_layout_size(&two_pages);
	uint64_t low = at < module.start ? at : module.start;
	uint64_t high = at + size > module.end ? at + size : module.end;

	return at % 4096 == 0 && is_free(maps, at - 4096, size + 8192) && high - low < reach;
}

static const char program[] =
	"555555554000-555555558000 r-xp 00000000 fe:01 7 /bin/program\n"
	"555555558000-55555555a000 rw-p 00004000 fe:01 7 /bin/program\n"
	"555555600000-555555621000 rw-p 00000000 00:00 0 [heap]\n"
	"7ffff7d00000-7ffff7e00000 r-xp 00000000 fe:01 8 /lib/library.so\n"
	"7ffff7e01000-7ffff7e02000 rw-p 00000000 00:00 0 \n"
	"7ffff7ff0000-7ffff7ff4000 r-xp 00000000 fe:01 9 /lib/ld.so\n"
	"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n";

TEST(place, is_below_the_program_and_not_where_the_heap_grows)
{
	struct sut_maps maps = parse(program);
	struct sut_span module = { 0x555555554000, 0x55555555a000 };
	uint64_t at;

	EXPECT(sut_place_choose(&maps, module, &two_pages, &at));
	EXPECT(at < module.start && is_good(&maps, module, at));
	sut_maps_deinit(&maps);
}

TEST(place, is_near_a_library_and_not_below_the_stack)
{
	struct sut_maps maps = parse(program);
	struct sut_span module = { 0x7ffff7d00000, 0x7ffff7e00000 };
	uint64_t at;

	EXPECT(sut_place_choose(&maps, module, &two_pages, &at));
	EXPECT(is_good(&maps, module, at));
	EXPECT(at < 0x7ffff7ff4000);
	sut_maps_deinit(&maps);
}

TEST(place, is_above_the_heap_only_when_there_is_no_other_and_then_far_above)
{
	struct sut_maps maps = parse("10000-400000 ---p 00000000 00:00 0 \n"
				     "400000-404000 r-xp 00000000 fe:01 7 /bin/program\n"
				     "404000-521000 rw-p 00000000 00:00 0 [heap]\n"
				     "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n");
	struct sut_span module = { 0x400000, 0x404000 };
	uint64_t at;

	EXPECT(sut_place_choose(&maps, module, &two_pages, &at));
	EXPECT(is_good(&maps, module, at));
	EXPECT(at > 0x521000 + (UINT64_C(1) << 30));
	sut_maps_deinit(&maps);
}

TEST(place, is_in_the_low_2_GiB_when_the_code_holds_addresses_in_32_bits)
{
	struct sut_layout low = { .ro = 4096, .rx = 4096, .is_low = true };
	struct sut_maps maps = parse("400000-404000 r-xp 00000000 fe:01 7 /bin/program\n"
				     "7f0000000000-7f0000001000 r--p 00000000 00:00 0 \n");
	struct sut_span module = { 0x400000, 0x404000 };
	uint64_t at;

	EXPECT(sut_place_choose(&maps, module, &low, &at));
	EXPECT(at + 8192 <= reach && is_good(&maps, module, at));
	sut_maps_deinit(&maps);
	// A module that lies high cannot be reached from there.
	maps = parse(program);
	module = (struct sut_span){ 0x7ffff7d00000, 0x7ffff7e00000 };
	EXPECT(!sut_place_choose(&maps, module, &low, &at));
	sut_maps_deinit(&maps);
}

TEST(place, is_nowhere_when_everything_within_reach_is_taken)
{
	struct sut_maps maps = parse("7f0000000000-7f0080000000 r--p 00000000 00:00 0 \n"
				     "7f0080000000-7f0080004000 r-xp 00000000 fe:01 8 /lib/l.so\n"
				     "7f0080004000-7f0180000000 r--p 00000000 00:00 0 \n");
	struct sut_span module = { 0x7f0080000000, 0x7f0080004000 };
	uint64_t at;

	EXPECT(!sut_place_choose(&maps, module, &two_pages, &at));
	sut_maps_deinit(&maps);
}

TEST(place, leaves_a_gap_alone_that_is_just_too_small)
{
	// Two pages of payload and one page of guard on each side.
	struct sut_span module = { 0x7f0080000000, 0x7f0080004000 };
	struct sut_maps maps = parse("7effff000000-7f007fffd000 r--p 00000000 00:00 0 \n"
				     "7f0080000000-7f0080004000 r-xp 00000000 fe:01 8 /lib/l.so\n"
				     "7f0080004000-7f0180000000 r--p 00000000 00:00 0 \n");
	uint64_t at;

	EXPECT(!sut_place_choose(&maps, module, &two_pages, &at));
	maps.items[0].span.end -= 4096;
	EXPECT(sut_place_choose(&maps, module, &two_pages, &at));
	EXPECT(at == 0x7f007fffd000 && is_good(&maps, module, at));
	sut_maps_deinit(&maps);
}

/** A payload of one instruction field and one word for each kind of relocation. */
static struct sut_err *link_one(uint32_t type, uint64_t symbol_at, uint64_t start,
				struct sut_buf *ret)
{
	static uint8_t code[16];
	static uint64_t parts[1] = { 4096 };
	static char text[] = ".text", name[] = "there";
	struct sut_part part = { text, SHF_ALLOC | SHF_EXECINSTR, sizeof(code), 16, code };
	struct sut_patch_symbol symbol = { .name = name,
					   .where = SUT_WHERE_OLD,
					   .value = symbol_at };
	struct sut_patch_reloc reloc = { 0, type, 4, 0, -4 };
	const struct sut_patch patch = { .parts = &part, .n_parts = 1, .symbols = &symbol,
					 .n_symbols = 1, .relocs = &reloc, .n_relocs = 1 };
	const struct sut_layout layout = { .ro = 4096, .rx = 4096, .parts = parts };

	return sut_link(&patch, &layout, start, 0, NULL, ret);
}

static uint64_t word_at(const struct sut_buf *payload, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, payload->data + 4096 + 4, size);
	return value;
}

TEST(link, computes_each_kind_of_relocation)
{
	static const uint64_t start = 0x10000, place = 0x10000 + 4096 + 4;
	static const struct {
		uint32_t type;
		uint64_t symbol, expected;
		size_t size;
	} cases[] = {
		{ R_X86_64_PC32, 0x20000, (uint32_t)(0x20000 - 4 - place), 4 },
		{ R_X86_64_PC32, 0x1000, (uint32_t)(0x1000 - 4 - place), 4 },
		{ R_X86_64_PC64, 0x1000, 0x1000 - 4 - place, 8 },
		{ R_X86_64_64, 0x7f0000001234, 0x7f0000001230, 8 },
		{ R_X86_64_32, 0xfffffff0, 0xffffffec, 4 },
		{ R_X86_64_32S, 0x7fffffff, 0x7ffffffb, 4 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sut_buf payload = { 0 };
		EXPECT_OK(link_one(cases[i].type, cases[i].symbol, start, &payload));
		EXPECT(payload.size == 8192);
		EXPECT(word_at(&payload, cases[i].size) == cases[i].expected);
		sut_buf_deinit(&payload);
	}
}

TEST(link, refuses_what_does_not_reach)
{
	struct sut_buf payload = { 0 };

	EXPECT_ERR(link_one(R_X86_64_PC32, 0x90000000, 0x10000, &payload), SUT_E_UNSUPPORTED,
		   "cannot reach symbol 0 (there)");
	sut_buf_deinit(&payload);
	EXPECT_ERR(link_one(R_X86_64_32, 0x100000010, 0x10000, &payload), SUT_E_UNSUPPORTED,
		   "cannot reach");
	sut_buf_deinit(&payload);
	EXPECT_ERR(link_one(R_X86_64_32S, 0x80000010, 0x10000, &payload), SUT_E_UNSUPPORTED,
		   "cannot reach");
	sut_buf_deinit(&payload);
}

TEST(link, leaves_nothing_to_run_between_the_code)
{
	struct sut_buf payload = { 0 };

	EXPECT_OK(link_one(R_X86_64_64, 0, 0x10000, &payload));
	for (size_t i = 4096 + 16; i < 8192; i++)
		EXPECT(payload.data[i] == 0xcc); // int3
	sut_buf_deinit(&payload);
}
