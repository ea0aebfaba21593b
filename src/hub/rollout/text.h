// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Texts that people write into requests
 */

#include <jansson.h>

#include "base/err.h"

/** The text @p key of @p body, 1 to @p most characters without control characters (they would
 *  end up in signed documents and on terminals). Borrowed. SUT_E_FORMAT otherwise. */
sut_check struct sut_err *sut_body_line(const json_t *body, const char *key, size_t most,
					const char **ret);
/** The same, where it may be absent or null: then @p ret is NULL. */
sut_check struct sut_err *sut_body_line_if(const json_t *body, const char *key, size_t most,
					   const char **ret);
/** SUT_E_FORMAT when @p body has a member that is not among @p keys (NULL at the end), or is no
 *  object. */
sut_check struct sut_err *sut_body_check(const json_t *body, const char *const *keys);
