// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What is asked about the fleet: lists in pages, counts, histories
 *
 * Pages are cut by key, not by number: a page costs the same at the beginning and at
 * the end of a hundred thousand devices, and none is told twice when others come or go.
 * Rows come back as the JSON that the routes answer with.
 */

#include "base/json.h"
#include "hub/store/store.h"

/** Which devices, in which order. Texts are borrowed; NULL: any. */
struct sut_device_filter {
	const char *status, *ring, *group;
	const char *find; /**< Part of the host name, or an id's beginning. */
	bool by_seen;     /**< By when it was seen last, else by host name. */
	bool is_reversed;
	const char *cursor; /**< Of the page before. */
	int64_t limit;
};

/** A page of a list. Owns all. */
struct sut_page {
	json_t *items;
	char *next; /**< Where the next begins; NULL: this is the last. */
	int64_t total;
};
void sut_page_deinit(struct sut_page *page);

/** Devices. SUT_E_USAGE for a cursor that is none of ours. */
sut_check struct sut_err *
sut_store_devices(struct sut_tx *tx, const struct sut_device_filter *filter, struct sut_page *ret);

/** One device with all that is stored of it, but its processes; NULL in @p ret when it is not
 *  there, or was removed. A new reference. Members beside those of a list: "hold",
 *  "assigned_ring", "attributes", "readiness", "next", "tuf", "os", "kernel", "boot_id",
 *  "enrolled". */
sut_check struct sut_err *sut_store_device(struct sut_tx *tx, const char *id, json_t **ret);

/** A device's processes as they were reported; a new reference. */
sut_check struct sut_err *sut_store_processes(struct sut_tx *tx, const char *id, json_t **ret);

/** A device's events, newest first; @p cursor may be NULL. */
sut_check struct sut_err *sut_store_history(struct sut_tx *tx, const char *id, const char *cursor,
					    int64_t limit, struct sut_page *ret);

/** Devices and processes counted by ring and status: an array of {"ring", "status", "devices",
 *  "protected", "open"}; a new reference. */
sut_check struct sut_err *sut_store_overview(struct sut_tx *tx, json_t **ret);

/** Groups with the number of their devices. */
sut_check struct sut_err *sut_store_groups(struct sut_tx *tx, const char *cursor, int64_t limit,
					   struct sut_page *ret);
/** Make a group; @p made_ret is false when there was one of that name. */
sut_check struct sut_err *sut_store_group_put(struct sut_tx *tx, const char *name,
					      const char *label, bool *made_ret);
/** Is there such a group? */
sut_check struct sut_err *sut_store_group_has(struct sut_tx *tx, const char *name, bool *ret);

/** What a person decides about a device. */
struct sut_device_choice {
	bool sets_ring, sets_group, sets_hold;
	const char *ring, *group, *hold; /**< NULL takes the choice back. */
};
/** Decide; @p found_ret is false when there is no such device. */
sut_check struct sut_err *sut_store_device_choose(struct sut_tx *tx, const char *id,
						  const struct sut_device_choice *choice,
						  bool *found_ret);

/** Remove a device at @p now (µs): its certificate counts no more, its processes are forgotten.
 *  @p found_ret is false when there is no such device. */
sut_check struct sut_err *sut_store_device_remove(struct sut_tx *tx, const char *id, int64_t now,
						  bool *found_ret);

/** Processes that a rollout's release does not protect, device after device: the rows of
 *  GET /rollouts/ID/why-not without the sentences. */
sut_check struct sut_err *sut_store_why_not(struct sut_tx *tx, const char *baseline,
					    const char *rollout, const char *cursor, int64_t limit,
					    struct sut_page *ret);

/** How many devices were done with any rollout within each of @p bounds (µs after the
 *  rollout was made); @p sum_ret is the sum of their times in µs, @p counts_ret has
 *  @p n_bounds + 1 places, the last for all. */
sut_check struct sut_err *sut_store_protect_times(struct sut_tx *tx, const int64_t *bounds,
						  size_t n_bounds, int64_t *counts_ret,
						  int64_t *sum_ret);

/** What a device's ring and status are derived from. Owns its texts. */
struct sut_device_state {
	char *id, *assigned_ring, *hold, *train, *baseline, *release, *ring, *status;
	json_t *attributes, *readiness;
	bool has_reported;
	int64_t seen; /**< Microseconds. */
	int64_t n_protected, n_in_progress, n_exposed;
};
void sut_device_state_deinit(struct sut_device_state *state);

/** Read it; @p has_ret is false when there is no such device. */
sut_check struct sut_err *sut_store_device_state(struct sut_tx *tx, const char *id, bool *has_ret,
						 struct sut_device_state *ret);

/** What was derived. Borrowed. */
struct sut_derived {
	const char *ring, *status, *text;
	const char *wanted; /**< The release that it is to have, or NULL. */
	const char *why;    /**< A sentence about that. */
	int64_t time;       /**< Microseconds. */
};
sut_check struct sut_err *sut_store_derived_put(struct sut_tx *tx, const char *id,
						const struct sut_derived *derived);

/** The ids of up to @p limit devices whose status was derived before @p epoch (µs): an array of
 *  texts; a new reference. */
sut_check struct sut_err *sut_store_stale(struct sut_tx *tx, int64_t epoch, int64_t limit,
					  json_t **ret);
/** Forget up to @p limit of the events that were received before @p received (µs), the oldest
 *  ones; @p n_ret: how many. */
sut_check struct sut_err *sut_store_forget_events(struct sut_tx *tx, int64_t received,
						  int64_t limit, int64_t *n_ret);
/** Devices seen before @p seen (µs) last that do not count as off line yet become stale. */
sut_check struct sut_err *sut_store_silent(struct sut_tx *tx, int64_t seen, int64_t *n_ret);
