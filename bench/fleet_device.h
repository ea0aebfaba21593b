// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Simulated devices
 *
 * Each one is enrolled with a token and has a certificate of its own, and behaves to a
 * hub as an agent does: it reports, holds a request open until something changes, looks
 * at the signed metadata then, decides by what it says and by its ring, reports that it
 * is about it, and that it is done, or that its health probe failed.
 *
 * Acknowledged means: the hub answered a report with 200. What each device has had
 * acknowledged last is kept, to be compared with what the hub says afterwards.
 */

#include <stdbool.h>
#include <stdint.h>

#include "fleet_net.h"

/** What the signed metadata wants of a ring. */
struct fleet_wish {
	char ring[64];
	char release[16]; /**< "": nothing. */
	char hotpatch[128];
	char build_id[80]; /**< Old build of that hotpatch. */
};

/** Says what a device of @p ring that has release @p has ("": none) is to have. @p stamp: the
 *  bytes of timestamp.json that it has just got. False: cannot be told now, to be asked again. */
typedef bool (*fleet_wish_fn)(void *context, const char *stamp, size_t size, const char *ring,
			      const char *has, struct fleet_wish *ret);

struct fleet_options {
	const char *token;
	size_t n;
	unsigned fail_each; /**< Each so-manieth device fails its probe; 0: none. */
	size_t n_holding;   /**< So many hold a connection and a request; the others poll. */
	int64_t poll_us;    /**< How often these do. */
	int64_t jitter_us;  /**< Up to so long a device waits when something changed. */
	int64_t work_us;    /**< Up to so long it takes to apply. */
	const char *answer; /**< The first answer to a report is written to this file; or NULL. */
	fleet_wish_fn wish; /**< NULL: only enrols and reports. */
	void *context;
};

struct fleet_counts {
	uint64_t enrolled, ready; /**< Devices; ready: first report acknowledged. */
	uint64_t reports;         /**< Acknowledged. */
	uint64_t events;          /**< Of these reports, new ones. */
	uint64_t refused;         /**< Answers other than expected; the first is printed. */
	uint64_t wakes;           /**< Held requests answered because something changed. */
	uint64_t idle;            /**< Held requests answered because their time was up. */
};

struct fleet;
struct fleet *fleet_new(struct net *net, const struct fleet_options *options);

/** Devices go on until @p time, at most. */
void fleet_serve(struct fleet *fleet, int64_t time);

const struct fleet_counts *fleet_counts(const struct fleet *fleet);

/** How many have @p release, and how many had to take it out. */
void fleet_count_release(const struct fleet *fleet, const char *release, size_t *with_ret,
			 size_t *failed_ret);

/** Write a line for each device: id, ring, last acknowledged report, event and proof. */
bool fleet_write(const struct fleet *fleet, const char *path);

/** Report without a pause, each device that has a number under @p n, until @p time;
 *  for measuring. Returns how many reports were acknowledged. @p net: where to. */
uint64_t fleet_storm(struct fleet *fleet, struct net *net, size_t n, int64_t time);
