// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Policies: rings, their gates, and which device belongs to which ring
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/** Devices that belong to a ring by what they say of themselves. Owns its texts. */
struct sut_policy_match {
	char *attribute, *value;
};

/** A ring. Owns everything. */
struct sut_policy_ring {
	char *name;  /**< "test" */
	char *label; /**< "Test", for people. */
	bool has_percent;
	double percent; /**< Of the devices that nothing else assigns. */
	bool has_match;
	struct sut_policy_match match;
	uint64_t deferral_s; /**< It opens at the earliest so long after the rollout began. */
	bool needs_approval; /**< A person must agree before it opens. */
	uint64_t soak_s;     /**< It is open for at least so long before the next one opens. */
	uint64_t min_sample; /**< So many devices must have tried before it is judged. */
	double success_rate; /**< At least this share of its devices must be done. */
	double error_rate;   /**< At most this share of those that tried may have failed. */
};

/** What happens when a gate is red. */
enum sut_on_red {
	SUT_ON_RED_ROLL_BACK,
	SUT_ON_RED_PAUSE,
};

/** A policy. Owns everything. All zero is a valid empty one. */
struct sut_policy {
	struct sut_policy_ring *rings; /**< In the order in which they open; at least one. */
	size_t n_rings;
	int on_red; /**< enum sut_on_red. */
};

/** The policy where nobody says another one, as JSON: Test, Fast, Broad. */
extern const char sut_policy_usual[];

/** Read {"rings": [{"name", "label", "percent", "match": {"attribute", "value"},
 *  "deferral_s", "approval", "soak_s", "min_sample", "success_rate", "error_rate"}],
 *  "on_red"}. SUT_E_FORMAT says which member is wrong; also no ring, one twice, and
 *  percents over 100 together. Of a ring only name and gates are needed. */
sut_check struct sut_err *sut_policy_read(struct sut_view bytes, struct sut_policy *ret);
/** The same, from JSON. */
sut_check struct sut_err *sut_policy_from_json(const json_t *json, struct sut_policy *ret);
void sut_policy_deinit(struct sut_policy *policy);
/** As JSON, a new reference; NULL when out of memory. */
json_t *sut_policy_write(const struct sut_policy *policy);

/** Find a ring, or NULL. Borrowed. */
const struct sut_policy_ring *sut_policy_ring(const struct sut_policy *policy, const char *name);

/** A device, as far as its ring depends on it. All borrowed. */
struct sut_policy_device {
	const char *id;
	const char *assigned;     /**< The ring that somebody has assigned, or NULL. */
	const json_t *attributes; /**< An object of texts, or NULL. */
};

/** Assign @p device to a ring, borrowed from @p policy: the assigned one, if there is
 *  such a ring; else the first whose attribute matches; else by percent: a stable share
 *  of all ids, so that a device keeps its ring when others come and go. What is over
 *  belongs to the last ring. */
sut_check struct sut_err *sut_policy_assign(const struct sut_policy *policy,
					    const struct sut_policy_device *device,
					    const struct sut_policy_ring **ret);
