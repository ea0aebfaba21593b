// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Reasons
 *
 * What the builder has to say about a pair of files, beside the hotpatch: notes,
 * signs that a person must weigh, and why it refuses. Each has a stable code
 * (docs/reasons.md lists them) and names the function that it is about.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum sut_severity {
	SUT_SEVERITY_NOTE,    /**< Good to know; carried as a condition. */
	SUT_SEVERITY_SIGN,    /**< Must be accepted by a person. */
	SUT_SEVERITY_REFUSAL, /**< No hotpatch. */
};

/** A reason. Owns its texts. */
struct sut_reason {
	enum sut_severity severity;
	const char *code; /**< Static: "layout", "unresolved", … */
	char *function;   /**< Name of the function, or "". */
	char *detail;     /**< A sentence for a person. */
	char *accepted;   /**< Why somebody accepted the sign; NULL: nobody did. */
};

/** A list that grows. All zero is a valid empty list. */
struct sut_reasons {
	struct sut_reason *list;
	size_t n, capacity;
};

void sut_reasons_deinit(struct sut_reasons *reasons);

/** Append a reason; @p function is copied, NULL is "". */
sut_check struct sut_err *sut_reasons_add(struct sut_reasons *reasons, enum sut_severity severity,
					  const char *code, const char *function, const char *fmt,
					  ...) __attribute__((format(printf, 5, 6)));

/** Is there a refusal among them? */
bool sut_reasons_refuse(const struct sut_reasons *reasons);

/** Is there a sign that nobody accepted? */
bool sut_reasons_wait(const struct sut_reasons *reasons);
