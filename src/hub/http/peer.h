// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The client at the other end of a connection
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/id.h"

/**
 * A request that is held: what front and server tell each other beside its bytes. Whoever has
 * the request may write it.
 */
struct sut_hold {
	atomic_bool is_asked_for; /**< By the server, which closes its end then. */
	int64_t asked;            /**< When it came first, in microseconds. */
	int64_t deadline;         /**< When it is asked again at the latest, in microseconds. */
	bool is_again;            /**< By the front: the request that comes now was held. */
	bool is_late;             /**< With that: its time is up. */
};

/** Who is at the other end. Counted: the front and the server each hold it. */
struct sut_peer {
	atomic_int n_holders;
	struct sut_hold hold;
	atomic_uint n_done;       /**< Requests that the server is done with. */
	atomic_bool is_gone;      /**< The client has closed. */
	char address[46];         /**< As text, without the port. */
	char device[SUT_ID_SIZE]; /**< Proved by a certificate, else "". */
};

/** A peer at @p address that its caller holds; NULL without memory. */
struct sut_peer *sut_peer_new(const struct sockaddr_storage *address);
/** Let go of a peer. */
void sut_peer_unref(struct sut_peer *peer);
