// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The agent's log: standard error, a line for each thing, which journald or whoever
 * started us keeps
 */

#include "base/err.h"

/** Say a line. */
void sut_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Say that @p what failed with @p err, which is consumed; nothing if that is NULL. */
void sut_log_err(const char *what, struct sut_err *err);
