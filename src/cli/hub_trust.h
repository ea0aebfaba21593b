// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Whether a hub is the right one
 *
 * A hub makes its own authority at its first start. It is known by its certificate, or
 * by the SHA-256 of that: then the certificate is asked of the hub itself, over a
 * connection that carries nothing else, and taken only when the digest is right.
 */

#include "base/err.h"

/** The authority's certificate in PEM, owned by the caller: from @p ca_file, or from the hub at
 *  @p url by @p fingerprint (hex, any case, colons allowed). NULL in @p ret when neither was
 *  given: then the system's authorities count. SUT_E_DENIED: no certificate of the hub's
 *  has that digest. */
sut_check struct sut_err *sut_hub_trust_read(const char *url, const char *ca_file,
					     const char *fingerprint, char **ret);
