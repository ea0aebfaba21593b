// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Devices: four axes, and the one status that people see
 *
 *     enrolment    is it one of ours, and do we hear of it?
 *     readiness    can it be hotpatched at all? with reasons
 *     train        hotpatch: stays on its baseline and takes hotpatches
 *                  standard: takes the fixed packages instead
 *     assignment   its ring, or a hold
 *
 * From these, its last report and what its ring wants comes the status.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum sut_train {
	SUT_TRAIN_HOTPATCH,
	SUT_TRAIN_STANDARD, /**< It does not take hotpatches, by choice or for the time being. */
	SUT_TRAIN_BLOCKED,  /**< It cannot. */
};

/** "hotpatch" */
const char *sut_train_name(enum sut_train train);
/** And back; false if @p word is none. */
bool sut_train_find(const char *word, enum sut_train *ret);

enum sut_status {
	SUT_STATUS_PROTECTED,
	SUT_STATUS_IN_PROGRESS,
	SUT_STATUS_PAUSED,
	SUT_STATUS_EXPOSED,
	SUT_STATUS_NOT_READY,
	SUT_STATUS_HELD,
	SUT_STATUS_OFFLINE,
};
#define SUT_N_STATUSES (SUT_STATUS_OFFLINE + 1)

/** The word: "in-progress". */
const char *sut_status_name(enum sut_status status);
/** For people: "In progress". */
const char *sut_status_label(enum sut_status status);
/** And back from the word; false if @p word is none. */
bool sut_status_find(const char *word, enum sut_status *ret);

/** What the status comes from. All borrowed. */
struct sut_device_facts {
	bool has_reported;
	int64_t last_seen; /**< When it reported last. */
	uint64_t report_s; /**< How often it is to report. */
	enum sut_train train;
	const char *not_ready; /**< The first reason why it is not ready; NULL: it is. */
	const char *hold;      /**< Why it is held; NULL: it is not. */
	const char *ring;
	/** What its ring wants (fleet/rollout.h), and whether that rollout is paused before it
	 *  came here. NULL: nothing. */
	const char *wanted;
	int64_t wanted_since;      /**< When its ring opened for that release. */
	const char *newest;        /**< The newest release; NULL: there is none. */
	bool is_newest_paused;     /**< That one is paused, and does not come here. */
	bool is_newest_on_its_way; /**< It runs, and has not reached the ring. */
	const char *release;       /**< That it says that it has; NULL: none. */
	uint64_t n_protected, n_in_progress, n_exposed; /**< Processes, by its report. */
	int64_t now;
};

/** For how long a device may be on its way to a release before it counts as exposed,
 *  seconds. */
#define SUT_DEVICE_GRACE 3600

/** After how many missed reports a device is off line. */
#define SUT_DEVICE_MISSED 5

/** Seconds without a report after which it is off line: SUT_DEVICE_MISSED reports, and
 *  180 at least. */
uint64_t sut_device_offline_after(uint64_t report_s);

/** A status with its sentence. */
struct sut_device_status {
	enum sut_status status;
	char text[200];
};

/** Derive the status. The first that is true: off line, held, not ready, exposed or in
 *  progress or paused, protected. */
struct sut_device_status sut_device_derive(const struct sut_device_facts *facts);

/** The four axes, each {"value", "text"}: {"enrolment", "readiness", "train",
 *  "assignment"}, a new reference; NULL when out of memory. */
json_t *sut_device_axes(const struct sut_device_facts *facts);
