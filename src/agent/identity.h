// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Who this device is to the hub
 *
 *     identity/ca.crt       the hub's CA: the one whose digest the token holds
 *              device.key   made here, never leaves
 *              device.crt   signed by the hub
 *
 * The token ("suture1.SECRET.DIGEST") is a secret and an address book entry in one: the
 * hub is believed because it shows a certificate with that digest.
 */

#include <jansson.h>

#include "base/err.h"

struct sut_config;

/** Prepare an enrolment: learn the hub's CA and check it against @p token, make the key.
 *  A key that an earlier attempt left is taken: the hub knows by it that the answer was lost, and
 *  names the same device again.
 *  @p body_ret: what is to be posted, owned by the caller. */
sut_check struct sut_err *sut_identity_begin(const char *folder, const struct sut_config *config,
					     const char *token, char **body_ret);

/** Take over what the hub has answered. */
sut_check struct sut_err *sut_identity_take(const char *folder, const char *token,
					    const json_t *answer);
