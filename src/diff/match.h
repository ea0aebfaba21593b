// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The steps of sut_pair_init(). Private to diff/.
 *
 * Each adds matches to those that are there and never takes one back.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sut_frag;
struct sut_pair;

/** Note that old fragment @p o became new fragment @p n, if both are free. */
bool sut_match_add(struct sut_pair *pair, size_t o, size_t n);

/** Match by symbol name, where a name is unique. */
sut_check struct sut_err *sut_match_names(struct sut_pair *pair, size_t *n_added);

/** Match bodies of at least 12 bytes that exist once on each side. */
sut_check struct sut_err *sut_match_bodies(struct sut_pair *pair, size_t *n_added);

/** Match bodies that exist once on each side when displacements and immediates do not
 *  count: those that a changed structure touched. */
sut_check struct sut_err *sut_match_shapes(struct sut_pair *pair, size_t *n_added);

/** Match what identical bodies refer to at the same position. */
sut_check struct sut_err *sut_match_calls(struct sut_pair *pair, size_t *n_added);

/** Match what lies between matched neighbours in the same order: equal bodies
 *  first, then bodies that are alike to at least one half, then what is alone. */
sut_check struct sut_err *sut_match_order(struct sut_pair *pair, size_t *n_added);

/** Build the data map anew from the matches. */
sut_check struct sut_err *sut_match_data(struct sut_pair *pair);

/** Build the weak data map from the matches whose bodies differ. */
sut_check struct sut_err *sut_match_weak_data(struct sut_pair *pair);

/** Match the functions that mapped tables point to. */
sut_check struct sut_err *sut_match_pointers(struct sut_pair *pair, size_t *n_added);

/** How alike two bodies are: 0 to 1, by runs of four instructions. */
sut_check struct sut_err *sut_match_similarity(const struct sut_pair *pair,
					       const struct sut_frag *a, const struct sut_frag *b,
					       double *ret);
