// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the signed metadata of a hub's repository wants of each ring
 *
 * One store for all simulated devices: when one comes with a timestamp.json that is new, the
 * full TUF update is done, once, from the repository's folder; the others are told what came
 * out. So each device costs the hub what it costs, and this machine is not busy with checking
 * the same signatures ten thousand times.
 */

#include "fleet_device.h"

struct wish;

/** Where the repository is, and how to know it. Borrows all. */
struct wish_options {
	const char *repository; /**< Its folder. */
	const char *root;       /**< Trusted root metadata, a file. */
	const char *store;      /**< Folder, made when it is not there. */
};

/** Ends the process with a message when something is wrong with these. */
struct wish *wish_new(const struct wish_options *options);

/** A fleet_wish_fn; @p context is a struct wish. */
bool wish_tell(void *context, const char *stamp, size_t size, const char *ring, const char *has,
	       struct fleet_wish *ret);
