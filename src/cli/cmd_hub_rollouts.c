// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/hub_command.h"
#include "cli/ui.h"

static const char rollouts_path[] = "/api/v1/rollouts";
static const char rollout_path[] = "/api/v1/rollouts/";

static struct sut_err *run_rollouts(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "ROLLOUT", "id", 0 },
		{ "BASELINE", "baseline", 0 },
		{ "STATE", "state", 0 },
		{ "EXPEDITED", "expedited", 0 },
		{ "CREATED", "created", 0 },
		{ "DECISION", "decision", SUT_COLUMN_NUMBER },
		{ "PUBLISHED", "published", SUT_COLUMN_NUMBER },
		{ 0 },
	};

	return sut_hub_show_list(call, rollouts_path, columns, "no rollouts");
}

static struct sut_err *print_rings(const json_t *rings)
{
	static const struct sut_hub_column columns[] = {
		{ "RING", "label", 0 },
		{ "STATE", "state", 0 },
		{ "OPENED", "opened", 0 },
		{ "DEVICES", "devices", SUT_COLUMN_NUMBER },
		{ "DONE", "done", SUT_COLUMN_NUMBER },
		{ "FAILED", "failed", SUT_COLUMN_NUMBER },
		{ "WAITING", "waiting", SUT_COLUMN_NUMBER },
		{ 0 },
	};

	return sut_hub_print_rows(rings, columns, "no rings");
}

// The gates of the rings that are open: what stands between them and the next.
static void print_gates(const json_t *rings)
{
	size_t i, j;
	const json_t *ring, *gate;
	char label[32], name[32], state[32], said[32];

	json_array_foreach((json_t *)rings, i, ring)
	{
		if (strcmp(sut_hub_text(ring, "state", state), "open") != 0)
			continue;
		json_array_foreach(json_object_get(ring, "gates"), j, gate)
			printf("%-10s %-13s %-8s %s\n", sut_hub_text(ring, "label", label),
			       sut_hub_text(gate, "name", name), sut_hub_text(gate, "state", state),
			       sut_hub_text(gate, "text", said));
	}
}

static struct sut_err *print_rollout(const json_t *rollout)
{
	static const struct sut_hub_column columns[] = {
		{ "TIME", "time", 0 },
		{ "WHO", "actor", 0 },
		{ "WHAT", "action", 0 },
		{ "RING", "ring", 0 },
		{ "WHY", "reason", SUT_COLUMN_LONG },
		{ 0 },
	};
	const json_t *rings = json_object_get(rollout, "rings");
	char id[32], baseline[32], state[32], decision[32], published[32];

	sut_ui_say("%s on %s: %s, decision %s, published %s", sut_hub_text(rollout, "id", id),
		   sut_hub_text(rollout, "baseline", baseline),
		   sut_hub_text(rollout, "state", state),
		   sut_hub_text(rollout, "decision", decision),
		   sut_hub_text(rollout, "published", published));
	struct sut_err *err = print_rings(rings);
	if (err)
		return err;
	print_gates(rings);
	return sut_hub_print_rows(json_object_get(rollout, "timeline"), columns,
				  "nothing was decided yet");
}

// Takes @p rollout.
static struct sut_err *show_rollout(const struct sut_hub_call *call, json_t *rollout)
{
	if (call->is_json)
		return sut_ui_print_json(rollout);
	struct sut_err *err = print_rollout(rollout);
	json_decref(rollout);
	return err;
}

static struct sut_err *run_rollout(struct sut_hub_call *call)
{
	json_t *rollout = NULL;
	struct sut_err *err =
		sut_hub_ask(call, "GET", rollout_path, call->args[0], NULL, NULL, &rollout);

	return err ? err : show_rollout(call, rollout);
}

static struct sut_err *run_create(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *body = json_object();
	json_t *rollout = NULL;
	struct sut_err *err = sut_hub_need_reason(call);

	if (!err)
		err = sut_hub_put(body, "release", call->args[0]);
	if (!err)
		err = sut_hub_put(body, "reason", call->options[SUT_HUB_REASON]);
	if (!err)
		err = sut_hub_client_call(call->hub, "POST", rollouts_path, body, &rollout);
	return err ? err : show_rollout(call, rollout);
}

static struct sut_err *decide(struct sut_hub_call *call, const char *tail)
{
	_cleanup_json_ json_t *body = json_object();
	json_t *rollout = NULL;
	struct sut_err *err = sut_hub_need_reason(call);

	if (!err)
		err = sut_hub_put(body, "reason", call->options[SUT_HUB_REASON]);
	if (!err)
		err = sut_hub_put(body, "ring", call->options[SUT_HUB_RING]);
	if (!err)
		err = sut_hub_ask(call, "POST", rollout_path, call->args[0], tail, body, &rollout);
	return err ? err : show_rollout(call, rollout);
}

static struct sut_err *run_start(struct sut_hub_call *call)
{
	return decide(call, "/start");
}

static struct sut_err *run_pause(struct sut_hub_call *call)
{
	return decide(call, "/pause");
}

static struct sut_err *run_resume(struct sut_hub_call *call)
{
	return decide(call, "/resume");
}

static struct sut_err *run_expedite(struct sut_hub_call *call)
{
	return decide(call, "/expedite");
}

static struct sut_err *run_approve(struct sut_hub_call *call)
{
	return decide(call, "/approve");
}

static struct sut_err *run_roll_back(struct sut_hub_call *call)
{
	return decide(call, "/roll-back");
}

static struct sut_err *fill_recall(const struct sut_hub_call *call, json_t *body)
{
	json_t *releases = json_array(), *hotpatches = json_array();
	const char *hotpatch = call->options[SUT_HUB_HOTPATCH];

	json_object_set_new(body, "releases", releases);
	json_object_set_new(body, "hotpatches", hotpatches);
	for (int i = 0; i < call->n_args; i++)
		if (json_array_append_new(releases, json_string(call->args[i])) != 0)
			return sut_err(SUT_E_USAGE, "a release's name is no UTF-8 text");
	if (hotpatch && json_array_append_new(hotpatches, json_string(hotpatch)) != 0)
		return sut_err(SUT_E_USAGE, "--hotpatch: this is no UTF-8 text");
	if (!call->n_args && !hotpatch)
		return sut_err(SUT_E_USAGE, "a RELEASE or --hotpatch NAME says what to recall");
	return sut_hub_put(body, "reason", call->options[SUT_HUB_REASON]);
}

static struct sut_err *run_recall(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *body = json_object();
	_cleanup_json_ json_t *answer = NULL;
	struct sut_err *err = sut_hub_need_reason(call);
	size_t i;
	const json_t *rollout;

	if (!err)
		err = fill_recall(call, body);
	if (!err)
		err = sut_hub_client_call(call->hub, "POST", "/api/v1/recalls", body, &answer);
	if (err)
		return err;
	if (call->is_json)
		return sut_ui_print_json(steal(answer));
	json_array_foreach(json_object_get(answer, "rollouts"), i, rollout)
	{
		char id[32], state[32];
		sut_ui_say("%s: %s", sut_hub_text(rollout, "id", id),
			   sut_hub_text(rollout, "state", state));
	}
	sut_ui_say(
		"'suture repo recall' signs the statement that binds devices without this hub too");
	return NULL;
}

static struct sut_err *run_why_not(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "DEVICE", "hostname", 0 },
		{ "RING", "ring", 0 },
		{ "PID", "pid", SUT_COLUMN_NUMBER },
		{ "PROCESS", "process", 0 },
		{ "WHY", "reason_text", SUT_COLUMN_LONG },
		{ "WHAT HELPS", "remedy", SUT_COLUMN_LONG },
		{ 0 },
	};
	_cleanup_(sut_buf_deinit) struct sut_buf path = { 0 };
	struct sut_err *err = sut_hub_path_raw(&path, rollout_path);

	if (!err)
		err = sut_hub_path_add(&path, call->args[0]);
	if (!err)
		err = sut_hub_path_raw(&path, "/why-not");
	return err ? err
		   : sut_hub_show_list(call, sut_hub_path(&path), columns,
				       "every device that wants it is protected");
}

const struct sut_hub_command sut_hub_rollout_commands[] = {
	{ "rollouts", 0, 0, "", "limit", run_rollouts },
	{ "rollout", 1, 1, "ID", "", run_rollout },
	{ "create", 1, 1, "RELEASE", "reason", run_create },
	{ "start", 1, 1, "ID", "reason", run_start },
	{ "pause", 1, 1, "ID", "reason", run_pause },
	{ "resume", 1, 1, "ID", "reason", run_resume },
	{ "expedite", 1, 1, "ID", "reason", run_expedite },
	{ "approve", 1, 1, "ID", "reason ring", run_approve },
	{ "roll-back", 1, 1, "ID", "reason", run_roll_back },
	{ "recall", 0, 100, "[RELEASE]...", "reason hotpatch", run_recall },
	{ "why-not", 1, 1, "ID", "limit", run_why_not },
	{ 0 },
};
