// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Devices and what they reported, in the store
 *
 * A device's last report is in its row and in its processes; its events are kept
 * one by one, by the number that the device gave them. Times are in microseconds.
 * The functions run inside of sut_store_write() or sut_store_read().
 */

#include "base/id.h"
#include "hub/store/store.h"

/** A process of a report. Borrows its texts; those that may be NULL say so. */
struct sut_process_row {
	int64_t pid, start; /**< start in clock ticks since boot. */
	const char *name, *path;
	const char *unit, *container; /**< Or NULL. */
	const char *build_id;
	const char *hotpatch, *release; /**< Or NULL. */
	const char *state, *reason, *detail;
	const char *proof; /**< Or NULL. */
	int64_t verified;  /**< 0: never. */
	int64_t pause_ns;  /**< -1: not known. */
	int64_t tries;
};

/** An event of a report. Borrows its texts. */
struct sut_event_row {
	int64_t seq, time;
	const char *type, *detail;
	const char *hotpatch; /**< Or NULL. */
};

/** A report that passed the checks (device/report.h). Borrows its texts. */
struct sut_report {
	const char *device;
	int64_t seq, sent;
	const char *hostname, *boot_id, *agent, *kernel, *os, *train;
	const char *baseline, *release, *ring; /**< Or NULL. */
	int64_t n_protected, n_exposed, n_in_progress;
	const char *attributes_json, *readiness_json;
	const char *next_json, *tuf_json; /**< Or NULL. */
	const char *processes_digest;     /**< Of processes: the same, the same processes. */
	struct sut_process_row *processes;
	size_t n_processes;
	struct sut_event_row *events;
	size_t n_events;
};

/** What the hub has to tell a device. Texts are copies, "" stands for none. */
struct sut_device {
	char id[SUT_ID_SIZE];
	bool is_revoked;
	int64_t report_seq;
	int64_t change;         /**< The last change that concerns this device. */
	char assigned_ring[64]; /**< Set by a person or by the enrolment token. */
	char ring[64];          /**< The one that it last reported. */
	char hold[256];         /**< Why it is held. */
	char processes_digest[65];
	int64_t n_protected, n_exposed, n_in_progress;
};

/** A device that enrols. Borrows its texts. */
struct sut_enrolment {
	const char *id, *hostname, *attributes_json;
	const char *ring;               /**< Or NULL. */
	const char *key_digest, *token; /**< Of its public key; the token's id. */
	int64_t cert_expires;
};

sut_check struct sut_err *sut_device_add(struct sut_tx *tx, const struct sut_enrolment *enrolment,
					 int64_t now);
/** Find who enrolled by the token with the digest @p token and the key with @p key_digest, and
 *  was not removed: its id into @p ret (SUT_ID_SIZE bytes). */
sut_check struct sut_err *sut_device_find_enrolled(struct sut_tx *tx, const char *token,
						   const char *key_digest, char *ret,
						   bool *has_ret);
/** Find the device @p id; @p has_ret is false when there is none. */
sut_check struct sut_err *sut_device_find(struct sut_tx *tx, const char *id, struct sut_device *ret,
					  bool *has_ret);
sut_check struct sut_err *sut_device_set_certificate(struct sut_tx *tx, const char *id,
						     int64_t expires);

/** Store @p report, which came at @p now and is newer than what @p before, the device's
 *  row, tells. The processes are replaced, the events added. */
sut_check struct sut_err *sut_device_store_report(struct sut_tx *tx,
						  const struct sut_report *report,
						  const struct sut_device *before, int64_t now);

/** Something that concerns @p device (NULL: all) was decided: whoever waits for changes shall
 *  see a higher number. Call sut_bus_wake() when the write has returned. */
sut_check struct sut_err *sut_device_note_change(struct sut_tx *tx, const char *device);
