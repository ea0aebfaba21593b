// SPDX-License-Identifier: Apache-2.0
#include "hub/store/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/auth/routes.h"
#include "hub/http/route.h"

/** A page of the log, or its check. */
struct reading {
	const struct sut_request *request;
	int64_t before, limit, total;
	json_t *items;
	bool has_more, is_whole;
	char head[65];
};

static struct sut_err *read_page(struct sut_tx *tx, void *context)
{
	struct reading *reading = context;

	return sut_audit_list(tx, reading->before, reading->limit,
			      sut_request_query(reading->request, "actor"),
			      sut_request_query(reading->request, "action"), &reading->items,
			      &reading->has_more, &reading->total);
}

static struct sut_err *list(struct sut_hub *hub, const struct sut_request *request,
			    struct sut_reply *reply)
{
	struct reading reading = { .request = request, .before = INT64_MAX };
	const char *cursor = sut_request_query(request, "cursor");
	char next[24];
	char *end;
	struct sut_err *err = sut_request_limit(request, &reading.limit);

	if (err)
		return sut_reply_invalid(reply, err);
	errno = 0;
	if (cursor)
		reading.before = strtoll(cursor, &end, 10);
	if (cursor && (errno || *end || *cursor < '0' || *cursor > '9'))
		return sut_reply_problem(reply, 400, "invalid", "This is no cursor of this list.");
	err = sut_store_read(hub->store, read_page, &reading);
	if (err)
		return err;
	const json_t *last = json_array_get(reading.items, json_array_size(reading.items) - 1);
	snprintf(next, sizeof(next), "%lld",
		 (long long)json_integer_value(json_object_get(last, "seq")));
	return sut_reply_list(reply, reading.items, reading.has_more ? next : NULL, reading.total);
}

static struct sut_err *check_log(struct sut_tx *tx, void *context)
{
	struct reading *reading = context;

	return sut_audit_check(tx, &reading->is_whole, &reading->total, reading->head);
}

static struct sut_err *check(struct sut_hub *hub, const struct sut_request *request,
			     struct sut_reply *reply)
{
	struct reading reading = { .request = request };
	struct sut_err *err = sut_store_read(hub->store, check_log, &reading);

	return err ? err
		   : sut_reply_json(reply, 200,
				    json_pack("{s:b, s:I, s:s}", "ok", reading.is_whole, "entries",
					      (json_int_t)reading.total, "head", reading.head));
}

const struct sut_route sut_audit_routes[] = {
	{ "GET", "/api/v1/audit", SUT_ACCESS_VIEWER, list },
	{ "GET", "/api/v1/audit/check", SUT_ACCESS_VIEWER, check },
	{ 0 },
};
