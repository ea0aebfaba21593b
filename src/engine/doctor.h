// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The recipe `doctor`
 *
 * Tells whether this machine lets Suture work, and what to change if not.
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/** Try everything out. @p ret is a new array of
 *  {"check", "status": "ok" | "limited" | "broken", "detail", "advice"}; @p works
 *  is false when any is broken. */
sut_check struct sut_err *sut_doctor(json_t **ret, bool *works);
