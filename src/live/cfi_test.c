// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "live/cfi.h"

enum { HDR_AT = 0x2000, FRAMES_AT = 0x2100, CODE_AT = 0x1000 };

// One CIE and one FDE, for the 64 bytes at CODE_AT, with no sorted table.
static const uint8_t hdr[] = {
	1,    0x03, 0xff, 0xff, // version, udata4, no count, no table
	0x00, 0x21, 0x00, 0x00, // .eh_frame
};
static const uint8_t frames[] = {
	// The CIE: version 1, "", code factor 1, data factor -8, return address 16;
	// def_cfa rsp 8; offset ra 1; advance beyond nothing.
	12,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	1,
	0,
	1,
	0x78,
	16,
	0x0c,
	7,
	8,
	// The FDE: 12 bytes on the CIE is found; absolute addresses.
	48,
	0,
	0,
	0,
	20,
	0,
	0,
	0,
	0x00,
	0x10,
	0,
	0,
	0,
	0,
	0,
	0,
	64,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0x41, // advance 1
	0x0e,
	16,
	0x86,
	2,    // def_cfa_offset 16; offset rbp 2
	0x42, // advance 2
	0x05,
	3,
	0x81,
	0x80,
	0x80,
	0x80,
	0x80,
	0x80,
	0x80,
	0x80,
	0x30, // rbx, too far
	0x43, // advance 3
	0x0a,
	0x0b, // remember, restore
	0x0c,
	6,
	16, // def_cfa rbp 16
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
};

static bool find(struct sut_view eh_frame, uint64_t pc, struct sut_cfi_row *row)
{
	struct sut_cfi cfi;
	uint64_t eh_frame_at;

	EXPECT(sut_cfi_init((struct sut_view){ hdr, sizeof(hdr) }, HDR_AT, &cfi, &eh_frame_at));
	EXPECT(eh_frame_at == FRAMES_AT);
	cfi.eh_frame = eh_frame;
	cfi.eh_frame_at = eh_frame_at;
	return sut_cfi_find(&cfi, pc, row);
}

TEST(cfi, finds_the_row_of_an_address)
{
	struct sut_view all = { frames, sizeof(frames) };
	struct sut_cfi_row row;

	EXPECT(find(all, CODE_AT, &row) && row.cfa.value == 7 && row.cfa_off == 8);
	EXPECT(row.start == CODE_AT && row.end == CODE_AT + 64);
	EXPECT(find(all, CODE_AT + 1, &row) && row.cfa_off == 16);
	EXPECT(row.regs[6].kind == SUT_CFI_AT && row.regs[6].value == -16);
	EXPECT(find(all, CODE_AT + 63, &row) && row.cfa.value == 6);
	EXPECT(!find(all, CODE_AT + 64, &row));
	EXPECT(!find(all, CODE_AT - 1, &row));
}

// Found by the fuzzer: the product of a damaged offset and the factor is beyond 64 bits.
TEST(cfi, an_offset_beyond_64_bits_wraps)
{
	struct sut_cfi_row row;

	EXPECT(find((struct sut_view){ frames, sizeof(frames) }, CODE_AT + 3, &row));
	EXPECT(row.regs[3].kind == SUT_CFI_AT);
	EXPECT((uint64_t)row.regs[3].value == -UINT64_C(8) * (UINT64_C(0x30) << 56 | 1));
}

TEST(cfi, cut_anywhere_it_finds_nothing)
{
	struct sut_cfi_row row;
	struct sut_cfi cfi;
	uint64_t at;

	for (size_t size = 0; size < sizeof(frames) - 8; size++)
		EXPECT(!find((struct sut_view){ frames, size }, CODE_AT, &row));
	for (size_t size = 0; size < sizeof(hdr); size++)
		EXPECT(!sut_cfi_init((struct sut_view){ hdr, size }, HDR_AT, &cfi, &at));
}
