// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "fleet/coverage.h"
#include "fleet/device.h"
#include "fleet/release.h"
#include "hub/events/bus.h"
#include "hub/http/route.h"
#include "hub/report/routes.h"
#include "hub/rollout/known.h"
#include "hub/rollout/rollouts.h"
#include "hub/rollout/text.h"
#include "hub/store/audit.h"
#include "hub/store/device.h"
#include "hub/store/report.h"
#include "hub/store/rollout.h"

static struct sut_err *no_device(struct sut_reply *reply, const char *id)
{
	return sut_reply_problem(reply, 404, "not-found", "There is no device %s.", id);
}

// Answers with a page; a cursor that is none of ours is the client's fault.
static struct sut_err *answer_page(struct sut_err *err, struct sut_page *page,
				   struct sut_reply *reply)
{
	if (err)
		return err->code == SUT_E_USAGE ? sut_reply_invalid(reply, err) : err;
	err = sut_reply_list(reply, page->items, page->next, page->total);
	free(page->next);
	return err;
}

/** A page of devices. */
struct list_call {
	struct sut_device_filter filter;
	struct sut_page page;
};

static struct sut_err *list_in(struct sut_tx *tx, void *context)
{
	struct list_call *call = context;

	return sut_store_devices(tx, &call->filter, &call->page);
}

static struct sut_err *read_sort(const char *sort, struct sut_device_filter *filter)
{
	if (!sort)
		return NULL;
	filter->is_reversed = *sort == '-';
	sort += *sort == '-';
	filter->by_seen = strcmp(sort, "last_seen") == 0;
	return filter->by_seen || strcmp(sort, "hostname") == 0
		       ? NULL
		       : sut_err(SUT_E_FORMAT,
				 "'sort' is hostname or last_seen, or these with a dash");
}

static struct sut_err *read_filter(const struct sut_request *request,
				   struct sut_device_filter *filter)
{
	enum sut_status status;

	filter->status = sut_request_query(request, "status");
	filter->ring = sut_request_query(request, "ring");
	filter->group = sut_request_query(request, "group");
	filter->find = sut_request_query(request, "q");
	filter->cursor = sut_request_query(request, "cursor");
	if (filter->status && !sut_status_find(filter->status, &status))
		return sut_err(SUT_E_FORMAT, "there is no status '%s'", filter->status);
	if (filter->find && strlen(filter->find) > 127)
		return sut_err(SUT_E_FORMAT, "'q' has more than 127 bytes");
	struct sut_err *err = read_sort(sut_request_query(request, "sort"), filter);
	return err ? err : sut_request_limit(request, &filter->limit);
}

static struct sut_err *list_devices(struct sut_hub *hub, const struct sut_request *request,
				    struct sut_reply *reply)
{
	struct list_call call = { 0 };
	struct sut_err *err = read_filter(request, &call.filter);

	if (err)
		return sut_reply_invalid(reply, err);
	return answer_page(sut_store_read(hub->store, list_in, &call), &call.page, reply);
}

/** One device. */
struct device_call {
	const char *id;
	json_t *device, *processes;
	struct sut_device_state state;
	bool has;
};

static struct sut_err *device_in(struct sut_tx *tx, void *context)
{
	struct device_call *call = context;
	struct sut_err *err = sut_store_device(tx, call->id, &call->device);

	if (!err && call->device)
		err = sut_store_processes(tx, call->id, &call->processes);
	if (!err)
		err = sut_store_device_state(tx, call->id, &call->has, &call->state);
	return err;
}

static void explain_processes(json_t *processes)
{
	size_t i;
	json_t *process;

	json_array_foreach(processes, i, process)
	{
		const char *word = json_string_value(json_object_get(process, "reason"));
		enum sut_coverage reason = SUT_REASON_AGENT_ERROR;
		if (word)
			sut_reason_find(word, &reason);
		json_object_set_new(process, "reason_text",
				    json_string(sut_reason_sentence(reason)));
		json_object_set_new(process, "remedy", json_string(sut_reason_remedy(reason)));
	}
}

static json_t *tell_axes(const struct sut_device_state *state, int64_t now)
{
	const json_t *first = json_array_get(state->readiness, 0);
	struct sut_device_facts facts = {
		.has_reported = state->has_reported,
		.last_seen = state->seen / 1000000,
		.report_s = SUT_REPORT_S,
		.not_ready = json_string_value(json_object_get(first, "detail")),
		.hold = state->hold,
		.ring = state->ring ? state->ring : "",
		.now = now,
	};

	if (state->train)
		sut_train_find(state->train, &facts.train);
	return sut_device_axes(&facts);
}

// Answers with the device as it is now.
static struct sut_err *answer_device(struct sut_hub *hub, const char *id, int64_t now,
				     struct sut_reply *reply)
{
	struct device_call call = { .id = id };
	struct sut_err *err = sut_store_read(hub->store, device_in, &call);

	if (!err && call.device) {
		explain_processes(call.processes);
		if (json_object_set_new(call.device, "axes",
					tell_axes(&call.state, now / 1000000)) != 0 ||
		    json_object_set(call.device, "processes", call.processes) != 0)
			err = sut_err_nomem();
	}
	json_decref(call.processes);
	sut_device_state_deinit(&call.state);
	if (err) {
		json_decref(call.device);
		return err;
	}
	return call.device ? sut_reply_json(reply, 200, call.device) : no_device(reply, id);
}

static struct sut_err *show_device(struct sut_hub *hub, const struct sut_request *request,
				   struct sut_reply *reply)
{
	return answer_device(hub, request->params[0], request->now, reply);
}

/** A change of a device by a person. */
struct change_call {
	const struct sut_request *request;
	struct sut_device_choice choice;
	bool has_found, has_group;
};

static struct sut_err *change_in(struct sut_tx *tx, void *context)
{
	struct change_call *call = context;
	const struct sut_request *request = call->request;
	struct sut_err *err = NULL;

	call->has_group = true;
	if (call->choice.group)
		err = sut_store_group_has(tx, call->choice.group, &call->has_group);
	if (err || !call->has_group)
		return err;
	err = sut_store_device_choose(tx, request->params[0], &call->choice, &call->has_found);
	if (err || !call->has_found)
		return err;
	err = sut_device_note_change(tx, request->params[0]);
	return err ? err
		   : sut_audit_add(tx, request->now, request->principal.name, "device.change",
				   request->params[0], request->body);
}

static struct sut_err *read_choice(const json_t *body, struct sut_device_choice *choice)
{
	static const char *const keys[] = { "ring", "group", "hold", NULL };
	static const char *const hold_keys[] = { "reason", NULL };
	const json_t *hold = json_object_get(body, "hold");
	struct sut_err *err = sut_body_check(body, keys);

	if (err)
		return err;
	choice->sets_ring = json_object_get(body, "ring");
	choice->sets_group = json_object_get(body, "group");
	choice->sets_hold = hold;
	if (json_object_size(body) == 0)
		return sut_err(SUT_E_FORMAT, "the body changes nothing: ring, group or hold");
	err = sut_body_line_if(body, "ring", 63, &choice->ring);
	if (!err)
		err = sut_body_line_if(body, "group", 63, &choice->group);
	if (err || !hold || json_is_null(hold))
		return err;
	err = sut_body_check(hold, hold_keys);
	return err ? err : sut_body_line(hold, "reason", 250, &choice->hold);
}

static struct sut_err *change_device(struct sut_hub *hub, const struct sut_request *request,
				     struct sut_reply *reply)
{
	struct change_call call = { .request = request };
	struct sut_err *err = read_choice(request->body, &call.choice);

	if (!err && call.choice.ring) {
		const struct sut_known *known = sut_rollouts_look(hub->rollouts);
		if (!sut_policy_ring(&known->policy, call.choice.ring))
			err = sut_err(SUT_E_FORMAT, "the policy has no ring '%s'",
				      call.choice.ring);
		sut_rollouts_leave(hub->rollouts);
	}
	if (err)
		return sut_reply_invalid(reply, err);
	err = sut_store_write(hub->store, change_in, &call);
	if (err)
		return err;
	if (!call.has_group)
		return sut_reply_problem(reply, 400, "invalid", "There is no group '%s'.",
					 call.choice.group);
	if (!call.has_found)
		return no_device(reply, request->params[0]);
	err = sut_rollouts_derive(hub->rollouts, request->params[0]);
	sut_rollouts_wake(hub->rollouts, false);
	sut_bus_wake(hub->bus, request->params[0]);
	sut_bus_publish(hub->bus, "device", request->params[0]);
	sut_bus_publish(hub->bus, "audit", "audit");
	return err ? err : answer_device(hub, request->params[0], request->now, reply);
}

/** A removal of a device. */
struct remove_call {
	const struct sut_request *request;
	bool has_found;
};

static struct sut_err *remove_in(struct sut_tx *tx, void *context)
{
	struct remove_call *call = context;
	const struct sut_request *request = call->request;
	struct sut_err *err =
		sut_store_device_remove(tx, request->params[0], request->now, &call->has_found);

	return err || !call->has_found ? err
				       : sut_audit_add(tx, request->now, request->principal.name,
						       "device.remove", request->params[0], NULL);
}

static struct sut_err *remove_device(struct sut_hub *hub, const struct sut_request *request,
				     struct sut_reply *reply)
{
	struct remove_call call = { .request = request };
	struct sut_err *err = sut_store_write(hub->store, remove_in, &call);

	if (err)
		return err;
	if (!call.has_found)
		return no_device(reply, request->params[0]);
	sut_bus_publish(hub->bus, "device", request->params[0]);
	sut_bus_publish(hub->bus, "overview", "overview");
	sut_bus_publish(hub->bus, "audit", "audit");
	return sut_reply_empty(reply);
}

/** A device's history. */
struct history_call {
	const char *id, *cursor;
	int64_t limit;
	json_t *device;
	struct sut_page page;
};

static struct sut_err *history_in(struct sut_tx *tx, void *context)
{
	struct history_call *call = context;
	struct sut_err *err = sut_store_device(tx, call->id, &call->device);

	return err || !call->device
		       ? err
		       : sut_store_history(tx, call->id, call->cursor, call->limit, &call->page);
}

static struct sut_err *show_history(struct sut_hub *hub, const struct sut_request *request,
				    struct sut_reply *reply)
{
	struct history_call call = {
		.id = request->params[0],
		.cursor = sut_request_query(request, "cursor"),
	};
	struct sut_err *err = sut_request_limit(request, &call.limit);

	if (err)
		return sut_reply_invalid(reply, err);
	err = sut_store_read(hub->store, history_in, &call);
	bool has = call.device;
	json_decref(call.device);
	return !err && !has ? no_device(reply, call.id) : answer_page(err, &call.page, reply);
}

/** A page of groups. */
struct groups_call {
	const char *cursor;
	int64_t limit;
	struct sut_page page;
};

static struct sut_err *groups_in(struct sut_tx *tx, void *context)
{
	struct groups_call *call = context;

	return sut_store_groups(tx, call->cursor, call->limit, &call->page);
}

static struct sut_err *list_groups(struct sut_hub *hub, const struct sut_request *request,
				   struct sut_reply *reply)
{
	struct groups_call call = { .cursor = sut_request_query(request, "cursor") };
	struct sut_err *err = sut_request_limit(request, &call.limit);

	if (err)
		return sut_reply_invalid(reply, err);
	return answer_page(sut_store_read(hub->store, groups_in, &call), &call.page, reply);
}

/** A new group. */
struct group_call {
	const struct sut_request *request;
	const char *name, *label;
	bool has_made;
};

static struct sut_err *group_in(struct sut_tx *tx, void *context)
{
	struct group_call *call = context;
	const struct sut_request *request = call->request;
	struct sut_err *err = sut_store_group_put(tx, call->name, call->label, &call->has_made);

	return err || !call->has_made ? err
				      : sut_audit_add(tx, request->now, request->principal.name,
						      "group.create", call->name, request->body);
}

static struct sut_err *create_group(struct sut_hub *hub, const struct sut_request *request,
				    struct sut_reply *reply)
{
	static const char *const keys[] = { "name", "label", NULL };
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	struct group_call call = { .request = request };
	struct sut_err *err = sut_body_check(request->body, keys);

	if (!err)
		err = sut_body_line(request->body, "name", 63, &call.name);
	if (!err)
		err = sut_body_line_if(request->body, "label", 127, &call.label);
	if (!err && (call.name[strspn(call.name, letters)] || *call.name == '-'))
		err = sut_err(SUT_E_FORMAT,
			      "'name' has lower-case letters, digits and dashes only");
	if (err)
		return sut_reply_invalid(reply, err);
	if (!call.label)
		call.label = call.name;
	err = sut_store_write(hub->store, group_in, &call);
	if (err)
		return err;
	if (!call.has_made)
		return sut_reply_problem(reply, 409, "exists", "There is a group '%s'.", call.name);
	sut_bus_publish(hub->bus, "audit", "audit");
	return sut_reply_json(
		reply, 201,
		json_pack("{s:s, s:s, s:i}", "name", call.name, "label", call.label, "devices", 0));
}

const struct sut_route sut_fleet_routes[] = {
	{ "GET", "/api/v1/devices", SUT_ACCESS_VIEWER, list_devices },
	{ "GET", "/api/v1/devices/{id}", SUT_ACCESS_VIEWER, show_device },
	{ "PATCH", "/api/v1/devices/{id}", SUT_ACCESS_OPERATOR, change_device },
	{ "DELETE", "/api/v1/devices/{id}", SUT_ACCESS_OPERATOR, remove_device },
	{ "GET", "/api/v1/devices/{id}/history", SUT_ACCESS_VIEWER, show_history },
	{ "GET", "/api/v1/groups", SUT_ACCESS_VIEWER, list_groups },
	{ "POST", "/api/v1/groups", SUT_ACCESS_OPERATOR, create_group },
	{ 0 },
};
