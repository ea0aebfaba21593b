// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The bus: what just happened, to those who wait for it
 *
 * Two kinds wait. A page follows a stream of small events, which are kept in a ring for
 * a while so that one who was cut off goes on where it was. A device holds a request
 * open until something concerns it: it is woken and asks again.
 *
 *     sut_bus_publish(type, id) ─► ring of events ─► streams (SSE)
 *     sut_bus_wake(device)      ─► held requests
 *
 * Nothing here is durable: after a restart a stream begins with "reset", and the
 * page fetches everything anew.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

/** How many events the ring keeps. */
#define SUT_BUS_EVENTS 4096

struct sut_buf;
struct sut_bus;

/** What the server does when there is something for its clients; it may use the bus, but
 *  not set a bell. @p key: whose requests are woken; NULL: all; "" none, only streams. */
typedef void (*sut_bus_bell)(void *context, const char *key);

sut_check struct sut_err *sut_bus_new(struct sut_bus **ret);
void sut_bus_free(struct sut_bus *bus);
DEFINE_CLEANUP(struct sut_bus *, sut_bus_free)

/** Ring @p bell from now on; NULL: nobody. No other is rung any more when this returns. */
void sut_bus_set_bell(struct sut_bus *bus, sut_bus_bell bell, void *context);

/** Tell all streams: @p type is "overview", "device", "rollout" or "audit", @p id what it
 *  is about (a name or an identifier of ours, so that it needs no quoting). */
void sut_bus_publish(struct sut_bus *bus, const char *type, const char *id);

/** Let the held requests of @p device ask again; NULL: everybody's. */
void sut_bus_wake(struct sut_bus *bus, const char *device);

/** Where a new stream begins: the number of the next event. */
uint64_t sut_bus_next(struct sut_bus *bus);

/** Is @p seq the number of an event that is still kept, or of the next one? */
bool sut_bus_has(struct sut_bus *bus, uint64_t seq);

/** Append the events from @p seq on in the form of an event stream (WHATWG HTML 9.2)
 *  to @p out, up to about @p size bytes. Returns the first that was not written;
 *  one that fell out of the ring meanwhile becomes a "reset". */
uint64_t sut_bus_write(struct sut_bus *bus, uint64_t seq, size_t size, struct sut_buf *out);
