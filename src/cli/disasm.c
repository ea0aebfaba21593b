// SPDX-License-Identifier: Apache-2.0
#include "cli/disasm.h"

#include <Zycore/Format.h>
#include <Zydis/Zydis.h>
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

// Two operands with the longest names that a patch may hold.
enum { line_size = 3 * 4096 };

/** A label: a function's entry in a part. */
struct label {
	uint32_t part;
	uint64_t off;
	uint32_t symbol; /**< Index into the patch's symbols. */
};

/** What is being printed. Borrows the patch and the buffer; owns the labels. */
struct disasm {
	const struct sut_patch *patch;
	struct sut_buf *out;
	struct label *labels; /**< Sorted by part, then offset. */
	size_t n_labels;
	ZydisDecoder decoder;
	ZydisFormatter formatter;
	/** How Zydis prints by itself what no relocation names. */
	ZydisFormatterFunc print_imm, print_disp, print_address;
	uint32_t part;      /**< Where the instruction is. */
	uint64_t off;
};

static void disasm_deinit(struct disasm *d)
{
	free(d->labels);
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return x->symbol < y->symbol ? -1 : 1;
}

static struct sut_err *collect_labels(struct disasm *d)
{
	const struct sut_patch *patch = d->patch;

	d->labels = calloc(patch->n_symbols + 1, sizeof(*d->labels));
	if (!d->labels)
		return sut_err_nomem();
	for (size_t i = 0; i < patch->n_symbols; i++) {
		const struct sut_patch_symbol *symbol = &patch->symbols[i];
		if (symbol->where == SUT_WHERE_PART && symbol->type == STT_FUNC)
			d->labels[d->n_labels++] =
				(struct label){ symbol->part, symbol->value, i };
	}
	qsort(d->labels, d->n_labels, sizeof(*d->labels), compare_labels);
	return NULL;
}

// The first label at or after this place; n_labels when there is none.
static size_t find_label_from(const struct disasm *d, uint32_t part, uint64_t off)
{
	struct label key = { part, off, 0 };
	size_t low = 0, high = d->n_labels;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_labels(&d->labels[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct sut_patch_reloc *find_reloc(const struct sut_patch *patch, uint32_t part,
						uint64_t off)
{
	size_t low = 0, high = patch->n_relocs;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct sut_patch_reloc *r = &patch->relocs[middle];
		if (r->part < part || (r->part == part && r->off < off))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == patch->n_relocs || patch->relocs[low].part != part ||
	    patch->relocs[low].off != off)
		return NULL;
	return &patch->relocs[low];
}

// Append "name+0x10"; a place in a part without a name is "part+0x10".
static ZyanStatus append_place(const struct disasm *d, ZyanString *to,
			       const struct sut_patch_symbol *symbol, int64_t add)
{
	const char *name = symbol->name;
	ZyanStatus status;

	if (!*name) {
		bool is_part = symbol->where == SUT_WHERE_PART;
		name = is_part ? d->patch->parts[symbol->part].name : "old";
		add += symbol->value;
	}
	status = ZyanStringAppendFormat(to, "%s", name);
	if (ZYAN_SUCCESS(status) && symbol->version)
		status = ZyanStringAppendFormat(to, "@%s", symbol->version);
	if (ZYAN_SUCCESS(status) && add)
		status = ZyanStringAppendFormat(to, "%c0x%" PRIx64, add < 0 ? '-' : '+',
						add < 0 ? -(uint64_t)add : (uint64_t)add);
	return status;
}

static const struct sut_patch_reloc *find_operand_reloc(const struct disasm *d,
							const ZydisFormatterContext *context,
							uint8_t *field_ret)
{
	bool is_memory = context->operand->type == ZYDIS_OPERAND_TYPE_MEMORY;

	*field_ret = is_memory ? context->instruction->raw.disp.offset :
				 context->instruction->raw.imm[0].offset;
	return *field_ret ? find_reloc(d->patch, d->part, d->off + *field_ret) : NULL;
}

static ZyanStatus print_reloc(const struct disasm *d, ZydisFormatterBuffer *buffer,
			      const ZydisFormatterContext *context,
			      const struct sut_patch_reloc *reloc, uint8_t field)
{
	bool is_relative = reloc->type == R_X86_64_PC32 || reloc->type == R_X86_64_PC64;
	int64_t add = reloc->addend;
	ZyanString *text;

	// The processor counts from the next instruction, the relocation from its field.
	if (is_relative)
		add = (uint64_t)add + context->instruction->length - field;
	ZYAN_CHECK(ZydisFormatterBufferAppend(buffer, ZYDIS_TOKEN_SYMBOL));
	ZYAN_CHECK(ZydisFormatterBufferGetString(buffer, &text));
	return append_place(d, text, &d->patch->symbols[reloc->symbol], add);
}

static ZyanStatus print_imm(const ZydisFormatter *formatter, ZydisFormatterBuffer *buffer,
			    ZydisFormatterContext *context)
{
	const struct disasm *d = context->user_data;
	uint8_t field;
	const struct sut_patch_reloc *reloc = find_operand_reloc(d, context, &field);

	if (!reloc)
		return d->print_imm(formatter, buffer, context);
	return print_reloc(d, buffer, context, reloc, field);
}

static ZyanStatus print_disp(const ZydisFormatter *formatter, ZydisFormatterBuffer *buffer,
			     ZydisFormatterContext *context)
{
	const struct disasm *d = context->user_data;
	uint8_t field;
	const struct sut_patch_reloc *reloc = find_operand_reloc(d, context, &field);
	ZyanString *text;

	if (!reloc)
		return d->print_disp(formatter, buffer, context);
	ZYAN_CHECK(ZydisFormatterBufferAppend(buffer, ZYDIS_TOKEN_DELIMITER));
	ZYAN_CHECK(ZydisFormatterBufferGetString(buffer, &text));
	ZYAN_CHECK(ZyanStringAppendFormat(text, "+"));
	return print_reloc(d, buffer, context, reloc, field);
}

// An address in the payload itself, as "function+0x10".
static ZyanStatus print_address(const ZydisFormatter *formatter, ZydisFormatterBuffer *buffer,
				ZydisFormatterContext *context)
{
	const struct disasm *d = context->user_data;
	uint64_t target;
	uint8_t field;
	const struct sut_patch_reloc *reloc = find_operand_reloc(d, context, &field);
	ZyanString *text;

	if (reloc)
		return print_reloc(d, buffer, context, reloc, field);
	if (ZYAN_FAILED(ZydisCalcAbsoluteAddress(context->instruction, context->operand,
						 context->runtime_address, &target)))
		return d->print_address(formatter, buffer, context);
	size_t next = find_label_from(d, d->part, target + 1);
	if (next == 0 || d->labels[next - 1].part != d->part)
		return d->print_address(formatter, buffer, context);
	const struct label *label = &d->labels[next - 1];
	ZYAN_CHECK(ZydisFormatterBufferAppend(buffer, ZYDIS_TOKEN_SYMBOL));
	ZYAN_CHECK(ZydisFormatterBufferGetString(buffer, &text));
	return append_place(d, text, &d->patch->symbols[label->symbol], target - label->off);
}

static struct sut_err *set_up(struct disasm *d)
{
	const void *imm = (const void *)(uintptr_t)print_imm;
	const void *disp = (const void *)(uintptr_t)print_disp;
	const void *address = (const void *)(uintptr_t)print_address;

	if (ZYAN_FAILED(ZydisDecoderInit(&d->decoder, ZYDIS_MACHINE_MODE_LONG_64,
					 ZYDIS_STACK_WIDTH_64)) ||
	    ZYAN_FAILED(ZydisFormatterInit(&d->formatter, ZYDIS_FORMATTER_STYLE_INTEL)) ||
	    ZYAN_FAILED(ZydisFormatterSetHook(&d->formatter, ZYDIS_FORMATTER_FUNC_PRINT_IMM,
					      &imm)) ||
	    ZYAN_FAILED(ZydisFormatterSetHook(&d->formatter, ZYDIS_FORMATTER_FUNC_PRINT_DISP,
					      &disp)) ||
	    ZYAN_FAILED(ZydisFormatterSetHook(
		    &d->formatter, ZYDIS_FORMATTER_FUNC_PRINT_ADDRESS_ABS, &address)))
		return sut_err(SUT_E_UNSUPPORTED, "the disassembler does not start");
	d->print_imm = (ZydisFormatterFunc)(uintptr_t)imm;
	d->print_disp = (ZydisFormatterFunc)(uintptr_t)disp;
	d->print_address = (ZydisFormatterFunc)(uintptr_t)address;
	return collect_labels(d);
}

static struct sut_err *add_line(struct disasm *d, const char *text)
{
	char off[32];
	int size = snprintf(off, sizeof(off), "%6" PRIx64 "  ", d->off);
	struct sut_err *err = sut_buf_add(d->out, off, size);

	if (!err)
		err = sut_buf_add(d->out, text, strlen(text));
	if (!err)
		err = sut_buf_add(d->out, "\n", 1);
	return err;
}

// Append one instruction of at most @p limit bytes; @p ret is its size.
static struct sut_err *add_instruction(struct disasm *d, uint64_t limit, uint64_t *ret)
{
	const uint8_t *bytes = d->patch->parts[d->part].bytes + d->off;
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	char text[line_size];

	if (ZYAN_FAILED(ZydisDecoderDecodeFull(&d->decoder, bytes, limit, &instruction,
					       operands))) {
		snprintf(text, sizeof(text), ".byte 0x%02x", *bytes);
		*ret = 1;
		return add_line(d, text);
	}
	if (ZYAN_FAILED(ZydisFormatterFormatInstruction(
		    &d->formatter, &instruction, operands, instruction.operand_count_visible, text,
		    sizeof(text), d->off, d)))
		return sut_err(SUT_E_UNSUPPORTED, "cannot print the instruction at 0x%" PRIx64,
			       d->off);
	*ret = instruction.length;
	return add_line(d, text);
}

static struct sut_err *add_label(struct disasm *d, const struct label *label)
{
	const struct sut_patch *patch = d->patch;
	_cleanup_free_ char *text = NULL;
	const struct sut_patch_function *replaced = NULL;

	for (size_t i = 0; i < patch->n_functions && !replaced; i++)
		if (patch->functions[i].symbol == label->symbol)
			replaced = &patch->functions[i];
	const char *name = patch->symbols[label->symbol].name;
	if (!*name)
		name = "(no name)";
	int size = replaced ? asprintf(&text, "\n%s:    ; replaces %s at 0x%" PRIx64 "\n", name,
				       replaced->name, replaced->vaddr) :
			      asprintf(&text, "\n%s:\n", name);
	return size < 0 ? sut_err_nomem() : sut_buf_add(d->out, text, size);
}

static struct sut_err *add_part(struct disasm *d)
{
	const struct sut_part *part = &d->patch->parts[d->part];
	size_t next = find_label_from(d, d->part, 0);
	struct sut_err *err = NULL;

	d->off = 0;
	while (!err && d->off < part->size) {
		bool is_here = next < d->n_labels && d->labels[next].part == d->part;
		uint64_t end = is_here ? d->labels[next].off : part->size;
		if (end == d->off) {
			err = add_label(d, &d->labels[next++]);
			continue;
		}
		uint64_t size = 0;
		err = add_instruction(d, end - d->off, &size);
		d->off += size;
	}
	return err;
}

struct sut_err *sut_disasm(const struct sut_patch *patch, struct sut_buf *ret)
{
	_cleanup_(disasm_deinit) struct disasm d = { .patch = patch, .out = ret };
	struct sut_err *err = set_up(&d);

	for (; !err && d.part < patch->n_parts; d.part++)
		if (patch->parts[d.part].flags & SHF_EXECINSTR)
			err = add_part(&d);
	return err;
}
