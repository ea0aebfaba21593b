// SPDX-License-Identifier: Apache-2.0
#include "hub/store/report.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/time.h"

/** Room for a pattern of LIKE: each character escaped, two '%' and the NUL. */
#define PATTERN_SIZE 300

void sut_page_deinit(struct sut_page *page)
{
	json_decref(page->items);
	free(page->next);
	*page = (struct sut_page){ 0 };
}

static json_t *text_of(struct sut_rows *rows, int column)
{
	const char *text = sut_rows_text(rows, column);

	return text ? json_string(text) : json_null();
}

static json_t *time_of(struct sut_rows *rows, int column)
{
	char text[SUT_TIME_SIZE];

	if (sut_rows_is_null(rows, column))
		return json_null();
	sut_time_format(sut_rows_int(rows, column) / 1000000, text);
	return json_string(text);
}

// What was stored as JSON; @p empty is taken where nothing was.
static json_t *json_of(struct sut_rows *rows, int column, json_t *empty)
{
	const char *text = sut_rows_text(rows, column);
	json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	if (!value)
		return empty;
	json_decref(empty);
	return value;
}

#define DEVICE_COLUMNS                                                                             \
	"id, hostname, ring, group_name, status, status_text, train, baseline, release,"           \
	" n_protected, n_exposed, seen, agent"

static json_t *device_row(struct sut_rows *rows)
{
	const char *train = sut_rows_text(rows, 6);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:I, s:I, s:o, s:o}", "id",
			 text_of(rows, 0), "hostname", text_of(rows, 1), "ring", text_of(rows, 2),
			 "group", text_of(rows, 3), "status", text_of(rows, 4), "status_text",
			 text_of(rows, 5), "train", train ? train : "unknown", "baseline",
			 text_of(rows, 7), "release", text_of(rows, 8), "protected",
			 (json_int_t)sut_rows_int(rows, 9), "exposed",
			 (json_int_t)sut_rows_int(rows, 10), "last_seen", time_of(rows, 11),
			 "agent", text_of(rows, 12));
}

#define DEVICE_FILTER                                                                              \
	" FROM devices WHERE tenant = " SUT_TENANT " AND revoked = 0"                              \
	" AND ($1 IS NULL OR status = $1) AND ($2 IS NULL OR ring = $2)"                           \
	" AND ($3 IS NULL OR group_name = $3)"                                                     \
	" AND ($4 IS NULL OR hostname LIKE $4 ESCAPE '!' OR id LIKE $5 ESCAPE '!')"

// Column 13 is the key by which the list is sorted.
static const char *const device_queries[2][2] = {
	{ "SELECT " DEVICE_COLUMNS ", hostname" DEVICE_FILTER
	  " AND ($6 IS NULL OR hostname > $6 OR (hostname = $6 AND id > $7))"
	  " ORDER BY hostname, id LIMIT $8",
	  "SELECT " DEVICE_COLUMNS ", hostname" DEVICE_FILTER
	  " AND ($6 IS NULL OR hostname < $6 OR (hostname = $6 AND id < $7))"
	  " ORDER BY hostname DESC, id DESC LIMIT $8" },
	{ "SELECT " DEVICE_COLUMNS ", COALESCE(seen, 0)" DEVICE_FILTER
	  " AND ($6 IS NULL OR COALESCE(seen, 0) > $6 OR (COALESCE(seen, 0) = $6 AND id > $7))"
	  " ORDER BY COALESCE(seen, 0), id LIMIT $8",
	  "SELECT " DEVICE_COLUMNS ", COALESCE(seen, 0)" DEVICE_FILTER
	  " AND ($6 IS NULL OR COALESCE(seen, 0) < $6 OR (COALESCE(seen, 0) = $6 AND id < $7))"
	  " ORDER BY COALESCE(seen, 0) DESC, id DESC LIMIT $8" },
};

// "a_b" becomes "%a!_b%": nothing in it is special.
static void make_pattern(const char *text, bool is_anywhere, char ret[PATTERN_SIZE])
{
	size_t n = 0;

	if (is_anywhere)
		ret[n++] = '%';
	for (; *text && n < PATTERN_SIZE - 4; text++) {
		if (strchr("%_!", *text))
			ret[n++] = '!';
		ret[n++] = *text;
	}
	ret[n++] = '%';
	ret[n] = 0;
}

/** A cursor, "KEY ID", taken apart. */
struct cut_cursor {
	char *key; /**< Owned. */
	const char *id;
	int64_t number; /**< The key, where it is one. */
};

static struct sut_err *cut_cursor(const char *cursor, bool is_number, struct cut_cursor *ret)
{
	size_t size = strlen(cursor), id_size = SUT_ID_SIZE - 1;
	char *end = NULL;

	if (size <= id_size || cursor[size - id_size - 1] != ' ' ||
	    !sut_id_check(cursor + size - id_size))
		return sut_err(SUT_E_USAGE, "this cursor is not one of this list's");
	char *key = strndup(cursor, size - id_size - 1);
	if (!key)
		return sut_err_nomem();
	if (is_number) {
		ret->number = strtoll(key, &end, 10);
		if (end == key || *end) {
			free(key);
			return sut_err(SUT_E_USAGE, "this cursor is not one of this list's");
		}
	}
	ret->key = key;
	ret->id = cursor + size - id_size;
	return NULL;
}

static struct sut_err *query_devices(struct sut_tx *tx, const struct sut_device_filter *f,
				     const char *pattern, const char *prefix,
				     const struct cut_cursor *from, struct sut_rows **rows)
{
	const char *sql = device_queries[f->by_seen][f->is_reversed];
	const int64_t *number = from->key ? &from->number : NULL;

	// One row more than asked for tells whether there is a next page.
	if (f->by_seen)
		return sut_sql_query(tx, rows, sql, "ssssspsi", f->status, f->ring, f->group,
				     pattern, prefix, number, from->id, f->limit + 1);
	return sut_sql_query(tx, rows, sql, "sssssssi", f->status, f->ring, f->group, pattern,
			     prefix, from->key, from->id, f->limit + 1);
}

// Collects the rows of a page; the sort key of the last one becomes the next cursor.
static struct sut_err *collect(struct sut_rows *rows, int64_t limit,
			       json_t *(*make)(struct sut_rows *), int key_column,
			       struct sut_page *page)
{
	_cleanup_free_ char *last = NULL;
	struct sut_err *err;
	bool has;

	page->items = json_array();
	for (;;) {
		err = sut_rows_next(rows, &has);
		if (err || !has)
			return err;
		if ((int64_t)json_array_size(page->items) == limit) {
			page->next = steal(last);
			return NULL;
		}
		json_t *item = make(rows);
		if (json_array_append_new(page->items, item) != 0)
			return sut_err_nomem();
		free(last);
		last = NULL;
		const char *key = sut_rows_text(rows, key_column);
		const json_t *who = json_object_get(item, "id");
		const char *id = json_string_value(who ? who : json_object_get(item, "device"));
		if (asprintf(&last, "%s%s%s", key ? key : "", id ? " " : "", id ? id : "") < 0) {
			last = NULL;
			return sut_err_nomem();
		}
	}
}

struct sut_err *sut_store_devices(struct sut_tx *tx, const struct sut_device_filter *filter,
				  struct sut_page *ret)
{
	char pattern_room[PATTERN_SIZE], prefix_room[PATTERN_SIZE];
	const char *pattern = NULL, *prefix = NULL;
	struct cut_cursor from = { 0 };
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_page page = { 0 };
	struct sut_err *err = NULL;

	if (filter->find) {
		make_pattern(filter->find, true, pattern_room);
		make_pattern(filter->find, false, prefix_room);
		pattern = pattern_room;
		prefix = prefix_room;
	}
	if (filter->cursor)
		err = cut_cursor(filter->cursor, filter->by_seen, &from);
	if (!err)
		err = sut_sql_int(tx, &page.total, "SELECT COUNT(*)" DEVICE_FILTER, "sssss",
				  filter->status, filter->ring, filter->group, pattern, prefix);
	if (!err)
		err = query_devices(tx, filter, pattern, prefix, &from, &rows);
	if (!err)
		err = collect(rows, filter->limit, device_row, 13, &page);
	free(from.key);
	if (err)
		sut_page_deinit(&page);
	else
		*ret = page;
	return err;
}

struct sut_err *sut_store_device(struct sut_tx *tx, const char *id, json_t **ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	bool has = false;
	struct sut_err *err = sut_sql_query(
		tx, &rows,
		"SELECT " DEVICE_COLUMNS ", assigned_ring, hold, attributes_json, readiness_json,"
		" next_json, tuf_json, os, kernel, boot_id, enrolled, wanted, wanted_text FROM "
		"devices"
		" WHERE tenant = " SUT_TENANT " AND id = $1 AND revoked = 0",
		"s", id);

	*ret = NULL;
	if (!err)
		err = sut_rows_next(rows, &has);
	if (err || !has)
		return err;
	json_t *device = device_row(rows);
	const char *hold = sut_rows_text(rows, 14);
	json_t *more = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "assigned_ring",
		text_of(rows, 13), "hold", hold ? json_pack("{s:s}", "reason", hold) : json_null(),
		"attributes", json_of(rows, 15, json_object()), "readiness",
		json_of(rows, 16, json_array()), "next", json_of(rows, 17, json_null()), "tuf",
		json_of(rows, 18, json_null()), "os", text_of(rows, 19), "kernel",
		text_of(rows, 20), "boot_id", text_of(rows, 21), "enrolled", time_of(rows, 22),
		"wanted", text_of(rows, 23), "wanted_text",
		sut_rows_text(rows, 24) ? sut_rows_text(rows, 24) : "");
	if (!device || !more || json_object_update(device, more) != 0)
		err = sut_err_nomem();
	json_decref(more);
	if (err)
		json_decref(device);
	else
		*ret = device;
	return err;
}

static json_t *process_row(struct sut_rows *rows)
{
	json_t *pause = sut_rows_is_null(rows, 14) ? json_null()
						   : json_real(sut_rows_int(rows, 14) / 1000.0);

	return json_pack(
		"{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
		" s:I}",
		"pid", (json_int_t)sut_rows_int(rows, 0), "start",
		(json_int_t)sut_rows_int(rows, 1), "name", text_of(rows, 2), "path",
		text_of(rows, 3), "unit", text_of(rows, 4), "container", text_of(rows, 5),
		"build_id", text_of(rows, 6), "hotpatch", text_of(rows, 7), "release",
		text_of(rows, 8), "state", text_of(rows, 9), "reason", text_of(rows, 10), "detail",
		text_of(rows, 11), "proof", text_of(rows, 12), "verified", time_of(rows, 13),
		"pause_us", pause, "tries", (json_int_t)sut_rows_int(rows, 15));
}

// Collects all rows.
static struct sut_err *collect_all(struct sut_rows *rows, json_t *(*make)(struct sut_rows *),
				   json_t **ret)
{
	struct sut_page page = { 0 };
	struct sut_err *err = collect(rows, INT64_MAX, make, 0, &page);

	if (err)
		sut_page_deinit(&page);
	else
		*ret = page.items;
	return err;
}

struct sut_err *sut_store_processes(struct sut_tx *tx, const char *id, json_t **ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err =
		sut_sql_query(tx, &rows,
			      "SELECT pid, start, name, path, unit, container, build_id, hotpatch, "
			      "release, state,"
			      " reason, detail, proof, verified, pause_ns, tries FROM processes"
			      " WHERE tenant = " SUT_TENANT " AND device = $1 ORDER BY n",
			      "s", id);

	return err ? err : collect_all(rows, process_row, ret);
}

static json_t *event_row(struct sut_rows *rows)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o}", "seq", (json_int_t)sut_rows_int(rows, 0),
			 "time", time_of(rows, 1), "type", text_of(rows, 2), "hotpatch",
			 text_of(rows, 3), "detail", text_of(rows, 4));
}

static struct sut_err *cut_number(const char *cursor, int64_t otherwise, int64_t *ret)
{
	char *end;

	*ret = otherwise;
	if (!cursor)
		return NULL;
	*ret = strtoll(cursor, &end, 10);
	return end != cursor && !*end
		       ? NULL
		       : sut_err(SUT_E_USAGE, "this cursor is not one of this list's");
}

struct sut_err *sut_store_history(struct sut_tx *tx, const char *id, const char *cursor,
				  int64_t limit, struct sut_page *ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_page page = { 0 };
	int64_t before;
	struct sut_err *err = cut_number(cursor, INT64_MAX, &before);

	if (!err)
		err = sut_sql_int(tx, &page.total,
				  "SELECT COUNT(*) FROM device_events WHERE tenant = " SUT_TENANT
				  " AND device = $1",
				  "s", id);
	if (!err)
		err = sut_sql_query(tx, &rows,
				    "SELECT seq, time, type, hotpatch, detail FROM device_events"
				    " WHERE tenant = " SUT_TENANT " AND device = $1 AND seq < $2"
				    " ORDER BY seq DESC LIMIT $3",
				    "sii", id, before, limit + 1);
	if (!err)
		err = collect(rows, limit, event_row, 0, &page);
	if (err)
		sut_page_deinit(&page);
	else
		*ret = page;
	return err;
}

static json_t *overview_row(struct sut_rows *rows)
{
	return json_pack("{s:o, s:o, s:I, s:I, s:I}", "ring", text_of(rows, 0), "status",
			 text_of(rows, 1), "devices", (json_int_t)sut_rows_int(rows, 2),
			 "protected", (json_int_t)sut_rows_int(rows, 3), "open",
			 (json_int_t)sut_rows_int(rows, 4));
}

struct sut_err *sut_store_overview(struct sut_tx *tx, json_t **ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err = sut_sql_query(
		tx, &rows,
		"SELECT ring, status, COUNT(*), SUM(n_protected), SUM(n_exposed + n_in_progress)"
		" FROM devices WHERE tenant = " SUT_TENANT " AND revoked = 0"
		" GROUP BY ring, status ORDER BY ring, status",
		"");

	return err ? err : collect_all(rows, overview_row, ret);
}

static json_t *group_row(struct sut_rows *rows)
{
	return json_pack("{s:o, s:o, s:I}", "name", text_of(rows, 0), "label", text_of(rows, 1),
			 "devices", (json_int_t)sut_rows_int(rows, 2));
}

struct sut_err *sut_store_groups(struct sut_tx *tx, const char *cursor, int64_t limit,
				 struct sut_page *ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_page page = { 0 };
	struct sut_err *err = sut_sql_int(
		tx, &page.total, "SELECT COUNT(*) FROM device_groups WHERE tenant = " SUT_TENANT, "");

	if (!err)
		err = sut_sql_query(tx, &rows,
				    "SELECT name, label, (SELECT COUNT(*) FROM devices"
				    " WHERE devices.tenant = " SUT_TENANT
				    " AND devices.group_name = device_groups.name"
				    " AND devices.revoked = 0) FROM device_groups"
				    " WHERE tenant = " SUT_TENANT
				    " AND ($1 IS NULL OR name > $1) ORDER BY name LIMIT $2",
				    "si", cursor, limit + 1);
	if (!err)
		err = collect(rows, limit, group_row, 0, &page);
	if (err)
		sut_page_deinit(&page);
	else
		*ret = page;
	return err;
}

struct sut_err *sut_store_group_put(struct sut_tx *tx, const char *name, const char *label,
				    bool *made_ret)
{
	int64_t n = 0;
	struct sut_err *err = sut_sql_change(tx, &n,
					     "INSERT INTO device_groups (tenant, name, label)"
					     " VALUES (" SUT_TENANT ", $1, $2)"
					     " ON CONFLICT (tenant, name) DO NOTHING",
					     "ss", name, label);

	if (!err)
		*made_ret = n > 0;
	return err;
}

struct sut_err *sut_store_group_has(struct sut_tx *tx, const char *name, bool *ret)
{
	int64_t n;
	struct sut_err *err = sut_sql_int(
		tx, &n,
		"SELECT COUNT(*) FROM device_groups WHERE tenant = " SUT_TENANT " AND name = $1", "s",
		name);

	if (!err)
		*ret = n > 0;
	return err;
}

struct sut_err *sut_store_device_choose(struct sut_tx *tx, const char *id,
					const struct sut_device_choice *choice, bool *found_ret)
{
	int64_t n;
	struct sut_err *err = sut_sql_int(tx, &n,
					  "SELECT COUNT(*) FROM devices WHERE tenant = " SUT_TENANT
					  " AND id = $1 AND revoked = 0",
					  "s", id);

	if (!err && n && choice->sets_ring)
		err = sut_sql_exec(tx,
				   "UPDATE devices SET assigned_ring = $1"
				   " WHERE tenant = " SUT_TENANT " AND id = $2",
				   "ss", choice->ring, id);
	if (!err && n && choice->sets_group)
		err = sut_sql_exec(tx,
				   "UPDATE devices SET group_name = $1"
				   " WHERE tenant = " SUT_TENANT " AND id = $2",
				   "ss", choice->group, id);
	if (!err && n && choice->sets_hold)
		err = sut_sql_exec(tx,
				   "UPDATE devices SET hold = $1"
				   " WHERE tenant = " SUT_TENANT " AND id = $2",
				   "ss", choice->hold, id);
	if (!err)
		*found_ret = n > 0;
	return err;
}

struct sut_err *sut_store_device_remove(struct sut_tx *tx, const char *id, int64_t now,
					bool *found_ret)
{
	int64_t n = 0;
	struct sut_err *err =
		sut_sql_change(tx, &n,
			       "UPDATE devices SET revoked = $1 WHERE tenant = " SUT_TENANT
			       " AND id = $2 AND revoked = 0",
			       "is", now, id);

	if (!err)
		err = sut_sql_exec(
			tx, "DELETE FROM processes WHERE tenant = " SUT_TENANT " AND device = $1",
			"s", id);
	if (!err)
		*found_ret = n > 0;
	return err;
}

static json_t *why_not_row(struct sut_rows *rows)
{
	json_t *pid = sut_rows_is_null(rows, 5) ? json_null() : json_integer(sut_rows_int(rows, 5));

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "device",
			 text_of(rows, 0), "hostname", text_of(rows, 1), "ring", text_of(rows, 2),
			 "status", text_of(rows, 3), "reason", text_of(rows, 4), "pid", pid,
			 "process", text_of(rows, 6), "path", text_of(rows, 7), "detail",
			 sut_rows_text(rows, 8) ? sut_rows_text(rows, 8) : "");
}

// A device that is not done: each process of it that is not protected, or the device
// itself where it reports none.
#define WHY_NOT                                                                                    \
	" FROM devices LEFT JOIN processes ON processes.tenant = devices.tenant"                   \
	" AND processes.device = devices.id AND processes.state <> 'protected'"                    \
	" WHERE devices.tenant = " SUT_TENANT " AND devices.baseline = $1 AND devices.revoked = 0" \
	" AND NOT EXISTS (SELECT 1 FROM rollout_outcomes WHERE"                                    \
	" rollout_outcomes.tenant = " SUT_TENANT " AND rollout_outcomes.rollout = $2"              \
	" AND rollout_outcomes.device = devices.id AND rollout_outcomes.outcome = 'done')"

struct sut_err *sut_store_why_not(struct sut_tx *tx, const char *baseline, const char *rollout,
				  const char *cursor, int64_t limit, struct sut_page *ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_page page = { 0 };
	struct cut_cursor from = { 0 };
	struct sut_err *err = cursor ? cut_cursor(cursor, true, &from) : NULL;

	if (!err)
		err = sut_sql_int(tx, &page.total, "SELECT COUNT(*)" WHY_NOT, "ss", baseline,
				  rollout);
	if (!err)
		err = sut_sql_query(tx, &rows,
				    "SELECT devices.id, devices.hostname, devices.ring,"
				    " devices.status, processes.reason, processes.pid,"
				    " processes.name, processes.path, processes.detail,"
				    " COALESCE(processes.n, 0)" WHY_NOT
				    " AND ($3 IS NULL OR devices.id > $3 OR (devices.id = $3"
				    " AND COALESCE(processes.n, 0) > $4))"
				    " ORDER BY devices.id, COALESCE(processes.n, 0) LIMIT $5",
				    "sssii", baseline, rollout, from.id, from.number, limit + 1);
	if (!err)
		err = collect(rows, limit, why_not_row, 9, &page);
	free(from.key);
	if (err)
		sut_page_deinit(&page);
	else
		*ret = page;
	return err;
}

struct sut_err *sut_store_protect_times(struct sut_tx *tx, const int64_t *bounds, size_t n_bounds,
					int64_t *counts_ret, int64_t *sum_ret)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i <= n_bounds && !err; i++)
		err = sut_sql_int(tx, &counts_ret[i],
				  "SELECT COUNT(*) FROM rollout_outcomes, rollouts"
				  " WHERE rollout_outcomes.tenant = " SUT_TENANT
				  " AND rollouts.tenant = " SUT_TENANT
				  " AND rollouts.id = rollout_outcomes.rollout"
				  " AND rollout_outcomes.outcome = 'done'"
				  " AND rollout_outcomes.since - rollouts.created <= $1",
				  "i", i < n_bounds ? bounds[i] : INT64_MAX);
	if (!err)
		err = sut_sql_int(tx, sum_ret,
				  "SELECT SUM(rollout_outcomes.since - rollouts.created)"
				  " FROM rollout_outcomes, rollouts"
				  " WHERE rollout_outcomes.tenant = " SUT_TENANT
				  " AND rollouts.tenant = " SUT_TENANT
				  " AND rollouts.id = rollout_outcomes.rollout"
				  " AND rollout_outcomes.outcome = 'done'",
				  "");
	return err;
}
