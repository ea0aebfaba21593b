// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Call frame information
 *
 * Reads a module's .eh_frame and .eh_frame_hdr as they lie in memory, and tells
 * for one address how to get from its frame to its caller's: the CFA (the value
 * of rsp before the call) and where each register was saved. Pure: the bytes are
 * the caller's, and anybody's.
 *
 * DWARF 5 section 6.4; LSB 5.0 chapter 10.6 for .eh_frame and its header; the
 * x86-64 psABI, figure 3.36, for the registers' numbers.
 */

#include <stdbool.h>

#include "base/view.h"

/** DWARF's registers: 0-15 as in the psABI, and the return address. */
enum { SUT_CFI_RSP = 7, SUT_CFI_RA = 16, SUT_CFI_N_REGS = 17 };

/** One module's tables. Borrows the bytes. */
struct sut_cfi {
	struct sut_view hdr;      /**< .eh_frame_hdr. */
	uint64_t hdr_at;          /**< Its address. */
	struct sut_view eh_frame; /**< From its start to some point behind its end. */
	uint64_t eh_frame_at;
	uint64_t index_off, n_index; /**< The sorted table in hdr; n_index 0: none. */
};

enum sut_cfi_kind {
	SUT_CFI_SAME,       /**< The register has not been touched. */
	SUT_CFI_UNDEFINED,  /**< It is lost; for the return address: the outermost frame. */
	SUT_CFI_AT,         /**< Saved at CFA + value. */
	SUT_CFI_VALUE,      /**< It is CFA + value. */
	SUT_CFI_REGISTER,   /**< It is in register number value. */
	SUT_CFI_AT_EXPR,    /**< Saved at the address that expr gives. */
	SUT_CFI_VALUE_EXPR, /**< It is what expr gives. */
};

/** How to restore one register. */
struct sut_cfi_rule {
	enum sut_cfi_kind kind;
	int64_t value;
	struct sut_view expr; /**< A DWARF expression. */
};

/** How to leave the frame of one address. */
struct sut_cfi_row {
	/** SUT_CFI_REGISTER: register number cfa.value plus cfa_off;
	 *  SUT_CFI_VALUE_EXPR: what the expression gives. */
	struct sut_cfi_rule cfa;
	int64_t cfa_off;
	struct sut_cfi_rule regs[SUT_CFI_N_REGS];
	bool is_signal_frame; /**< The caller was interrupted, it made no call. */
	uint64_t start, end;  /**< The code that the FDE covers. */
};

/** Read the header's fields: where .eh_frame is, and the sorted table. False when
 *  it is malformed or of a kind that linkers do not make. @p eh_frame_at_ret: for
 *  the caller to read, and to set. */
bool sut_cfi_init(struct sut_view hdr, uint64_t hdr_at, struct sut_cfi *ret,
		  uint64_t *eh_frame_at_ret);

/** Find the row for address @p pc. False when nothing covers it, or it cannot be
 *  understood. */
bool sut_cfi_find(const struct sut_cfi *cfi, uint64_t pc, struct sut_cfi_row *ret);

/** Reads a word of the target's memory; false when it is not there. */
typedef bool (*sut_cfi_read_fn)(void *context, uint64_t at, uint64_t *ret);

/** Evaluate a DWARF expression over the registers @p regs, with @p initial (or
 *  NULL) on the stack. False when it cannot be. */
bool sut_cfi_evaluate(struct sut_view expr, const uint64_t regs[SUT_CFI_N_REGS],
		      const uint64_t *initial, sut_cfi_read_fn read, void *context,
		      uint64_t *ret);
