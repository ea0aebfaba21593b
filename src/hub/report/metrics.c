// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fleet/device.h"
#include "hub/http/about.h"
#include "hub/report/overview.h"
#include "hub/report/routes.h"
#include "hub/rollout/known.h"
#include "hub/rollout/rollouts.h"
#include "hub/store/report.h"
#include "hub/store/rollout.h"

/** Bounds of the histogram of times to protect, seconds. */
static const int64_t bounds[] = { 60,    300,       900,       3600,      3 * 3600,
				  86400, 3 * 86400, 7 * 86400, 30 * 86400 };
enum { N_BOUNDS = sizeof(bounds) / sizeof(bounds[0]) };

/** All that is counted in the store. */
struct metrics_call {
	const struct sut_known *known;
	int64_t now;
	json_t *rows, *rollouts;
	int64_t times[N_BOUNDS + 1], sum;
};

static struct sut_err *metrics_in(struct sut_tx *tx, void *context)
{
	struct metrics_call *call = context;
	int64_t us[N_BOUNDS];
	struct sut_err *err = sut_store_overview(tx, &call->rows);

	call->rollouts = json_array();
	for (size_t i = 0; i < N_BOUNDS; i++)
		us[i] = bounds[i] * 1000000;
	if (!err)
		err = sut_store_protect_times(tx, us, N_BOUNDS, call->times, &call->sum);
	for (size_t i = 0; i < call->known->stored.n && !err; i++) {
		const struct sut_stored_rollout *rollout = &call->known->stored.list[i];
		json_t *one;
		if (!rollout->is_waiting && rollout->doc.state > SUT_ROLLOUT_PAUSED)
			continue;
		err = sut_rollouts_tell(tx, call->known, rollout, call->now, &one);
		if (!err && json_array_append_new(call->rollouts, one) != 0)
			err = sut_err_nomem();
	}
	return err;
}

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void put_devices(FILE *out, const json_t *counts)
{
	const json_t *rings = json_object_get(json_object_get(counts, "devices"), "by_ring");
	const json_t *processes = json_object_get(counts, "processes");
	const char *status;
	json_t *ring, *n;
	size_t i;

	put_head(out, "suture_devices", "gauge", "Devices by ring and status.");
	json_array_foreach((json_t *)rings, i, ring)
	{
		json_object_foreach(json_object_get(ring, "by_status"), status, n)
			fprintf(out, "suture_devices{ring=\"%s\",status=\"%s\"} %lld\n",
			    text_of(ring, "ring"), status, (long long)json_integer_value(n));
	}
	put_head(
		out, "suture_processes", "gauge",
		"Processes that run a build with a known hotpatch, by whether they are protected.");
	fprintf(out, "suture_processes{state=\"protected\"} %lld\n",
	    (long long)number_of(processes, "protected"));
	fprintf(out, "suture_processes{state=\"open\"} %lld\n",
	    (long long)(number_of(processes, "total") - number_of(processes, "protected")));
}

static void put_rings(FILE *out, const json_t *rollout)
{
	static const char *const kinds[] = { "devices", "done", "failed", "waiting" };
	size_t i;
	const json_t *ring;

	json_array_foreach(json_object_get(rollout, "rings"), i, ring)
	{
		for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++)
			fprintf(out,
			    "suture_rollout_devices{rollout=\"%s\",ring=\"%s\",outcome=\"%s\"} "
			    "%lld\n",
			    text_of(rollout, "id"), text_of(ring, "name"), j ? kinds[j] : "all",
			    (long long)number_of(ring, kinds[j]));
	}
}

static void put_rollouts(FILE *out, const json_t *rollouts)
{
	size_t i;
	const json_t *rollout;

	put_head(out, "suture_rollout", "gauge", "Rollouts under way, by state: always 1.");
	json_array_foreach((json_t *)rollouts, i, rollout)
		fprintf(out, "suture_rollout{rollout=\"%s\",state=\"%s\"} 1\n", text_of(rollout, "id"),
		    text_of(rollout, "state"));
	put_head(out, "suture_rollout_devices", "gauge", "Devices of a rollout's rings.");
	json_array_foreach((json_t *)rollouts, i, rollout) put_rings(out, rollout);
	put_head(out, "suture_rollout_unpublished", "gauge",
		 "Decisions that the repository does not show yet.");
	json_array_foreach((json_t *)rollouts, i, rollout)
		fprintf(out, "suture_rollout_unpublished{rollout=\"%s\"} %lld\n", text_of(rollout, "id"),
		strcmp(text_of(rollout, "state"), "waiting") == 0
			? 0LL
			: (long long)(number_of(rollout, "decision") -
				      number_of(rollout, "published")));
}

static void put_times(FILE *out, const struct metrics_call *call)
{
	put_head(out, "suture_time_to_protect_seconds", "histogram",
		 "From a release's appearance to a device's proof, for devices that are done.");
	for (size_t i = 0; i < N_BOUNDS; i++)
		fprintf(out, "suture_time_to_protect_seconds_bucket{le=\"%lld.0\"} %lld\n",
		    (long long)bounds[i], (long long)call->times[i]);
	fprintf(out, "suture_time_to_protect_seconds_bucket{le=\"+Inf\"} %lld\n",
	    (long long)call->times[N_BOUNDS]);
	fprintf(out, "suture_time_to_protect_seconds_sum %.6f\n", call->sum / 1e6);
	fprintf(out, "suture_time_to_protect_seconds_count %lld\n", (long long)call->times[N_BOUNDS]);
}

static void put_repository(FILE *out, struct sut_hub *hub)
{
	struct sut_rollouts_trouble trouble;

	sut_rollouts_read_trouble(hub->rollouts, &trouble);
	put_head(out, "suture_repository_works", "gauge", "1 unless publishing fails.");
	fprintf(out, "suture_repository_works %d\n", !*trouble.text);
	if (!trouble.expires)
		return;
	put_head(out, "suture_repository_expires_seconds", "gauge",
		 "When the repository's timestamp expires, since 1970.");
	fprintf(out, "suture_repository_expires_seconds %lld\n", (long long)trouble.expires);
}

static struct sut_err *write_metrics(FILE *out, struct sut_hub *hub,
				     const struct metrics_call *call)
{
	_cleanup_json_ json_t *counts = sut_overview_count(call->rows, &call->known->policy);

	if (!counts)
		return sut_err_nomem();
	put_devices(out, counts);
	put_rollouts(out, call->rollouts);
	put_times(out, call);
	put_repository(out, hub);
	return sut_metrics_write(hub, out);
}

static struct sut_err *show_metrics(struct sut_hub *hub, const struct sut_request *request,
				    struct sut_reply *reply)
{
	static const char type[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	struct metrics_call call = { .now = request->now / 1000000 };
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return sut_err_nomem();
	call.known = sut_rollouts_look(hub->rollouts);
	struct sut_err *err = sut_store_read(hub->store, metrics_in, &call);
	if (!err)
		err = write_metrics(out, hub, &call);
	sut_rollouts_leave(hub->rollouts);
	json_decref(call.rows);
	json_decref(call.rollouts);
	fputs("# EOF\n", out);
	if (fclose(out) != 0 && !err)
		err = sut_err_nomem();
	return err ? err : sut_reply_bytes(reply, 200, type, text, size);
}

const struct sut_route sut_metrics_routes[] = {
	{ "GET", "/metrics", SUT_ACCESS_VIEWER, show_metrics },
	{ 0 },
};
