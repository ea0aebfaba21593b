// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/hub_command.h"
#include "cli/ui.h"

static const char devices_path[] = "/api/v1/devices";
static const char device_path[] = "/api/v1/devices/";
static const char groups_path[] = "/api/v1/groups";

static struct sut_err *run_devices(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "DEVICE", "hostname", 0 },
		{ "RING", "ring", 0 },
		{ "STATUS", "status", 0 },
		{ "BASELINE", "baseline", 0 },
		{ "RELEASE", "release", 0 },
		{ "PROTECTED", "protected", SUT_COLUMN_NUMBER },
		{ "EXPOSED", "exposed", SUT_COLUMN_NUMBER },
		{ "LAST SEEN", "last_seen", 0 },
		{ "ID", "id", 0 },
		{ 0 },
	};
	static const struct {
		const char *name;
		enum sut_hub_option option;
	} filters[] = {
		{ "status", SUT_HUB_STATUS }, { "ring", SUT_HUB_RING }, { "group", SUT_HUB_GROUP },
		{ "q", SUT_HUB_FIND },        { "sort", SUT_HUB_SORT },
	};
	_cleanup_(sut_buf_deinit) struct sut_buf path = { 0 };
	struct sut_err *err = sut_hub_path_raw(&path, devices_path);

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]) && !err; i++)
		err = sut_hub_path_query(&path, filters[i].name, call->options[filters[i].option]);
	return err ? err : sut_hub_show_list(call, sut_hub_path(&path), columns, "no such device");
}

static struct sut_err *print_device(const json_t *device)
{
	static const struct sut_hub_column columns[] = {
		{ "PID", "pid", SUT_COLUMN_NUMBER },
		{ "PROCESS", "name", 0 },
		{ "STATE", "state", 0 },
		{ "HOTPATCH", "hotpatch", 0 },
		{ "WHY", "reason_text", SUT_COLUMN_LONG },
		{ "WHAT HELPS", "remedy", SUT_COLUMN_LONG },
		{ 0 },
	};
	static const char *const facts[][2] = {
		{ "device", "hostname" },     { "id", "id" },
		{ "status", "status" },       { "", "status_text" },
		{ "ring", "ring" },           { "group", "group" },
		{ "train", "train" },         { "baseline", "baseline" },
		{ "release", "release" },     { "wanted", "wanted_text" },
		{ "next", "next.what" },      { "held", "hold.reason" },
		{ "last seen", "last_seen" }, { "agent", "agent" },
		{ "system", "os" },           { "kernel", "kernel" },
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		sut_hub_print_fact(facts[i][0], device, facts[i][1]);
	size_t i;
	const json_t *item;
	json_array_foreach(json_object_get(device, "readiness"), i, item)
		sut_hub_print_fact("not ready", item, "detail");
	return sut_hub_print_rows(json_object_get(device, "processes"), columns,
				  "no process runs a build that is known");
}

static struct sut_err *show_device(const struct sut_hub_call *call, json_t *device)
{
	if (call->is_json)
		return sut_ui_print_json(device);
	struct sut_err *err = print_device(device);
	json_decref(device);
	return err;
}

static struct sut_err *run_device(struct sut_hub_call *call)
{
	json_t *device = NULL;
	struct sut_err *err =
		sut_hub_ask(call, "GET", device_path, call->args[0], NULL, NULL, &device);

	return err ? err : show_device(call, device);
}

static struct sut_err *run_history(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "TIME", "time", 0 },
		{ "EVENT", "type", 0 },
		{ "HOTPATCH", "hotpatch", 0 },
		{ "DETAIL", "detail", SUT_COLUMN_LONG },
		{ 0 },
	};
	_cleanup_(sut_buf_deinit) struct sut_buf path = { 0 };
	struct sut_err *err = sut_hub_path_raw(&path, device_path);

	if (!err)
		err = sut_hub_path_add(&path, call->args[0]);
	if (!err)
		err = sut_hub_path_raw(&path, "/history");
	return err ? err
		   : sut_hub_show_list(call, sut_hub_path(&path), columns, "it told nothing yet");
}

// Takes @p body.
static struct sut_err *change(const struct sut_hub_call *call, json_t *body)
{
	json_t *device = NULL;
	struct sut_err *err =
		sut_hub_ask(call, "PATCH", device_path, call->args[0], NULL, body, &device);

	json_decref(body);
	return err ? err : show_device(call, device);
}

// An empty text gives a choice back to the policy.
static struct sut_err *put_choice(json_t *body, const char *key, const char *value)
{
	if (value && !*value)
		return json_object_set_new(body, key, json_null()) == 0 ? NULL : sut_err_nomem();
	return sut_hub_put(body, key, value);
}

static struct sut_err *run_assign(struct sut_hub_call *call)
{
	json_t *body = json_object();
	struct sut_err *err = put_choice(body, "ring", call->options[SUT_HUB_RING]);

	if (!err)
		err = put_choice(body, "group", call->options[SUT_HUB_GROUP]);
	if (!err && json_object_size(body) == 0)
		err = sut_err(SUT_E_USAGE, "--ring or --group says where to");
	if (!err)
		return change(call, body);
	json_decref(body);
	return err;
}

static struct sut_err *run_hold(struct sut_hub_call *call)
{
	struct sut_err *err = sut_hub_need_reason(call);

	if (err)
		return err;
	json_t *body = json_pack("{s:{s:s}}", "hold", "reason", call->options[SUT_HUB_REASON]);
	return body ? change(call, body) : sut_err(SUT_E_USAGE, "--reason: this is no UTF-8 text");
}

static struct sut_err *run_unhold(struct sut_hub_call *call)
{
	return change(call, json_pack("{s:n}", "hold"));
}

static struct sut_err *run_remove(struct sut_hub_call *call)
{
	return sut_hub_ask(call, "DELETE", device_path, call->args[0], NULL, NULL, NULL);
}

static struct sut_err *run_groups(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "GROUP", "name", 0 },
		{ "LABEL", "label", 0 },
		{ "DEVICES", "devices", SUT_COLUMN_NUMBER },
		{ 0 },
	};

	return sut_hub_show_list(call, groups_path, columns, "no groups");
}

static struct sut_err *run_group_create(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *body = json_object();
	_cleanup_json_ json_t *group = NULL;
	struct sut_err *err = sut_hub_put(body, "name", call->args[0]);

	if (!err)
		err = sut_hub_put(body, "label", call->options[SUT_HUB_LABEL]);
	if (!err)
		err = sut_hub_client_call(call->hub, "POST", groups_path, body, &group);
	return err || !call->is_json ? err : sut_ui_print_json(steal(group));
}

const struct sut_hub_command sut_hub_device_commands[] = {
	{ "devices", 0, 0, "", "status ring group find sort limit", run_devices },
	{ "device", 1, 1, "ID", "", run_device },
	{ "history", 1, 1, "ID", "limit", run_history },
	{ "assign", 1, 1, "ID", "ring group", run_assign },
	{ "hold", 1, 1, "ID", "reason", run_hold },
	{ "unhold", 1, 1, "ID", "reason", run_unhold },
	{ "remove", 1, 1, "ID", "", run_remove },
	{ "groups", 0, 0, "", "limit", run_groups },
	{ "groups create", 1, 1, "NAME", "label", run_group_create },
	{ 0 },
};
