// SPDX-License-Identifier: Apache-2.0
#include "code/insn.h"

#include <Zydis/Zydis.h>

#include "base/hash.h"

static bool decode(struct sut_view code, ZydisDecodedInstruction *ret)
{
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return ZYAN_SUCCESS(
		ZydisDecoderDecodeInstruction(&decoder, NULL, code.data, code.size, ret));
}

static enum sut_flow flow_of(const ZydisDecodedInstruction *zi)
{
	bool is_direct = zi->raw.imm[0].is_relative;

	switch (zi->meta.category) {
	case ZYDIS_CATEGORY_CALL:
		return is_direct ? SUT_FLOW_CALL : SUT_FLOW_INDIRECT_CALL;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return is_direct ? SUT_FLOW_JUMP : SUT_FLOW_INDIRECT_JUMP;
	case ZYDIS_CATEGORY_COND_BR:
		return SUT_FLOW_COND;
	case ZYDIS_CATEGORY_RET:
		return SUT_FLOW_RETURN;
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
		return SUT_FLOW_NOP;
	default:
		break;
	}
	switch (zi->mnemonic) {
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT3:
		return SUT_FLOW_TRAP;
	case ZYDIS_MNEMONIC_XBEGIN:
		return SUT_FLOW_COND;
	default:
		return SUT_FLOW_NEXT;
	}
}

// REX, VEX and EVEX all extend ModRM; Zydis keeps each in its own place.
static unsigned extension_bit(const ZydisDecodedInstruction *zi, char which)
{
	unsigned b = zi->raw.rex.B, r = zi->raw.rex.R, x = zi->raw.rex.X;

	if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX) {
		// VEX and EVEX store the bits inverted.
		b = !zi->raw.vex.B;
		r = !zi->raw.vex.R;
		x = !zi->raw.vex.X;
	} else if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX) {
		b = !zi->raw.evex.B;
		r = !zi->raw.evex.R;
		x = !zi->raw.evex.X;
	}
	return which == 'B' ? b : which == 'R' ? r : x;
}

static uint8_t base_of(const ZydisDecodedInstruction *zi)
{
	if (!(zi->attributes & ZYDIS_ATTRIB_HAS_MODRM) || zi->raw.modrm.mod == 3)
		return SUT_BASE_NONE;
	if (zi->raw.modrm.rm == 4) {
		if (zi->raw.sib.base == 5 && zi->raw.modrm.mod == 0)
			return zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS ? SUT_BASE_THREAD
									    : SUT_BASE_NONE;
		return zi->raw.sib.base | extension_bit(zi, 'B') << 3;
	}
	if (zi->raw.modrm.rm == 5 && zi->raw.modrm.mod == 0)
		return SUT_BASE_RIP;
	return zi->raw.modrm.rm | extension_bit(zi, 'B') << 3;
}

static uint8_t rm_register(const ZydisDecodedInstruction *zi, struct sut_view code)
{
	if (zi->attributes & ZYDIS_ATTRIB_HAS_MODRM)
		return zi->raw.modrm.mod == 3 ? zi->raw.modrm.rm | extension_bit(zi, 'B') << 3
					      : 255;
	// mov $imm, %reg; push; pop; bswap: the opcode's low bits name it.
	if (zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && zi->opcode >= 0x50 &&
	    (zi->opcode < 0x60 || (zi->opcode & 0xf0) == 0xb0))
		return (zi->opcode & 7) | extension_bit(zi, 'B') << 3;
	(void)code;
	return 255;
}

// The second source register of VEX and EVEX, and what else they say.
static uint16_t vector_parts(const ZydisDecodedInstruction *zi)
{
	if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
		return zi->raw.vex.vvvv | zi->raw.vex.L << 5;
	if (zi->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
		return zi->raw.evex.vvvv | zi->raw.evex.V2 << 4 | zi->raw.evex.L << 5 |
		       zi->raw.evex.L2 << 6 | zi->raw.evex.b << 7 | zi->raw.evex.aaa << 8 |
		       zi->raw.evex.z << 11;
	return 0;
}

// The encodings of one operation with a short and a long displacement or
// immediate get the same shape. Without an immediate the opcode counts: it tells a load
// from a store, and a byte from a word that is extended.
static uint32_t shape_of(const ZydisDecodedInstruction *zi, const struct sut_insn *insn)
{
	struct {
		uint16_t mnemonic, vector;
		uint8_t width, is_memory, base, reg, rm, index, scale, segment, opcode, prefixes;
	} parts = {
		.mnemonic = zi->mnemonic,
		.vector = vector_parts(zi),
		.width = zi->operand_width,
		.is_memory = (zi->attributes & ZYDIS_ATTRIB_HAS_MODRM) && zi->raw.modrm.mod != 3,
		.base = insn->base,
		.reg = insn->reg,
		.rm = insn->rm_reg,
		.segment = (zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT) != 0,
		.opcode = zi->raw.imm[0].size ? 0 : zi->opcode,
		.prefixes = (zi->attributes & ZYDIS_ATTRIB_HAS_LOCK ? 1 : 0) |
			    (zi->attributes & ZYDIS_ATTRIB_HAS_REP ? 2 : 0) |
			    (zi->attributes & ZYDIS_ATTRIB_HAS_REPE ? 4 : 0) |
			    (zi->attributes & ZYDIS_ATTRIB_HAS_REPNE ? 8 : 0),
	};

	if (parts.is_memory && zi->raw.modrm.rm == 4) {
		parts.index = zi->raw.sib.index | extension_bit(zi, 'X') << 3;
		parts.scale = zi->raw.sib.scale;
	}
	return (uint32_t)sut_hash(SUT_HASH_SEED, &parts, sizeof(parts));
}

static bool is_in(struct sut_span span, uint64_t value)
{
	return value >= span.low && value < span.high;
}

static bool find_ref(const ZydisDecodedInstruction *zi, uint64_t vaddr, struct sut_span span,
		     const struct sut_insn *insn, struct sut_ref *ref)
{
	uint64_t next = vaddr + zi->length;

	if (zi->raw.imm[0].is_relative) {
		*ref = (struct sut_ref){
			.target = next + zi->raw.imm[0].value.s,
			.off = zi->raw.imm[0].offset,
			.size = zi->raw.imm[0].size / 8,
			.kind = insn->flow == SUT_FLOW_CALL   ? SUT_REF_CALL
				: insn->flow == SUT_FLOW_JUMP ? SUT_REF_JUMP
							      : SUT_REF_COND,
		};
	} else if (insn->base == SUT_BASE_RIP) {
		*ref = (struct sut_ref){
			.target = next + zi->raw.disp.value,
			.off = zi->raw.disp.offset,
			.size = 4,
			.kind = SUT_REF_MEMORY,
			.is_lea = zi->mnemonic == ZYDIS_MNEMONIC_LEA,
		};
	} else if (zi->raw.imm[0].size >= 32 && is_in(span, zi->raw.imm[0].value.u)) {
		*ref = (struct sut_ref){
			.target = zi->raw.imm[0].value.u,
			.off = zi->raw.imm[0].offset,
			.size = zi->raw.imm[0].size / 8,
			.kind = SUT_REF_ABSOLUTE,
			.is_lea = true,
		};
	} else if (zi->raw.disp.size >= 32 && is_in(span, zi->raw.disp.value)) {
		*ref = (struct sut_ref){
			.target = zi->raw.disp.value,
			.off = zi->raw.disp.offset,
			.size = zi->raw.disp.size / 8,
			.kind = SUT_REF_ABSOLUTE,
			.is_lea = zi->mnemonic == ZYDIS_MNEMONIC_LEA,
		};
	} else {
		return false;
	}
	ref->tail = zi->length - ref->off - ref->size;
	return true;
}

bool sut_insn_decode(struct sut_view code, uint64_t vaddr, struct sut_span span,
		     struct sut_insn *insn, struct sut_ref *ref, bool *has_ref)
{
	ZydisDecodedInstruction zi;

	if (!decode(code, &zi))
		return false;
	*insn = (struct sut_insn){
		.mnemonic = zi.mnemonic,
		.size = zi.length,
		.flow = flow_of(&zi),
		.disp_off = zi.raw.disp.offset,
		.disp_size = zi.raw.disp.size / 8,
		.imm_off = zi.raw.imm[0].offset,
		.imm_size = zi.raw.imm[0].size / 8,
		.base = base_of(&zi),
		.reg = zi.attributes & ZYDIS_ATTRIB_HAS_MODRM
			       ? zi.raw.modrm.reg | extension_bit(&zi, 'R') << 3
			       : 255,
		.rm_reg = rm_register(&zi, code),
	};
	insn->shape = shape_of(&zi, insn);
	*has_ref = find_ref(&zi, vaddr, span, insn, ref);
	return true;
}

static unsigned decode_operands(struct sut_view code, ZydisDecodedOperand *ret)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction zi;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data, code.size, &zi, ret)))
		return 0;
	return zi.operand_count;
}

bool sut_insn_writes(struct sut_view code, uint8_t reg)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	unsigned n = decode_operands(code, operands);
	ZydisRegister wanted = ZYDIS_REGISTER_RAX + reg;

	for (unsigned i = 0; i < n; i++)
		if (operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
		    ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
						     operands[i].reg.value) == wanted)
			return true;
	return false;
}

bool sut_insn_reads_wide(struct sut_view code, uint8_t reg)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	unsigned n = decode_operands(code, operands);
	ZydisRegister wanted = ZYDIS_REGISTER_RAX + reg;

	for (unsigned i = 0; i < n; i++) {
		const ZydisDecodedOperand *o = &operands[i];
		if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value == wanted &&
		    o->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
			return true;
		if (o->type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    (o->mem.base == wanted || o->mem.index == wanted))
			return true;
	}
	return false;
}

uint32_t sut_insn_access_size(struct sut_view code)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	unsigned n = decode_operands(code, operands);

	for (unsigned i = 0; i < n; i++)
		if (operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    operands[i].mem.type == ZYDIS_MEMOP_TYPE_MEM)
			return operands[i].size / 8;
	return 0;
}

static bool is_unknown(const ZydisDecodedInstruction *zi, const ZydisDecodedOperand *operands)
{
	switch (zi->meta.category) {
	case ZYDIS_CATEGORY_STRINGOP:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSTEM:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_IO:
		return true;
	default:
		break;
	}
	switch (zi->mnemonic) {
	case ZYDIS_MNEMONIC_XCHG:
		return operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY ||
		       operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY;
	case ZYDIS_MNEMONIC_LFENCE:
	case ZYDIS_MNEMONIC_SFENCE:
	case ZYDIS_MNEMONIC_MFENCE:
	case ZYDIS_MNEMONIC_PAUSE:
		return true;
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_JMP:
		return operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER ||
		       (operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
			zi->mnemonic == ZYDIS_MNEMONIC_JMP);
	default:
		return zi->attributes & ZYDIS_ATTRIB_HAS_LOCK;
	}
}

// add and sub of a constant compute addresses too, when lea is not needed.
static bool is_sum(const ZydisDecodedInstruction *zi, const ZydisDecodedOperand *operands)
{
	return (zi->mnemonic == ZYDIS_MNEMONIC_ADD || zi->mnemonic == ZYDIS_MNEMONIC_SUB) &&
	       operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       operands[0].reg.value != ZYDIS_REGISTER_RSP && operands[0].size == 64 &&
	       operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

// Of the frame, or an address as such, which is a reference; but not thread-local.
static bool is_own(const ZydisDecodedOperand *o)
{
	if (o->mem.base == ZYDIS_REGISTER_RSP || o->mem.base == ZYDIS_REGISTER_RIP)
		return true;
	return o->mem.base == ZYDIS_REGISTER_NONE && o->mem.segment != ZYDIS_REGISTER_FS &&
	       o->mem.segment != ZYDIS_REGISTER_GS;
}

enum sut_effect sut_insn_effect(struct sut_view code, int64_t *ret)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction zi;
	ZydisDecoder decoder;

	*ret = 0;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data, code.size, &zi, operands)) ||
	    is_unknown(&zi, operands))
		return SUT_EFFECT_UNKNOWN;
	if (is_sum(&zi, operands)) {
		*ret = operands[1].imm.value.s;
		if (zi.mnemonic == ZYDIS_MNEMONIC_SUB)
			*ret = -*ret;
		return SUT_EFFECT_ADDRESS;
	}
	for (unsigned i = 0; i < zi.operand_count_visible; i++) {
		const ZydisDecodedOperand *o = &operands[i];
		if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || is_own(o))
			continue;
		*ret = o->mem.disp.has_displacement ? o->mem.disp.value : 0;
		if (o->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			return SUT_EFFECT_ADDRESS;
		if (zi.mnemonic == ZYDIS_MNEMONIC_CALL)
			return SUT_EFFECT_CALL;
		if (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			return SUT_EFFECT_STORE;
	}
	return SUT_EFFECT_NONE;
}

static int64_t field(struct sut_view code, uint64_t off, unsigned size)
{
	int64_t value = 0;

	if (size == 0 || !sut_view_copy(code, off, &value, size))
		return 0;
	// Shift up and down again: the arithmetic shift copies the sign.
	unsigned spare = 64 - 8 * size;
	return (int64_t)((uint64_t)value << spare) >> spare;
}

int64_t sut_insn_disp(const struct sut_insn *insn, struct sut_view code)
{
	return field(code, insn->off + insn->disp_off, insn->disp_size);
}

int64_t sut_insn_imm(const struct sut_insn *insn, struct sut_view code)
{
	return field(code, insn->off + insn->imm_off, insn->imm_size);
}
