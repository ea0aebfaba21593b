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
#include <stdint.h>

#include "base/err.h"

struct sut_config;

/** Prepare an enrolment: learn the hub's CA and check it against @p token, make the key.
 *  A key that an earlier attempt left is taken: the hub knows by it that the answer was lost, and
 *  names the same device again.
 *  @p body_ret: what is to be posted, owned by the caller. */
sut_check struct sut_err *sut_identity_begin(const char *folder, const struct sut_config *config,
					     const char *token, char **body_ret);

/** What the device's certificate says. */
struct sut_certificate {
	char device[64];     /**< The device's id. */
	int64_t from, until; /**< Valid, seconds since 1970. */
};

/** Read identity/device.crt. */
sut_check struct sut_err *sut_identity_read(const char *folder, struct sut_certificate *ret);

/** Prepare a renewal, with the key that there is. @p body_ret is the caller's. */
sut_check struct sut_err *sut_identity_renew(const char *folder, char **body_ret);

/** Take over the next certificate: of the CA that we know, for our key and the same device.
 *  The one before is in place until it is stored. */
sut_check struct sut_err *sut_identity_take_next(const char *folder, const json_t *answer,
						 struct sut_certificate *ret);

/** Take over what the hub has answered. */
sut_check struct sut_err *sut_identity_take(const char *folder, const char *token,
					    const json_t *answer);
