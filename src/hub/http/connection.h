// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A client's connection, inside of the front
 *
 * Moves bytes between the client's TLS and the pair of sockets to the server, each request
 * through the gate. A connection, and all that this header declares, belongs to one loop: one
 * thread.
 *
 *     shaking hands ─► open ─► flushing ─► lingering ─► dead
 *                       │  ▲      └─ the server, or the gate, wants no more
 *                       └──┘ request after request: see pass.h
 */

#include <openssl/types.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "hub/http/gate.h"
#include "hub/http/watch.h"

struct sockaddr_storage;
struct sut_front_options;
struct sut_peer;

enum sut_connection_state {
	SUT_CONNECTION_HANDSHAKE,
	SUT_CONNECTION_OPEN,
	SUT_CONNECTION_FLUSHING,  /**< What is to be sent is; then no more. */
	SUT_CONNECTION_LINGERING, /**< Ours is said: a close now could destroy it on its way. */
	SUT_CONNECTION_DEAD,
};

/** Which queue a connection stands in. */
enum sut_connection_queue {
	SUT_QUEUE_NONE,
	SUT_QUEUE_FRESH, /**< Its request has not been at the server yet. */
	SUT_QUEUE_WOKEN, /**< Its request was held. */
};

/** A client. Owned by its loop. */
struct sut_connection {
	struct sut_watch client, inner; /**< inner: our end of the pair to the server, or none. */
	SSL *ssl;
	struct sut_peer *peer;
	struct sut_gate gate;
	enum sut_connection_state state;
	enum sut_connection_queue queue;
	bool wants_to_write; /**< TLS must write before it can read. */
	bool is_waiting;     /**< A whole request has come, and nothing of its answer. */
	bool is_held;        /**< The server gave it back to be asked again; no pair then. */
	bool is_again;       /**< It is asked again now. */
	bool was_woken;      /**< Somebody woke it since it was passed on. */
	unsigned n_passed;   /**< Whole requests that were passed on, each time. */
	struct sut_buf to_inner, to_client; /**< Rests that did not fit; seldom there. */
	void *kept;                         /**< The request that waits, when it came at once. */
	size_t kept_size;
	int64_t deadline; /**< Seconds; INT64_MAX: none. */
	TAILQ_ENTRY(sut_connection) all, queued;
};

TAILQ_HEAD(sut_connections, sut_connection);

/** What the loops of a front share. */
struct sut_front_shared {
	const struct sut_front_options *options;
	atomic_size_t n_connections, n_held;
	atomic_ulong n_refused;
};

/** One thread's connections. */
struct sut_loop {
	struct sut_front_shared *shared;
	int epoll;
	struct sut_connections all, dead;    /**< Living ones; those to free after this round. */
	struct sut_connections fresh, woken; /**< The queues. */
	size_t n_again;                      /**< So many are being asked again. */
	bool has_let_go;       /**< Pairs that nobody uses were closed in this round. */
	struct sut_buf passed; /**< What the gate wrote: reused. */
	uint8_t chunk[16384];
};

/** Serve the client at the other end of @p fd, which is taken over, as is @p ssl. */
void sut_connection_add(struct sut_loop *loop, int fd, SSL *ssl,
			const struct sockaddr_storage *address);

/** Do all that can be done without waiting. */
void sut_connection_serve(struct sut_loop *loop, struct sut_connection *connection);

/** Close it. It is freed by sut_connection_free_dead(): events may still name it. */
void sut_connection_bury(struct sut_loop *loop, struct sut_connection *connection);
void sut_connection_free_dead(struct sut_loop *loop);

/** It has to come further within @p seconds. */
void sut_connection_set_deadline(struct sut_connection *connection, int64_t seconds);

/** Tell epoll what it waits for now. */
void sut_connection_rewatch(struct sut_loop *loop, struct sut_connection *connection);
