// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/time.h"
#include "fleet/device.h"
#include "fleet/release.h"
#include "fleet/version.h"
#include "hub/events/bus.h"
#include "hub/log.h"
#include "hub/rollout/known.h"
#include "hub/rollout/order.h"
#include "hub/rollout/parts.h"
#include "hub/rollout/publisher.h"
#include "hub/store/device.h"
#include "hub/store/report.h"
#include "hub/store/rollout.h"

/** Statuses that are derived in one transaction. */
#define STALE_AT_ONCE 1000

/** Microseconds. */
#define SECOND INT64_C(1000000)

/** Old events that are forgotten in one transaction, and how often they are looked for. */
#define FORGET_AT_ONCE 1000
#define FORGET_EVERY (600 * SECOND)

/** The gates are never left alone for longer, however slow counting was. */
#define MOST_REST (5 * SECOND)

/** What the thread remembers between its rounds; times in microseconds. */
struct rounds {
	int64_t next_step;    /**< The gates are evaluated then at the earliest. */
	int64_t next_silent;  /**< Devices that became silent are looked for. */
	int64_t next_renewal; /**< Whether the timestamp's time is half over is looked at. */
	int64_t next_try;     /**< After publishing has failed. */
	int64_t next_forget;  /**< Old events are looked for. */
};

static void tell_trouble(struct sut_rollouts *rollouts, const char *text, int64_t now)
{
	pthread_mutex_lock(&rollouts->mutex);
	struct sut_rollouts_trouble *trouble = &rollouts->trouble;
	bool is_new = strcmp(trouble->text, text) != 0;
	if (is_new)
		trouble->since = now;
	snprintf(trouble->text, sizeof(trouble->text), "%s", text);
	pthread_mutex_unlock(&rollouts->mutex);
	if (is_new && *text)
		sut_log(SUT_LOG_ERROR, "repository: %s", text);
}

void sut_rollouts_read(struct sut_rollouts *rollouts)
{
	if (!rollouts->publisher || !sut_publisher_has_news(rollouts->publisher))
		return;
	struct sut_channel *channel = calloc(1, sizeof(*channel));
	struct sut_err *err =
		channel ? sut_channel_read(rollouts->hub->config.repository, channel) : NULL;

	if (!channel)
		return;
	if (!err) {
		pthread_mutex_lock(&rollouts->mutex);
		rollouts->trouble.expires = channel->expires;
		pthread_mutex_unlock(&rollouts->mutex);
		err = sut_rollouts_renew(rollouts, channel);
	} else {
		free(channel);
	}
	if (err) {
		tell_trouble(rollouts, err->msg, sut_time_now());
		sut_publisher_forget(rollouts->publisher); // the next round tries again
	}
	sut_err_free(err);
}

// The newest release of each baseline gets its rollout; older ones are a person's choice.
static bool needs_rollout(const struct sut_known *known, size_t at)
{
	const struct sut_release *release = &known->channel->releases[at];

	if (sut_catalogue_revoked(&known->catalogue, release->name))
		return false;
	for (size_t i = 0; i < known->stored.n; i++)
		if (strcmp(known->stored.list[i].doc.id, release->name) == 0)
			return false;
	for (size_t i = 0; i < known->channel->n_releases; i++) {
		const struct sut_release *other = &known->channel->releases[i];
		if (strcmp(other->baseline, release->baseline) == 0 &&
		    sut_version_compare(other->name, release->name) > 0)
			return false;
	}
	return true;
}

// In one step: one that was made and not started would wait for a person.
static struct sut_err *make_rollout(struct sut_rollouts *rollouts, const char *release,
				    bool auto_start, int64_t now)
{
	const struct sut_rollout_note note = {
		.actor = "hub",
		.action = "created",
		.reason = "the release is in the repository",
		.time = now * SECOND,
	};
	const struct sut_order start = {
		.kind = SUT_ORDER_START,
		.actor = "hub",
		.reason = "the policy starts rollouts by itself",
		.now = now,
	};
	int made;

	return sut_rollouts_create(rollouts, release, &note, auto_start ? &start : NULL, &made);
}

static struct sut_err *make_rollouts(struct sut_rollouts *rollouts, int64_t now)
{
	for (;;) {
		_cleanup_free_ char *release = NULL;
		const struct sut_known *known = sut_rollouts_look(rollouts);
		bool auto_start = known->auto_start;
		for (size_t i = 0; i < known->channel->n_releases && !release; i++)
			if (needs_rollout(known, i))
				release = strdup(known->channel->releases[i].name);
		sut_rollouts_leave(rollouts);
		if (!release)
			return NULL;
		struct sut_err *err = make_rollout(rollouts, release, auto_start, now);
		if (err)
			return err;
	}
}

// The ids of the rollouts that run, as an array of texts.
static json_t *running_ids(struct sut_rollouts *rollouts)
{
	json_t *ids = json_array();
	const struct sut_known *known = sut_rollouts_look(rollouts);

	for (size_t i = 0; i < known->stored.n; i++) {
		const struct sut_stored_rollout *rollout = &known->stored.list[i];
		if (!rollout->is_waiting && rollout->doc.state == SUT_ROLLOUT_RUNNING)
			json_array_append_new(ids, json_string(rollout->doc.id));
	}
	sut_rollouts_leave(rollouts);
	return ids;
}

static struct sut_err *copy_policy(struct sut_rollouts *rollouts, struct sut_policy *ret)
{
	const struct sut_known *known = sut_rollouts_look(rollouts);
	_cleanup_json_ json_t *json = sut_policy_write(&known->policy);

	sut_rollouts_leave(rollouts);
	return json ? sut_policy_from_json(json, ret) : sut_err_nomem();
}

// Large fleets take a while to count: no more than a twentieth of the time is spent on it,
// unless that would let the gates wait.
static struct sut_err *step_all(struct sut_rollouts *rollouts, struct rounds *rounds)
{
	_cleanup_(sut_policy_deinit) struct sut_policy policy = { 0 };
	_cleanup_json_ json_t *ids = running_ids(rollouts);
	int64_t begun = sut_time_now_us();
	bool has_any = false;
	struct sut_err *err = copy_policy(rollouts, &policy);
	size_t i;
	const json_t *id;

	json_array_foreach(ids, i, id)
	{
		bool has_decided = false;
		if (!err)
			err = sut_rollouts_step(rollouts, json_string_value(id), &policy,
						begun / SECOND, &has_decided);
		has_any |= has_decided;
		if (!err && has_decided) {
			err = sut_rollouts_renew(rollouts, NULL);
			sut_bus_publish(rollouts->hub->bus, "rollout", json_string_value(id));
		}
	}
	int64_t rest = 20 * (sut_time_now_us() - begun);
	if (!has_any)
		rounds->next_step = begun + (rest < MOST_REST ? rest : MOST_REST);
	return err;
}

// Notes what clients see now, and gives the devices a reason to ask.
static struct sut_err *note_published(struct sut_tx *tx, void *context)
{
	const struct sut_stored_rollouts *published = context;
	struct sut_err *err = NULL;

	for (size_t i = 0; i < published->n && !err; i++) {
		const struct sut_stored_rollout *rollout = &published->list[i];
		if (!rollout->is_waiting)
			err = sut_store_rollout_published(tx, rollout->doc.id,
							  rollout->doc.decision);
	}
	return err ? err : sut_device_note_change(tx, NULL);
}

static struct sut_err *read_stored(struct sut_tx *tx, void *context)
{
	return sut_store_rollouts(tx, context);
}

static struct sut_err *publish_all(struct sut_rollouts *rollouts)
{
	_cleanup_(sut_stored_rollouts_deinit) struct sut_stored_rollouts all = { 0 };
	struct sut_hub *hub = rollouts->hub;
	size_t n = 0;
	struct sut_err *err = sut_store_read(hub->store, read_stored, &all);

	if (!err)
		err = sut_publisher_publish(rollouts->publisher, &all, &n);
	if (err || n == 0)
		return err;
	err = sut_store_write(hub->store, note_published, &all);
	if (!err)
		err = sut_rollouts_renew(rollouts, NULL);
	sut_bus_wake(hub->bus, NULL);
	for (size_t i = 0; i < all.n; i++)
		if ((int64_t)all.list[i].doc.decision > all.list[i].published)
			sut_bus_publish(hub->bus, "rollout", all.list[i].doc.id);
	return err;
}

static void look_after_repository(struct sut_rollouts *rollouts, struct rounds *rounds)
{
	int64_t now = sut_time_now_us();
	struct sut_err *err = NULL;

	if (!rollouts->publisher)
		return;
	sut_rollouts_read(rollouts);
	err = make_rollouts(rollouts, now / SECOND);
	if (!err && now >= rounds->next_try)
		err = publish_all(rollouts);
	if (!err && now >= rounds->next_renewal && now >= rounds->next_try) {
		rounds->next_renewal = now + 10 * SECOND;
		err = sut_publisher_renew(rollouts->publisher, now / SECOND);
	}
	if (err)
		rounds->next_try = now + 5 * SECOND;
	if (err || now >= rounds->next_try)
		tell_trouble(rollouts, err ? err->msg : "", now / SECOND);
	sut_err_free(err);
}

static struct sut_err *find_silent(struct sut_tx *tx, void *context)
{
	int64_t n;
	int64_t after = sut_device_offline_after(SUT_REPORT_S) * SECOND;

	(void)context;
	return sut_store_silent(tx, sut_time_now_us() - after, &n);
}

/** Old events that are being forgotten. */
struct forgetting {
	int64_t received, n; /**< Older than that, microseconds; how many. */
};

static struct sut_err *forget_some(struct sut_tx *tx, void *context)
{
	struct forgetting *forgetting = context;

	return sut_store_forget_events(tx, forgetting->received, FORGET_AT_ONCE, &forgetting->n);
}

// Some in each round, so that no report waits for long.
static struct sut_err *forget_events(struct sut_rollouts *rollouts, struct rounds *rounds,
				     int64_t now)
{
	struct forgetting forgetting = {
		.received = now - rollouts->hub->config.events_life * SECOND,
	};
	struct sut_err *err = sut_store_write(rollouts->hub->store, forget_some, &forgetting);

	if (err || forgetting.n < FORGET_AT_ONCE)
		rounds->next_forget = now + FORGET_EVERY;
	return err;
}

static struct sut_err *look_after_devices(struct sut_rollouts *rollouts, struct rounds *rounds)
{
	int64_t now = sut_time_now_us(), n = 0;
	struct sut_err *err = NULL;

	if (now >= rounds->next_silent) {
		rounds->next_silent = now + 5 * SECOND;
		err = sut_store_write(rollouts->hub->store, find_silent, NULL);
	}
	if (!err && now >= rounds->next_forget)
		err = forget_events(rollouts, rounds, now);
	if (!err)
		err = sut_rollouts_derive_stale(rollouts, STALE_AT_ONCE, &n);
	if (!err && n)
		sut_bus_publish(rollouts->hub->bus, "overview", "overview");
	return err;
}

static void work(struct sut_rollouts *rollouts, struct rounds *rounds, bool is_nudged)
{
	struct sut_err *err = NULL;

	look_after_repository(rollouts, rounds);
	if (sut_time_now_us() >= rounds->next_step)
		err = step_all(rollouts, rounds);
	if (!err)
		err = look_after_devices(rollouts, rounds);
	if (is_nudged)
		sut_bus_publish(rollouts->hub->bus, "overview", "overview");
	if (err)
		sut_log(SUT_LOG_ERROR, "rollouts: %s", err->msg);
	sut_err_free(err);
}

void *sut_rollouts_run(void *context)
{
	struct sut_rollouts *rollouts = context;
	struct rounds rounds = { 0 };

	pthread_mutex_lock(&rollouts->mutex);
	while (!rollouts->is_ending) {
		bool is_nudged = rollouts->is_nudged;
		struct timespec until;
		rollouts->is_nudged = rollouts->is_urgent = false;
		pthread_mutex_unlock(&rollouts->mutex);
		work(rollouts, &rounds, is_nudged);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		pthread_mutex_lock(&rollouts->mutex);
		while (!rollouts->is_ending && !rollouts->is_urgent &&
		       pthread_cond_timedwait(&rollouts->cond, &rollouts->mutex, &until) == 0)
			;
	}
	pthread_mutex_unlock(&rollouts->mutex);
	return NULL;
}
