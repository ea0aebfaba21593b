// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The front: TLS and the gate
 *
 * Accepts connections, speaks TLS with the client, sends what it says through the
 * gate, and passes what the gate wrote through a pair of sockets to the HTTP server.
 * The server's answers go back as they are.
 *
 *     client ══TLS══► front ─gate─► pair of sockets ──► HTTP server ──► routes
 *
 * A connection costs the server something only while it has a request there: not before its
 * first whole request head, not between requests, and not while the server has a request
 * held, for which it closes its end and says in the peer until when. The front keeps that
 * request and passes it on again when it is woken or its time is up.
 *
 * One that is refused gets a problem (RFC 9457) and is closed. One request at a time: what a
 * client sends behind a request before it has an answer is refused too.
 *
 * Some threads share the listening socket; each connection stays with one.
 *
 *     front.c       the threads
 *     connection.c  a client: TLS and bytes in both directions
 *     pass.c        its requests: queued, passed on, held, woken
 */

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "base/cleanup.h"
#include "hub/http/peer.h"

/** Gives the server its end of a pair of sockets, and with it a hold on @p peer. False
 *  when it takes no more now; then both stay the caller's, who asks again later. */
typedef bool (*sut_front_hand_over)(void *context, int fd, struct sut_peer *peer);

struct sut_front;

/** What a front needs; borrowed for as long as it lives. */
struct sut_front_options {
	const char *address; /**< Where to listen: IPv4 or IPv6. */
	int port;            /**< 0: any that is free. */
	int n_threads;
	size_t max_connections; /**< Of all threads; more are closed at once. */
	SSL_CTX *tls;           /**< The front takes its own hold. */
	sut_front_hand_over hand_over;
	void *context; /**< For hand_over. */
};

/** Listen; who connects waits until sut_front_start(). */
sut_check struct sut_err *sut_front_open(const struct sut_front_options *options,
					 struct sut_front **ret);
/** Take connections from now on, in threads of its own. */
sut_check struct sut_err *sut_front_start(struct sut_front *front);
/** Close all connections and end the threads. Its numbers may still be asked for. */
void sut_front_stop(struct sut_front *front);
/** Stop, and free it. */
void sut_front_close(struct sut_front *front);
DEFINE_CLEANUP(struct sut_front *, sut_front_close)

/** The port that it listens on. */
int sut_front_port(const struct sut_front *front);

/** Use this for new connections from now on. */
void sut_front_set_tls(struct sut_front *front, SSL_CTX *tls);

/** Ask the server again for the held requests of @p device, also those that are on their way
 *  to be held; NULL: everybody's. It may be asked for others' too: they are held again. */
void sut_front_wake(struct sut_front *front, const char *device);

/** How many requests are held now. */
size_t sut_front_n_held(const struct sut_front *front);

/** How many connections there are now, and how many requests the gate has refused. */
size_t sut_front_n_connections(const struct sut_front *front);
unsigned long sut_front_n_refused(const struct sut_front *front);
