// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The way from `suture hub` to a hub
 *
 * HTTPS with the hub's own authority pinned at sign-in, JSON both ways, problems
 * (RFC 9457) as errors. Who is signed in where is remembered in one file that only
 * its owner can read: $XDG_CONFIG_HOME/suture/hub.json.
 */

#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

/** A hub, and who asks it. */
struct sut_hub_client;

/** What `suture hub login` was told. All texts are borrowed. */
struct sut_hub_login {
	const char *url;         /**< https://HOST:PORT */
	const char *ca_file;     /**< The authority's certificate (PEM), or NULL. */
	const char *fingerprint; /**< SHA-256 of it in hex, or NULL. */
	const char *user;        /**< Who signs in; unused with a token. */
	const char *password;    /**< NULL with a token. */
	const char *token;       /**< An API token, or NULL. */
};

/** Sign in and remember it. @p ret is the hub's answer, {"user":{"name","role"}}, owned by
 *  the caller. SUT_E_DENIED: wrong password, or a hub that is not the expected one. */
sut_check struct sut_err *sut_hub_client_login(const struct sut_hub_login *login, json_t **ret);

/** Sign out there and forget it here. */
sut_check struct sut_err *sut_hub_client_logout(void);

/** Go on as who is signed in. SUT_E_USAGE when nobody is. */
sut_check struct sut_err *sut_hub_client_open(struct sut_hub_client **ret);
void sut_hub_client_close(struct sut_hub_client *client);
DEFINE_CLEANUP(struct sut_hub_client *, sut_hub_client_close)

/** Call @p method on @p path ("/api/v1/…", escaped), with @p body unless NULL. @p ret is owned
 *  by the caller, NULL where the answer is empty; it may be NULL itself. A problem is an
 *  error with the hub's own words: SUT_E_DENIED for 401 and 403, SUT_E_USAGE for 400 and
 *  404, SUT_E_BUSY for 409 and 429, SUT_E_OS for what is the hub's fault or the network's. */
sut_check struct sut_err *sut_hub_client_call(struct sut_hub_client *client, const char *method,
					      const char *path, const json_t *body, json_t **ret);

/** All items of the list @p path, page after page, at most @p most. @p ret has the form of one
 *  page, {"items", "next", "total"}, owned by the caller. */
sut_check struct sut_err *sut_hub_client_list(struct sut_hub_client *client, const char *path,
					      size_t most, json_t **ret);

/** Append @p text to a path or query, percent-encoded (RFC 3986, 2.1). The path stays
 *  NUL-terminated; see sut_hub_path(). */
sut_check struct sut_err *sut_hub_path_add(struct sut_buf *path, const char *text);
/** Append @p text as it is. */
sut_check struct sut_err *sut_hub_path_raw(struct sut_buf *path, const char *text);
/** Append "?name=value" or "&name=value"; nothing when @p value is NULL. */
sut_check struct sut_err *sut_hub_path_query(struct sut_buf *path, const char *name,
					     const char *value);

/** The path as a text, borrowed. */
static inline const char *sut_hub_path(const struct sut_buf *path)
{
	return path->size ? (const char *)path->data : "";
}
