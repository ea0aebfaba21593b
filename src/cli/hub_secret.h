// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Passwords and tokens, from a file or the terminal; never from the command line, which
 * others can read.
 */

#include "base/err.h"

/** The first line of @p path, or what a person types, unseen, when asked for @p what. Owned by
 *  the caller, who wipes it. SUT_E_USAGE when it is empty. */
sut_check struct sut_err *sut_hub_secret_read(const char *path, const char *what, char **ret);

/** Overwrite it; the caller still frees it. NULL is allowed. */
void sut_hub_secret_wipe(char *secret);
