// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The hub's own certificate authority
 *
 * Made at the first start: a key on P-256 in DATA/ca.key (mode 0600) and a
 * certificate for ten years in DATA/ca.crt. It signs two kinds of certificates:
 * the server's own, which is renewed by itself, and the devices', each from the
 * device's own request, so that no key of a device ever leaves it.
 *
 * A device knows this authority by the digest in its enrolment token before it
 * trusts the connection. Revocation is the store's business: a certificate
 * is good only as long as its device is.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/cleanup.h"
#include "base/err.h"

/** For how long a device's certificate is valid unless sut_ca_set_device_life() says something
 *  else; it asks for the next one before. */
#define SUT_CA_DEVICE_DAYS 90
/** For how long the server's is, and how many days before its end it is renewed. */
#define SUT_CA_SERVER_DAYS 90
#define SUT_CA_RENEW_DAYS  30

struct sut_ca;

/** Open the authority in folder @p data, or make it. Any thread may use it. */
sut_check struct sut_err *sut_ca_open(const char *data, struct sut_ca **ret);
/** Let devices' certificates be valid for @p seconds. Called before any is signed. */
void sut_ca_set_device_life(struct sut_ca *ca, int64_t seconds);
void sut_ca_close(struct sut_ca *ca);
DEFINE_CLEANUP(struct sut_ca *, sut_ca_close)

/** The certificate in PEM; borrowed. */
const char *sut_ca_pem(const struct sut_ca *ca);
/** The SHA-256 of the certificate's DER form in hex; borrowed. */
const char *sut_ca_digest(const struct sut_ca *ca);

/** Make or renew DATA/server.crt and server.key, if they are missing, end within
 *  SUT_CA_RENEW_DAYS or are not for these names. A name may be an address.
 *  @p now in seconds. */
sut_check struct sut_err *sut_ca_renew_server(struct sut_ca *ca, const char *const *names,
					      size_t n_names, int64_t now, bool *is_new_ret);

/** Make what TLS connections are accepted with: TLS 1.2 or newer, our server's
 *  certificate with the authority's behind it; a client may show a certificate, and
 *  then it must be a valid one of a device of ours. Freed with SSL_CTX_free(). */
sut_check struct sut_err *sut_ca_make_tls(const struct sut_ca *ca, SSL_CTX **ret);

/** Check the request @p csr (PEM) as sut_ca_sign_device() does. @p digest_ret (SUT_DIGEST_SIZE
 *  bytes) is the SHA-256 of its public key's DER form (RFC 5280 SubjectPublicKeyInfo) in hex. */
sut_check struct sut_err *sut_ca_read_request(const char *csr, char *digest_ret);

/** When a device's certificate ends that is signed at @p now; in seconds. */
int64_t sut_ca_device_end(const struct sut_ca *ca, int64_t now);

/** Sign the request @p csr (PEM) as the device @p device; nothing of what the request
 *  says but its key is taken over. @p pem_ret is the caller's; times in seconds.
 *  SUT_E_FORMAT: it is no request, or its key is too weak. */
sut_check struct sut_err *sut_ca_sign_device(const struct sut_ca *ca, const char *csr,
					     const char *device, int64_t now, char **pem_ret,
					     int64_t *expires_ret);

/** The device that the client of @p ssl has proved to be, into @p ret (SUT_ID_SIZE
 *  bytes); false when it showed no certificate. */
bool sut_ca_find_device(SSL *ssl, char *ret);
