// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the device remembers: trust/device.json and trust/events
 *
 * Only the patching process writes them, and before it says anything of it to
 * anybody, so that nothing is lost when it is ended at any moment.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/config.h"

/** The device. Owns its JSON. */
struct sut_memory {
	const struct sut_config *config; /**< Borrowed. */
	/** "id", "ring", "release": null or texts; "held": {HOTPATCH: {"sha256", "reason":
	 *  "probe-failed" or "crash", "detail", "since", "release"}}; "hub_hold": text or null;
	 *  "paused": boolean; "report": seq of the last one; "told": what has been told as
	 *  applied (act.h). */
	json_t *json;
	uint64_t next_event; /**< seq. */
};

/** Read it, or begin it. */
sut_check struct sut_err *sut_memory_init(const struct sut_config *config, struct sut_memory *ret);
void sut_memory_deinit(struct sut_memory *device);

/** Save what is in @c json. */
sut_check struct sut_err *sut_memory_save(const struct sut_memory *device);

/** Set a member that is a text, NULL for null, and save it. @p has_changed may be NULL. */
sut_check struct sut_err *sut_memory_set(struct sut_memory *device, const char *key,
					 const char *value, bool *has_changed);

/** The ring: of the configuration, else the hub's, else "". Borrowed. */
const char *sut_memory_ring(const struct sut_memory *device);

/** Write an event down. @p hotpatch may be NULL. @p time: seconds since 1970. */
sut_check struct sut_err *sut_memory_event(struct sut_memory *device, int64_t time,
					   const char *type, const char *hotpatch,
					   const char *detail);

/** The oldest events that are not acknowledged, at most @p most, as an array, a new
 *  reference. */
sut_check struct sut_err *sut_memory_events(const struct sut_config *config, size_t most,
					    json_t **ret);

/** Everything up to event @p seq has arrived. */
sut_check struct sut_err *sut_memory_acknowledge(struct sut_memory *device, uint64_t seq);
