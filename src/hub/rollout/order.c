// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/order.h"
#include "hub/store/rollout.h"

#include <string.h>

static const struct {
	const char *action;
	enum sut_decision_kind decision; /**< NONE: the hub's own. */
} rules[] = {
	[SUT_ORDER_START] = { "started", SUT_DECISION_NONE },
	[SUT_ORDER_APPROVE] = { "approved", SUT_DECISION_NONE },
	[SUT_ORDER_PAUSE] = { "paused", SUT_DECISION_PAUSE },
	[SUT_ORDER_RESUME] = { "resumed", SUT_DECISION_RESUME },
	[SUT_ORDER_EXPEDITE] = { "expedited", SUT_DECISION_EXPEDITE },
	[SUT_ORDER_ROLL_BACK] = { "rolled-back", SUT_DECISION_ROLL_BACK },
	[SUT_ORDER_RECALL] = { "recalled", SUT_DECISION_RECALL },
	[SUT_ORDER_OPEN] = { "ring-opened", SUT_DECISION_OPEN },
	[SUT_ORDER_COMPLETE] = { "completed", SUT_DECISION_COMPLETE },
};

const char *sut_order_action(enum sut_order_kind kind)
{
	return rules[kind].action;
}

enum sut_order_kind sut_order_of(enum sut_decision_kind kind)
{
	enum sut_order_kind order = SUT_ORDER_PAUSE;

	while (order < SUT_ORDER_COMPLETE && rules[order].decision != kind)
		order++;
	return order;
}

// Notes the decision; the texts and numbers that the document carries.
static struct sut_err *note_decision(struct sut_rollout *doc, const char *reason, int64_t now)
{
	char *copy = strdup(reason);

	if (!copy)
		return sut_err_nomem();
	free(doc->reason);
	doc->reason = copy;
	doc->decision++;
	doc->decided = now;
	return NULL;
}

static struct sut_err *start(const struct sut_order *order, struct sut_stored_rollout *rollout)
{
	struct sut_rollout *doc = &rollout->doc;

	if (!rollout->is_waiting && doc->state != SUT_ROLLOUT_ROLLED_BACK)
		return sut_err(SUT_E_USAGE,
			       "rollout %s is %s: only one that waits, or was rolled back, starts",
			       doc->id, sut_stored_rollout_state(rollout));
	struct sut_err *err = note_decision(doc, order->reason, order->now);
	if (err)
		return err;
	for (size_t i = 0; i < doc->n_rings; i++)
		doc->rings[i] = (struct sut_rollout_ring){ .name = doc->rings[i].name };
	doc->state = SUT_ROLLOUT_RUNNING;
	doc->is_expedited = false;
	rollout->is_waiting = false;
	rollout->begun = order->now * 1000000;
	return NULL;
}

static struct sut_err *approve(const struct sut_order *order,
			       const struct sut_stored_rollout *rollout)
{
	const struct sut_rollout *doc = &rollout->doc;
	const struct sut_rollout_ring *ring =
		order->ring ? sut_rollout_ring(doc, order->ring) : NULL;

	if (!ring)
		return sut_err(SUT_E_USAGE, "rollout %s has no ring '%s'", doc->id,
			       order->ring ? order->ring : "");
	if (!rollout->is_waiting && doc->state > SUT_ROLLOUT_PAUSED)
		return sut_err(SUT_E_USAGE, "rollout %s is %s: there is nothing to approve",
			       doc->id, sut_stored_rollout_state(rollout));
	if (ring->state != SUT_RING_WAITING)
		return sut_err(SUT_E_USAGE, "ring %s is %s already", ring->name,
			       sut_ring_state_name(ring->state));
	return NULL;
}

struct sut_err *sut_order_obey(const struct sut_order *order, struct sut_stored_rollout *rollout,
			       bool *changed_ret)
{
	enum sut_decision_kind decision = rules[order->kind].decision;

	*changed_ret = true;
	if (order->kind == SUT_ORDER_START)
		return start(order, rollout);
	if (order->kind == SUT_ORDER_APPROVE)
		return approve(order, rollout);
	if (rollout->is_waiting &&
	    (decision == SUT_DECISION_PAUSE || decision == SUT_DECISION_RESUME))
		return sut_err(SUT_E_USAGE, "rollout %s was not started yet", rollout->doc.id);
	struct sut_err *err = sut_rollout_decide(&rollout->doc, decision, order->ring,
						 order->reason, order->now, changed_ret);
	if (!err && rollout->is_waiting) {
		rollout->is_waiting = false;
		rollout->begun = order->now * 1000000;
		*changed_ret = true;
	}
	return err;
}

static bool has_rings(const struct sut_rollout *doc, const struct sut_policy *policy)
{
	if (doc->n_rings != policy->n_rings)
		return false;
	for (size_t i = 0; i < doc->n_rings; i++)
		if (strcmp(doc->rings[i].name, policy->rings[i].name) != 0)
			return false;
	return true;
}

static void free_rings(struct sut_rollout_ring *rings, size_t n)
{
	for (size_t i = 0; rings && i < n; i++)
		free(rings[i].name);
	free(rings);
}

struct sut_err *sut_order_set_rings(struct sut_stored_rollout *rollout,
				    const struct sut_policy *policy, int64_t now, bool *changed_ret)
{
	struct sut_rollout *doc = &rollout->doc;

	*changed_ret = !has_rings(doc, policy);
	if (!*changed_ret)
		return NULL;
	struct sut_rollout_ring *rings = calloc(policy->n_rings, sizeof(*rings));
	bool is_copied = rings != NULL;
	for (size_t i = 0; i < policy->n_rings && is_copied; i++) {
		const struct sut_rollout_ring *old = sut_rollout_ring(doc, policy->rings[i].name);
		if (old)
			rings[i] = *old;
		rings[i].name = strdup(policy->rings[i].name);
		is_copied = rings[i].name != NULL;
	}
	struct sut_err *err =
		is_copied ? note_decision(doc, "the policy has other rings", now) : sut_err_nomem();
	if (err) {
		free_rings(rings, policy->n_rings);
		return err;
	}
	free_rings(doc->rings, doc->n_rings);
	doc->rings = rings;
	doc->n_rings = policy->n_rings;
	return NULL;
}
