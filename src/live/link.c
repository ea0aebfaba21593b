// SPDX-License-Identifier: Apache-2.0
#include "live/link.h"

#include <elf.h>

#include "base/buf.h"
#include "live/place.h"
#include "patch/patch.h"

uint64_t sut_link_address(const struct sut_patch *patch, const struct sut_layout *layout,
			  uint64_t start, uint64_t base, const uint64_t *imports, size_t symbol)
{
	const struct sut_patch_symbol *s = &patch->symbols[symbol];

	switch (s->where) {
	case SUT_WHERE_PART:
		return start + layout->parts[s->part] + s->value;
	case SUT_WHERE_OLD:
		return base + s->value;
	default:
		return imports[symbol];
	}
}

// Calculations of the x86-64 psABI, table 4.9: S + A, and S + A - P.
static bool relocate(uint32_t type, uint64_t value, uint64_t place, uint8_t *to)
{
	int64_t relative = value - place;
	uint32_t word;

	switch (type) {
	case R_X86_64_64:
		memcpy(to, &value, sizeof(value));
		return true;
	case R_X86_64_PC64:
		memcpy(to, &relative, sizeof(relative));
		return true;
	case R_X86_64_PC32:
		word = relative;
		memcpy(to, &word, sizeof(word));
		return relative == (int32_t)relative;
	case R_X86_64_32:
		word = value;
		memcpy(to, &word, sizeof(word));
		return value == word;
	case R_X86_64_32S:
		word = value;
		memcpy(to, &word, sizeof(word));
		return (int64_t)value == (int32_t)value;
	default:
		return false;
	}
}

struct sut_err *sut_link(const struct sut_patch *patch, const struct sut_layout *layout,
			 uint64_t start, uint64_t base, const uint64_t *imports,
			 struct sut_buf *ret)
{
	struct sut_err *err = sut_buf_zeros(ret, sut_layout_size(layout));

	if (err)
		return err;
	// What lies between functions must not run.
	memset(ret->data + layout->ro, 0xcc, layout->rx);
	for (size_t i = 0; i < patch->n_parts; i++)
		if (patch->parts[i].bytes)
			memcpy(ret->data + layout->parts[i], patch->parts[i].bytes,
			       patch->parts[i].size);
	for (size_t i = 0; i < patch->n_relocs; i++) {
		const struct sut_patch_reloc *r = &patch->relocs[i];
		uint64_t off = layout->parts[r->part] + r->off;
		uint64_t value =
			sut_link_address(patch, layout, start, base, imports, r->symbol) +
			r->addend;
		if (!relocate(r->type, value, start + off, ret->data + off))
			return sut_err(SUT_E_UNSUPPORTED,
				       "%s+0x%lx cannot reach symbol %u (%s) at 0x%lx",
				       patch->parts[r->part].name, (unsigned long)r->off, r->symbol,
				       patch->symbols[r->symbol].name, (unsigned long)value);
	}
	return NULL;
}
