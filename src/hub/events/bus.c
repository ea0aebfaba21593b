// SPDX-License-Identifier: Apache-2.0
#include "hub/events/bus.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/time.h"

struct event {
	char type[16];
	char id[64];
};

struct sut_bus {
	pthread_rwlock_t bell_lock; /**< Of the next two. */
	sut_bus_bell bell;
	void *context;
	pthread_mutex_t lock; /**< Of all that follows. */
	uint64_t first, next; /**< The oldest kept event, and the number of the next one. */
	struct event ring[SUT_BUS_EVENTS]; /**< Event n is at n modulo the size. */
};

struct sut_err *sut_bus_new(struct sut_bus **ret)
{
	struct sut_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return sut_err_nomem();
	pthread_rwlock_init(&bus->bell_lock, NULL);
	pthread_mutex_init(&bus->lock, NULL);
	// Numbers of an earlier run are all below: who comes with one is told to begin anew.
	bus->first = bus->next = (uint64_t)sut_time_now_us();
	*ret = bus;
	return NULL;
}

void sut_bus_free(struct sut_bus *bus)
{
	if (!bus)
		return;
	pthread_mutex_destroy(&bus->lock);
	pthread_rwlock_destroy(&bus->bell_lock);
	free(bus);
}

void sut_bus_set_bell(struct sut_bus *bus, sut_bus_bell bell, void *context)
{
	pthread_rwlock_wrlock(&bus->bell_lock);
	bus->bell = bell;
	bus->context = context;
	pthread_rwlock_unlock(&bus->bell_lock);
}

static void ring_bell(struct sut_bus *bus, const char *key)
{
	pthread_rwlock_rdlock(&bus->bell_lock);
	if (bus->bell)
		bus->bell(bus->context, key);
	pthread_rwlock_unlock(&bus->bell_lock);
}

void sut_bus_publish(struct sut_bus *bus, const char *type, const char *id)
{
	pthread_mutex_lock(&bus->lock);
	struct event *event = &bus->ring[bus->next % SUT_BUS_EVENTS];
	snprintf(event->type, sizeof(event->type), "%s", type);
	snprintf(event->id, sizeof(event->id), "%s", id);
	bus->next++;
	if (bus->next - bus->first > SUT_BUS_EVENTS)
		bus->first = bus->next - SUT_BUS_EVENTS;
	pthread_mutex_unlock(&bus->lock);
	ring_bell(bus, "");
}

void sut_bus_wake(struct sut_bus *bus, const char *device)
{
	ring_bell(bus, device);
}

uint64_t sut_bus_next(struct sut_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	uint64_t next = bus->next;
	pthread_mutex_unlock(&bus->lock);
	return next;
}

bool sut_bus_has(struct sut_bus *bus, uint64_t seq)
{
	pthread_mutex_lock(&bus->lock);
	bool has = seq >= bus->first && seq <= bus->next;
	pthread_mutex_unlock(&bus->lock);
	return has;
}

// One event as it goes over the wire. False without memory.
static bool write_event(struct sut_buf *out, uint64_t seq, const char *type, const char *id)
{
	char text[160];
	int size = snprintf(text, sizeof(text), "id: %llu\nevent: %s\ndata: {\"id\":\"%s\"}\n\n",
			    (unsigned long long)seq, type, id);
	struct sut_err *err = sut_buf_add(out, text, size);
	bool is_written = !err;

	sut_err_free(err);
	return is_written;
}

uint64_t sut_bus_write(struct sut_bus *bus, uint64_t seq, size_t size, struct sut_buf *out)
{
	pthread_mutex_lock(&bus->lock);
	if (seq < bus->first && write_event(out, bus->next - 1, "reset", ""))
		seq = bus->next;
	while (seq < bus->next && out->size < size) {
		const struct event *event = &bus->ring[seq % SUT_BUS_EVENTS];
		if (!write_event(out, seq, event->type, event->id))
			break;
		seq++;
	}
	pthread_mutex_unlock(&bus->lock);
	return seq;
}
