// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A certificate known by its digest
 *
 * A hub makes its own authority at its first start; who is to trust it was given the
 * SHA-256 of that authority's certificate, in a token or by a person. The certificate is
 * asked of the hub itself, over a connection that carries nothing else, and only the
 * digest proves that it is the right one.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/hash.h"

/** The SHA-256 of a certificate's DER, in lower-case hex. */
enum { SUT_PINNED_SIZE = 2 * SUT_SHA256_SIZE + 1 };

/** The digest of certificate @p pem; false when that is none. */
bool sut_pinned_digest(const char *pem, char ret[SUT_PINNED_SIZE]);

/** Is @p pem a certificate with digest @p wanted? */
bool sut_pinned_is(const char *pem, const char *wanted);

/** Ask the server at @p url (https://) for the certificate with digest @p wanted, among
 *  those that it shows. @p ret is PEM, owned by the caller. SUT_E_OS: it cannot be reached;
 *  SUT_E_DENIED: it shows none with that digest. It takes 20 s at most. */
sut_check struct sut_err *sut_pinned_ask(const char *url, const char *wanted, char **ret);
