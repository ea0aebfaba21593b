// SPDX-License-Identifier: Apache-2.0
#include "hub/http/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/time.h"
#include "hub/auth/ca.h"
#include "hub/http/pass.h"
#include "hub/http/peer.h"
#include "hub/http/problem.h"

// How long a client may take, in seconds: to shake hands, for a whole request, to take an
// answer's next bytes, between two requests, and to close after a refusal.
enum { HANDSHAKE_S = 10, REQUEST_S = 30, STALL_S = 30, IDLE_S = 150, LINGER_S = 2 };

// Events of this round may still name it: it is freed when the round is over.
void sut_connection_bury(struct sut_loop *loop, struct sut_connection *connection)
{
	if (connection->state == SUT_CONNECTION_DEAD)
		return;
	connection->state = SUT_CONNECTION_DEAD;
	atomic_store(&connection->peer->is_gone, true);
	sut_watch_close(&connection->inner);
	sut_watch_close(&connection->client);
	sut_pass_drop(loop, connection);
	TAILQ_REMOVE(&loop->all, connection, all);
	TAILQ_INSERT_TAIL(&loop->dead, connection, all);
	atomic_fetch_sub(&loop->shared->n_connections, 1);
}

void sut_connection_free_dead(struct sut_loop *loop)
{
	struct sut_connection *connection;

	while ((connection = TAILQ_FIRST(&loop->dead))) {
		TAILQ_REMOVE(&loop->dead, connection, all);
		SSL_free(connection->ssl);
		sut_gate_deinit(&connection->gate);
		sut_buf_deinit(&connection->to_inner);
		sut_buf_deinit(&connection->to_client);
		sut_peer_unref(connection->peer);
		free(connection);
	}
}

void sut_connection_set_deadline(struct sut_connection *connection, int64_t seconds)
{
	connection->deadline = sut_time_now() + seconds;
}

// No request of this client reaches the server any more, nor any answer the client.
static void refuse(struct sut_loop *loop, struct sut_connection *connection,
		   const struct sut_refusal *refusal)
{
	atomic_fetch_add(&loop->shared->n_refused, 1);
	sut_watch_close(&connection->inner);
	sut_pass_drop(loop, connection);
	// In the middle of an answer nothing else can be said.
	if (connection->to_client.size) {
		sut_connection_bury(loop, connection);
		return;
	}
	struct sut_err *err = sut_problem_write(refusal->status, "bad-request", refusal->text,
						&connection->to_client);
	if (err) {
		sut_err_free(err);
		sut_connection_bury(loop, connection);
		return;
	}
	connection->state = SUT_CONNECTION_FLUSHING;
	sut_connection_set_deadline(connection, STALL_S);
}

// What the last call of TLS means: true when it only has to wait.
static bool must_wait(struct sut_connection *connection, int result)
{
	int error = SSL_get_error(connection->ssl, result);

	ERR_clear_error();
	connection->wants_to_write = error == SSL_ERROR_WANT_WRITE;
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void shake_hands(struct sut_loop *loop, struct sut_connection *connection)
{
	int result = SSL_accept(connection->ssl);

	if (result != 1) {
		if (!must_wait(connection, result))
			sut_connection_bury(loop, connection);
		return;
	}
	connection->wants_to_write = false;
	if (!sut_ca_find_device(connection->ssl, connection->peer->device))
		connection->peer->device[0] = '\0';
	connection->state = SUT_CONNECTION_OPEN;
	sut_connection_set_deadline(connection, REQUEST_S);
}

static struct sut_refusal check_chunk(struct sut_loop *loop, struct sut_connection *connection,
				      struct sut_view bytes, bool *is_whole_ret)
{
	static const struct sut_refusal more = {
		400, "There is something behind the request, before it has an answer."
	};
	struct sut_refusal refusal;
	size_t used;

	if (connection->is_waiting)
		return more;
	bool was_inside = connection->gate.is_inside, is_rest = connection->gate.body_left > 0;
	struct sut_err *err =
		sut_gate_feed(&connection->gate, bytes, &loop->passed, &used, &refusal);
	if (err) {
		sut_err_free(err);
		return (struct sut_refusal){ 503, "The server is out of memory." };
	}
	if (refusal.status)
		return refusal;
	if (!was_inside)
		sut_connection_set_deadline(connection, REQUEST_S);
	if (connection->gate.is_inside)
		return refusal;
	connection->is_waiting = true;
	connection->deadline = INT64_MAX;
	*is_whole_ret = !is_rest; // The gate lets a head go in one piece.
	return used < bytes.size ? more : refusal;
}

// Take bytes from the client. False when there is nothing more to do now.
static bool take_from_client(struct sut_loop *loop, struct sut_connection *connection)
{
	bool is_whole = false;

	if (!sut_pass_flush(connection))
		return false;
	int n = SSL_read(connection->ssl, loop->chunk, sizeof(loop->chunk));
	if (n <= 0) {
		if (!must_wait(connection, n))
			sut_connection_bury(loop, connection);
		return false;
	}
	connection->wants_to_write = false;
	loop->passed.size = 0;
	struct sut_refusal refusal =
		check_chunk(loop, connection, (struct sut_view){ loop->chunk, n }, &is_whole);
	if (refusal.status) {
		refuse(loop, connection, &refusal);
		return false;
	}
	if (loop->passed.size &&
	    !sut_pass_take(loop, connection, sut_buf_view(&loop->passed), is_whole)) {
		sut_connection_bury(loop, connection);
		return false;
	}
	return true;
}

// Send what was kept for the client. False while some of it is left.
static bool flush_client(struct sut_loop *loop, struct sut_connection *connection)
{
	struct sut_buf *rest = &connection->to_client;

	while (rest->size) {
		int n = SSL_write(connection->ssl, rest->data, rest->size);

		if (n <= 0) {
			if (!must_wait(connection, n))
				sut_connection_bury(loop, connection);
			return false;
		}
		memmove(rest->data, rest->data + n, rest->size - n);
		rest->size -= n;
	}
	sut_buf_deinit(rest);
	return true;
}

// Take bytes from the server to the client. False when there is nothing more to do now.
static bool take_from_server(struct sut_loop *loop, struct sut_connection *connection)
{
	if (!flush_client(loop, connection) || connection->inner.fd < 0)
		return false;
	ssize_t n = recv(connection->inner.fd, loop->chunk, sizeof(loop->chunk), 0);
	if (n < 0)
		return false;
	if (n == 0 && sut_pass_hold(loop, connection))
		return false;
	if (n == 0) {
		sut_pass_drop(loop, connection);
		sut_watch_close(&connection->inner);
		connection->state = SUT_CONNECTION_FLUSHING;
		sut_connection_set_deadline(connection, STALL_S);
		return false;
	}
	sut_pass_answered(loop, connection);
	sut_connection_set_deadline(connection, IDLE_S);
	int done = SSL_write(connection->ssl, loop->chunk, n);
	if (done <= 0 && !must_wait(connection, done)) {
		sut_connection_bury(loop, connection);
		return false;
	}
	if (done < 0)
		done = 0;
	struct sut_err *err =
		done < n ? sut_buf_add(&connection->to_client, loop->chunk + done, n - done) : NULL;
	if (err) {
		sut_err_free(err);
		sut_connection_bury(loop, connection);
		return false;
	}
	if (connection->to_client.size)
		sut_connection_set_deadline(connection, STALL_S);
	return true;
}

static void finish(struct sut_loop *loop, struct sut_connection *connection)
{
	if (!flush_client(loop, connection) || connection->state == SUT_CONNECTION_DEAD)
		return;
	SSL_shutdown(connection->ssl);
	ERR_clear_error();
	shutdown(connection->client.fd, SHUT_WR);
	connection->state = SUT_CONNECTION_LINGERING;
	sut_connection_set_deadline(connection, LINGER_S);
}

static void linger(struct sut_loop *loop, struct sut_connection *connection)
{
	ssize_t n = recv(connection->client.fd, loop->chunk, sizeof(loop->chunk), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		sut_connection_bury(loop, connection);
}

void sut_connection_rewatch(struct sut_loop *loop, struct sut_connection *connection)
{
	bool has_rest = connection->to_client.size > 0;
	uint32_t client = has_rest || connection->wants_to_write ? EPOLLOUT : 0;
	uint32_t inner = has_rest ? 0 : EPOLLIN;

	// While the server is slow to take a body, nothing more of it is taken.
	if (connection->state != SUT_CONNECTION_FLUSHING && !connection->to_inner.size)
		client |= EPOLLIN;
	if (connection->to_inner.size)
		inner |= EPOLLOUT;
	sut_watch_set(loop->epoll, &connection->client, client);
	sut_watch_set(loop->epoll, &connection->inner, inner);
}

void sut_connection_serve(struct sut_loop *loop, struct sut_connection *connection)
{
	if (connection->state == SUT_CONNECTION_HANDSHAKE)
		shake_hands(loop, connection);
	while (connection->state == SUT_CONNECTION_OPEN) {
		bool has_more = take_from_server(loop, connection);
		if (connection->state == SUT_CONNECTION_OPEN)
			has_more |= take_from_client(loop, connection);
		if (!has_more)
			break;
	}
	if (connection->state == SUT_CONNECTION_FLUSHING)
		finish(loop, connection);
	if (connection->state == SUT_CONNECTION_LINGERING)
		linger(loop, connection);
	if (connection->state != SUT_CONNECTION_DEAD)
		sut_connection_rewatch(loop, connection);
}

void sut_connection_add(struct sut_loop *loop, int fd, SSL *ssl,
			const struct sockaddr_storage *address)
{
	struct sut_connection *connection = calloc(1, sizeof(*connection));
	struct sut_peer *peer = sut_peer_new(address);
	int on = 1;

	if (!connection || !peer || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		sut_peer_unref(peer);
		free(connection);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	connection->client = (struct sut_watch){ .owner = connection, .fd = fd };
	connection->inner = (struct sut_watch){ .owner = connection, .fd = -1 };
	connection->ssl = ssl;
	connection->peer = peer;
	TAILQ_INSERT_TAIL(&loop->all, connection, all);
	sut_connection_set_deadline(connection, HANDSHAKE_S);
	atomic_fetch_add(&loop->shared->n_connections, 1);
	sut_connection_serve(loop, connection);
}
