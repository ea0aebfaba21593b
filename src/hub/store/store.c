// SPDX-License-Identifier: Apache-2.0
#include "hub/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "hub/store/database.h"

// As many writes become one commit at most; those behind wait for the next one.
enum { MAX_GROUP = 256, N_READERS = 8 };

/** A write that waits: it stands on its caller's stack. */
struct write {
	sut_store_fn fn;
	void *context;
	struct sut_err *err; /**< What became of it, the caller's then. */
	bool is_done;
	pthread_cond_t done;
	struct write *next;
};

struct sut_store {
	pthread_mutex_t lock;        /**< Of all that follows up to writer. */
	pthread_cond_t work;         /**< The queue has something, or it is time to stop. */
	pthread_cond_t reader_free;  /**< One of the readers was put back. */
	struct write *first, **last; /**< The queue, oldest first. */
	struct sut_database *readers[N_READERS]; /**< Those that nobody uses now. */
	size_t n_free;
	bool is_stopping;
	struct sut_database *writer; /**< Used by the thread alone. */
	pthread_t thread;
	bool has_thread;
};

// Take up to MAX_GROUP waiting writes off the queue; NULL when the store closes.
static struct write *take_group(struct sut_store *store)
{
	struct write *group;

	pthread_mutex_lock(&store->lock);
	while (!store->first && !store->is_stopping)
		pthread_cond_wait(&store->work, &store->lock);
	group = store->first;
	struct write **end = &store->first;
	for (int n = 0; *end && n < MAX_GROUP; n++)
		end = &(*end)->next;
	store->first = *end;
	if (!store->first)
		store->last = &store->first;
	if (group)
		*end = NULL;
	pthread_mutex_unlock(&store->lock);
	return group;
}

static void finish_group(struct sut_store *store, struct write *group)
{
	pthread_mutex_lock(&store->lock);
	for (struct write *write = group, *next; write; write = next) {
		// Once it is done the caller's stack may be gone.
		next = write->next;
		write->is_done = true;
		pthread_cond_signal(&write->done);
	}
	pthread_mutex_unlock(&store->lock);
}

// None of the group is durable: those that had no error of their own have this one.
static void fail_group(struct write *group, const struct sut_err *err)
{
	for (struct write *write = group; write; write = write->next) {
		if (write->err)
			continue;
		write->err = sut_err(err->code, "%s", err->msg);
		write->err->os_errno = err->os_errno;
	}
}

static struct sut_err *run_group(struct sut_database *database, struct write *group)
{
	struct sut_err *err = sut_database_begin(database, true);

	if (err)
		return err;
	for (struct write *write = group; write && !err; write = write->next)
		err = sut_database_nested(database, write->fn, write->context, &write->err);
	if (err) {
		sut_database_rollback(database);
		return err;
	}
	return sut_database_commit(database);
}

static void *write_groups(void *context)
{
	struct sut_store *store = context;
	struct write *group;

	while ((group = take_group(store))) {
		struct sut_err *err = run_group(store->writer, group);

		if (err)
			fail_group(group, err);
		sut_err_free(err);
		finish_group(store, group);
	}
	return NULL;
}

static struct sut_err *open_databases(struct sut_store *store, const char *path)
{
	struct sut_err *err = sut_database_open(path, &store->writer);

	if (!err)
		err = sut_database_upgrade(store->writer);
	for (; !err && store->n_free < N_READERS; store->n_free++)
		err = sut_database_open(path, &store->readers[store->n_free]);
	return err;
}

struct sut_err *sut_store_open(const char *path, struct sut_store **ret)
{
	_cleanup_(sut_store_closep) struct sut_store *store = calloc(1, sizeof(*store));

	if (!store)
		return sut_err_nomem();
	store->last = &store->first;
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->work, NULL);
	pthread_cond_init(&store->reader_free, NULL);

	struct sut_err *err = open_databases(store, path);
	if (err)
		return sut_err_wrap(err, "%s", path);
	int error = pthread_create(&store->thread, NULL, write_groups, store);
	if (error)
		return sut_err_os(error, "thread of the store");
	store->has_thread = true;
	*ret = steal(store);
	return NULL;
}

void sut_store_close(struct sut_store *store)
{
	if (!store)
		return;
	pthread_mutex_lock(&store->lock);
	store->is_stopping = true;
	pthread_cond_signal(&store->work);
	pthread_mutex_unlock(&store->lock);
	if (store->has_thread)
		pthread_join(store->thread, NULL);
	for (size_t i = 0; i < store->n_free; i++)
		sut_database_close(store->readers[i]);
	sut_database_close(store->writer);
	pthread_cond_destroy(&store->reader_free);
	pthread_cond_destroy(&store->work);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

struct sut_err *sut_store_write(struct sut_store *store, sut_store_fn fn, void *context)
{
	struct write write = { .fn = fn, .context = context };

	pthread_cond_init(&write.done, NULL);
	pthread_mutex_lock(&store->lock);
	*store->last = &write;
	store->last = &write.next;
	pthread_cond_signal(&store->work);
	while (!write.is_done)
		pthread_cond_wait(&write.done, &store->lock);
	pthread_mutex_unlock(&store->lock);
	pthread_cond_destroy(&write.done);
	return write.err;
}

static struct sut_database *take_reader(struct sut_store *store)
{
	struct sut_database *reader;

	pthread_mutex_lock(&store->lock);
	while (!store->n_free)
		pthread_cond_wait(&store->reader_free, &store->lock);
	reader = store->readers[--store->n_free];
	pthread_mutex_unlock(&store->lock);
	return reader;
}

static void put_reader(struct sut_store *store, struct sut_database *reader)
{
	pthread_mutex_lock(&store->lock);
	store->readers[store->n_free++] = reader;
	pthread_cond_signal(&store->reader_free);
	pthread_mutex_unlock(&store->lock);
}

struct sut_err *sut_store_read(struct sut_store *store, sut_store_fn fn, void *context)
{
	struct sut_database *reader = take_reader(store);
	struct sut_err *err = sut_database_begin(reader, false);

	if (!err) {
		err = fn(sut_database_tx(reader), context);
		sut_database_rollback(reader);
	}
	put_reader(store, reader);
	return err;
}
