// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Orders: what a person, or the gates, may do to a stored rollout
 *
 *              start           last ring passed
 *     waiting ───────► running ─────────────────► completed
 *                       │   ▲                         │
 *                 pause │   │ resume                  │ roll-back, recall
 *                       ▼   │                         ▼
 *                      paused ── roll-back ──► rolled-back (start begins anew)
 *                              ── recall ────► recalled    (for good)
 *
 * What happens to a rollout that was started is fleet's (fleet/gate.h); that one waits to
 * be started, begins anew, or that somebody has agreed, is the hub's own.
 */

#include "fleet/gate.h"

struct sut_stored_rollout;

enum sut_order_kind {
	SUT_ORDER_START,
	SUT_ORDER_APPROVE,
	SUT_ORDER_PAUSE,
	SUT_ORDER_RESUME,
	SUT_ORDER_EXPEDITE,
	SUT_ORDER_ROLL_BACK,
	SUT_ORDER_RECALL,
	SUT_ORDER_OPEN,     /**< By the gates only. */
	SUT_ORDER_COMPLETE, /**< By the gates only. */
};

/** An order. Texts are borrowed. */
struct sut_order {
	enum sut_order_kind kind;
	const char *actor;  /**< A user, a token, or "hub". */
	const char *reason; /**< A line without control characters. */
	const char *ring;   /**< OPEN; APPROVE; PAUSE and ROLL_BACK by a gate: whose; or NULL. */
	int64_t now;        /**< Seconds. */
};

/** What the time line and the audit log call it: "ring-opened". */
const char *sut_order_action(enum sut_order_kind kind);

/** The order that carries a decision of the gates out; not for NONE. */
enum sut_order_kind sut_order_of(enum sut_decision_kind kind);

/** Obey. @p changed_ret: false when the rollout is so already. SUT_E_USAGE when its state
 *  does not allow it, or it has no such ring, with the way out. */
sut_check struct sut_err *sut_order_obey(const struct sut_order *order,
					 struct sut_stored_rollout *rollout, bool *changed_ret);

/** Give it the rings of @p policy; those of the same name keep their state. @p changed_ret: was
 *  anything different? A decision of its own when so. */
sut_check struct sut_err *sut_order_set_rings(struct sut_stored_rollout *rollout,
					      const struct sut_policy *policy, int64_t now,
					      bool *changed_ret);
