// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "fleet/device.h"
#include "fleet/gate.h"
#include "fleet/release.h"
#include "hub/rollout/known.h"
#include "hub/rollout/order.h"
#include "hub/rollout/parts.h"
#include "hub/store/audit.h"
#include "hub/store/rollout.h"

struct sut_err *sut_rollouts_note(struct sut_tx *tx, const struct sut_stored_rollout *rollout,
				  const struct sut_rollout_note *note)
{
	const char *id = rollout->doc.id;
	char action[64];
	_cleanup_json_ json_t *detail = json_pack("{s:s, s:s, s:I}", "reason", note->reason,
						  "state", sut_stored_rollout_state(rollout),
						  "decision", (json_int_t)rollout->doc.decision);

	if (!detail)
		return sut_err_nomem();
	if (note->ring && json_object_set_new(detail, "ring", json_string(note->ring)) != 0)
		return sut_err_nomem();
	snprintf(action, sizeof(action), "rollout.%s", note->action);
	struct sut_err *err = sut_store_rollout_put(tx, rollout);
	if (!err)
		err = sut_store_rollout_note(tx, id, note);
	return err ? err : sut_audit_add(tx, note->time, note->actor, action, id, detail);
}

// What an order forgets: a new start all outcomes; a resumption the failures, of which
// somebody has said that they do not count.
static struct sut_err *forget(struct sut_tx *tx, const char *id, enum sut_order_kind kind)
{
	if (kind != SUT_ORDER_START && kind != SUT_ORDER_RESUME)
		return NULL;
	return sut_store_outcomes_forget(tx, id, kind == SUT_ORDER_RESUME);
}

static struct sut_err *obey(struct sut_tx *tx, struct sut_stored_rollout *rollout,
			    const struct sut_order *order)
{
	const struct sut_rollout_note note = {
		.actor = order->actor,
		.action = sut_order_action(order->kind),
		.reason = order->reason,
		.ring = order->ring,
		.time = order->now * 1000000,
	};
	bool has_changed;
	struct sut_err *err = sut_order_obey(order, rollout, &has_changed);

	if (err || !has_changed)
		return err;
	err = sut_rollouts_note(tx, rollout, &note);
	return err ? err : forget(tx, rollout->doc.id, order->kind);
}

/** A call of sut_rollouts_order(). */
struct order_call {
	const char *id;
	const struct sut_order *order;
	bool has_found;
};

// The ring of an approval that names none: the first that waits.
static const char *first_waiting(const struct sut_rollout *doc)
{
	for (size_t i = 0; i < doc->n_rings; i++)
		if (doc->rings[i].state == SUT_RING_WAITING)
			return doc->rings[i].name;
	return NULL;
}

static struct sut_err *order_in(struct sut_tx *tx, void *context)
{
	struct order_call *call = context;
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout = { 0 };
	struct sut_order order = *call->order;
	struct sut_err *err = sut_store_rollout(tx, call->id, &call->has_found, &rollout);

	if (err || !call->has_found)
		return err;
	if (order.kind == SUT_ORDER_APPROVE && !order.ring)
		order.ring = first_waiting(&rollout.doc);
	return obey(tx, &rollout, &order);
}

struct sut_err *sut_rollouts_order(struct sut_rollouts *rollouts, const char *id,
				   const struct sut_order *order, bool *found_ret)
{
	struct order_call call = { id, order, false };
	struct sut_err *err = sut_store_write(rollouts->hub->store, order_in, &call);

	if (err)
		return err;
	*found_ret = call.has_found;
	if (!call.has_found)
		return NULL;
	err = sut_rollouts_renew(rollouts, NULL);
	sut_rollouts_wake(rollouts, false);
	return err;
}

/** A call of sut_rollouts_create(). */
struct create_call {
	const struct sut_stored_rollout *rollout;
	const struct sut_rollout_note *note;
	const struct sut_order *start; /**< Or NULL: it waits. */
	bool has_made;
};

static struct sut_err *create_in(struct sut_tx *tx, void *context)
{
	struct create_call *call = context;
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout old = { 0 };
	bool has = false;
	struct order_call start = { call->rollout->doc.id, call->start, false };
	struct sut_err *err = sut_store_rollout(tx, start.id, &has, &old);

	call->has_made = !has;
	if (err || has)
		return err;
	err = sut_rollouts_note(tx, call->rollout, call->note);
	return err || !start.order ? err : order_in(tx, &start);
}

struct sut_err *sut_rollouts_create(struct sut_rollouts *rollouts, const char *release,
				    const struct sut_rollout_note *note,
				    const struct sut_order *start, int *made_ret)
{
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout = {
		.is_waiting = true,
		.created = note->time,
	};
	struct create_call call = { &rollout, note, start, false };
	const struct sut_known *known = sut_rollouts_look(rollouts);
	int at = sut_channel_find(known->channel, release);
	struct sut_err *err = at < 0 ? NULL
				     : sut_rollout_begin(&known->channel->releases[at],
							 &known->policy, note->reason,
							 note->time / 1000000, &rollout.doc);

	sut_rollouts_leave(rollouts);
	*made_ret = -1;
	if (err || at < 0)
		return err;
	err = sut_store_write(rollouts->hub->store, create_in, &call);
	if (err)
		return err;
	*made_ret = call.has_made;
	sut_rollouts_wake(rollouts, false);
	return sut_rollouts_renew(rollouts, NULL);
}

/** A call of sut_rollouts_set_policy(). */
struct policy_call {
	const json_t *policy;
	const char *actor;
	int64_t now;
};

static struct sut_err *set_rings(struct sut_tx *tx, const struct sut_policy *policy,
				 const struct policy_call *call)
{
	_cleanup_(sut_stored_rollouts_deinit) struct sut_stored_rollouts all = { 0 };
	const struct sut_rollout_note note = { call->actor, "rings-changed",
					       "the policy has other rings", NULL,
					       call->now * 1000000 };
	struct sut_err *err = sut_store_rollouts(tx, &all);

	for (size_t i = 0; i < all.n && !err; i++) {
		struct sut_stored_rollout *rollout = &all.list[i];
		bool has_changed = false;
		if (rollout->doc.state > SUT_ROLLOUT_PAUSED)
			continue;
		err = sut_order_set_rings(rollout, policy, call->now, &has_changed);
		if (!err && has_changed)
			err = sut_rollouts_note(tx, rollout, &note);
	}
	return err;
}

static struct sut_err *set_policy_in(struct sut_tx *tx, void *context)
{
	const struct policy_call *call = context;
	_cleanup_(sut_policy_deinit) struct sut_policy policy = { 0 };
	struct sut_err *err = sut_policy_from_json(call->policy, &policy);

	if (!err)
		err = sut_store_setting_put(tx, "policy", call->policy);
	if (!err)
		err = set_rings(tx, &policy, call);
	return err ? err
		   : sut_audit_add(tx, call->now * 1000000, call->actor, "policy.set", "policy",
				   call->policy);
}

struct sut_err *sut_rollouts_set_policy(struct sut_rollouts *rollouts, const json_t *policy,
					const char *actor, int64_t now)
{
	struct policy_call call = { policy, actor, now };
	struct sut_err *err = sut_store_write(rollouts->hub->store, set_policy_in, &call);

	if (err)
		return err;
	err = sut_rollouts_renew(rollouts, NULL);
	sut_rollouts_wake(rollouts, false);
	return err;
}

struct sut_err *sut_rollouts_count(struct sut_tx *tx, const struct sut_stored_rollout *rollout,
				   int64_t now, struct sut_ring_counts *counts_ret)
{
	const struct sut_rollout *doc = &rollout->doc;
	int64_t seen = (now - (int64_t)sut_device_offline_after(SUT_REPORT_S)) * 1000000;
	struct sut_err *err = NULL;

	for (size_t i = 0; i < doc->n_rings && !err; i++) {
		const char *ring = doc->rings[i].name;
		bool is_approved = false;
		err = sut_store_ring_counts(tx, doc->id, doc->baseline, ring, seen, &counts_ret[i]);
		if (!err)
			err = sut_store_rollout_approved(tx, doc->id, ring, &is_approved);
		counts_ret[i].is_approved = is_approved;
	}
	return err;
}

/** Evaluates the gates of one rollout. */
struct step_call {
	const char *id;
	const struct sut_policy *policy;
	int64_t now;
	bool is_write; /**< Carry the decision out. */
	enum sut_decision_kind decision;
};

static struct sut_err *step_in(struct sut_tx *tx, void *context)
{
	struct step_call *call = context;
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout = { 0 };
	_cleanup_free_ struct sut_ring_counts *counts = NULL;
	struct sut_decision decision = { 0 };
	bool has = false;
	struct sut_err *err = sut_store_rollout(tx, call->id, &has, &rollout);

	call->decision = SUT_DECISION_NONE;
	if (err || !has || rollout.is_waiting || rollout.doc.state != SUT_ROLLOUT_RUNNING)
		return err;
	counts = calloc(rollout.doc.n_rings + 1, sizeof(*counts));
	if (!counts)
		return sut_err_nomem();
	err = sut_rollouts_count(tx, &rollout, call->now, counts);
	if (err)
		return err;
	const struct sut_step_input input = {
		.rollout = &rollout.doc,
		.policy = call->policy,
		.counts = counts,
		.n_counts = rollout.doc.n_rings,
		.begun = rollout.begun / 1000000,
		.now = call->now,
	};
	sut_rollout_step(&input, &decision);
	call->decision = decision.kind;
	if (!call->is_write || decision.kind == SUT_DECISION_NONE)
		return NULL;
	const struct sut_order order = {
		.kind = sut_order_of(decision.kind),
		.actor = "hub",
		.reason = decision.reason,
		.ring = decision.ring,
		.now = call->now,
	};
	return obey(tx, &rollout, &order);
}

struct sut_err *sut_rollouts_step(struct sut_rollouts *rollouts, const char *id,
				  const struct sut_policy *policy, int64_t now, bool *decided_ret)
{
	struct step_call call = { .id = id, .policy = policy, .now = now };
	struct sut_store *store = rollouts->hub->store;
	struct sut_err *err = sut_store_read(store, step_in, &call);

	// What was read may be old by now: the decision is made where it is stored.
	if (!err && call.decision != SUT_DECISION_NONE) {
		call.is_write = true;
		err = sut_store_write(store, step_in, &call);
	}
	if (!err)
		*decided_ret = call.decision != SUT_DECISION_NONE;
	return err;
}

static json_t *tell_ring(const struct sut_known *known, const struct sut_stored_rollout *rollout,
			 size_t i, const struct sut_ring_counts *counts, int64_t now)
{
	const struct sut_rollout_ring *ring = &rollout->doc.rings[i];
	const struct sut_policy_ring *policy = sut_policy_ring(&known->policy, ring->name);
	json_t *gates = json_array();
	char opened[SUT_TIME_SIZE];

	if (policy) {
		const struct sut_gate_input input = {
			.policy = policy,
			.ring = ring,
			.counts = counts,
			.begun = rollout->begun ? rollout->begun / 1000000 : now,
			.now = now,
			.is_expedited = rollout->doc.is_expedited,
		};
		struct sut_gate list[SUT_N_GATES];
		sut_gates_evaluate(&input, list);
		for (size_t j = 0; j < SUT_N_GATES; j++)
			json_array_append_new(gates, sut_gate_write(&list[j]));
	}
	uint64_t tried = counts->done + counts->failed;
	sut_time_format(ring->opened, opened);
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:o}", "name", ring->name,
			 "label", policy && policy->label ? policy->label : ring->name, "state",
			 sut_ring_state_name(ring->state), "opened",
			 ring->has_opened ? json_string(opened) : json_null(), "devices",
			 (json_int_t)counts->devices, "done", (json_int_t)counts->done, "failed",
			 (json_int_t)counts->failed, "waiting",
			 (json_int_t)(counts->devices > tried ? counts->devices - tried : 0),
			 "gates", gates);
}

static struct sut_err *tell_rings(struct sut_tx *tx, const struct sut_known *known,
				  const struct sut_stored_rollout *rollout, int64_t now,
				  json_t **ret)
{
	size_t n = rollout->doc.n_rings;
	_cleanup_free_ struct sut_ring_counts *counts = calloc(n + 1, sizeof(*counts));
	_cleanup_json_ json_t *rings = json_array();
	struct sut_err *err =
		counts ? sut_rollouts_count(tx, rollout, now, counts) : sut_err_nomem();

	for (size_t i = 0; i < n && !err; i++)
		if (json_array_append_new(rings, tell_ring(known, rollout, i, &counts[i], now)) !=
		    0)
			err = sut_err_nomem();
	if (!err)
		*ret = steal(rings);
	return err;
}

struct sut_err *sut_rollouts_tell(struct sut_tx *tx, const struct sut_known *known,
				  const struct sut_stored_rollout *rollout, int64_t now,
				  json_t **ret)
{
	const struct sut_rollout *doc = &rollout->doc;
	_cleanup_json_ json_t *rings = NULL;
	_cleanup_json_ json_t *timeline = NULL;
	char created[SUT_TIME_SIZE];
	struct sut_err *err = tell_rings(tx, known, rollout, now, &rings);

	if (!err)
		err = sut_store_rollout_notes(tx, doc->id, &timeline);
	if (err)
		return err;
	sut_time_format(rollout->created / 1000000, created);
	*ret = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:O, s:O, s:I, s:I}", "id", doc->id,
			 "release", doc->release, "baseline", doc->baseline, "state",
			 sut_stored_rollout_state(rollout), "expedited", (int)doc->is_expedited,
			 "created", created, "rings", rings, "timeline", timeline, "decision",
			 (json_int_t)doc->decision, "published", (json_int_t)rollout->published);
	return *ret ? NULL : sut_err_nomem();
}
