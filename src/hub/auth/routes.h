// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Sessions, users, tokens and the audit log; and the first administrator
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "hub/http/route.h"

extern const struct sut_route sut_session_routes[];
extern const struct sut_route sut_user_routes[];
extern const struct sut_route sut_password_routes[];
extern const struct sut_route sut_token_routes[];
extern const struct sut_route sut_audit_routes[];

/** The new password of a request's body, borrowed. SUT_E_FORMAT: too short, or too long. */
sut_check struct sut_err *sut_password_read(const json_t *body, const char **ret);

/** Make the user "admin" with a new password, if there is no administrator or @p resets; it is
 *  written to @p ret (SUT_SECRET_SIZE bytes), "" when there was nothing to do. */
sut_check struct sut_err *sut_admin_ensure(struct sut_hub *hub, bool resets, char *ret);
