// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The story and the report
 *
 * RUNTIME/agent.json for people here (`suture status`), outbox/report.json for the hub:
 * the same facts.
 */

#include <jansson.h>
#include <stdbool.h>

#include "agent/memory.h"

/** What to tell. Borrows everything. */
struct sut_tell {
	const struct sut_config *config;
	const struct sut_memory *device;
	const json_t *facts; /**< What the patching process knows: see tell.c. */
	bool is_report;      /**< For the hub too. */
	uint64_t seq;        /**< Of the report. */
};

/** Write it (a sut_worker_fn; the context is a struct sut_tell). The answer: {"error": why
 *  not, or null, "event": seq of the last event that the report holds}. */
json_t *sut_tell_work(void *tell);
