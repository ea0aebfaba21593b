// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The inventory: which builds run here, in which processes
 *
 * Of all processes that /proc shows, containers included, those that map something
 * that matters: one of some builds, or a file at one of some paths.
 */

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/** What matters. */
struct sut_interest {
	const json_t *builds; /**< Object whose keys are build-ids. Borrowed. */
	const json_t *paths;  /**< Object whose keys are paths of files. Borrowed. */
};

/** What is there. Owns its JSON. */
struct sut_inventory {
	/** Array of {"pid", "start": clock ticks since boot, "name", "path": of its program,
	 *  "unit", "container": or null, "modules": [{"build_id", "path"}]}: only modules that
	 *  matter, each build once. */
	json_t *processes;
	size_t n_seen;   /**< Processes looked into. */
	size_t n_hidden; /**< That could not be. */
};

/** Take it. */
sut_check struct sut_err *sut_inventory_take(const struct sut_interest *interest,
					     struct sut_inventory *ret);
void sut_inventory_deinit(struct sut_inventory *inventory);

/** The clock tick at which process @p pid began; 0 when it is gone. */
unsigned long long sut_inventory_start(int pid);

/** The systemd unit in the text of a cgroup file ("web.service"), owned by the caller,
 *  or NULL. */
char *sut_inventory_unit(const char *cgroup);

/** The container in it: the name that its runtime gave it. Owned by the caller, or NULL. */
char *sut_inventory_container(const char *cgroup);
