// SPDX-License-Identifier: Apache-2.0
#include "hub/events/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/events/bus.h"
#include "hub/http/route.h"

static struct sut_err *stream(struct sut_hub *hub, const struct sut_request *request,
			      struct sut_reply *reply)
{
	uint64_t from = sut_bus_next(hub->bus);

	// libmicrohttpd ends a stream with a last chunk even where no body may be: the next
	// answer on the connection would begin with it.
	if (strcmp(request->method, "HEAD") == 0)
		return sut_reply_bytes(reply, 200, "text/event-stream", "", 0);
	if (request->last_event_id) {
		char *end;
		errno = 0;
		uint64_t last = strtoull(request->last_event_id, &end, 10);
		bool is_number = !errno && !*end && request->last_event_id[0] >= '0' &&
				 request->last_event_id[0] <= '9';
		// 0 is before all that is kept: the stream begins with "reset".
		from = is_number && sut_bus_has(hub->bus, last + 1) ? last + 1 : 0;
	}
	sut_reply_deinit(reply);
	reply->kind = SUT_REPLY_STREAM;
	reply->status = 200;
	reply->type = "text/event-stream";
	reply->stream_from = from;
	return NULL;
}

const struct sut_route sut_event_routes[] = {
	{ "GET", "/api/v1/events", SUT_ACCESS_VIEWER, stream },
	{ 0 },
};
