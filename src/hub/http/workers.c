// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "hub/events/bus.h"
#include "hub/http/call.h"
#include "hub/http/front.h"

// So many may wait for the disk at the same time and share one commit; their stacks are
// only touched as deep as a route goes.
enum { N_WORKERS = 64, STACK_SIZE = 512 * 1024 };
// A stream says something at least so often, so that both ends see when the other is gone.
#define STREAM_ALIVE (15 * INT64_C(1000000))
// Streams are told this often at most, however much happens.
#define STREAM_PACE (INT64_C(100000))
// A stream ends after this time: the page asks again, goes on where it was, and who asks is
// checked anew, so that nobody listens for long after his session or token has ended.
#define STREAM_LIFE (INT64_C(180) * 1000000)
enum { STREAM_BLOCK = 4096 };

struct sut_workers {
	struct sut_hub *hub;
	sut_workers_ready ready;
	pthread_mutex_t lock; /**< Of all that follows. */
	pthread_cond_t work, tick;
	struct sut_call *first, **last; /**< The queue. */
	struct sut_call *streams;
	size_t n_streams;
	bool has_news; /**< For the streams. */
	bool is_stopping, is_stopped;
	size_t n_threads;
	pthread_t threads[N_WORKERS], ticker;
	bool has_ticker;
};

static void push(struct sut_workers *workers, struct sut_call *call)
{
	call->next = NULL;
	*workers->last = call;
	workers->last = &call->next;
	pthread_cond_signal(&workers->work);
}

void sut_workers_add(struct sut_workers *workers, struct sut_call *call)
{
	pthread_mutex_lock(&workers->lock);
	bool is_late = workers->is_stopped;
	if (!is_late)
		push(workers, call);
	pthread_mutex_unlock(&workers->lock);
	if (!is_late)
		return;
	call->reply.status = 503;
	workers->ready(call);
}

static struct sut_call *take(struct sut_workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	while (!workers->first && !workers->is_stopped)
		pthread_cond_wait(&workers->work, &workers->lock);
	struct sut_call *call = workers->first;
	if (call) {
		workers->first = call->next;
		if (!workers->first)
			workers->last = &workers->first;
	}
	pthread_mutex_unlock(&workers->lock);
	return call;
}

static void *work(void *context)
{
	struct sut_workers *workers = context;
	struct sut_call *call;

	while ((call = take(workers))) {
		sut_call_run(workers->hub, call);
		workers->ready(call);
	}
	return NULL;
}

// Under the lock: resuming only sets a flag and rings.
static void wake_stream(struct sut_workers *workers, struct sut_call *call)
{
	if (!call->is_asleep)
		return;
	call->is_asleep = false;
	workers->ready(call);
}

static void look_at_streams(struct sut_workers *workers, int64_t now)
{
	for (struct sut_call *call = workers->streams; call; call = call->stream_next)
		if (workers->has_news || workers->is_stopping ||
		    call->stream_sent + STREAM_ALIVE <= now || atomic_load(&call->peer->is_gone))
			wake_stream(workers, call);
	workers->has_news = false;
}

void sut_workers_tell_streams(struct sut_workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->has_news = true;
	pthread_cond_signal(&workers->tick);
	pthread_mutex_unlock(&workers->lock);
}

// Once a second, or when there is news for streams, but these at a pace.
static void *tick(void *context)
{
	struct sut_workers *workers = context;

	pthread_mutex_lock(&workers->lock);
	while (!workers->is_stopping) {
		int64_t now = sut_time_now_us();
		int64_t until = now + (workers->has_news ? STREAM_PACE : 1000000);
		struct timespec time = { until / 1000000, until % 1000000 * 1000 };

		if (workers->has_news) {
			pthread_mutex_unlock(&workers->lock);
			nanosleep(&(struct timespec){ 0, STREAM_PACE * 1000 }, NULL);
			pthread_mutex_lock(&workers->lock);
		} else {
			pthread_cond_timedwait(&workers->tick, &workers->lock, &time);
		}
		look_at_streams(workers, sut_time_now_us());
	}
	look_at_streams(workers, 0);
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

static struct sut_err *start_threads(struct sut_workers *workers)
{
	pthread_attr_t attributes;
	int error = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (; workers->n_threads < N_WORKERS && !error; workers->n_threads += !error)
		error = pthread_create(&workers->threads[workers->n_threads], &attributes, work,
				       workers);
	if (!error)
		error = pthread_create(&workers->ticker, &attributes, tick, workers);
	workers->has_ticker = !error;
	pthread_attr_destroy(&attributes);
	return error ? sut_err_os(error, "worker threads") : NULL;
}

struct sut_err *sut_workers_new(struct sut_hub *hub, sut_workers_ready ready,
				struct sut_workers **ret)
{
	struct sut_workers *workers = calloc(1, sizeof(*workers));

	if (!workers)
		return sut_err_nomem();
	workers->hub = hub;
	workers->ready = ready;
	workers->last = &workers->first;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->work, NULL);
	pthread_cond_init(&workers->tick, NULL);
	struct sut_err *err = start_threads(workers);
	if (err) {
		sut_workers_free(workers);
		return err;
	}
	*ret = workers;
	return NULL;
}

void sut_workers_stop(struct sut_workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->is_stopping = true;
	pthread_cond_signal(&workers->tick);
	pthread_mutex_unlock(&workers->lock);
	if (workers->has_ticker)
		pthread_join(workers->ticker, NULL);
	workers->has_ticker = false;
	pthread_mutex_lock(&workers->lock);
	workers->is_stopped = true;
	pthread_cond_broadcast(&workers->work);
	pthread_mutex_unlock(&workers->lock);
	// A worker leaves only when the queue is empty.
	for (size_t i = 0; i < workers->n_threads; i++)
		pthread_join(workers->threads[i], NULL);
	workers->n_threads = 0;
}

void sut_workers_free(struct sut_workers *workers)
{
	if (!workers)
		return;
	sut_workers_stop(workers);
	pthread_cond_destroy(&workers->work);
	pthread_cond_destroy(&workers->tick);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}

void sut_workers_add_stream(struct sut_workers *workers, struct sut_call *call)
{
	pthread_mutex_lock(&workers->lock);
	call->is_stream = true;
	call->stream_seq = call->reply.stream_from;
	call->stream_at = &workers->streams;
	call->stream_next = workers->streams;
	if (call->stream_next)
		call->stream_next->stream_at = &call->stream_next;
	workers->streams = call;
	workers->n_streams++;
	pthread_mutex_unlock(&workers->lock);
}

void sut_workers_remove_stream(struct sut_workers *workers, struct sut_call *call)
{
	pthread_mutex_lock(&workers->lock);
	if (call->stream_at) {
		*call->stream_at = call->stream_next;
		if (call->stream_next)
			call->stream_next->stream_at = call->stream_at;
		call->stream_at = NULL;
		workers->n_streams--;
	}
	pthread_mutex_unlock(&workers->lock);
}

// The first words of a stream: how soon to come again when it ends, and the number to go on
// from although nothing has happened yet.
static void greet_stream(struct sut_call *call)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "retry: 250\nid: %llu\n\n",
			    (unsigned long long)call->stream_seq - 1);

	sut_err_free(sut_buf_add(&call->rest, text, size));
}

// What is new for the stream, into its rest. A comment when nothing was for long.
static void feed_stream(struct sut_workers *workers, struct sut_call *call, int64_t now)
{
	call->stream_seq =
		sut_bus_write(workers->hub->bus, call->stream_seq, STREAM_BLOCK, &call->rest);
	if (!call->rest.size && !call->is_fed)
		greet_stream(call);
	if (!call->rest.size && call->stream_sent + STREAM_ALIVE <= now)
		sut_err_free(sut_buf_add(&call->rest, ": \n\n", 4));
	call->is_fed = true;
	if (call->rest.size)
		call->stream_sent = now;
}

ssize_t sut_workers_read_stream(struct sut_workers *workers, struct sut_call *call, char *to,
				size_t size, void (*sleep)(struct sut_call *call))
{
	struct sut_buf *rest = &call->rest;

	pthread_mutex_lock(&workers->lock);
	if (!rest->size && !workers->is_stopping)
		feed_stream(workers, call, sut_time_now_us());
	if (size > rest->size)
		size = rest->size;
	memcpy(to, rest->data ? rest->data : (uint8_t *)"", size);
	if (size)
		memmove(rest->data, rest->data + size, rest->size - size);
	rest->size -= size;
	bool is_over = !size && (workers->is_stopping || atomic_load(&call->peer->is_gone) ||
				 call->request.asked + STREAM_LIFE <= sut_time_now_us());
	if (!size && !is_over) {
		call->is_asleep = true;
		sleep(call);
	}
	pthread_mutex_unlock(&workers->lock);
	return is_over ? -1 : (ssize_t)size;
}

size_t sut_workers_n_streams(struct sut_workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	size_t n = workers->n_streams;
	pthread_mutex_unlock(&workers->lock);
	return n;
}
