// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Percent-encoding
 */

#include <stdbool.h>

/** Decode %XX in place. False when what comes out is no UTF-8 or has control characters;
 *  @p text is a text then too. */
bool sut_decode(char *text);
