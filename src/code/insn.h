// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Instructions
 *
 * Decodes one x86-64 instruction (through Zydis) down to what comparing and
 * moving code needs: its length, how control leaves it, where its displacement
 * and immediate fields are, and what address it refers to.
 */

#include "base/view.h"

/** How control leaves an instruction. */
enum sut_flow {
	SUT_FLOW_NEXT,          /**< To the next instruction. */
	SUT_FLOW_CALL,          /**< Direct call. */
	SUT_FLOW_JUMP,          /**< Direct jump. */
	SUT_FLOW_COND,          /**< Conditional branch. */
	SUT_FLOW_RETURN,        /**< ret. */
	SUT_FLOW_INDIRECT_CALL, /**< Through a register or memory. */
	SUT_FLOW_INDIRECT_JUMP, /**< Through a register or memory. */
	SUT_FLOW_TRAP,          /**< ud2, hlt, int3: does not go on. */
	SUT_FLOW_NOP,           /**< Padding: any form of nop. */
};

/** A decoded instruction, 20 bytes: programs have millions. */
struct sut_insn {
	uint32_t off;                /**< In its fragment. */
	uint32_t shape;              /**< Hash of everything but displacement and immediates. */
	uint16_t mnemonic;           /**< ZydisMnemonic. */
	uint8_t size;                /**< Bytes. */
	uint8_t flow;                /**< enum sut_flow. */
	uint8_t disp_off, disp_size; /**< Displacement field, bytes; size 0: none. */
	uint8_t imm_off, imm_size;   /**< First immediate, likewise. */
	uint8_t base;                /**< Base register of the memory operand, 0–15, or one of
				      *  SUT_BASE_*. */
	uint8_t reg;                 /**< ModRM.reg with its REX bit, 0–15; 255: no ModRM. */
	uint8_t rm_reg;              /**< Register operand in ModRM.rm, or the register that the
				      *  opcode names; 255: none. */
};

#define SUT_BASE_THREAD 253 /**< No base register, but the thread's segment. */
#define SUT_BASE_NONE   255 /**< No memory operand, or no base register. */
#define SUT_BASE_RIP    254

enum sut_ref_kind {
	SUT_REF_CALL,
	SUT_REF_JUMP,
	SUT_REF_COND,
	SUT_REF_MEMORY,   /**< RIP-relative operand: load, store or lea. */
	SUT_REF_ABSOLUTE, /**< 32- or 64-bit address as such (not in PIE). */
};

/** What an instruction refers to by address. */
struct sut_ref {
	uint64_t target; /**< Link-time address. */
	uint32_t off;    /**< Of the field, in its fragment. */
	uint32_t insn;   /**< Index of the instruction in its fragment. */
	uint8_t kind;    /**< enum sut_ref_kind. */
	uint8_t size;    /**< Of the field: 1, 4 or 8 bytes. */
	uint8_t tail;    /**< Bytes between the field's end and the instruction's;
			  *  relative fields count from the instruction's end. */
	bool is_lea;     /**< Takes the address, does not access it. */
};

/** The span of absolute addresses that count as references; empty in PIE. */
struct sut_span {
	uint64_t low, high; /**< high exclusive. */
};

/**
 * Decode the instruction at the start of @p code, which stands at @p vaddr.
 * False when it does not decode. insn->off, ref->off and ref->insn are left for
 * the caller; ref->off counts from the instruction. @p has_ref says whether
 * there is a reference.
 */
bool sut_insn_decode(struct sut_view code, uint64_t vaddr, struct sut_span span,
		     struct sut_insn *insn, struct sut_ref *ref, bool *has_ref);

/** Bytes that the memory operand of the instruction at @p code accesses; 0 when
 *  it has none or only takes its address. */
uint32_t sut_insn_access_size(struct sut_view code);

/** Does the instruction at @p code write general register @p reg (0–15), or a
 *  part of it? */
bool sut_insn_writes(struct sut_view code, uint8_t reg);

/** Does the instruction at @p code read all 64 bits of general register @p reg? */
bool sut_insn_reads_wide(struct sut_view code, uint8_t reg);

/** What an instruction does to the world outside of its function's registers and
 *  stack frame, as far as its bytes tell. */
enum sut_effect {
	SUT_EFFECT_NONE,    /**< Nothing; or what a reference tells. */
	SUT_EFFECT_STORE,   /**< Writes at some distance from a register. */
	SUT_EFFECT_ADDRESS, /**< Computes an address at some distance from a register. */
	SUT_EFFECT_CALL,    /**< Calls through memory at some distance from a register. */
	SUT_EFFECT_UNKNOWN, /**< Atomic, a fence, a string instruction, a system call, an
			     *  indirect jump: no distance tells what it does. */
};

/** The effect of the instruction at @p code; @p ret is the distance. */
enum sut_effect sut_insn_effect(struct sut_view code, int64_t *ret);

/** The displacement of @p insn, sign-extended; @p code is its fragment. 0 when
 *  it has none. */
int64_t sut_insn_disp(const struct sut_insn *insn, struct sut_view code);

/** The first immediate of @p insn, sign-extended; 0 when it has none. */
int64_t sut_insn_imm(const struct sut_insn *insn, struct sut_view code);
