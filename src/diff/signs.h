// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Signs
 *
 * Looks for what a person must weigh before a mechanically sound hotpatch may be
 * applied. Private to judging.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_diff;
struct sut_explanation;
struct sut_judgement;
struct sut_program;
struct sut_reasons;

/** What the search for signs looks at. All borrowed. */
struct sut_evidence {
	const struct sut_diff *diff;
	const struct sut_explanation *why; /**< By old unit; for changed ones. */
	struct sut_judgement *judgement;
	struct sut_reasons *reasons;
};

/** Structures: shifted displacements, moved bits, grown allocations; constants. */
sut_check struct sut_err *sut_signs_layout(const struct sut_evidence *e);

/** Values: tables of changed old unit @p u in which entries moved. */
sut_check struct sut_err *sut_signs_values(const struct sut_evidence *e, uint32_t u);

/** Data: initialised variables and tables that differ; the thread-local layout. */
sut_check struct sut_err *sut_signs_data(const struct sut_evidence *e);

/** Life: functions that never end, start-up code, new functions that only stored
 *  pointers lead to. Takes what cannot be replaced out of the judgement. */
sut_check struct sut_err *sut_signs_life(const struct sut_evidence *e);
