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
 * A connection costs the server nothing until its first whole request head. One that
 * is refused gets a problem (RFC 9457) and is closed. One request at a time: what a
 * client sends behind a request before it has an answer is refused too.
 *
 * Some threads share the listening socket; each connection stays with one.
 */

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "base/cleanup.h"
#include "hub/http/peer.h"

/** Gives the server its end of a pair of sockets, and with it a hold on @p peer. False
 *  when it takes no more; then both stay the caller's. */
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
/** Close all connections and end the threads; its numbers can still be read. */
void sut_front_stop(struct sut_front *front);
/** Stop, and free it. */
void sut_front_close(struct sut_front *front);
DEFINE_CLEANUP(struct sut_front *, sut_front_close)

/** The port that it listens on. */
int sut_front_port(const struct sut_front *front);

/** Use this for new connections from now on. */
void sut_front_set_tls(struct sut_front *front, SSL_CTX *tls);

/** How many connections there are now, and how many requests the gate has refused. */
size_t sut_front_n_connections(const struct sut_front *front);
unsigned long sut_front_n_refused(const struct sut_front *front);
