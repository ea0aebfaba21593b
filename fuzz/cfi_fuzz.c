// SPDX-License-Identifier: Apache-2.0
#include "live/cfi.h"

/** Words of a target that has nothing but one value everywhere. */
static bool read_word(void *context, uint64_t at, uint64_t *ret)
{
	(void)context;
	*ret = at * 3;
	return at & 1;
}

static void evaluate(const struct sut_cfi_rule *rule, const uint64_t *regs)
{
	const uint64_t initial = 0x1000;
	uint64_t value;

	if (rule->kind == SUT_CFI_AT_EXPR || rule->kind == SUT_CFI_VALUE_EXPR)
		sut_cfi_evaluate(rule->expr, regs, &initial, read_word, NULL, &value);
}

/** Any unwind data at all: the header's size, the header, the frames. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t hdr_at = 0x2000;
	const uint64_t regs[SUT_CFI_N_REGS] = { 1, 2, 3, 4, 5, 6, 7, 0x7000 };
	struct sut_cfi cfi;
	uint64_t eh_frame_at;

	if (size < 2)
		return 0;
	size_t hdr_size = data[0] | data[1] << 8;
	struct sut_view hdr, rest = { data + 2, size - 2 };
	if (!sut_view_cut(rest, 0, hdr_size, &hdr) ||
	    !sut_cfi_init(hdr, hdr_at, &cfi, &eh_frame_at))
		return 0;
	cfi.eh_frame = (struct sut_view){ hdr.data + hdr.size, rest.size - hdr.size };
	cfi.eh_frame_at = eh_frame_at;
	for (uint64_t pc = 0; pc < 2 * hdr_at; pc += 13) {
		struct sut_cfi_row row;
		if (!sut_cfi_find(&cfi, pc, &row))
			continue;
		evaluate(&row.cfa, regs);
		for (size_t i = 0; i < SUT_CFI_N_REGS; i++)
			evaluate(&row.regs[i], regs);
	}
	return 0;
}
