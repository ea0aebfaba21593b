// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Building hotpatches
 *
 *     two ELF files ──► sut_build() ──► verdict, reasons, hotpatch
 *     two packages  ──► sut_pairing ──► pairs of ELF files, each built so
 *
 * The verdict is never better than the evidence: what does not resolve is
 * refused, and signs that only a person can weigh wait for one.
 */

#include "base/buf.h"
#include "diff/reason.h"

enum sut_verdict {
	SUT_VERDICT_HOTPATCH, /**< Sound; or every sign was accepted. */
	SUT_VERDICT_REVIEW,   /**< Signs wait for a person. */
	SUT_VERDICT_REFUSED,
	SUT_VERDICT_NOTHING, /**< No code changed. */
};

/** "hotpatch", "review", "refused", "nothing". */
const char *sut_verdict_name(enum sut_verdict verdict);

/** One side of a build. All borrowed. */
struct sut_build_side {
	const char *path; /**< Of the ELF file, in its package if it has one. */
	struct sut_view bytes;
	const char *package;      /**< "" when not from a package. */
	const char *version;      /**< Likewise. */
	const char *architecture; /**< Likewise. */
};

/** Somebody's word that a sign does no harm. All borrowed. */
struct sut_acceptance {
	const char *code;
	const char *function; /**< NULL: every function. */
	const char *why;
};

/** All borrowed. */
struct sut_build_options {
	const char *const *advisories;
	size_t n_advisories;
	const struct sut_acceptance *acceptances;
	size_t n_acceptances;
	const char *const *left; /**< Names of functions to leave as they are; each that was
				  *  found gets a note "left". */
	size_t n_left;
	bool every_function; /**< Replace identical functions too, wherever that is
			      *  possible: a stress test of the builder. */
};

/** The outcome for one pair of files. Owns everything in it. */
struct sut_build {
	enum sut_verdict verdict;
	struct sut_reasons reasons;
	char *path;                                /**< Of the old file. */
	char *name;                                /**< Of the hotpatch. */
	char old_build_id[129], new_build_id[129]; /**< Hex; "" when there is none. */
	size_t n_functions, n_identical, n_changed, n_added, n_cosmetic;
	size_t n_references, n_unresolved;
	uint64_t packed_size; /**< Of the hotpatch on its way (patch/pack.h), bytes. */
	struct sut_buf file;  /**< The hotpatch; empty unless the verdict is hotpatch. */
};

/** Build a hotpatch that turns @p old into @p new. Malformed input is an error,
 *  a pair that cannot be patched is a verdict. */
sut_check struct sut_err *sut_build(const struct sut_build_side *old,
				    const struct sut_build_side *new,
				    const struct sut_build_options *options, struct sut_build *ret);
void sut_build_deinit(struct sut_build *build);
