// SPDX-License-Identifier: Apache-2.0
#include "hub/store/rollout.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"
#include "fleet/gate.h"
#include "fleet/version.h"

void sut_stored_rollout_deinit(struct sut_stored_rollout *rollout)
{
	sut_rollout_deinit(&rollout->doc);
	*rollout = (struct sut_stored_rollout){ 0 };
}

void sut_stored_rollouts_deinit(struct sut_stored_rollouts *rollouts)
{
	for (size_t i = 0; i < rollouts->n; i++)
		sut_stored_rollout_deinit(&rollouts->list[i]);
	free(rollouts->list);
	*rollouts = (struct sut_stored_rollouts){ 0 };
}

const char *sut_stored_rollout_state(const struct sut_stored_rollout *rollout)
{
	return rollout->is_waiting ? "waiting" : sut_rollout_state_name(rollout->doc.state);
}

// The columns: document, state, created, published, begun.
static struct sut_err *read_row(struct sut_rows *rows, struct sut_stored_rollout *ret)
{
	const char *document = sut_rows_text(rows, 0);
	struct sut_stored_rollout rollout = {
		.is_waiting = strcmp(sut_rows_text(rows, 1), "waiting") == 0,
		.created = sut_rows_int(rows, 2),
		.published = sut_rows_int(rows, 3),
		.begun = sut_rows_int(rows, 4),
	};
	struct sut_err *err = sut_rollout_read(
		(struct sut_view){ (const uint8_t *)document, strlen(document) }, &rollout.doc);

	if (err)
		return sut_err_wrap(err, "a stored rollout");
	*ret = rollout;
	return NULL;
}

static int compare_newest(const void *a, const void *b)
{
	return sut_version_compare(((const struct sut_stored_rollout *)b)->doc.release,
				   ((const struct sut_stored_rollout *)a)->doc.release);
}

struct sut_err *sut_store_rollouts(struct sut_tx *tx, struct sut_stored_rollouts *ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	_cleanup_(sut_stored_rollouts_deinit) struct sut_stored_rollouts all = { 0 };
	bool has = true;
	struct sut_err *err =
		sut_sql_query(tx, &rows,
			      "SELECT document, state, created, published, begun FROM rollouts"
			      " WHERE tenant = " SUT_TENANT,
			      "");

	while (!err) {
		err = sut_rows_next(rows, &has);
		if (err || !has)
			break;
		err = sut_array_grow(&all.list, all.n, &all.capacity, sizeof(*all.list));
		if (!err)
			err = read_row(rows, &all.list[all.n]);
		if (!err)
			all.n++;
	}
	if (err)
		return err;
	sut_array_sort(all.list, all.n, sizeof(*all.list), compare_newest);
	*ret = all;
	all = (struct sut_stored_rollouts){ 0 };
	return NULL;
}

struct sut_err *sut_store_rollout(struct sut_tx *tx, const char *id, bool *has_ret,
				  struct sut_stored_rollout *ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	bool has = false;
	struct sut_err *err =
		sut_sql_query(tx, &rows,
			      "SELECT document, state, created, published, begun FROM rollouts"
			      " WHERE tenant = " SUT_TENANT " AND id = $1",
			      "s", id);

	if (!err)
		err = sut_rows_next(rows, &has);
	if (!err && has)
		err = read_row(rows, ret);
	if (!err)
		*has_ret = has;
	return err;
}

struct sut_err *sut_store_rollout_put(struct sut_tx *tx, const struct sut_stored_rollout *rollout)
{
	_cleanup_json_ json_t *value = sut_rollout_write(&rollout->doc);
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	if (!text)
		return sut_err_nomem();
	return sut_sql_exec(tx,
			    "INSERT INTO rollouts"
			    " (tenant, id, document, state, created, begun, decision, published)"
			    " VALUES (" SUT_TENANT ", $1, $2, $3, $4, $5, $6, 0)"
			    " ON CONFLICT (tenant, id) DO UPDATE SET document = excluded.document,"
			    " state = excluded.state, begun = excluded.begun,"
			    " decision = excluded.decision",
			    "sssiii", rollout->doc.id, text, sut_stored_rollout_state(rollout),
			    rollout->created, rollout->begun, (int64_t)rollout->doc.decision);
}

struct sut_err *sut_store_rollout_published(struct sut_tx *tx, const char *id, int64_t decision)
{
	return sut_sql_exec(tx,
			    "UPDATE rollouts SET published = $1"
			    " WHERE tenant = " SUT_TENANT " AND id = $2 AND published < $1",
			    "is", decision, id);
}

struct sut_err *sut_store_rollout_note(struct sut_tx *tx, const char *id,
				       const struct sut_rollout_note *note)
{
	int64_t n;
	struct sut_err *err = sut_sql_int(tx, &n,
					  "SELECT COUNT(*) FROM rollout_steps"
					  " WHERE tenant = " SUT_TENANT " AND rollout = $1",
					  "s", id);

	if (err)
		return err;
	return sut_sql_exec(tx,
			    "INSERT INTO rollout_steps"
			    " (tenant, rollout, n, time, actor, action, reason, ring)"
			    " VALUES (" SUT_TENANT ", $1, $2, $3, $4, $5, $6, $7)",
			    "siissss", id, n + 1, note->time, note->actor, note->action,
			    note->reason, note->ring);
}

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

struct sut_err *sut_store_rollout_notes(struct sut_tx *tx, const char *id, json_t **ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	_cleanup_json_ json_t *list = json_array();
	bool has = true;
	struct sut_err *err =
		sut_sql_query(tx, &rows,
			      "SELECT time, actor, action, reason, ring FROM rollout_steps"
			      " WHERE tenant = " SUT_TENANT " AND rollout = $1 ORDER BY n",
			      "s", id);

	while (!err) {
		char time[SUT_TIME_SIZE];
		err = sut_rows_next(rows, &has);
		if (err || !has)
			break;
		sut_time_format(sut_rows_int(rows, 0) / 1000000, time);
		json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:o}", "time", time, "actor",
					 sut_rows_text(rows, 1), "action", sut_rows_text(rows, 2),
					 "reason", sut_rows_text(rows, 3), "ring",
					 text_or_null(sut_rows_text(rows, 4)));
		if (json_array_append_new(list, line) != 0)
			err = sut_err_nomem();
	}
	if (!err)
		*ret = steal(list);
	return err;
}

struct sut_err *sut_store_rollout_approved(struct sut_tx *tx, const char *id, const char *ring,
					   bool *ret)
{
	int64_t n;
	struct sut_err *err = sut_sql_int(
		tx, &n,
		"SELECT COUNT(*) FROM rollout_steps AS step WHERE tenant = " SUT_TENANT
		" AND rollout = $1 AND action = 'approved' AND ring = $2 AND NOT EXISTS"
		" (SELECT 1 FROM rollout_steps AS later WHERE later.tenant = " SUT_TENANT
		" AND later.rollout = $1 AND later.action = 'started' AND later.n > step.n)",
		"ss", id, ring);

	if (!err)
		*ret = n > 0;
	return err;
}

static const char *const outcome_names[] = {
	[SUT_OUTCOME_NONE] = "",
	[SUT_OUTCOME_DONE] = "done",
	[SUT_OUTCOME_FAILED] = "failed",
};

struct sut_err *sut_store_outcome_put(struct sut_tx *tx, const char *id, const char *device,
				      const char *ring, enum sut_outcome outcome, int64_t time)
{
	if (outcome == SUT_OUTCOME_NONE)
		return sut_sql_exec(tx,
				    "DELETE FROM rollout_outcomes WHERE tenant = " SUT_TENANT
				    " AND rollout = $1 AND device = $2",
				    "ss", id, device);
	return sut_sql_exec(tx,
			    "INSERT INTO rollout_outcomes"
			    " (tenant, rollout, device, ring, outcome, since)"
			    " VALUES (" SUT_TENANT ", $1, $2, $3, $4, $5)"
			    " ON CONFLICT (tenant, rollout, device) DO UPDATE SET"
			    " ring = excluded.ring, outcome = excluded.outcome,"
			    " since = CASE WHEN rollout_outcomes.outcome = excluded.outcome"
			    " THEN rollout_outcomes.since ELSE excluded.since END"
			    " WHERE rollout_outcomes.outcome <> excluded.outcome"
			    " OR rollout_outcomes.ring <> excluded.ring",
			    "ssssi", id, device, ring, outcome_names[outcome], time);
}

struct sut_err *sut_store_outcome(struct sut_tx *tx, const char *id, const char *device,
				  enum sut_outcome *ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	bool has = false;
	struct sut_err *err =
		sut_sql_query(tx, &rows,
			      "SELECT outcome FROM rollout_outcomes WHERE tenant = " SUT_TENANT
			      " AND rollout = $1 AND device = $2",
			      "ss", id, device);

	if (!err)
		err = sut_rows_next(rows, &has);
	if (err)
		return err;
	*ret = !has                                          ? SUT_OUTCOME_NONE
	       : strcmp(sut_rows_text(rows, 0), "done") == 0 ? SUT_OUTCOME_DONE
							     : SUT_OUTCOME_FAILED;
	return NULL;
}

struct sut_err *sut_store_outcomes_forget(struct sut_tx *tx, const char *id, bool only_failed)
{
	if (only_failed)
		return sut_sql_exec(tx,
				    "DELETE FROM rollout_outcomes WHERE tenant = " SUT_TENANT
				    " AND rollout = $1 AND outcome = 'failed'",
				    "s", id);
	return sut_sql_exec(
		tx, "DELETE FROM rollout_outcomes WHERE tenant = " SUT_TENANT " AND rollout = $1",
		"s", id);
}

#define COUNT_OUTCOMES                                                                             \
	"SELECT COUNT(*) FROM rollout_outcomes, devices"                                           \
	" WHERE rollout_outcomes.tenant = " SUT_TENANT " AND rollout_outcomes.rollout = $1"        \
	" AND rollout_outcomes.outcome = $2 AND devices.tenant = " SUT_TENANT                      \
	" AND devices.id = rollout_outcomes.device AND devices.ring = $3"                          \
	" AND (devices.baseline = $4 OR devices.baseline IS NULL) AND devices.revoked = 0" \
	" AND devices.hold IS NULL"

struct sut_err *sut_store_ring_counts(struct sut_tx *tx, const char *id, const char *baseline,
				      const char *ring, int64_t seen, struct sut_ring_counts *ret)
{
	int64_t n_devices, n_done, n_failed, n_offline;
	struct sut_err *err = sut_sql_int(tx, &n_devices,
					  "SELECT COUNT(*) FROM devices WHERE tenant = " SUT_TENANT
					  " AND ring = $1 AND (baseline = $2 OR baseline IS NULL) AND revoked = 0"
					  " AND hold IS NULL",
					  "ss", ring, baseline);

	if (!err)
		err = sut_sql_int(tx, &n_done, COUNT_OUTCOMES, "ssss", id, "done", ring, baseline);
	if (!err)
		err = sut_sql_int(tx, &n_failed, COUNT_OUTCOMES, "ssss", id, "failed", ring,
				  baseline);
	if (!err)
		err = sut_sql_int(tx, &n_offline,
				  "SELECT COUNT(*) FROM devices WHERE tenant = " SUT_TENANT
				  " AND ring = $1 AND (baseline = $2 OR baseline IS NULL) AND revoked = 0"
				  " AND hold IS NULL AND seen < $3 AND NOT EXISTS"
				  " (SELECT 1 FROM rollout_outcomes WHERE"
				  " rollout_outcomes.tenant = " SUT_TENANT
				  " AND rollout_outcomes.rollout = $4"
				  " AND rollout_outcomes.device = devices.id)",
				  "ssis", ring, baseline, seen, id);
	if (err)
		return err;
	*ret = (struct sut_ring_counts){
		.ring = ring,
		.devices = n_devices,
		.done = n_done,
		.failed = n_failed,
		.offline = n_offline,
	};
	return NULL;
}

struct sut_err *sut_store_setting(struct sut_tx *tx, const char *name, json_t **ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	bool has = false;
	struct sut_err *err = sut_sql_query(
		tx, &rows, "SELECT value FROM settings WHERE tenant = " SUT_TENANT " AND name = $1",
		"s", name);

	if (!err)
		err = sut_rows_next(rows, &has);
	if (err)
		return err;
	if (!has) {
		*ret = NULL;
		return NULL;
	}
	const char *text = sut_rows_text(rows, 0);
	return sut_json_parse((struct sut_view){ (const uint8_t *)text, strlen(text) }, ret);
}

struct sut_err *sut_store_setting_put(struct sut_tx *tx, const char *name, const json_t *value)
{
	_cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text)
		return sut_err_nomem();
	return sut_sql_exec(tx,
			    "INSERT INTO settings (tenant, name, value) VALUES (" SUT_TENANT
			    ", $1, $2)"
			    " ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value",
			    "ss", name, text);
}
