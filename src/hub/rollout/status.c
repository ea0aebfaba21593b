// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "fleet/device.h"
#include "fleet/release.h"
#include "hub/events/bus.h"
#include "hub/rollout/known.h"
#include "hub/rollout/outcome.h"
#include "hub/rollout/parts.h"
#include "hub/store/report.h"
#include "hub/store/rollout.h"

static struct sut_err *find_ring(const struct sut_known *known,
				 const struct sut_device_state *state, const char **ret)
{
	const struct sut_policy_device device = {
		.id = state->id,
		.assigned = state->assigned_ring,
		.attributes = state->attributes,
	};
	const struct sut_policy_ring *ring;
	struct sut_err *err = sut_policy_assign(&known->policy, &device, &ring);

	if (!err)
		*ret = ring->name;
	return err;
}

// When the device was told to have what it is to have now.
static int64_t wanted_since(const struct sut_known *known, const struct sut_want *want,
			    const char *ring)
{
	const struct sut_release *release = want->release ? want->release : want->newest;
	const struct sut_rollout *rollout =
		release ? sut_catalogue_rollout(&known->catalogue, release->name) : NULL;
	const struct sut_rollout_ring *opened = rollout ? sut_rollout_ring(rollout, ring) : NULL;

	if (!rollout)
		return 0;
	return want->release && opened && opened->has_opened ? opened->opened : rollout->decided;
}

static const char *first_reason(const json_t *readiness)
{
	return json_string_value(json_object_get(json_array_get(readiness, 0), "detail"));
}

static struct sut_device_status derive(const struct sut_known *known,
				       const struct sut_device_state *state, const char *ring,
				       const struct sut_want *want, int64_t now)
{
	struct sut_device_facts facts = {
		.has_reported = state->has_reported,
		.last_seen = state->seen / 1000000,
		.report_s = SUT_REPORT_S,
		.not_ready = first_reason(state->readiness),
		.hold = state->hold,
		.ring = ring,
		.wanted = want->release ? want->release->name : NULL,
		.wanted_since = wanted_since(known, want, ring),
		.newest = want->newest ? want->newest->name : NULL,
		.is_newest_paused = want->newest && want->newest_why == SUT_WANT_PAUSED,
		.is_newest_on_its_way = want->newest && want->newest_why == SUT_WANT_RING_WAITING,
		.release = state->release,
		.n_protected = state->n_protected,
		.n_in_progress = state->n_in_progress,
		.n_exposed = state->n_exposed,
		.now = now,
	};

	if (state->train)
		sut_train_find(state->train, &facts.train);
	return sut_device_derive(&facts);
}

// Derives and stores; @p want_ret is the caller's.
static struct sut_err *put_status(struct sut_tx *tx, const struct sut_known *known,
				  const struct sut_device_state *state, int64_t now,
				  const char **ring_ret, bool *changed_ret,
				  struct sut_want *want_ret)
{
	const char *ring;
	struct sut_want want = { 0 };
	struct sut_err *err = find_ring(known, state, &ring);

	if (!err)
		err = sut_want_init(&known->catalogue, ring, state->release, &want);
	if (err)
		return err;
	struct sut_device_status status = derive(known, state, ring, &want, now / 1000000);
	const struct sut_derived derived = {
		.ring = ring,
		.status = sut_status_name(status.status),
		.text = status.text,
		.wanted = want.release ? want.release->name : NULL,
		.why = want.text,
		.time = now,
	};
	err = sut_store_derived_put(tx, state->id, &derived);
	if (err) {
		sut_want_deinit(&want);
		return err;
	}
	*ring_ret = ring;
	*changed_ret = !state->ring || strcmp(state->ring, ring) != 0 || !state->status ||
		       strcmp(state->status, derived.status) != 0;
	*want_ret = want;
	return NULL;
}

// How the device comes out with the release that its ring is to have now.
static struct sut_err *put_outcome(struct sut_tx *tx, const char *device, const char *ring,
				   const struct sut_release *release, const json_t *report,
				   int64_t now)
{
	enum sut_outcome before;
	struct sut_err *err = sut_store_outcome(tx, release->name, device, &before);

	if (err)
		return err;
	enum sut_outcome after = sut_outcome_judge(release, report, before);
	if (after == SUT_OUTCOME_NONE)
		return NULL;
	return sut_store_outcome_put(tx, release->name, device, ring, after, now);
}

struct sut_err *sut_rollouts_reported(struct sut_rollouts *rollouts, struct sut_tx *tx,
				      const char *device, const json_t *report, int64_t now,
				      struct sut_rollouts_answer *ret)
{
	_cleanup_(sut_device_state_deinit) struct sut_device_state state = { 0 };
	_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
	const char *ring = "";
	bool has = false, has_changed = false;
	struct sut_err *err = sut_store_device_state(tx, device, &has, &state);

	*ret = (struct sut_rollouts_answer){ 0 };
	if (err || !has)
		return err;
	const struct sut_known *known = sut_rollouts_look(rollouts);
	err = put_status(tx, known, &state, now, &ring, &has_changed, &want);
	if (!err && want.release)
		err = put_outcome(tx, device, ring, want.release, report, now);
	if (!err) {
		strncat(ret->ring, ring, sizeof(ret->ring) - 1);
		ret->is_paused = want.newest && want.newest_why == SUT_WANT_PAUSED;
		ret->has_changed = has_changed;
	}
	sut_rollouts_leave(rollouts);
	return err;
}

/** Devices whose status is to be derived anew. */
struct stale_call {
	struct sut_rollouts *rollouts;
	int64_t epoch, most;
	json_t *ids;     /**< All that were looked at. */
	json_t *changed; /**< Those whose status or ring is another one now. */
};

static struct sut_err *derive_one(struct sut_tx *tx, const struct sut_known *known, const char *id,
				  json_t *changed)
{
	_cleanup_(sut_device_state_deinit) struct sut_device_state state = { 0 };
	_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
	const char *ring;
	bool has = false, has_changed = false;
	struct sut_err *err = sut_store_device_state(tx, id, &has, &state);

	if (!err && has)
		err = put_status(tx, known, &state, sut_time_now_us(), &ring, &has_changed, &want);
	if (!err && has_changed && json_array_append_new(changed, json_string(id)) != 0)
		err = sut_err_nomem();
	return err;
}

/** One device. */
struct derive_call {
	struct sut_rollouts *rollouts;
	const char *id;
	json_t *changed;
};

static struct sut_err *derive_in(struct sut_tx *tx, void *context)
{
	struct derive_call *call = context;
	const struct sut_known *known = sut_rollouts_look(call->rollouts);
	struct sut_err *err = derive_one(tx, known, call->id, call->changed);

	sut_rollouts_leave(call->rollouts);
	return err;
}

struct sut_err *sut_rollouts_derive(struct sut_rollouts *rollouts, const char *device)
{
	_cleanup_json_ json_t *changed = json_array();
	struct derive_call call = { rollouts, device, changed };

	return changed ? sut_store_write(rollouts->hub->store, derive_in, &call) : sut_err_nomem();
}

static struct sut_err *derive_stale(struct sut_tx *tx, void *context)
{
	struct stale_call *call = context;
	const json_t *id;
	size_t i;

	json_decref(call->ids);
	call->ids = NULL;
	json_array_clear(call->changed);
	struct sut_err *err = sut_store_stale(tx, call->epoch, call->most, &call->ids);
	if (err)
		return err;
	const struct sut_known *known = sut_rollouts_look(call->rollouts);
	json_array_foreach(call->ids, i, id)
	{
		if (!err)
			err = derive_one(tx, known, json_string_value(id), call->changed);
	}
	sut_rollouts_leave(call->rollouts);
	return err;
}

// Most of the time nothing is stale: then nothing is written.
static struct sut_err *find_stale(struct sut_tx *tx, void *context)
{
	struct stale_call *call = context;

	return sut_store_stale(tx, call->epoch, 1, &call->ids);
}

static struct sut_err *derive_found(struct sut_rollouts *rollouts, struct stale_call *call)
{
	const json_t *id;
	size_t i;
	struct sut_err *err = sut_store_write(rollouts->hub->store, derive_stale, call);

	if (err)
		return err;
	json_array_foreach(call->changed, i, id)
		sut_bus_publish(rollouts->hub->bus, "device", json_string_value(id));
	return NULL;
}

struct sut_err *sut_rollouts_derive_stale(struct sut_rollouts *rollouts, int64_t most,
					  int64_t *n_ret)
{
	struct stale_call call = { rollouts, 0, most, NULL, json_array() };

	pthread_rwlock_rdlock(&rollouts->lock);
	call.epoch = rollouts->epoch;
	pthread_rwlock_unlock(&rollouts->lock);
	struct sut_err *err = call.changed ? sut_store_read(rollouts->hub->store, find_stale, &call)
					   : sut_err_nomem();
	if (!err && json_array_size(call.ids))
		err = derive_found(rollouts, &call);
	if (!err)
		*n_ret = json_array_size(call.ids);
	json_decref(call.ids);
	json_decref(call.changed);
	return err;
}
