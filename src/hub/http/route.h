// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Routes
 *
 * A route is a method, a pattern of a path, who may, and a function. Each area of the
 * hub has a constant table of them, which http/routes.c joins:
 *
 *     static struct sut_err *show_thing(struct sut_hub *hub, const struct sut_request *request,
 *                                       struct sut_reply *reply)
 *     {
 *             const char *id = request->params[0];    // {id}, decoded
 *             ...
 *             if (!found)
 *                     return sut_reply_problem(reply, 404, "not-found", "no thing %s", id);
 *             return sut_reply_json(reply, 200, json);
 *     }
 *     const struct sut_route sut_thing_routes[] = {
 *             { "GET", "/api/v1/things/{id}", SUT_ACCESS_VIEWER, show_thing },
 *             { 0 },
 *     };
 *
 * Functions run in worker threads and may wait: for the store, for a password's hash. A
 * problem that a correct server must expect is a reply. An error is a fault: it is logged,
 * and the client gets 500, or 503 or 507 where trying later helps.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "hub/hub.h"

enum {
	SUT_MAX_PARAMS = 2,
	SUT_MAX_QUERY = 16,
	SUT_PAGE_DEFAULT = 50,
	SUT_PAGE_MAX = 200,
};

/** Who may use a route; each of the last three may do what those before it may. */
enum sut_access {
	SUT_ACCESS_PUBLIC,
	SUT_ACCESS_DEVICE, /**< A device with a certificate of ours that is not revoked. */
	SUT_ACCESS_VIEWER,
	SUT_ACCESS_OPERATOR,
	SUT_ACCESS_ADMIN,
};

enum sut_principal_kind {
	SUT_PRINCIPAL_NONE,
	SUT_PRINCIPAL_USER,
	SUT_PRINCIPAL_TOKEN,
	SUT_PRINCIPAL_DEVICE,
};

/** Who asks. */
struct sut_principal {
	enum sut_principal_kind kind;
	enum sut_access role; /**< VIEWER, OPERATOR or ADMIN; else PUBLIC or DEVICE. */
	char name[128];       /**< For the audit log: "user:NAME", "token:LABEL", "device:ID". */
	char id[37];          /**< Of the user, the token or the device. */
	char session[65];     /**< Digest of the session's secret, or "". */
	char csrf[65];        /**< What a change by this session must show, or "". */
};

/** A parameter of the query, decoded. */
struct sut_query {
	const char *name, *value;
};

/** A request. All is borrowed for the call. */
struct sut_request {
	const char *method, *path;
	const char *params[SUT_MAX_PARAMS]; /**< What {…} in the pattern stands for. */
	struct sut_query query[SUT_MAX_QUERY];
	size_t n_query;
	json_t *body; /**< An object; NULL when there is none. */
	struct sut_principal principal;
	const char *address;                       /**< The client's, as text. */
	const char *if_none_match;                 /**< Or NULL. */
	const char *last_event_id;                 /**< Or NULL. */
	const char *cookie, *authorization, *csrf; /**< For auth; or NULL. */
	int64_t now;                               /**< Microseconds. */
	int64_t asked;                             /**< When it came: before now if it was held. */
	bool is_late; /**< Asked again after sut_reply_hold(), and its time is over. */
};

enum sut_reply_kind {
	SUT_REPLY_BYTES,
	SUT_REPLY_FILE,
	SUT_REPLY_HOLD,
	SUT_REPLY_STREAM,
};

/** A header field of a reply. */
struct sut_reply_header {
	const char *name; /**< Constant. */
	char *value;      /**< Owned. */
};

/** An answer. Owns all that it holds. */
struct sut_reply {
	enum sut_reply_kind kind;
	int status;
	const char *type;  /**< Media type, constant. */
	const char *cache; /**< Cache-Control, constant; NULL: "no-store". */
	struct sut_buf bytes;
	int fd;        /**< Of SUT_REPLY_FILE, else -1. */
	uint64_t size; /**< Of the file. */
	struct sut_reply_header headers[4];
	size_t n_headers;
	int64_t deadline;     /**< When it is asked again anyway, in microseconds. */
	uint64_t stream_from; /**< The first event that the client has not seen. */
};

typedef struct sut_err *(*sut_route_fn)(struct sut_hub *hub, const struct sut_request *request,
					struct sut_reply *reply);

/** A route. A table ends with one whose method is NULL. */
struct sut_route {
	const char *method;
	const char *pattern; /**< "/a/{b}"; "…/{*}" at the end takes the whole rest. */
	enum sut_access access;
	sut_route_fn fn;
};

/** The tables of all areas, up to NULL. */
extern const struct sut_route *const sut_routes[];

/** Find the route; the parameters, which are @p path's parts as they came, go to
 *  @p params_ret (SUT_MAX_PARAMS, each the caller's to free). NULL: none; then
 *  @p allowed_ret tells whether another method would have found one. */
const struct sut_route *sut_route_find(const struct sut_route *const *tables, const char *method,
				       const char *path, char **params_ret, bool *allowed_ret);

/** Answer with @p json, which is taken over; NULL means no memory. */
sut_check struct sut_err *sut_reply_json(struct sut_reply *reply, int status, json_t *json);
/** Answer with @p size bytes. @p type is constant. */
sut_check struct sut_err *sut_reply_bytes(struct sut_reply *reply, int status, const char *type,
					  const void *bytes, size_t size);
/** Answer with nothing: 204. */
sut_check struct sut_err *sut_reply_empty(struct sut_reply *reply);
/** Answer with a problem (RFC 9457). */
sut_check struct sut_err *sut_reply_problem(struct sut_reply *reply, int status, const char *code,
					    const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** Answer that @p err, which is freed, is the client's fault: 400 with its text. */
sut_check struct sut_err *sut_reply_invalid(struct sut_reply *reply, struct sut_err *err);
/** Do not answer yet: the request comes anew when sut_bus_wake() names the device that asks,
 *  or all, also if that was since it came; or at @p deadline (microseconds), then with is_late.
 *  Only for requests without a body. */
void sut_reply_hold(struct sut_reply *reply, int64_t deadline);
/** Add a header field. @p name is constant, @p value is copied. */
sut_check struct sut_err *sut_reply_header(struct sut_reply *reply, const char *name,
					   const char *value);
void sut_reply_deinit(struct sut_reply *reply);

/** A parameter of the query, or NULL. */
const char *sut_request_query(const struct sut_request *request, const char *name);
/** The `limit` of the query, from 1 to SUT_PAGE_MAX; SUT_E_FORMAT otherwise. */
sut_check struct sut_err *sut_request_limit(const struct sut_request *request, int64_t *ret);

/** A page of a list as `{"items":…,"next":…,"total":…}`. Takes over @p items; @p next is
 *  NULL on the last page. */
sut_check struct sut_err *sut_reply_list(struct sut_reply *reply, json_t *items, const char *next,
					 int64_t total);

/** The same of @p items that may hold one more than @p limit: then that one is dropped, and the
 *  last one's text @p key is the cursor. */
sut_check struct sut_err *sut_reply_page(struct sut_reply *reply, json_t *items, int64_t limit,
					 const char *key, int64_t total);
