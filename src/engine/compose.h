// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Composing a payload
 *
 * Takes the units that are to be replaced and puts together everything that must
 * travel with them, as a hotpatch: their code and that of new functions, jump
 * tables, read-only data that the old module does not have, new variables, new
 * imports, unwind data.
 *
 *     units ──► fragments ──references──► links ──┬─► more fragments
 *                                                 ├─► blocks of data ──pointers──► links …
 *                                                 └─► places in the old module
 *
 * First everything is collected until nothing new is needed, then it gets its
 * place in the parts, then the relocations are written.
 */

#include <stdbool.h>
#include <stddef.h>

#include <stdint.h>

#include "base/err.h"

struct sut_diff;
struct sut_frag;
struct sut_patch;
struct sut_reasons;
struct sut_resolver;

/** What composing found out. */
struct sut_compose_stats {
	size_t n_references; /**< Of the carried code and data. */
	size_t n_unresolved;
	size_t n_added; /**< New functions that travel. */
};

/**
 * Compose the payload that replaces the old units with @p replaced true (by old
 * unit). What does not resolve, and entries that take no jump, become refusals in
 * @p reasons; the payload is then not usable. @p ret gets everything but meta.
 */
sut_check struct sut_err *sut_compose(const struct sut_resolver *resolver, const bool *replaced,
				      struct sut_reasons *reasons, struct sut_compose_stats *stats,
				      struct sut_patch *ret);

/** May old unit @p u be replaced at all: does every entry take a jump, and does all
 *  of its new code move? */
bool sut_compose_can_replace(const struct sut_diff *diff, uint32_t u);

/** The name that @p frag goes by: its symbol, or "fn_" and its address. */
struct sut_frag_name {
	char text[128];
};
struct sut_frag_name sut_frag_name(const struct sut_frag *frag);
