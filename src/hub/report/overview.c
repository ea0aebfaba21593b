// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "fleet/calendar.h"
#include "fleet/date.h"
#include "fleet/device.h"
#include "fleet/release.h"
#include "hub/http/route.h"
#include "hub/report/overview.h"
#include "hub/report/routes.h"
#include "hub/rollout/known.h"
#include "hub/rollout/rollouts.h"
#include "hub/store/report.h"
#include "hub/store/rollout.h"

// All statuses at zero: a page draws them all.
static json_t *no_statuses(void)
{
	json_t *counts = json_object();

	for (int i = 0; i < SUT_N_STATUSES; i++)
		json_object_set_new(counts, sut_status_name(i), json_integer(0));
	return counts;
}

static void add_to(json_t *object, const char *key, json_int_t n)
{
	json_object_set_new(object, key,
			    json_integer(json_integer_value(json_object_get(object, key)) + n));
}

static json_t *find_ring(json_t *rings, const char *name)
{
	size_t i;
	json_t *ring;

	json_array_foreach(rings, i, ring)
	{
		if (strcmp(json_string_value(json_object_get(ring, "ring")), name) == 0)
			return ring;
	}
	return NULL;
}

// The policy's rings in their order.
static json_t *empty_rings(const struct sut_policy *policy)
{
	json_t *rings = json_array();

	for (size_t i = 0; i < policy->n_rings; i++) {
		const struct sut_policy_ring *ring = &policy->rings[i];
		json_array_append_new(rings,
				      json_pack("{s:s, s:s, s:i, s:o}", "ring", ring->name, "label",
						ring->label ? ring->label : ring->name, "total", 0,
						"by_status", no_statuses()));
	}
	return rings;
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void add_row(const json_t *row, json_t *rings, json_t *by_status, json_t *sums)
{
	const char *status = json_string_value(json_object_get(row, "status"));
	const char *ring = json_string_value(json_object_get(row, "ring"));
	json_t *one = ring ? find_ring(rings, ring) : NULL;
	json_int_t n = number_of(row, "devices");

	add_to(by_status, status, n);
	add_to(sums, "devices", n);
	add_to(sums, "protected", number_of(row, "protected"));
	add_to(sums, "open", number_of(row, "open"));
	if (!one)
		return;
	add_to(one, "total", n);
	add_to(json_object_get(one, "by_status"), status, n);
}

json_t *sut_overview_count(const json_t *rows, const struct sut_policy *policy)
{
	json_t *rings = empty_rings(policy), *by_status = no_statuses(), *sums = json_object();
	const json_t *row;
	size_t i;

	json_array_foreach((json_t *)rows, i, row) add_row(row, rings, by_status, sums);
	json_int_t is_protected = number_of(sums, "protected");
	json_int_t all = is_protected + number_of(sums, "open");
	json_t *share = all ? json_real((double)is_protected / all) : json_null();
	json_t *counts = json_pack("{s:{s:I, s:o, s:o}, s:o, s:{s:I, s:I}}", "devices", "total",
				   number_of(sums, "devices"), "by_status", by_status, "by_ring",
				   rings, "protected_share", share, "processes", "total", all,
				   "protected", is_protected);
	json_decref(sums);
	return counts;
}

struct sut_err *sut_overview_calendar(const struct sut_known *known, int year, json_t **ret)
{
	struct sut_calendar calendar = { 0 };
	struct sut_err *err = sut_calendar_init(&sut_calendar_usual, year, known->channel->releases,
						known->channel->n_releases, &calendar);

	if (err)
		return err;
	*ret = sut_calendar_write(&calendar);
	sut_calendar_deinit(&calendar);
	return *ret ? NULL : sut_err_nomem();
}

static void want_attention(json_t *list, const char *kind, const char *link, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void want_attention(json_t *list, const char *kind, const char *link, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(
		list, json_pack("{s:s, s:s, s:s}", "kind", kind, "text", text, "link", link));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

// The ring whose turn it is and that only a person's word holds back.
static void attend_approval(json_t *list, const json_t *rollout, const char *link)
{
	size_t i, j;
	const json_t *ring, *gate;

	json_array_foreach(json_object_get(rollout, "rings"), i, ring)
	{
		if (strcmp(text_of(ring, "state"), "waiting") != 0)
			continue;
		json_array_foreach(json_object_get(ring, "gates"), j, gate)
		{
			if (strcmp(text_of(gate, "name"), "approval") == 0 &&
			    strcmp(text_of(gate, "state"), "waiting") == 0)
				want_attention(
					list, "approval", link,
					"Ring %s of rollout %s needs somebody to approve it.",
					text_of(ring, "label"), text_of(rollout, "id"));
		}
		return;
	}
}

static void attend_rollouts(json_t *list, const json_t *rollouts)
{
	size_t i;
	const json_t *rollout;

	json_array_foreach((json_t *)rollouts, i, rollout)
	{
		const char *id = text_of(rollout, "id"), *state = text_of(rollout, "state");
		char link[64];
		snprintf(link, sizeof(link), "#/rollouts/%s", id);
		const json_t *timeline = json_object_get(rollout, "timeline");
		const json_t *last = json_array_get(timeline, json_array_size(timeline) - 1);
		if (strcmp(state, "paused") == 0)
			want_attention(list, "rollout-paused", link, "Rollout %s is paused: %s", id,
				       text_of(last, "reason"));
		else if (strcmp(state, "rolled-back") == 0)
			want_attention(list, "rollout-rolled-back", link,
				       "Rollout %s was rolled back: %s", id,
				       text_of(last, "reason"));
		else if (strcmp(state, "running") == 0)
			attend_approval(list, rollout, link);
	}
}

static void attend_devices(json_t *list, const json_t *by_status)
{
	static const struct {
		const char *status, *kind, *text, *link;
	} kinds[] = {
		{ "offline", "devices-offline", "do not report", "#/devices?status=offline" },
		{ "held", "devices-held", "are held", "#/devices?status=held" },
		{ "not-ready", "devices-not-ready", "cannot be hotpatched",
		  "#/devices?status=not-ready" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		json_int_t n = number_of(by_status, kinds[i].status);
		if (n)
			want_attention(list, kinds[i].kind, kinds[i].link, "%lld %s %s.",
				       (long long)n, n == 1 ? "device:" : "devices", kinds[i].text);
	}
}

static void attend_repository(json_t *list, const struct sut_rollouts_trouble *trouble, int64_t now)
{
	char time[SUT_TIME_SIZE];

	if (!trouble->has_repository)
		want_attention(
			list, "repository", "#/releases",
			"The hub has no repository (--repository): it can roll nothing out.");
	if (*trouble->text)
		want_attention(list, "not-published", "#/releases", "Publishing fails: %s",
			       trouble->text);
	sut_time_format(trouble->expires, time);
	if (trouble->expires && trouble->expires - now < SUT_DAY && *trouble->text)
		want_attention(list, "metadata-expiry", "#/releases",
			       "Devices take nothing new from %s on: the repository's timestamp "
			       "expires.",
			       time);
}

/** All of the overview that comes out of the store. */
struct overview_call {
	const struct sut_known *known;
	int64_t now; /**< Seconds. */
	json_t *rows, *rollouts, *counts, *calendar;
};

// Those under way, and the newest when it was rolled back: that needs a person.
static bool is_shown(const struct sut_stored_rollout *rollout, size_t at)
{
	return rollout->is_waiting || rollout->doc.state <= SUT_ROLLOUT_PAUSED ||
	       (at == 0 && rollout->doc.state == SUT_ROLLOUT_ROLLED_BACK);
}

static struct sut_err *overview_in(struct sut_tx *tx, void *context)
{
	struct overview_call *call = context;
	const struct sut_stored_rollouts *stored = &call->known->stored;
	struct sut_err *err = sut_store_overview(tx, &call->rows);

	call->rollouts = json_array();
	for (size_t i = 0; i < stored->n && !err; i++) {
		json_t *one;
		if (!is_shown(&stored->list[i], i))
			continue;
		err = sut_rollouts_tell(tx, call->known, &stored->list[i], call->now, &one);
		if (!err && json_array_append_new(call->rollouts, one) != 0)
			err = sut_err_nomem();
	}
	return err;
}

static struct sut_err *gather(struct sut_hub *hub, struct overview_call *call)
{
	call->known = sut_rollouts_look(hub->rollouts);
	struct sut_err *err = sut_store_read(hub->store, overview_in, call);
	if (!err)
		err = sut_overview_calendar(call->known, sut_date_of(call->now).year,
					    &call->calendar);
	if (!err)
		call->counts = sut_overview_count(call->rows, &call->known->policy);
	sut_rollouts_leave(hub->rollouts);
	return err;
}

static json_t *put_together(struct sut_hub *hub, const struct overview_call *call)
{
	json_t *attention = json_array();
	struct sut_rollouts_trouble trouble;
	char time[SUT_TIME_SIZE];

	sut_rollouts_read_trouble(hub->rollouts, &trouble);
	attend_repository(attention, &trouble, call->now);
	attend_rollouts(attention, call->rollouts);
	attend_devices(attention,
		       json_object_get(json_object_get(call->counts, "devices"), "by_status"));
	sut_time_format(call->now, time);
	json_t *more = json_pack("{s:O, s:O, s:o, s:{s:s, s:s}}", "rollouts", call->rollouts,
				 "calendar", call->calendar, "attention", attention, "hub",
				 "version", SUTURE_VERSION, "time", time);
	if (!more || json_object_update(more, call->counts) != 0) {
		json_decref(more);
		return NULL;
	}
	return more;
}

static struct sut_err *show_overview(struct sut_hub *hub, const struct sut_request *request,
				     struct sut_reply *reply)
{
	struct overview_call call = { .now = request->now / 1000000 };
	struct sut_err *err = gather(hub, &call);

	if (!err)
		err = sut_reply_json(reply, 200, put_together(hub, &call));
	json_decref(call.rows);
	json_decref(call.rollouts);
	json_decref(call.counts);
	json_decref(call.calendar);
	return err;
}

const struct sut_route sut_overview_routes[] = {
	{ "GET", "/api/v1/overview", SUT_ACCESS_VIEWER, show_overview },
	{ 0 },
};
