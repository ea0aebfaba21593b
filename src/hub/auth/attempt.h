// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Attempts: who guesses at a password is told to wait
 *
 * Counted by name, by address, and by both: a stranger who knows a name must not keep
 * its owner out.
 */

#include "hub/http/route.h"

/** Seconds to wait where too many passwords are being checked at once. */
#define SUT_ATTEMPT_REST 2

/** For how many seconds the asking address has to wait before it may try a password of the user
 *  @p name; 0: it may. */
int64_t sut_attempt_wait(struct sut_hub *hub, const struct sut_request *request, const char *name);

/** It tried one; @p is_good: it was the right one. */
void sut_attempt_note(struct sut_hub *hub, const struct sut_request *request, const char *name,
		      bool is_good);

/** Answer 429, and when to come back. */
sut_check struct sut_err *sut_attempt_refuse(struct sut_reply *reply, int64_t seconds);
