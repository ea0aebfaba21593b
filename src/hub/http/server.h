// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The HTTP server
 *
 * Takes the requests that the front has let through (libmicrohttpd, one thread with epoll),
 * finds their routes and runs those in workers, so that a route may wait without
 * others waiting for it. While a worker has a request, its connection is suspended. One
 * that is to be held goes back to the front: nothing of it stays here.
 *
 *     front ──► queue ──► worker ──► answer ──► front ──► client
 *       ▲                   └─ hold ─┐
 *       └── again: woken, or late ◄──┘
 */

#include "base/cleanup.h"
#include "base/err.h"
#include "hub/hub.h"

struct sut_front;
struct sut_server;

/** Make ready to serve @p hub, whose other parts are there: listens. */
sut_check struct sut_err *sut_server_open(struct sut_hub *hub, struct sut_server **ret);

/** Answer from now on, and be the bus's bell. Before it the hub knows its server: requests may
 *  ask about it. */
sut_check struct sut_err *sut_server_start(struct sut_server *server);

/** Close all connections, let requests under way end, and stop. */
void sut_server_close(struct sut_server *server);
DEFINE_CLEANUP(struct sut_server *, sut_server_close)

/** Where connections come in: its port, its numbers, its certificate. Borrowed. */
struct sut_front *sut_server_front(struct sut_server *server);

/** Numbers for /metrics. */
struct sut_server_stats {
	unsigned long n_requests; /**< That had an answer. */
	unsigned long n_faults;   /**< Of these, those that failed by our fault. */
	size_t n_held, n_streams; /**< Now. */
};

void sut_server_read_stats(struct sut_server *server, struct sut_server_stats *ret);
