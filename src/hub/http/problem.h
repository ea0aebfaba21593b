// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What every answer has: the words of a status, the header fields that tell a
 * browser how little this page needs, and the form of a problem (RFC 9457).
 */

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"

/** A header field. */
struct sut_header {
	const char *name, *value;
};

/** Those that go with every answer. */
extern const struct sut_header sut_safe_headers[];
extern const size_t sut_n_safe_headers;

/** The words of an HTTP status that we use: "Not Found". */
const char *sut_status_title(int status);

/** A problem as JSON; @p code is for programs, @p detail for people. NULL without
 *  memory. */
json_t *sut_problem_make(int status, const char *code, const char *detail);

/** Append a problem to @p out as a whole answer, head and all, behind which the connection ends:
 *  for those who are refused before there is a request. */
sut_check struct sut_err *sut_problem_write(int status, const char *code, const char *detail,
					    struct sut_buf *out);
