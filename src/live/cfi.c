// SPDX-License-Identifier: Apache-2.0
#include "live/cfi.h"

#include <dwarf.h>

/** Bytes that are being read; what cannot be read makes everything after it fail. */
struct reader {
	struct sut_view bytes;
	uint64_t at; /**< Address of bytes.data[0]. */
	size_t off;
	bool has_failed;
};

static uint64_t take(struct reader *r, size_t size)
{
	uint64_t value = 0;

	if (!sut_view_copy(r->bytes, r->off, &value, size)) {
		r->has_failed = true;
		return 0;
	}
	r->off += size;
	return value;
}

static uint64_t take_uleb(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; !r->has_failed; shift += 7) {
		uint64_t byte = take(r, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

static int64_t take_sleb(struct reader *r)
{
	uint64_t value = 0, byte = 0;
	unsigned shift = 0;

	do {
		byte = take(r, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) && !r->has_failed);
	if (shift < 64 && (byte & 0x40))
		value |= -(UINT64_C(1) << shift);
	return value;
}

static struct sut_view take_block(struct reader *r, uint64_t size)
{
	struct sut_view view = { 0 };

	if (!sut_view_cut(r->bytes, r->off, size, &view))
		r->has_failed = true;
	else
		r->off += size;
	return view;
}

static uint64_t take_value(struct reader *r, uint8_t format)
{
	switch (format) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return take(r, 8);
	case DW_EH_PE_udata4:
		return take(r, 4);
	case DW_EH_PE_sdata4:
		return (int64_t)(int32_t)take(r, 4);
	case DW_EH_PE_udata2:
		return take(r, 2);
	case DW_EH_PE_sdata2:
		return (int64_t)(int16_t)take(r, 2);
	case DW_EH_PE_uleb128:
		return take_uleb(r);
	case DW_EH_PE_sleb128:
		return take_sleb(r);
	default:
		r->has_failed = true;
		return 0;
	}
}

// An encoded pointer. @p data_base is what "datarel" counts from.
static uint64_t take_pointer(struct reader *r, uint8_t encoding, uint64_t data_base)
{
	uint64_t place = r->at + r->off;
	uint64_t value = take_value(r, encoding & 0x0f);

	switch (encoding & 0x70) {
	case DW_EH_PE_absptr:
		return value;
	case DW_EH_PE_pcrel:
		return value + place;
	case DW_EH_PE_datarel:
		return value + data_base;
	default:
		r->has_failed = true;
		return 0;
	}
}

/** An entry of the sorted table, as every linker for x86-64 makes it:
 *  DW_EH_PE_datarel | DW_EH_PE_sdata4. */
struct index_entry {
	int32_t start, fde; /**< From the header. */
};

bool sut_cfi_init(struct sut_view hdr, uint64_t hdr_at, struct sut_cfi *ret,
		  uint64_t *eh_frame_at_ret)
{
	struct reader r = { hdr, hdr_at, 0, false };
	uint64_t version = take(&r, 1);
	uint8_t frame_encoding = take(&r, 1), count_encoding = take(&r, 1);
	uint8_t table_encoding = take(&r, 1);
	uint64_t eh_frame_at = take_pointer(&r, frame_encoding, hdr_at);
	uint64_t n = 0;

	if (r.has_failed || version != 1)
		return false;
	if (count_encoding != DW_EH_PE_omit &&
	    table_encoding == (DW_EH_PE_datarel | DW_EH_PE_sdata4)) {
		n = take_pointer(&r, count_encoding, hdr_at);
		if (r.has_failed || n > (hdr.size - r.off) / sizeof(struct index_entry))
			return false;
	}
	*ret = (struct sut_cfi){ .hdr = hdr, .hdr_at = hdr_at, .index_off = r.off, .n_index = n };
	*eh_frame_at_ret = eh_frame_at;
	return true;
}

// The entry of the sorted table with the greatest start that is not above @p pc.
static bool search_index(const struct sut_cfi *cfi, uint64_t pc, uint64_t *fde_ret)
{
	uint64_t low = 0, high = cfi->n_index;
	struct index_entry entry;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (!sut_view_copy(cfi->hdr, cfi->index_off + middle * sizeof(entry), &entry,
				   sizeof(entry)))
			return false;
		if (cfi->hdr_at + entry.start <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !sut_view_copy(cfi->hdr, cfi->index_off + (low - 1) * sizeof(entry), &entry,
				       sizeof(entry)))
		return false;
	*fde_ret = cfi->hdr_at + entry.fde;
	return true;
}

/** A CIE. */
struct cie {
	uint64_t code_factor;
	int64_t data_factor;
	uint8_t pointer_encoding;
	bool has_augmentation, is_signal_frame;
	struct reader program;
};

// A record's contents, behind its length; 64-bit lengths do not occur.
static bool take_record(const struct sut_cfi *cfi, uint64_t at, struct reader *ret)
{
	struct reader r = { cfi->eh_frame, cfi->eh_frame_at, at - cfi->eh_frame_at, false };
	uint64_t size = take(&r, 4);

	if (at < cfi->eh_frame_at || r.has_failed || size == 0 || size == 0xffffffff ||
	    size > cfi->eh_frame.size - r.off)
		return false;
	r.bytes.size = r.off + size;
	*ret = r;
	return true;
}

static void take_augmentation(struct reader *r, const char *text, struct cie *cie)
{
	uint64_t size = take_uleb(r);
	size_t end = r->off + size;

	cie->has_augmentation = true;
	for (const char *c = text + 1; *c && !r->has_failed; c++) {
		uint8_t encoding;
		switch (*c) {
		case 'R':
			cie->pointer_encoding = take(r, 1);
			break;
		case 'P':
			encoding = take(r, 1);
			take_value(r, encoding & 0x0f);
			break;
		case 'L':
			take(r, 1);
			break;
		case 'S':
			cie->is_signal_frame = true;
			break;
		default:
			r->has_failed = true;
		}
	}
	if (size > r->bytes.size || end > r->bytes.size)
		r->has_failed = true;
	else
		r->off = end;
}

static bool read_cie(const struct sut_cfi *cfi, uint64_t at, struct cie *ret)
{
	struct reader r;
	struct cie cie = { 0 };

	if (!take_record(cfi, at, &r) || take(&r, 4) != 0)
		return false;
	uint64_t version = take(&r, 1);
	const char *augmentation = sut_view_string(r.bytes, r.off);
	if ((version != 1 && version != 3) || !augmentation)
		return false;
	r.off += strlen(augmentation) + 1;
	cie.code_factor = take_uleb(&r);
	cie.data_factor = take_sleb(&r);
	uint64_t return_register = version == 1 ? take(&r, 1) : take_uleb(&r);
	if (return_register != SUT_CFI_RA)
		return false;
	if (augmentation[0] == 'z')
		take_augmentation(&r, augmentation, &cie);
	else if (augmentation[0])
		return false;
	cie.program = r;
	*ret = cie;
	return !r.has_failed;
}

/** A program that is run: the rows so far. */
struct machine {
	struct sut_cfi_row row;
	struct sut_cfi_row initial; /**< After the CIE's instructions. */
	struct sut_cfi_row saved[16];
	size_t n_saved;
	const struct cie *cie;
	uint64_t pc; /**< The address that is looked for. */
	uint64_t at; /**< Where the current row begins to hold. */
};

static bool set_rule(struct machine *m, uint64_t reg, enum sut_cfi_kind kind, int64_t value,
		     struct sut_view expr)
{
	// Vector and other registers have rules too, which nobody needs here.
	if (reg < SUT_CFI_N_REGS)
		m->row.regs[reg] = (struct sut_cfi_rule){ kind, value, expr };
	return true;
}

static bool set_cfa(struct machine *m, uint64_t reg, int64_t off)
{
	m->row.cfa = (struct sut_cfi_rule){ .kind = SUT_CFI_REGISTER, .value = reg };
	m->row.cfa_off = off;
	return reg < SUT_CFI_N_REGS;
}

static bool restore_rule(struct machine *m, uint64_t reg)
{
	if (reg < SUT_CFI_N_REGS)
		m->row.regs[reg] = m->initial.regs[reg];
	return true;
}

static bool save_row(struct machine *m)
{
	if (m->n_saved == sizeof(m->saved) / sizeof(m->saved[0]))
		return false;
	m->saved[m->n_saved++] = m->row;
	return true;
}

static bool restore_row(struct machine *m)
{
	if (m->n_saved == 0)
		return false;
	m->row = m->saved[--m->n_saved];
	return true;
}

static bool advance(struct machine *m, uint64_t delta)
{
	m->at += delta * m->cie->code_factor;
	return true;
}

// What a damaged program multiplies may overflow: it wraps, and leads nowhere.
static int64_t factored(uint64_t n, int64_t factor)
{
	return (int64_t)(n * (uint64_t)factor);
}

// Instructions that say where a register is.
static bool run_register(struct machine *m, struct reader *r, uint8_t op)
{
	static const struct sut_view none = { 0 };
	uint64_t reg = take_uleb(r);
	int64_t factor = m->cie->data_factor;

	switch (op) {
	case DW_CFA_offset_extended:
		return set_rule(m, reg, SUT_CFI_AT, factored(take_uleb(r), factor), none);
	case DW_CFA_offset_extended_sf:
		return set_rule(m, reg, SUT_CFI_AT, factored(take_sleb(r), factor), none);
	case DW_CFA_GNU_negative_offset_extended:
		return set_rule(m, reg, SUT_CFI_AT, factored(-take_uleb(r), factor), none);
	case DW_CFA_val_offset:
		return set_rule(m, reg, SUT_CFI_VALUE, factored(take_uleb(r), factor), none);
	case DW_CFA_val_offset_sf:
		return set_rule(m, reg, SUT_CFI_VALUE, factored(take_sleb(r), factor), none);
	case DW_CFA_restore_extended:
		return restore_rule(m, reg);
	case DW_CFA_undefined:
		return set_rule(m, reg, SUT_CFI_UNDEFINED, 0, none);
	case DW_CFA_same_value:
		return set_rule(m, reg, SUT_CFI_SAME, 0, none);
	case DW_CFA_register:
		return set_rule(m, reg, SUT_CFI_REGISTER, take_uleb(r), none);
	case DW_CFA_expression:
		return set_rule(m, reg, SUT_CFI_AT_EXPR, 0, take_block(r, take_uleb(r)));
	case DW_CFA_val_expression:
		return set_rule(m, reg, SUT_CFI_VALUE_EXPR, 0, take_block(r, take_uleb(r)));
	case DW_CFA_def_cfa:
		return set_cfa(m, reg, take_uleb(r));
	case DW_CFA_def_cfa_sf:
		return set_cfa(m, reg, factored(take_sleb(r), factor));
	case DW_CFA_def_cfa_register:
		return set_cfa(m, reg, m->row.cfa_off);
	default:
		return false;
	}
}

static bool run_other(struct machine *m, struct reader *r, uint8_t op)
{
	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_set_loc:
		m->at = take_pointer(r, m->cie->pointer_encoding, 0);
		return true;
	case DW_CFA_advance_loc1:
		return advance(m, take(r, 1));
	case DW_CFA_advance_loc2:
		return advance(m, take(r, 2));
	case DW_CFA_advance_loc4:
		return advance(m, take(r, 4));
	case DW_CFA_remember_state:
		return save_row(m);
	case DW_CFA_restore_state:
		return restore_row(m);
	case DW_CFA_def_cfa_offset:
		m->row.cfa_off = take_uleb(r);
		return true;
	case DW_CFA_def_cfa_offset_sf:
		m->row.cfa_off = factored(take_sleb(r), m->cie->data_factor);
		return true;
	case DW_CFA_def_cfa_expression:
		m->row.cfa = (struct sut_cfi_rule){ .kind = SUT_CFI_VALUE_EXPR,
						    .expr = take_block(r, take_uleb(r)) };
		return true;
	case DW_CFA_GNU_args_size:
		take_uleb(r);
		return true;
	default:
		return run_register(m, r, op);
	}
}

// Run until the row for m->pc stands.
static bool run(struct machine *m, struct reader *r)
{
	static const struct sut_view none = { 0 };

	while (r->off < r->bytes.size) {
		uint8_t op = take(r, 1), low = op & 0x3f;
		bool is_done;
		switch (op & 0xc0) {
		case DW_CFA_advance_loc:
			is_done = advance(m, low);
			break;
		case DW_CFA_offset:
			is_done = set_rule(m, low, SUT_CFI_AT,
					   factored(take_uleb(r), m->cie->data_factor), none);
			break;
		case DW_CFA_restore:
			is_done = restore_rule(m, low);
			break;
		default:
			is_done = run_other(m, r, op);
		}
		if (!is_done || r->has_failed)
			return false;
		// Only an advance, which leaves the row alone, gets here.
		if (m->at > m->pc)
			return true;
	}
	return true;
}

static bool find_row(const struct sut_cfi *cfi, uint64_t fde_at, uint64_t pc,
		     struct sut_cfi_row *ret)
{
	struct reader r;
	struct cie cie;

	if (!take_record(cfi, fde_at, &r))
		return false;
	uint64_t cie_field = r.at + r.off, cie_distance = take(&r, 4);
	if (cie_distance == 0 || !read_cie(cfi, cie_field - cie_distance, &cie))
		return false;
	uint64_t start = take_pointer(&r, cie.pointer_encoding, cfi->hdr_at);
	uint64_t size = take_value(&r, cie.pointer_encoding & 0x0f);
	if (cie.has_augmentation)
		take_block(&r, take_uleb(&r));
	if (r.has_failed || pc < start || pc - start >= size)
		return false;

	struct machine m = { .cie = &cie, .pc = UINT64_MAX };
	if (!run(&m, &cie.program))
		return false;
	m.initial = m.row;
	m.pc = pc;
	m.at = start;
	if (!run(&m, &r) || m.row.cfa.kind == SUT_CFI_SAME)
		return false;
	m.row.is_signal_frame = cie.is_signal_frame;
	m.row.start = start;
	m.row.end = start + size;
	*ret = m.row;
	return true;
}

// Without a sorted table: one record after another.
static bool search_records(const struct sut_cfi *cfi, uint64_t pc, struct sut_cfi_row *ret)
{
	struct reader r;
	uint64_t at = cfi->eh_frame_at;

	while (take_record(cfi, at, &r)) {
		if (find_row(cfi, at, pc, ret))
			return true;
		at = cfi->eh_frame_at + r.bytes.size;
	}
	return false;
}

bool sut_cfi_find(const struct sut_cfi *cfi, uint64_t pc, struct sut_cfi_row *ret)
{
	uint64_t fde;

	if (cfi->n_index == 0)
		return search_records(cfi, pc, ret);
	return search_index(cfi, pc, &fde) && find_row(cfi, fde, pc, ret);
}
