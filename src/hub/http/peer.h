// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The client at the other end of a connection
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/id.h"

/** Who is at the other end. Counted: the front and the server each hold it. */
struct sut_peer {
	atomic_int n_holders;
	atomic_bool is_gone;      /**< The client has closed. */
	char address[46];         /**< As text, without the port. */
	char device[SUT_ID_SIZE]; /**< Proved by a certificate, else "". */
};

/** A peer at @p address that its caller holds; NULL without memory. */
struct sut_peer *sut_peer_new(const struct sockaddr_storage *address);
/** Let go of a peer. */
void sut_peer_unref(struct sut_peer *peer);
