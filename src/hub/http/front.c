// SPDX-License-Identifier: Apache-2.0
#include "hub/http/front.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/time.h"
#include "hub/http/connection.h"
#include "hub/http/listen.h"
#include "hub/http/pass.h"

enum { MAX_EVENTS = 256 };
// How long it is waited for events, in milliseconds; and while requests stand in a queue.
enum { WAIT_MS = 1000, QUEUE_WAIT_MS = 20 };
// More devices than this are not told one by one: then all are asked again.
enum { MAX_KEYS = 256 };

struct thread {
	struct sut_front *front;
	pthread_t id;
	bool is_running;
	struct sut_watch listener, bell;
	struct sut_loop loop;
	pthread_mutex_t lock;       /**< Of the next one. */
	struct sut_pass_keys woken; /**< Not looked at yet; room for MAX_KEYS. */
	char devices[MAX_KEYS][SUT_ID_SIZE], taken[MAX_KEYS][SUT_ID_SIZE];
};

struct sut_front {
	struct sut_front_options options;
	struct sut_front_shared shared;
	int listener, port;
	pthread_mutex_t tls_lock;
	SSL_CTX *tls;
	atomic_bool is_stopping;
	struct thread *threads;
};

static SSL *make_ssl(struct sut_front *front)
{
	pthread_mutex_lock(&front->tls_lock);
	SSL *ssl = SSL_new(front->tls);
	pthread_mutex_unlock(&front->tls_lock);
	return ssl;
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
		struct sut_front_shared *shared = &front->shared;
		SSL *ssl = NULL;
		if (atomic_load(&shared->n_connections) < front->options.max_connections)
			ssl = make_ssl(front);
		if (ssl)
			sut_connection_add(&thread->loop, fd, ssl, &address);
		else
			close(fd);
	}
}

// Once a second: what time alone brings about.
static void look_around(struct sut_loop *loop)
{
	int64_t now = sut_time_now_us();

	for (struct sut_connection *at = TAILQ_FIRST(&loop->all), *next; at; at = next) {
		next = TAILQ_NEXT(at, all);
		if (at->deadline < now / 1000000)
			sut_connection_bury(loop, at);
		else
			sut_pass_look(loop, at, now);
	}
}

static int compare_devices(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void hear_bell(struct thread *thread)
{
	struct sut_pass_keys keys;
	eventfd_t n;

	eventfd_read(thread->bell.fd, &n);
	pthread_mutex_lock(&thread->lock);
	keys = thread->woken;
	memcpy(thread->taken, thread->devices, keys.n * sizeof(*keys.devices));
	thread->woken = (struct sut_pass_keys){ .devices = thread->devices };
	pthread_mutex_unlock(&thread->lock);
	keys.devices = thread->taken;
	sut_array_sort(keys.devices, keys.n, sizeof(*keys.devices), compare_devices);
	sut_pass_wake(&thread->loop, &keys);
}

static void handle(struct thread *thread, struct sut_watch *watch)
{
	struct sut_connection *connection = watch->owner;

	if (watch == &thread->listener)
		accept_some(thread);
	else if (watch == &thread->bell)
		hear_bell(thread);
	else if (connection->state != SUT_CONNECTION_DEAD)
		sut_connection_serve(&thread->loop, connection);
}

static void *run(void *context)
{
	struct thread *thread = context;
	struct sut_loop *loop = &thread->loop;
	struct epoll_event events[MAX_EVENTS];
	int64_t looked = sut_time_now();

	while (!atomic_load(&thread->front->is_stopping)) {
		int n = epoll_wait(loop->epoll, events, MAX_EVENTS,
				   sut_pass_has_queue(loop) ? QUEUE_WAIT_MS : WAIT_MS);

		for (int i = 0; i < n; i++)
			handle(thread, events[i].data.ptr);
		if (sut_time_now() != looked) {
			looked = sut_time_now();
			look_around(loop);
		}
		sut_pass_go_on(loop);
		sut_connection_free_dead(loop);
	}
	while (!TAILQ_EMPTY(&loop->all))
		sut_connection_bury(loop, TAILQ_FIRST(&loop->all));
	sut_connection_free_dead(loop);
	return NULL;
}

static struct sut_err *start_thread(struct sut_front *front, struct thread *thread)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct sut_loop *loop = &thread->loop;

	thread->listener.fd = front->listener;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0 || thread->bell.fd < 0)
		return sut_err_os(errno, "epoll");
	// One connection wakes one thread.
	event.data.ptr = &thread->listener;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, front->listener, &event) < 0)
		return sut_err_os(errno, "epoll");
	sut_watch_set(loop->epoll, &thread->bell, EPOLLIN);
	int error = pthread_create(&thread->id, NULL, run, thread);
	if (error)
		return sut_err_os(error, "thread");
	thread->is_running = true;
	return NULL;
}

static void init_thread(struct sut_front *front, struct thread *thread)
{
	struct sut_loop *loop = &thread->loop;

	thread->front = front;
	thread->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->epoll = -1;
	thread->woken.devices = thread->devices;
	pthread_mutex_init(&thread->lock, NULL);
	loop->shared = &front->shared;
	TAILQ_INIT(&loop->all);
	TAILQ_INIT(&loop->dead);
	TAILQ_INIT(&loop->fresh);
	TAILQ_INIT(&loop->woken);
}

struct sut_err *sut_front_open(const struct sut_front_options *options, struct sut_front **ret)
{
	_cleanup_(sut_front_closep) struct sut_front *front = calloc(1, sizeof(*front));
	struct sut_err *err;

	if (!front)
		return sut_err_nomem();
	front->options = *options;
	front->shared.options = &front->options;
	front->listener = -1;
	pthread_mutex_init(&front->tls_lock, NULL);
	SSL_CTX_up_ref(options->tls);
	front->tls = options->tls;
	front->threads = calloc(options->n_threads, sizeof(*front->threads));
	if (!front->threads)
		return sut_err_nomem();
	for (int i = 0; i < options->n_threads; i++)
		init_thread(front, &front->threads[i]);
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
	if (!front || !front->threads)
		return;
	atomic_store(&front->is_stopping, true);
	for (int i = 0; i < front->options.n_threads; i++) {
		struct thread *thread = &front->threads[i];

		if (!thread->is_running)
			continue;
		eventfd_write(thread->bell.fd, 1);
		pthread_join(thread->id, NULL);
		thread->is_running = false;
	}
}

static void deinit_thread(struct thread *thread)
{
	sut_watch_close(&thread->bell);
	if (thread->loop.epoll >= 0)
		close(thread->loop.epoll);
	sut_buf_deinit(&thread->loop.passed);
	pthread_mutex_destroy(&thread->lock);
}

void sut_front_close(struct sut_front *front)
{
	if (!front)
		return;
	sut_front_stop(front);
	for (int i = 0; front->threads && i < front->options.n_threads; i++)
		deinit_thread(&front->threads[i]);
	free(front->threads);
	if (front->listener >= 0)
		close(front->listener);
	SSL_CTX_free(front->tls);
	pthread_mutex_destroy(&front->tls_lock);
	free(front);
}

void sut_front_wake(struct sut_front *front, const char *device)
{
	for (int i = 0; i < front->options.n_threads; i++) {
		struct thread *thread = &front->threads[i];
		struct sut_pass_keys *woken = &thread->woken;

		pthread_mutex_lock(&thread->lock);
		woken->is_all |= !device || woken->n == MAX_KEYS;
		if (!woken->is_all)
			snprintf(woken->devices[woken->n++], SUT_ID_SIZE, "%s", device);
		pthread_mutex_unlock(&thread->lock);
		eventfd_write(thread->bell.fd, 1);
	}
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
	return atomic_load(&front->shared.n_connections);
}

unsigned long sut_front_n_refused(const struct sut_front *front)
{
	return atomic_load(&front->shared.n_refused);
}

size_t sut_front_n_held(const struct sut_front *front)
{
	return atomic_load(&front->shared.n_held);
}
