// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/routes.h"

#include <string.h>

#include "base/json.h"
#include "fleet/coverage.h"
#include "fleet/release.h"
#include "hub/events/bus.h"
#include "hub/http/route.h"
#include "hub/rollout/known.h"
#include "hub/rollout/order.h"
#include "hub/rollout/rollouts.h"
#include "hub/rollout/text.h"
#include "hub/store/report.h"
#include "hub/store/rollout.h"

/** Bytes of a reason, at most. */
#define MOST_REASON 500

static struct sut_err *no_rollout(struct sut_reply *reply, const char *id)
{
	return sut_reply_problem(reply, 404, "not-found", "There is no rollout %s.", id);
}

/** Tells rollouts inside of a read. */
struct tell_call {
	const struct sut_known *known;
	const char *id; /**< NULL: all, from @c cursor on. */
	const char *cursor;
	int64_t limit, now;
	json_t *told;     /**< The rollout, or an array. */
	const char *next; /**< Borrowed from known. */
};

static struct sut_err *tell_one(struct sut_tx *tx, struct tell_call *call)
{
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout = { 0 };
	bool has = false;
	struct sut_err *err = sut_store_rollout(tx, call->id, &has, &rollout);

	return err || !has ? err
			   : sut_rollouts_tell(tx, call->known, &rollout, call->now, &call->told);
}

// The list is newest first; the cursor is the last id of the page before.
static struct sut_err *tell_page(struct sut_tx *tx, struct tell_call *call)
{
	const struct sut_stored_rollouts *all = &call->known->stored;
	size_t i = 0;

	call->told = json_array();
	if (call->cursor) {
		while (i < all->n && strcmp(all->list[i].doc.id, call->cursor) != 0)
			i++;
		i += i < all->n;
	}
	for (; i < all->n && (int64_t)json_array_size(call->told) < call->limit; i++) {
		json_t *one;
		struct sut_err *err =
			sut_rollouts_tell(tx, call->known, &all->list[i], call->now, &one);
		if (err)
			return err;
		json_array_append_new(call->told, one);
	}
	if (i > 0 && i < all->n)
		call->next = all->list[i - 1].doc.id;
	return NULL;
}

static struct sut_err *tell_in(struct sut_tx *tx, void *context)
{
	struct tell_call *call = context;

	return call->id ? tell_one(tx, call) : tell_page(tx, call);
}

static struct sut_err *answer_rollout(struct sut_hub *hub, const char *id, int64_t now, int status,
				      struct sut_reply *reply)
{
	struct tell_call call = { .id = id, .now = now / 1000000 };

	call.known = sut_rollouts_look(hub->rollouts);
	struct sut_err *err = sut_store_read(hub->store, tell_in, &call);
	sut_rollouts_leave(hub->rollouts);
	if (err) {
		json_decref(call.told);
		return err;
	}
	return call.told ? sut_reply_json(reply, status, call.told) : no_rollout(reply, id);
}

static struct sut_err *show_rollout(struct sut_hub *hub, const struct sut_request *request,
				    struct sut_reply *reply)
{
	return answer_rollout(hub, request->params[0], request->now, 200, reply);
}

static struct sut_err *list_rollouts(struct sut_hub *hub, const struct sut_request *request,
				     struct sut_reply *reply)
{
	struct tell_call call = {
		.cursor = sut_request_query(request, "cursor"),
		.now = request->now / 1000000,
	};
	struct sut_err *err = sut_request_limit(request, &call.limit);

	if (err)
		return sut_reply_invalid(reply, err);
	call.known = sut_rollouts_look(hub->rollouts);
	err = sut_store_read(hub->store, tell_in, &call);
	if (err)
		json_decref(call.told);
	else
		err = sut_reply_list(reply, call.told, call.next, call.known->stored.n);
	sut_rollouts_leave(hub->rollouts);
	return err;
}

static struct sut_err *create_rollout(struct sut_hub *hub, const struct sut_request *request,
				      struct sut_reply *reply)
{
	static const char *const keys[] = { "release", "reason", NULL };
	const char *release = NULL, *reason = NULL;
	int made;
	struct sut_err *err = sut_body_check(request->body, keys);

	if (!err)
		err = sut_body_line(request->body, "release", 16, &release);
	if (!err)
		err = sut_body_line(request->body, "reason", MOST_REASON, &reason);
	if (err)
		return sut_reply_invalid(reply, err);
	const struct sut_rollout_note note = {
		.actor = request->principal.name,
		.action = "created",
		.reason = reason,
		.time = request->now / 1000000 * 1000000, // whole seconds, as in documents
	};
	err = sut_rollouts_create(hub->rollouts, release, &note, NULL, &made);
	if (err)
		return err;
	if (made < 0)
		return sut_reply_problem(reply, 404, "not-found",
					 "There is no release %s in the repository.", release);
	if (made == 0)
		return sut_reply_problem(reply, 409, "exists", "Release %s has its rollout.",
					 release);
	sut_bus_publish(hub->bus, "rollout", release);
	sut_bus_publish(hub->bus, "audit", "audit");
	return answer_rollout(hub, release, request->now, 201, reply);
}

static struct sut_err *carry_out(struct sut_hub *hub, const struct sut_request *request,
				 enum sut_order_kind kind, struct sut_reply *reply)
{
	static const char *const keys[] = { "reason", "ring", NULL };
	const char *id = request->params[0];
	bool has_found = false;
	struct sut_order order = {
		.kind = kind,
		.actor = request->principal.name,
		.now = request->now / 1000000,
	};
	struct sut_err *err = sut_body_check(request->body, keys);

	if (!err)
		err = sut_body_line(request->body, "reason", MOST_REASON, &order.reason);
	if (!err)
		err = sut_body_line_if(request->body, "ring", 63, &order.ring);
	if (err)
		return sut_reply_invalid(reply, err);
	err = sut_rollouts_order(hub->rollouts, id, &order, &has_found);
	if (err && err->code == SUT_E_USAGE) {
		struct sut_err *told = sut_reply_problem(reply, 409, "state", "%s", err->msg);
		sut_err_free(err);
		return told;
	}
	if (err)
		return err;
	if (!has_found)
		return no_rollout(reply, id);
	sut_bus_publish(hub->bus, "rollout", id);
	sut_bus_publish(hub->bus, "audit", "audit");
	return answer_rollout(hub, id, request->now, 200, reply);
}

static struct sut_err *start(struct sut_hub *hub, const struct sut_request *request,
			     struct sut_reply *reply)
{
	return carry_out(hub, request, SUT_ORDER_START, reply);
}

static struct sut_err *pause_it(struct sut_hub *hub, const struct sut_request *request,
				struct sut_reply *reply)
{
	return carry_out(hub, request, SUT_ORDER_PAUSE, reply);
}

static struct sut_err *resume(struct sut_hub *hub, const struct sut_request *request,
			      struct sut_reply *reply)
{
	return carry_out(hub, request, SUT_ORDER_RESUME, reply);
}

static struct sut_err *expedite(struct sut_hub *hub, const struct sut_request *request,
				struct sut_reply *reply)
{
	return carry_out(hub, request, SUT_ORDER_EXPEDITE, reply);
}

static struct sut_err *approve(struct sut_hub *hub, const struct sut_request *request,
			       struct sut_reply *reply)
{
	return carry_out(hub, request, SUT_ORDER_APPROVE, reply);
}

static struct sut_err *roll_back(struct sut_hub *hub, const struct sut_request *request,
				 struct sut_reply *reply)
{
	return carry_out(hub, request, SUT_ORDER_ROLL_BACK, reply);
}

static bool names(const json_t *list, const char *name)
{
	size_t i;
	const json_t *value;

	json_array_foreach((json_t *)list, i, value)
	{
		if (json_is_string(value) && strcmp(json_string_value(value), name) == 0)
			return true;
	}
	return false;
}

static bool brings(const struct sut_release *release, const json_t *hotpatches)
{
	for (size_t i = 0; i < release->n_hotpatches; i++)
		if (names(hotpatches, release->hotpatches[i].name))
			return true;
	return false;
}

// The rollouts that a recall concerns, as an array of ids.
static json_t *find_recalled(const struct sut_known *known, const json_t *releases,
			     const json_t *hotpatches)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < known->stored.n; i++) {
		const struct sut_rollout *doc = &known->stored.list[i].doc;
		int at = sut_channel_find(known->channel, doc->release);
		if (names(releases, doc->release) ||
		    (at >= 0 && brings(&known->channel->releases[at], hotpatches)))
			json_array_append_new(ids, json_string(doc->id));
	}
	return ids;
}

static struct sut_err *recall_all(struct sut_hub *hub, const struct sut_request *request,
				  const json_t *ids, const char *reason, json_t **ret)
{
	const struct sut_order order = {
		.kind = SUT_ORDER_RECALL,
		.actor = request->principal.name,
		.reason = reason,
		.now = request->now / 1000000,
	};
	_cleanup_json_ json_t *list = json_array();
	struct sut_err *err = NULL;
	size_t i;
	const json_t *id;

	json_array_foreach((json_t *)ids, i, id)
	{
		struct tell_call call = { .id = json_string_value(id), .now = order.now };
		bool has_found;
		if (!err)
			err = sut_rollouts_order(hub->rollouts, call.id, &order, &has_found);
		if (err)
			return err;
		call.known = sut_rollouts_look(hub->rollouts);
		err = sut_store_read(hub->store, tell_in, &call);
		sut_rollouts_leave(hub->rollouts);
		json_array_append_new(list, call.told);
		sut_bus_publish(hub->bus, "rollout", call.id);
	}
	if (!err)
		*ret = json_incref(list);
	return err;
}

static struct sut_err *recall(struct sut_hub *hub, const struct sut_request *request,
			      struct sut_reply *reply)
{
	static const char *const keys[] = { "releases", "hotpatches", "reason", NULL };
	const json_t *releases = NULL, *hotpatches = NULL;
	const char *reason = NULL;
	json_t *list = NULL;
	struct sut_err *err = sut_body_check(request->body, keys);

	if (!err)
		err = sut_json_list(request->body, "releases", 1000, &releases);
	if (!err)
		err = sut_json_list(request->body, "hotpatches", 1000, &hotpatches);
	if (!err)
		err = sut_body_line(request->body, "reason", MOST_REASON, &reason);
	if (err)
		return sut_reply_invalid(reply, err);
	const struct sut_known *known = sut_rollouts_look(hub->rollouts);
	_cleanup_json_ json_t *ids = find_recalled(known, releases, hotpatches);
	sut_rollouts_leave(hub->rollouts);
	if (json_array_size(ids) == 0)
		return sut_reply_problem(
			reply, 404, "not-found",
			"No rollout is of these releases, or brings these hotpatches.");
	err = recall_all(hub, request, ids, reason, &list);
	if (err)
		return err;
	sut_bus_publish(hub->bus, "audit", "audit");
	return sut_reply_json(reply, 200, json_pack("{s:o}", "rollouts", list));
}

/** A page of those that a rollout does not protect. */
struct why_not_call {
	const char *id, *baseline, *cursor;
	int64_t limit;
	struct sut_page page;
};

static struct sut_err *why_not_in(struct sut_tx *tx, void *context)
{
	struct why_not_call *call = context;

	return sut_store_why_not(tx, call->baseline, call->id, call->cursor, call->limit,
				 &call->page);
}

// A device that tells of no process stands here for what it is itself.
static void explain(json_t *row)
{
	static const struct {
		const char *status, *word, *text, *remedy;
	} devices[] = {
		{ "offline", "offline", "The device does not report.",
		  "See whether it runs and reaches the hub." },
		{ "held", "held", "The device is held.", "Release it when the reason is gone." },
		{ "not-ready", "not-ready", "The device cannot be hotpatched.",
		  "Its page says what is missing." },
		{ "", "not-fetched", "The device has not taken the release yet.",
		  "Wait for its next report." },
	};
	const char *word = json_string_value(json_object_get(row, "reason"));
	const char *status = json_string_value(json_object_get(row, "status"));
	enum sut_coverage reason;
	size_t i = 0;

	if (word && sut_reason_find(word, &reason)) {
		json_object_set_new(row, "reason_text", json_string(sut_reason_sentence(reason)));
		json_object_set_new(row, "remedy", json_string(sut_reason_remedy(reason)));
		return;
	}
	while (*devices[i].status && (!status || strcmp(devices[i].status, status) != 0))
		i++;
	json_object_set_new(row, "reason", json_string(devices[i].word));
	json_object_set_new(row, "reason_text", json_string(devices[i].text));
	json_object_set_new(row, "remedy", json_string(devices[i].remedy));
}

static struct sut_err *why_not(struct sut_hub *hub, const struct sut_request *request,
			       struct sut_reply *reply)
{
	struct why_not_call call = {
		.id = request->params[0],
		.cursor = sut_request_query(request, "cursor"),
	};
	_cleanup_free_ char *baseline = NULL;
	size_t i;
	json_t *row;
	struct sut_err *err = sut_request_limit(request, &call.limit);

	if (err)
		return sut_reply_invalid(reply, err);
	const struct sut_known *known = sut_rollouts_look(hub->rollouts);
	for (i = 0; i < known->stored.n && !baseline; i++)
		if (strcmp(known->stored.list[i].doc.id, call.id) == 0)
			baseline = strdup(known->stored.list[i].doc.baseline);
	sut_rollouts_leave(hub->rollouts);
	if (!baseline)
		return no_rollout(reply, call.id);
	call.baseline = baseline;
	err = sut_store_read(hub->store, why_not_in, &call);
	if (err)
		return err->code == SUT_E_USAGE ? sut_reply_invalid(reply, err) : err;
	json_array_foreach(call.page.items, i, row) explain(row);
	err = sut_reply_list(reply, call.page.items, call.page.next, call.page.total);
	free(call.page.next);
	return err;
}

static struct sut_err *read_policy(struct sut_tx *tx, void *context)
{
	return sut_known_policy(tx, context);
}

static struct sut_err *show_policy(struct sut_hub *hub, const struct sut_request *request,
				   struct sut_reply *reply)
{
	json_t *policy = NULL;
	struct sut_err *err = sut_store_read(hub->store, read_policy, &policy);

	(void)request;
	return err ? err : sut_reply_json(reply, 200, policy);
}

// The policy in its one full form: what it leaves out gets its usual value.
static struct sut_err *complete_policy(const json_t *body, json_t **ret)
{
	static const char *const keys[] = { "rings", "on_red", "auto_start", NULL };
	_cleanup_(sut_policy_deinit) struct sut_policy policy = { 0 };
	const json_t *auto_start;
	struct sut_err *err = sut_body_check(body, keys);

	if (!err)
		err = sut_policy_from_json(body, &policy);
	if (err)
		return err;
	auto_start = json_object_get(body, "auto_start");
	if (auto_start && !json_is_boolean(auto_start))
		return sut_err(SUT_E_FORMAT, "'auto_start' must be true or false");
	json_t *full = sut_policy_write(&policy);
	if (!full)
		return sut_err_nomem();
	json_object_set_new(full, "auto_start", json_boolean(!json_is_false(auto_start)));
	*ret = full;
	return NULL;
}

static struct sut_err *set_policy(struct sut_hub *hub, const struct sut_request *request,
				  struct sut_reply *reply)
{
	json_t *policy = NULL;
	struct sut_err *err = complete_policy(request->body, &policy);

	if (err)
		return sut_reply_invalid(reply, err);
	err = sut_rollouts_set_policy(hub->rollouts, policy, request->principal.name,
				      request->now / 1000000);
	if (err) {
		json_decref(policy);
		return err;
	}
	sut_bus_publish(hub->bus, "overview", "overview");
	sut_bus_publish(hub->bus, "audit", "audit");
	return sut_reply_json(reply, 200, policy);
}

const struct sut_route sut_rollout_routes[] = {
	{ "GET", "/api/v1/rollouts", SUT_ACCESS_VIEWER, list_rollouts },
	{ "POST", "/api/v1/rollouts", SUT_ACCESS_OPERATOR, create_rollout },
	{ "GET", "/api/v1/rollouts/{id}", SUT_ACCESS_VIEWER, show_rollout },
	{ "POST", "/api/v1/rollouts/{id}/start", SUT_ACCESS_OPERATOR, start },
	{ "POST", "/api/v1/rollouts/{id}/pause", SUT_ACCESS_OPERATOR, pause_it },
	{ "POST", "/api/v1/rollouts/{id}/resume", SUT_ACCESS_OPERATOR, resume },
	{ "POST", "/api/v1/rollouts/{id}/expedite", SUT_ACCESS_OPERATOR, expedite },
	{ "POST", "/api/v1/rollouts/{id}/approve", SUT_ACCESS_OPERATOR, approve },
	{ "POST", "/api/v1/rollouts/{id}/roll-back", SUT_ACCESS_OPERATOR, roll_back },
	{ "GET", "/api/v1/rollouts/{id}/why-not", SUT_ACCESS_VIEWER, why_not },
	{ "POST", "/api/v1/recalls", SUT_ACCESS_OPERATOR, recall },
	{ "GET", "/api/v1/policy", SUT_ACCESS_VIEWER, show_policy },
	{ "PUT", "/api/v1/policy", SUT_ACCESS_ADMIN, set_policy },
	{ 0 },
};
