// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Identifiers: UUIDs of version 7 (RFC 9562, 5.7), as text. They sort by the time
 * they were made, to the millisecond, and 74 of their bits are random.
 */

#include <stdbool.h>

#include "base/err.h"

/** Room for an identifier with its final NUL. */
#define SUT_ID_SIZE 37

/** Make an identifier. Fails only without a source of random numbers. */
sut_check struct sut_err *sut_id_make(char ret[SUT_ID_SIZE]);

/** Is @p text one, as we write them: lower case, version 7? */
bool sut_id_check(const char *text);
