// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Sessions, users, tokens and the audit log; and the first administrator
 */

#include <stdbool.h>

#include "base/err.h"
#include "hub/http/route.h"

extern const struct sut_route sut_session_routes[];
extern const struct sut_route sut_user_routes[];
extern const struct sut_route sut_token_routes[];
extern const struct sut_route sut_audit_routes[];

/** Make the user "admin" with a new password, if there is no administrator or @p resets; it is
 *  written to @p ret (SUT_SECRET_SIZE bytes), "" when there was nothing to do. */
sut_check struct sut_err *sut_admin_ensure(struct sut_hub *hub, bool resets, char *ret);
