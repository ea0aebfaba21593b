// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "fleet/date.h"
#include "fleet/release.h"
#include "fleet/version.h"
#include "hub/http/route.h"
#include "hub/report/overview.h"
#include "hub/report/routes.h"
#include "hub/rollout/known.h"
#include "hub/rollout/rollouts.h"
#include "hub/store/rollout.h"

static const char openapi[] =
#include "hub/openapi.inc"
	;

static json_t *tell_rollout(const struct sut_known *known, const char *release)
{
	for (size_t i = 0; i < known->stored.n; i++) {
		const struct sut_stored_rollout *rollout = &known->stored.list[i];
		if (strcmp(rollout->doc.release, release) == 0)
			return json_pack("{s:s, s:s}", "id", rollout->doc.id, "state",
					 sut_stored_rollout_state(rollout));
	}
	return json_null();
}

static json_t *tell_revocation(const struct sut_known *known, const char *release)
{
	const struct sut_revocation *revocation = sut_catalogue_revoked(&known->catalogue, release);
	char date[SUT_TIME_SIZE];

	if (!revocation)
		return json_null();
	sut_time_format(revocation->date, date);
	return json_pack("{s:s, s:s}", "reason", revocation->reason, "date", date);
}

// What a list and a single release tell alike.
static json_t *tell_head(const struct sut_known *known, size_t at)
{
	const struct sut_release *release = &known->channel->releases[at];
	char date[SUT_DATE_SIZE];

	sut_date_format(release->date, date);
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "name", release->name, "baseline",
			 release->baseline, "kind",
			 release->kind == SUT_RELEASE_BASELINE ? "baseline" : "hotpatch", "date",
			 date, "out_of_band", (int)release->is_out_of_band, "rollout",
			 tell_rollout(known, release->name), "revoked",
			 tell_revocation(known, release->name));
}

static void sum_sizes(const struct sut_release *release, json_int_t *size, json_int_t *full)
{
	*size = *full = 0;
	for (size_t i = 0; i < release->n_hotpatches; i++) {
		*size += release->hotpatches[i].size;
		*full += release->hotpatches[i].full_size;
	}
}

static json_t *tell_row(const struct sut_known *known, size_t at)
{
	const struct sut_release *release = &known->channel->releases[at];
	const json_t *advisories = json_object_get(known->channel->documents[at], "advisories");
	json_int_t size, full;
	json_t *row = tell_head(known, at);

	sum_sizes(release, &size, &full);
	json_t *more =
		json_pack("{s:O, s:I, s:I, s:I, s:I}", "advisories", advisories, "hotpatches",
			  (json_int_t)release->n_hotpatches, "not_hotpatchable",
			  (json_int_t)release->n_leftovers, "size", size, "full_size", full);
	if (!row || !more || json_object_update(row, more) != 0) {
		json_decref(row);
		row = NULL;
	}
	json_decref(more);
	return row;
}

// The newest release that is older than @p cursor (NULL: than all); -1: none.
static int next_older(const struct sut_channel *channel, const char *cursor)
{
	int best = -1;

	for (size_t i = 0; i < channel->n_releases; i++) {
		const char *name = channel->releases[i].name;
		if (cursor && sut_version_compare(name, cursor) >= 0)
			continue;
		if (best < 0 || sut_version_compare(name, channel->releases[best].name) > 0)
			best = i;
	}
	return best;
}

static struct sut_err *list_releases(struct sut_hub *hub, const struct sut_request *request,
				     struct sut_reply *reply)
{
	const char *cursor = sut_request_query(request, "cursor");
	struct sut_version version;
	json_t *items = json_array();
	int64_t limit;
	struct sut_err *err = sut_request_limit(request, &limit);

	if (!err && cursor && !sut_version_read(cursor, &version))
		err = sut_err(SUT_E_FORMAT, "this cursor is not one of this list's");
	if (err) {
		json_decref(items);
		return sut_reply_invalid(reply, err);
	}
	const struct sut_known *known = sut_rollouts_look(hub->rollouts);
	int at = next_older(known->channel, cursor);
	while (at >= 0 && (int64_t)json_array_size(items) < limit) {
		cursor = known->channel->releases[at].name;
		json_array_append_new(items, tell_row(known, at));
		at = next_older(known->channel, cursor);
	}
	err = sut_reply_list(reply, items, at >= 0 ? cursor : NULL, known->channel->n_releases);
	sut_rollouts_leave(hub->rollouts);
	return err;
}

static struct sut_err *show_release(struct sut_hub *hub, const struct sut_request *request,
				    struct sut_reply *reply)
{
	const struct sut_known *known = sut_rollouts_look(hub->rollouts);
	int at = sut_channel_find(known->channel, request->params[0]);
	json_int_t size, full;
	json_t *release = NULL;

	if (at >= 0) {
		release = tell_head(known, at);
		sum_sizes(&known->channel->releases[at], &size, &full);
		json_object_set_new(release, "sizes",
				    json_pack("{s:I, s:I}", "size", size, "full_size", full));
		json_object_set(release, "document", known->channel->documents[at]);
	}
	sut_rollouts_leave(hub->rollouts);
	if (at < 0)
		return sut_reply_problem(reply, 404, "not-found",
					 "There is no release %s in the repository.",
					 request->params[0]);
	return sut_reply_json(reply, 200, release);
}

static struct sut_err *show_calendar(struct sut_hub *hub, const struct sut_request *request,
				     struct sut_reply *reply)
{
	const char *text = sut_request_query(request, "year");
	long year = sut_date_of(request->now / 1000000).year;
	char *end = NULL;
	json_t *events = NULL;

	if (text)
		year = strtol(text, &end, 10);
	if (text && (end == text || *end || year < 2000 || year > 2199))
		return sut_reply_problem(reply, 400, "invalid",
					 "'year' must be a number from 2000 to 2199.");
	const struct sut_known *known = sut_rollouts_look(hub->rollouts);
	struct sut_err *err = sut_overview_calendar(known, year, &events);
	sut_rollouts_leave(hub->rollouts);
	return err ? err
		   : sut_reply_json(reply, 200,
				    json_pack("{s:i, s:o}", "year", (int)year, "events", events));
}

static struct sut_err *show_openapi(struct sut_hub *hub, const struct sut_request *request,
				    struct sut_reply *reply)
{
	(void)hub;
	(void)request;
	return sut_reply_bytes(reply, 200, "application/json", openapi, sizeof(openapi) - 1);
}

const struct sut_route sut_release_routes[] = {
	{ "GET", "/api/v1/releases", SUT_ACCESS_VIEWER, list_releases },
	{ "GET", "/api/v1/releases/{name}", SUT_ACCESS_VIEWER, show_release },
	{ "GET", "/api/v1/calendar", SUT_ACCESS_VIEWER, show_calendar },
	{ "GET", "/api/v1/openapi.json", SUT_ACCESS_PUBLIC, show_openapi },
	{ 0 },
};
