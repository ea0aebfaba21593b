// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Signs
 *
 * Looks for what a person must weigh before a mechanically sound hotpatch may be
 * applied. Private to judging.
 */

#include "base/err.h"

struct sut_diff;
struct sut_explanation;
struct sut_judgement;
struct sut_reasons;

/** Find the signs among the changed units: @p why explains each (by old unit).
 *  Takes functions that cannot be replaced out of @p judgement. */
sut_check struct sut_err *sut_signs_find(const struct sut_diff *diff,
					 const struct sut_explanation *why,
					 struct sut_judgement *judgement,
					 struct sut_reasons *reasons);
