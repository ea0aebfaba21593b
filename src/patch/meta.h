// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The metadata of a hotpatch: its JSON object, checked against the list of
 * members in patch.h.
 */

#include <jansson.h>

#include "base/err.h"

/** Are all members there, with the types that patch.h names? Others are allowed,
 *  but nothing may be a real number, and no string may hold control characters. */
sut_check struct sut_err *sut_meta_check(const json_t *meta);
