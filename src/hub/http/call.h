// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A call: one request from its first byte to its answer, and the workers that run it.
 * Between server.c, which speaks with libmicrohttpd, and workers.c, which waits.
 */

#include "hub/http/route.h"

struct MHD_Connection;
struct sut_peer;
struct sut_workers;

/** A request on its way. */
struct sut_call {
	struct MHD_Connection *connection;
	struct sut_peer *peer; /**< Borrowed from the connection. */
	const char *method;    /**< Constant. */
	const char *content_type;
	char *path; /**< Decoded only where {…} took a part. */
	struct sut_buf body;
	struct sut_request request;
	const struct sut_route *route; /**< NULL until the first run. */
	struct sut_reply reply;
	bool is_begun;         /**< A worker has it, or had it. */
	bool is_answered;      /**< The reply is to be sent, or the request to be held. */
	struct sut_call *next; /**< In the queue. */
	struct sut_workers *workers;

	// Of a stream; under the lock of the workers.
	bool is_stream, is_asleep;
	uint64_t stream_seq; /**< The next event. */
	int64_t stream_sent; /**< When something was last sent; microseconds. */
	bool is_fed;         /**< It said something once: what it was asked from. */
	struct sut_buf rest; /**< Written, but not yet taken. */
	struct sut_call *stream_next, **stream_at;
};

/** Called when a call's answer is ready: its connection may go on. */
typedef void (*sut_workers_ready)(struct sut_call *call);

sut_check struct sut_err *sut_workers_new(struct sut_hub *hub, sut_workers_ready ready,
					  struct sut_workers **ret);

/** When this returns every call was told ready, and streams end. */
void sut_workers_stop(struct sut_workers *workers);
void sut_workers_free(struct sut_workers *workers);

/** Let a worker run @p call, whose connection is suspended. */
void sut_workers_add(struct sut_workers *workers, struct sut_call *call);

/** Run @p call now: find its route, check who asks, fill in its reply. In run.c. */
void sut_call_run(struct sut_hub *hub, struct sut_call *call);
void sut_call_free(struct sut_call *call);

/** A stream begins, and is over. */
void sut_workers_add_stream(struct sut_workers *workers, struct sut_call *call);
void sut_workers_remove_stream(struct sut_workers *workers, struct sut_call *call);

/** Copy up to @p size bytes of the stream to @p to; 0 when there is nothing now: then
 *  @p sleep was called under the lock, and @p ready will be when there is. -1: it is over. */
ssize_t sut_workers_read_stream(struct sut_workers *workers, struct sut_call *call, char *to,
				size_t size, void (*sleep)(struct sut_call *call));

/** There is something new for the streams. */
void sut_workers_tell_streams(struct sut_workers *workers);

/** How many streams there are. */
size_t sut_workers_n_streams(struct sut_workers *workers);
