// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Requests on their way to the server
 *
 * The server gets a request through a pair of sockets, which stays for the next one and is
 * closed when there is none for a second. It takes a number of pairs; what comes beyond
 * stands in a queue meanwhile.
 *
 *     taken ──► passed on ──► answered
 *       ▲           │ the server closes without a word, and has noted when (hub/http/peer.h)
 *     woken ◄──── held: what is left is the client's connection and the request's bytes
 *
 * A held request is passed on again when it is woken or its time is up: the bytes as they
 * were, and beside them, in the peer, that it is not the first time. Nothing in the bytes of
 * a request says so, so that no client can. All that are woken at once go in small numbers:
 * others' requests are served between them.
 */

#include "base/id.h"
#include "base/view.h"

struct sut_connection;
struct sut_loop;

/** Let the server have @p bytes, which the gate wrote, as soon as it takes them. False: the
 *  connection is over. @p is_whole: they are a request from its first byte to its last. */
bool sut_pass_take(struct sut_loop *loop, struct sut_connection *connection, struct sut_view bytes,
		   bool is_whole);

/** Send what the server did not take before. False while some of it is left. */
bool sut_pass_flush(struct sut_connection *connection);

/** The server has begun to answer. */
void sut_pass_answered(struct sut_loop *loop, struct sut_connection *connection);

/** The server has closed. True when it did so to have the request held. */
bool sut_pass_hold(struct sut_loop *loop, struct sut_connection *connection);

/** Devices whose held requests are asked again, sorted by strcmp(); or everybody's. */
struct sut_pass_keys {
	bool is_all;
	char (*devices)[SUT_ID_SIZE];
	size_t n;
};

/** Wake the held requests of @p keys, and those that will be held though they were passed on
 *  before this. */
void sut_pass_wake(struct sut_loop *loop, const struct sut_pass_keys *keys);

/** Wake a request when its time is up at @p now, in microseconds; close a pair that nobody
 *  uses. */
void sut_pass_look(struct sut_loop *loop, struct sut_connection *connection, int64_t now);

/** Pass on what stands in the queues, as far as the server takes it. */
void sut_pass_go_on(struct sut_loop *loop);

/** Does anything stand in the queues? */
bool sut_pass_has_queue(const struct sut_loop *loop);

/** Forget the request of a connection that ends. */
void sut_pass_drop(struct sut_loop *loop, struct sut_connection *connection);
