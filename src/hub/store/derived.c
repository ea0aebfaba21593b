// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "hub/store/report.h"

void sut_device_state_deinit(struct sut_device_state *state)
{
	free(state->id);
	free(state->assigned_ring);
	free(state->hold);
	free(state->train);
	free(state->baseline);
	free(state->release);
	free(state->ring);
	free(state->status);
	json_decref(state->attributes);
	json_decref(state->readiness);
	*state = (struct sut_device_state){ 0 };
}

static char *copy_of(struct sut_rows *rows, int column, bool *failed)
{
	const char *text = sut_rows_text(rows, column);
	char *copy = text ? strdup(text) : NULL;

	*failed |= text && !copy;
	return copy;
}

static struct sut_err *read_state(struct sut_rows *rows, struct sut_device_state *ret)
{
	bool failed = false;
	const char *attributes = sut_rows_text(rows, 8), *readiness = sut_rows_text(rows, 9);
	struct sut_device_state state = {
		.id = copy_of(rows, 0, &failed),
		.assigned_ring = copy_of(rows, 1, &failed),
		.hold = copy_of(rows, 2, &failed),
		.train = copy_of(rows, 3, &failed),
		.baseline = copy_of(rows, 4, &failed),
		.release = copy_of(rows, 5, &failed),
		.ring = copy_of(rows, 6, &failed),
		.status = copy_of(rows, 7, &failed),
		.attributes = attributes ? json_loads(attributes, 0, NULL) : NULL,
		.readiness = readiness ? json_loads(readiness, 0, NULL) : NULL,
		.has_reported = !sut_rows_is_null(rows, 10),
		.seen = sut_rows_int(rows, 10),
		.n_protected = sut_rows_int(rows, 11),
		.n_in_progress = sut_rows_int(rows, 12),
		.n_exposed = sut_rows_int(rows, 13),
	};

	if (failed) {
		sut_device_state_deinit(&state);
		return sut_err_nomem();
	}
	*ret = state;
	return NULL;
}

struct sut_err *sut_store_device_state(struct sut_tx *tx, const char *id, bool *has_ret,
				       struct sut_device_state *ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	bool has = false;
	struct sut_err *err = sut_sql_query(
		tx, &rows,
		"SELECT id, assigned_ring, hold, train, baseline, release, ring, status,"
		" attributes_json, readiness_json, seen, n_protected, n_in_progress, n_exposed"
		" FROM devices WHERE tenant = " SUT_TENANT " AND id = $1 AND revoked = 0",
		"s", id);

	if (!err)
		err = sut_rows_next(rows, &has);
	if (!err && has)
		err = read_state(rows, ret);
	if (!err)
		*has_ret = has;
	return err;
}

struct sut_err *sut_store_derived_put(struct sut_tx *tx, const char *id,
				      const struct sut_derived *derived)
{
	return sut_sql_exec(tx,
			    "UPDATE devices SET ring = $1, status = $2, status_text = $3,"
			    " wanted = $4, wanted_text = $5, derived = $6"
			    " WHERE tenant = " SUT_TENANT " AND id = $7",
			    "sssssis", derived->ring, derived->status, derived->text,
			    derived->wanted, derived->why, derived->time, id);
}

struct sut_err *sut_store_stale(struct sut_tx *tx, int64_t epoch, int64_t limit, json_t **ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	_cleanup_json_ json_t *ids = json_array();
	bool has = true;
	struct sut_err *err = sut_sql_query(tx, &rows,
					    "SELECT id FROM devices WHERE tenant = " SUT_TENANT
					    " AND revoked = 0 AND derived < $1"
					    " ORDER BY derived LIMIT $2",
					    "ii", epoch, limit);

	while (!err) {
		err = sut_rows_next(rows, &has);
		if (err || !has)
			break;
		if (json_array_append_new(ids, json_string(sut_rows_text(rows, 0))) != 0)
			err = sut_err_nomem();
	}
	if (!err)
		*ret = steal(ids);
	return err;
}

struct sut_err *sut_store_forget_events(struct sut_tx *tx, int64_t received, int64_t limit,
					int64_t *n_ret)
{
	return sut_sql_change(tx, n_ret,
			      "DELETE FROM device_events WHERE tenant = " SUT_TENANT
			      " AND (device, seq) IN (SELECT device, seq FROM device_events"
			      " WHERE tenant = " SUT_TENANT " AND received < $1"
			      " ORDER BY received LIMIT $2)",
			      "ii", received, limit);
}

struct sut_err *sut_store_silent(struct sut_tx *tx, int64_t seen, int64_t *n_ret)
{
	return sut_sql_change(tx, n_ret,
			      "UPDATE devices SET derived = 0 WHERE tenant = " SUT_TENANT
			      " AND revoked = 0 AND seen < $1 AND status <> 'offline'",
			      "i", seen);
}
