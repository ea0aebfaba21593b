// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Who asks, and whether they may
 *
 * A device shows a certificate in the handshake. A person's page shows the cookie of a
 * session, and with a change also the session's CSRF token, which no foreign page can
 * read. A program shows an API token.
 */

#include "hub/http/route.h"

struct sut_peer;

/** Tell who asks, into request->principal, and answer with a problem in @p reply (which
 *  then has a status) if they may not do what needs @p access. */
sut_check struct sut_err *sut_access_check(struct sut_hub *hub, enum sut_access access,
					   const struct sut_peer *peer, struct sut_request *request,
					   struct sut_reply *reply);

/** The role's name, as in JSON; "viewer", "operator" or "administrator". */
const char *sut_role_name(enum sut_access role);
/** The role of that name; false when there is none. */
bool sut_role_read(const char *name, enum sut_access *ret);

/** The CSRF token of the session with this secret: a digest, so that it is stored nowhere. */
sut_check struct sut_err *sut_session_csrf(const char *secret, char ret[65]);

/** The name of the session's cookie: the prefix makes browsers refuse weaker ones
 *  (RFC 6265bis, 4.1.3.2). */
#define SUT_SESSION_COOKIE "__Host-suture"
/** A session ends so long after its last use, and so long after its beginning; in
 *  microseconds. */
#define SUT_SESSION_IDLE (INT64_C(3600) * 1000000)
#define SUT_SESSION_LIFE (INT64_C(12) * 3600 * 1000000)
