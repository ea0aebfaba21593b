// SPDX-License-Identifier: Apache-2.0
#include "hub/http/front.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/time.h"
#include "hub/auth/ca.h"
#include "hub/http/gate.h"
#include "hub/http/listen.h"
#include "hub/http/problem.h"
#include "hub/http/watch.h"

// How long a client may take, in seconds: to shake hands, for a whole request, to take an
// answer's next bytes, between two requests, and to close after a refusal.
enum { HANDSHAKE_S = 10, REQUEST_S = 30, STALL_S = 30, IDLE_S = 150, LINGER_S = 2 };
enum { CHUNK = 16384, MAX_EVENTS = 256 };

enum state {
	HANDSHAKE,
	OPEN,
	FLUSHING,  /**< What is to be sent is; then no more. */
	LINGERING, /**< Ours is said: a close now could destroy it on its way. */
	DEAD,
};

/** A client. Owned by its thread. */
struct connection {
	struct sut_watch client, inner; /**< inner: our end of the pair to the server. */
	SSL *ssl;
	struct sut_peer *peer;
	struct sut_gate gate;
	enum state state;
	bool is_waiting;     /**< A request was passed on and nothing has come back yet. */
	bool wants_to_write; /**< TLS must write before it can read. */
	struct sut_buf to_inner, to_client; /**< Rests that did not fit; seldom there. */
	int64_t deadline;                   /**< Seconds; INT64_MAX: none. */
	struct connection *next, *prev;
};

struct thread {
	struct sut_front *front;
	pthread_t id;
	bool is_running;
	int epoll;
	struct sut_watch listener, bell;
	struct connection *first, *dead; /**< Living ones; those to free after this round. */
	struct sut_buf passed;           /**< What the gate wrote: reused. */
	uint8_t chunk[CHUNK];
};

struct sut_front {
	struct sut_front_options options;
	int listener, bell, port;
	pthread_mutex_t tls_lock;
	SSL_CTX *tls;
	atomic_size_t n_connections;
	atomic_ulong n_refused;
	atomic_bool is_stopping;
	struct thread *threads;
};

// Events of this round may still name it: it is freed when the round is over.
static void bury(struct thread *thread, struct connection *connection)
{
	if (connection->state == DEAD)
		return;
	connection->state = DEAD;
	atomic_store(&connection->peer->is_gone, true);
	sut_watch_close(&connection->inner);
	sut_watch_close(&connection->client);
	if (connection->prev)
		connection->prev->next = connection->next;
	else
		thread->first = connection->next;
	if (connection->next)
		connection->next->prev = connection->prev;
	connection->next = thread->dead;
	thread->dead = connection;
	atomic_fetch_sub(&thread->front->n_connections, 1);
}

static void free_dead(struct thread *thread)
{
	while (thread->dead) {
		struct connection *connection = thread->dead;

		thread->dead = connection->next;
		SSL_free(connection->ssl);
		sut_gate_deinit(&connection->gate);
		sut_buf_deinit(&connection->to_inner);
		sut_buf_deinit(&connection->to_client);
		sut_peer_unref(connection->peer);
		free(connection);
	}
}

static void set_deadline(struct connection *connection, int64_t seconds)
{
	connection->deadline = sut_time_now() + seconds;
}

// No request of this client reaches the server any more, nor any answer the client.
static void refuse(struct thread *thread, struct connection *connection,
		   const struct sut_refusal *refusal)
{
	atomic_fetch_add(&thread->front->n_refused, 1);
	sut_watch_close(&connection->inner);
	// In the middle of an answer nothing else can be said.
	if (connection->to_client.size) {
		bury(thread, connection);
		return;
	}
	struct sut_err *err = sut_problem_write(refusal->status, "bad-request", refusal->text,
						&connection->to_client);
	if (err) {
		sut_err_free(err);
		bury(thread, connection);
		return;
	}
	connection->state = FLUSHING;
	set_deadline(connection, STALL_S);
}

// What the last call of TLS means: true when it only has to wait.
static bool must_wait(struct connection *connection, int result)
{
	int error = SSL_get_error(connection->ssl, result);

	ERR_clear_error();
	connection->wants_to_write = error == SSL_ERROR_WANT_WRITE;
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void shake_hands(struct thread *thread, struct connection *connection)
{
	int result = SSL_accept(connection->ssl);

	if (result != 1) {
		if (!must_wait(connection, result))
			bury(thread, connection);
		return;
	}
	connection->wants_to_write = false;
	if (!sut_ca_find_device(connection->ssl, connection->peer->device))
		connection->peer->device[0] = '\0';
	connection->state = OPEN;
	set_deadline(connection, REQUEST_S);
}

// Give the server its end of a new pair of sockets.
static bool connect_server(struct thread *thread, struct connection *connection)
{
	struct sut_front_options *options = &thread->front->options;
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
		return false;
	}
	connection->inner.fd = pair[0];
	return true;
}

// Write @bytes to the server; what does not fit is kept. False: the connection is over.
static bool pass_on(struct connection *connection, struct sut_view bytes)
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

// Send what was kept. False while some of it is left; an error shows when it is read.
static bool flush_inner(struct connection *connection)
{
	struct sut_buf *rest = &connection->to_inner;

	if (!rest->size)
		return true;
	ssize_t done = send(connection->inner.fd, rest->data, rest->size, MSG_NOSIGNAL);
	if (done <= 0)
		return false;
	memmove(rest->data, rest->data + done, rest->size - done);
	rest->size -= done;
	if (!rest->size)
		sut_buf_deinit(rest);
	return !rest->size;
}

static struct sut_refusal check_chunk(struct thread *thread, struct connection *connection,
				      struct sut_view bytes)
{
	static const struct sut_refusal more = {
		400, "There is something behind the request, before it has an answer."
	};
	struct sut_refusal refusal;
	size_t used;

	if (connection->is_waiting)
		return more;
	bool was_inside = connection->gate.is_inside;
	struct sut_err *err =
		sut_gate_feed(&connection->gate, bytes, &thread->passed, &used, &refusal);
	if (err) {
		sut_err_free(err);
		return (struct sut_refusal){ 503, "The server is out of memory." };
	}
	if (refusal.status)
		return refusal;
	if (!was_inside)
		set_deadline(connection, REQUEST_S);
	if (connection->gate.is_inside)
		return refusal;
	connection->is_waiting = true;
	connection->deadline = INT64_MAX;
	return used < bytes.size ? more : refusal;
}

// Take bytes from the client. False when there is nothing more to do now.
static bool take_from_client(struct thread *thread, struct connection *connection)
{
	if (!flush_inner(connection))
		return false;
	int n = SSL_read(connection->ssl, thread->chunk, CHUNK);
	if (n <= 0) {
		if (!must_wait(connection, n))
			bury(thread, connection);
		return false;
	}
	connection->wants_to_write = false;
	thread->passed.size = 0;
	struct sut_refusal refusal =
		check_chunk(thread, connection, (struct sut_view){ thread->chunk, n });
	if (refusal.status) {
		refuse(thread, connection, &refusal);
		return false;
	}
	if (thread->passed.size && (!connect_server(thread, connection) ||
				    !pass_on(connection, sut_buf_view(&thread->passed)))) {
		bury(thread, connection);
		return false;
	}
	return true;
}

// Send what was kept for the client. False while some of it is left.
static bool flush_client(struct thread *thread, struct connection *connection)
{
	struct sut_buf *rest = &connection->to_client;

	while (rest->size) {
		int n = SSL_write(connection->ssl, rest->data, rest->size);

		if (n <= 0) {
			if (!must_wait(connection, n))
				bury(thread, connection);
			return false;
		}
		memmove(rest->data, rest->data + n, rest->size - n);
		rest->size -= n;
	}
	sut_buf_deinit(rest);
	return true;
}

// Take bytes from the server to the client. False when there is nothing more to do now.
static bool take_from_server(struct thread *thread, struct connection *connection)
{
	if (!flush_client(thread, connection) || connection->inner.fd < 0)
		return false;
	ssize_t n = recv(connection->inner.fd, thread->chunk, CHUNK, 0);
	if (n < 0)
		return false;
	if (n == 0) {
		sut_watch_close(&connection->inner);
		connection->state = FLUSHING;
		set_deadline(connection, STALL_S);
		return false;
	}
	connection->is_waiting = false;
	set_deadline(connection, IDLE_S);
	int done = SSL_write(connection->ssl, thread->chunk, n);
	if (done <= 0 && !must_wait(connection, done)) {
		bury(thread, connection);
		return false;
	}
	if (done < 0)
		done = 0;
	struct sut_err *err =
		done < n ? sut_buf_add(&connection->to_client, thread->chunk + done, n - done)
			 : NULL;
	if (err) {
		sut_err_free(err);
		bury(thread, connection);
		return false;
	}
	if (connection->to_client.size)
		set_deadline(connection, STALL_S);
	return true;
}

static void finish(struct thread *thread, struct connection *connection)
{
	if (!flush_client(thread, connection) || connection->state == DEAD)
		return;
	SSL_shutdown(connection->ssl);
	ERR_clear_error();
	shutdown(connection->client.fd, SHUT_WR);
	connection->state = LINGERING;
	set_deadline(connection, LINGER_S);
}

static void linger(struct thread *thread, struct connection *connection)
{
	ssize_t n = recv(connection->client.fd, thread->chunk, CHUNK, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		bury(thread, connection);
}

static void rewatch(struct thread *thread, struct connection *connection)
{
	bool has_rest = connection->to_client.size > 0;
	uint32_t client = has_rest || connection->wants_to_write ? EPOLLOUT : 0;
	uint32_t inner = has_rest ? 0 : EPOLLIN;

	// While the server is slow to take a body, nothing more of it is taken.
	if (connection->state != FLUSHING && !connection->to_inner.size)
		client |= EPOLLIN;
	if (connection->to_inner.size)
		inner |= EPOLLOUT;
	sut_watch_set(thread->epoll, &connection->client, client);
	sut_watch_set(thread->epoll, &connection->inner, inner);
}

static void serve(struct thread *thread, struct connection *connection)
{
	if (connection->state == HANDSHAKE)
		shake_hands(thread, connection);
	while (connection->state == OPEN) {
		bool has_more = take_from_server(thread, connection);
		if (connection->state == OPEN)
			has_more |= take_from_client(thread, connection);
		if (!has_more)
			break;
	}
	if (connection->state == FLUSHING)
		finish(thread, connection);
	if (connection->state == LINGERING)
		linger(thread, connection);
	if (connection->state != DEAD)
		rewatch(thread, connection);
}

static SSL *make_ssl(struct sut_front *front, int fd)
{
	pthread_mutex_lock(&front->tls_lock);
	SSL *ssl = SSL_new(front->tls);
	pthread_mutex_unlock(&front->tls_lock);
	if (ssl && SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

static void add_connection(struct thread *thread, int fd, const struct sockaddr_storage *address)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct sut_peer *peer = sut_peer_new(address);
	SSL *ssl = make_ssl(thread->front, fd);
	int on = 1;

	if (!connection || !peer || !ssl) {
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
	connection->next = thread->first;
	if (thread->first)
		thread->first->prev = connection;
	thread->first = connection;
	set_deadline(connection, HANDSHAKE_S);
	atomic_fetch_add(&thread->front->n_connections, 1);
	serve(thread, connection);
}

static void accept_some(struct thread *thread)
{
	struct sut_front *front = thread->front;

	// Not all at once: the others' requests are waiting too.
	for (int i = 0; i < 16; i++) {
		struct sockaddr_storage address;
		socklen_t size = sizeof(address);
		int fd = accept4(thread->listener.fd, (struct sockaddr *)&address, &size,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (atomic_load(&front->n_connections) >= front->options.max_connections)
			close(fd);
		else
			add_connection(thread, fd, &address);
	}
}

static void end_late_ones(struct thread *thread)
{
	int64_t now = sut_time_now();

	for (struct connection *at = thread->first, *next; at; at = next) {
		next = at->next;
		if (at->deadline < now)
			bury(thread, at);
	}
}

static void *run(void *context)
{
	struct thread *thread = context;
	struct epoll_event events[MAX_EVENTS];
	int64_t looked = sut_time_now();

	while (!atomic_load(&thread->front->is_stopping)) {
		int n = epoll_wait(thread->epoll, events, MAX_EVENTS, 1000);

		for (int i = 0; i < n; i++) {
			struct sut_watch *of = events[i].data.ptr;
			struct connection *connection = of->owner;

			if (of == &thread->listener)
				accept_some(thread);
			else if (connection && connection->state != DEAD)
				serve(thread, connection);
		}
		if (sut_time_now() != looked) {
			looked = sut_time_now();
			end_late_ones(thread);
		}
		free_dead(thread);
	}
	while (thread->first)
		bury(thread, thread->first);
	free_dead(thread);
	return NULL;
}

static struct sut_err *start_thread(struct sut_front *front, struct thread *thread)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	thread->front = front;
	thread->listener.fd = front->listener;
	thread->bell.fd = front->bell;
	thread->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (thread->epoll < 0)
		return sut_err_os(errno, "epoll");
	// One connection wakes one thread.
	event.data.ptr = &thread->listener;
	if (epoll_ctl(thread->epoll, EPOLL_CTL_ADD, front->listener, &event) < 0)
		return sut_err_os(errno, "epoll");
	sut_watch_set(thread->epoll, &thread->bell, EPOLLIN);
	int error = pthread_create(&thread->id, NULL, run, thread);
	if (error)
		return sut_err_os(error, "thread");
	thread->is_running = true;
	return NULL;
}

struct sut_err *sut_front_open(const struct sut_front_options *options, struct sut_front **ret)
{
	_cleanup_(sut_front_closep) struct sut_front *front = calloc(1, sizeof(*front));
	struct sut_err *err;

	if (!front)
		return sut_err_nomem();
	front->options = *options;
	front->listener = -1;
	pthread_mutex_init(&front->tls_lock, NULL);
	SSL_CTX_up_ref(options->tls);
	front->tls = options->tls;
	front->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	front->threads = calloc(options->n_threads, sizeof(*front->threads));
	if (!front->threads)
		return sut_err_nomem();
	for (int i = 0; i < options->n_threads; i++)
		front->threads[i].epoll = -1;
	err = sut_listen(options->address, options->port, &front->listener, &front->port);
	if (err)
		return err;
	*ret = steal(front);
	return NULL;
}

struct sut_err *sut_front_start(struct sut_front *front)
{
	struct sut_err *err = NULL;

	for (int i = 0; i < front->options.n_threads && !err; i++)
		err = start_thread(front, &front->threads[i]);
	return err;
}

void sut_front_stop(struct sut_front *front)
{
	atomic_store(&front->is_stopping, true);
	eventfd_write(front->bell, 1);
	for (int i = 0; front->threads && i < front->options.n_threads; i++) {
		struct thread *thread = &front->threads[i];

		if (thread->is_running)
			pthread_join(thread->id, NULL);
		thread->is_running = false;
	}
}

void sut_front_close(struct sut_front *front)
{
	if (!front)
		return;
	sut_front_stop(front);
	for (int i = 0; front->threads && i < front->options.n_threads; i++) {
		if (front->threads[i].epoll >= 0)
			close(front->threads[i].epoll);
		sut_buf_deinit(&front->threads[i].passed);
	}
	free(front->threads);
	if (front->listener >= 0)
		close(front->listener);
	close(front->bell);
	SSL_CTX_free(front->tls);
	pthread_mutex_destroy(&front->tls_lock);
	free(front);
}

int sut_front_port(const struct sut_front *front)
{
	return front->port;
}

void sut_front_set_tls(struct sut_front *front, SSL_CTX *tls)
{
	pthread_mutex_lock(&front->tls_lock);
	SSL_CTX *old = front->tls;
	SSL_CTX_up_ref(tls);
	front->tls = tls;
	pthread_mutex_unlock(&front->tls_lock);
	SSL_CTX_free(old);
}

size_t sut_front_n_connections(const struct sut_front *front)
{
	return atomic_load(&front->n_connections);
}

unsigned long sut_front_n_refused(const struct sut_front *front)
{
	return atomic_load(&front->n_refused);
}
