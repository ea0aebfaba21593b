// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Text that may be shown
 *
 * Names and sentences of a hotpatch are printed on terminals and in JSON, and
 * come from strangers: only UTF-8 without control characters is taken.
 */

#include <stdbool.h>
#include <stddef.h>

/** Are the @p size bytes at @p text UTF-8 (RFC 3629) without control
 *  characters (U+0000–001F, U+007F–009F)? */
bool sut_text_is_plain(const char *text, size_t size);
