// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Gates, and the steps of a rollout
 *
 * Six gates for each ring. Two stand before it, four behind it:
 *
 *       deferral, approval            sample, success-rate, error-rate, soak
 *             │                                      │
 *     waiting ┴─────────────► open ──────────────────┴──► done: the next one may open
 *
 * A red gate of any ring that is open stops the whole rollout: it is paused or rolled
 * back, as the policy says. An expedited rollout waits for nothing, but a red gate stops
 * it just so.
 */

#include "fleet/policy.h"
#include "fleet/rollout.h"

enum sut_gate_kind {
	SUT_GATE_DEFERRAL,     /**< Seconds since the rollout began. */
	SUT_GATE_APPROVAL,     /**< 1: somebody has agreed. */
	SUT_GATE_SAMPLE,       /**< How many devices have tried. */
	SUT_GATE_SUCCESS_RATE, /**< Share of the devices that can be reached that are done. */
	SUT_GATE_ERROR_RATE,   /**< Share of those that tried that failed. */
	SUT_GATE_SOAK,         /**< Seconds since the ring opened. */
};
#define SUT_N_GATES (SUT_GATE_SOAK + 1)

/** "success-rate" */
const char *sut_gate_name(enum sut_gate_kind kind);

enum sut_gate_state {
	SUT_GATE_GREEN,
	SUT_GATE_WAITING,
	SUT_GATE_RED,
};

/** "waiting" */
const char *sut_gate_state_name(enum sut_gate_state state);

/** A gate, as it stands. */
struct sut_gate {
	enum sut_gate_kind kind;
	enum sut_gate_state state;
	double value, limit; /**< In the unit of its kind. */
	uint64_t sample;     /**< Of how many devices the value is. */
	char text[160];      /**< A sentence. */
};

/** How the devices of a ring are doing with the release. */
struct sut_ring_counts {
	const char *ring; /**< Borrowed. */
	uint64_t devices; /**< In the ring. */
	uint64_t done;    /**< Have it, and it is proved. */
	uint64_t failed;  /**< Tried, and it went wrong. */
	uint64_t offline; /**< Neither done nor failed, and not heard of for long. */
	bool is_approved; /**< Somebody has agreed to open it. */
};

/** What a ring's gates depend on. All borrowed. */
struct sut_gate_input {
	const struct sut_policy_ring *policy;
	const struct sut_rollout_ring *ring;
	const struct sut_ring_counts *counts;
	int64_t begun; /**< When the rollout was. */
	int64_t now;
	bool is_expedited;
};

/** Evaluate all gates of a ring, in the order of enum sut_gate_kind.
 *
 *  A ring with fewer devices than the sample asks for is judged by all of them; a failed
 *  device counts against the whole sample while that is not full, so that one of two
 *  devices is not yet half of the world. */
void sut_gates_evaluate(const struct sut_gate_input *input, struct sut_gate ret[SUT_N_GATES]);

/** A gate as {"name", "state", "value", "limit", "sample", "text"}, a new reference. */
json_t *sut_gate_write(const struct sut_gate *gate);

enum sut_decision_kind {
	SUT_DECISION_NONE,
	SUT_DECISION_OPEN,     /**< Open a ring; those before it are done then. */
	SUT_DECISION_COMPLETE, /**< All rings are done. */
	SUT_DECISION_PAUSE,
	SUT_DECISION_RESUME,
	SUT_DECISION_EXPEDITE,
	SUT_DECISION_ROLL_BACK,
	SUT_DECISION_RECALL,
};

/** "roll-back" */
const char *sut_decision_name(enum sut_decision_kind kind);

/** A decision. */
struct sut_decision {
	enum sut_decision_kind kind;
	const char *ring; /**< OPEN: the ring to open, borrowed. PAUSE, ROLL_BACK, NONE: the
			   *   ring whose gate decided, or NULL. */
	char reason[256]; /**< A sentence. */
};

/** What the next step depends on. All borrowed. */
struct sut_step_input {
	const struct sut_rollout *rollout;
	const struct sut_policy *policy;
	const struct sut_ring_counts *counts; /**< Of any rings; others have no devices. */
	size_t n_counts;
	int64_t begun; /**< When the rollout was. */
	int64_t now;
};

/** Decide the next step of a rollout. SUT_DECISION_NONE, with what it waits for, unless
 *  it is running and a gate has changed; as long as no ring has any device, too. One ring
 *  is opened in a step. */
void sut_rollout_step(const struct sut_step_input *input, struct sut_decision *ret);

/** Begin the rollout of @p release: running, all rings of @p policy waiting. */
sut_check struct sut_err *sut_rollout_begin(const struct sut_release *release,
					    const struct sut_policy *policy, const char *reason,
					    int64_t now, struct sut_rollout *ret);

/** Carry a decision out on @p rollout: the decision of a step, or of a person. @p ring: for
 *  SUT_DECISION_OPEN. @p changed_ret: false when it is so already. SUT_E_USAGE when the
 *  rollout's state does not allow it, with the way out. */
sut_check struct sut_err *sut_rollout_decide(struct sut_rollout *rollout,
					     enum sut_decision_kind kind, const char *ring,
					     const char *reason, int64_t now, bool *changed_ret);
