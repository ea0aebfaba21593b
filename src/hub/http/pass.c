// SPDX-License-Identifier: Apache-2.0
#include "hub/http/pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/time.h"
#include "hub/http/connection.h"
#include "hub/http/front.h"
#include "hub/http/peer.h"

// So many that were woken one thread has at the server at the same time: fewer than there
// are workers.
enum { MAX_AGAIN = 16 };
// How long a request may stand in the queue before its client is let down, in seconds.
enum { QUEUE_S = 30 };

static struct sut_connections *queue_of(struct sut_loop *loop, enum sut_connection_queue queue)
{
	return queue == SUT_QUEUE_FRESH ? &loop->fresh : &loop->woken;
}

static void leave_queue(struct sut_loop *loop, struct sut_connection *connection)
{
	if (connection->queue != SUT_QUEUE_NONE)
		TAILQ_REMOVE(queue_of(loop, connection->queue), connection, queued);
	connection->queue = SUT_QUEUE_NONE;
}

static void join_queue(struct sut_loop *loop, struct sut_connection *connection,
		       enum sut_connection_queue queue)
{
	if (connection->queue != SUT_QUEUE_NONE)
		return;
	TAILQ_INSERT_TAIL(queue_of(loop, queue), connection, queued);
	connection->queue = queue;
}

static void end_again(struct sut_loop *loop, struct sut_connection *connection)
{
	loop->n_again -= connection->is_again;
	connection->is_again = false;
}

static void end_hold(struct sut_loop *loop, struct sut_connection *connection)
{
	if (connection->is_held)
		atomic_fetch_sub(&loop->shared->n_held, 1);
	connection->is_held = false;
}

static void forget_kept(struct sut_connection *connection)
{
	free(connection->kept);
	connection->kept = NULL;
	connection->kept_size = 0;
}

// Close the pair when no request is on it: neither ours nor, since each that was passed on is
// done with, the server's.
static void let_go(struct sut_connection *connection)
{
	if (connection->inner.fd >= 0 && connection->state == SUT_CONNECTION_OPEN &&
	    !connection->is_waiting && !connection->gate.is_inside && !connection->to_inner.size &&
	    !connection->to_client.size &&
	    atomic_load(&connection->peer->n_done) == connection->n_passed) {
		uint8_t byte;

		// What it said last may still be on its way to us.
		if (recv(connection->inner.fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN)
			sut_watch_close(&connection->inner);
	}
}

static void let_go_all(struct sut_loop *loop)
{
	struct sut_connection *each;

	if (loop->has_let_go)
		return;
	loop->has_let_go = true;
	TAILQ_FOREACH(each, &loop->all, all)
	let_go(each);
}

// Give the server its end of a new pair of sockets. False: not now.
static bool connect_server(struct sut_loop *loop, struct sut_connection *connection)
{
	const struct sut_front_options *options = loop->shared->options;
	int pair[2];

	if (connection->inner.fd >= 0)
		return true;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	atomic_fetch_add(&connection->peer->n_holders, 1);
	if (!options->hand_over(options->context, pair[1], connection->peer)) {
		atomic_fetch_sub(&connection->peer->n_holders, 1);
		close(pair[0]);
		close(pair[1]);
		// There may be room for the next one then.
		let_go_all(loop);
		return false;
	}
	connection->inner.fd = pair[0];
	return true;
}

// Write @bytes to the server; what does not fit is kept. False: the connection is over.
static bool send_inner(struct sut_connection *connection, struct sut_view bytes)
{
	ssize_t done = send(connection->inner.fd, bytes.data, bytes.size, MSG_NOSIGNAL);

	if (done < 0 && errno != EAGAIN)
		return false;
	if (done < 0)
		done = 0;
	struct sut_err *err =
		sut_buf_add(&connection->to_inner, bytes.data + done, bytes.size - done);
	bool is_kept = !err;
	sut_err_free(err);
	return is_kept;
}

bool sut_pass_flush(struct sut_connection *connection)
{
	struct sut_buf *rest = &connection->to_inner;

	if (!rest->size)
		return true;
	if (connection->inner.fd < 0)
		return false;
	ssize_t done = send(connection->inner.fd, rest->data, rest->size, MSG_NOSIGNAL);
	// An error shows when it is read.
	if (done <= 0)
		return false;
	memmove(rest->data, rest->data + done, rest->size - done);
	rest->size -= done;
	if (!rest->size)
		sut_buf_deinit(rest);
	return !rest->size;
}

// A request that came at once can be asked again. Without memory it cannot be held.
static void keep(struct sut_connection *connection, struct sut_view bytes)
{
	forget_kept(connection);
	if (bytes.size > SUT_GATE_MAX_PASSED)
		return;
	connection->kept = malloc(bytes.size);
	if (!connection->kept)
		return;
	memcpy(connection->kept, bytes.data, bytes.size);
	connection->kept_size = bytes.size;
}

bool sut_pass_take(struct sut_loop *loop, struct sut_connection *connection, struct sut_view bytes,
		   bool is_whole)
{
	if (is_whole)
		keep(connection, bytes);
	if (connection->is_waiting)
		connection->n_passed++;
	connection->was_woken = false;
	// In turn: who came before is not overtaken.
	if (connection->inner.fd >= 0 ||
	    (TAILQ_EMPTY(&loop->fresh) && connect_server(loop, connection)))
		return send_inner(connection, bytes);
	struct sut_err *err = sut_buf_add(&connection->to_inner, bytes.data, bytes.size);
	bool is_kept = !err;
	sut_err_free(err);
	join_queue(loop, connection, SUT_QUEUE_FRESH);
	sut_connection_set_deadline(connection, QUEUE_S);
	return is_kept;
}

void sut_pass_answered(struct sut_loop *loop, struct sut_connection *connection)
{
	connection->is_waiting = false;
	end_again(loop, connection);
	forget_kept(connection);
}

bool sut_pass_hold(struct sut_loop *loop, struct sut_connection *connection)
{
	if (!connection->is_waiting || !connection->kept ||
	    !atomic_exchange(&connection->peer->hold.is_asked_for, false))
		return false;
	end_again(loop, connection);
	sut_watch_close(&connection->inner);
	connection->is_held = true;
	atomic_fetch_add(&loop->shared->n_held, 1);
	if (connection->was_woken)
		join_queue(loop, connection, SUT_QUEUE_WOKEN);
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool is_named(const struct sut_pass_keys *keys, const char *device)
{
	return keys->is_all || (keys->n && bsearch(device, keys->devices, keys->n,
						   sizeof(*keys->devices), compare_keys));
}

void sut_pass_wake(struct sut_loop *loop, const struct sut_pass_keys *keys)
{
	struct sut_connection *each;

	TAILQ_FOREACH(each, &loop->all, all)
	{
		if (!each->is_waiting || !is_named(keys, each->peer->device))
			continue;
		each->was_woken = true;
		if (each->is_held)
			join_queue(loop, each, SUT_QUEUE_WOKEN);
	}
}

void sut_pass_look(struct sut_loop *loop, struct sut_connection *connection, int64_t now)
{
	if (connection->is_held && connection->peer->hold.deadline <= now)
		join_queue(loop, connection, SUT_QUEUE_WOKEN);
	let_go(connection);
}

// Pass a held request on again. The peer tells the server more than its bytes do.
static void ask_again(struct sut_loop *loop, struct sut_connection *connection)
{
	struct sut_hold *hold = &connection->peer->hold;

	leave_queue(loop, connection);
	end_hold(loop, connection);
	hold->is_again = true;
	hold->is_late = hold->deadline <= sut_time_now_us();
	connection->is_again = true;
	loop->n_again++;
	connection->n_passed++;
	connection->was_woken = false;
	struct sut_view bytes = { connection->kept, connection->kept_size };
	if (send_inner(connection, bytes))
		sut_connection_rewatch(loop, connection);
	else
		sut_connection_bury(loop, connection);
}

void sut_pass_go_on(struct sut_loop *loop)
{
	struct sut_connection *first;

	loop->has_let_go = false;
	while ((first = TAILQ_FIRST(&loop->fresh)) && connect_server(loop, first)) {
		leave_queue(loop, first);
		// What is left of the body may come now; or the answer.
		if (first->is_waiting)
			first->deadline = INT64_MAX;
		sut_connection_serve(loop, first);
	}
	while (loop->n_again < MAX_AGAIN && (first = TAILQ_FIRST(&loop->woken)) &&
	       connect_server(loop, first))
		ask_again(loop, first);
}

bool sut_pass_has_queue(const struct sut_loop *loop)
{
	return !TAILQ_EMPTY(&loop->fresh) || !TAILQ_EMPTY(&loop->woken);
}

void sut_pass_drop(struct sut_loop *loop, struct sut_connection *connection)
{
	connection->is_waiting = false;
	leave_queue(loop, connection);
	end_again(loop, connection);
	end_hold(loop, connection);
	forget_kept(connection);
}
