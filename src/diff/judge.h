// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Judging
 *
 * Decides which changed units are replaced, which are left alone because nothing
 * but line numbers and version texts changed in them, and what a person must
 * know or weigh.
 *
 * Reasons by code, signs unless said otherwise:
 *   layout         displacements or bit masks shifted: a structure changed
 *   allocation     the size of an allocation changed
 *   constants      the same constant became another in several functions
 *   data           initialised data that live processes hold is different
 *   startup        code that only start-up runs has changed
 *   never-returns  a function that never ends has changed; it is left as it is
 *   tls            the thread-local layout changed               (refusal)
 *   too-different  the builds have too little in common          (refusal)
 */

#include <stdbool.h>
#include <stddef.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_diff;
struct sut_pair;
struct sut_program;
struct sut_reasons;

/** The judgement. Owns its arrays. */
struct sut_judgement {
	bool *replaced; /**< By old unit: travels in the hotpatch. */
	bool *cosmetic; /**< By old unit: changed, but not in what it does. */
	size_t n_functions, n_identical, n_replaced, n_cosmetic;
	bool needs_reload; /**< Part of the fix works after the program reloads its
			    *  configuration. */
};

/** Judge @p diff. Notes, signs and refusals are appended to @p reasons. */
sut_check struct sut_err *sut_judge(const struct sut_diff *diff, struct sut_judgement *ret,
				    struct sut_reasons *reasons);

/** Note a sign when the variable at old address @p from, which no unchanged function
 *  uses and which became the one at @p to, starts with another value. */
sut_check struct sut_err *sut_signs_variable(const struct sut_pair *pair,
					     struct sut_reasons *reasons, uint64_t from,
					     uint64_t to);

/** Does anything enter old unit @p u: a call, a pointer, a symbol, a jump from
 *  another unit? */
bool sut_unit_is_entered(const struct sut_program *p, uint32_t u);

/** The name of unit @p u of @p p, that of its first entry: its symbol, or "fn_" and
 *  its address, written to @p buffer, which is returned. */
const char *sut_unit_name(const struct sut_program *p, uint32_t u, char *buffer, size_t size);

void sut_judgement_deinit(struct sut_judgement *judgement);
