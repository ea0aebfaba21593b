// SPDX-License-Identifier: Apache-2.0
#include "hub/store/audit.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "hub/text.h"

static const char no_hash[] = "0000000000000000000000000000000000000000000000000000000000000000";

/** An entry as it is stored. Borrows its texts. */
struct entry {
	int64_t seq, time;
	const char *actor, *action, *object, *detail, *prev;
};

static struct sut_err *hash_entry(const struct entry *entry, char ret[SUT_DIGEST_SIZE])
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s\n%lld\n%lld\n%s\n%s\n%s\n%s", entry->prev, (long long)entry->seq,
		     (long long)entry->time, entry->actor, entry->action, entry->object,
		     entry->detail) < 0)
		return sut_err_nomem();
	return sut_digest_text(text, ret);
}

// The newest entry's number and hash; 0 and zeros when there is none.
static struct sut_err *read_head(struct sut_tx *tx, int64_t *seq_ret, char *hash_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	bool has_row;
	struct sut_err *err = sut_sql_query(tx, &rows,
					    "SELECT seq, hash FROM audit WHERE tenant = " SUT_TENANT
					    " ORDER BY seq DESC LIMIT 1",
					    "");

	if (!err)
		err = sut_rows_next(rows, &has_row);
	if (err)
		return err;
	*seq_ret = has_row ? sut_rows_int(rows, 0) : 0;
	snprintf(hash_ret, SUT_DIGEST_SIZE, "%s", has_row ? sut_rows_text(rows, 1) : no_hash);
	return NULL;
}

struct sut_err *sut_audit_add(struct sut_tx *tx, int64_t now, const char *actor, const char *action,
			      const char *object, const json_t *detail)
{
	_cleanup_free_ char *text =
		detail ? json_dumps(detail, JSON_COMPACT | JSON_SORT_KEYS) : strdup("{}");
	char prev[SUT_DIGEST_SIZE], hash[SUT_DIGEST_SIZE];
	int64_t last;

	if (!text)
		return sut_err_nomem();
	struct sut_err *err = read_head(tx, &last, prev);
	if (err)
		return err;
	struct entry entry = { last + 1, now, actor, action, object, text, prev };
	err = hash_entry(&entry, hash);
	if (err)
		return err;
	return sut_sql_exec(
		tx,
		"INSERT INTO audit (tenant, seq, time, actor, action, object, detail, prev,"
		" hash) VALUES (" SUT_TENANT ", $1, $2, $3, $4, $5, $6, $7, $8)",
		"iissssss", entry.seq, now, actor, action, object, text, prev, hash);
}

// The detail as it was written; one that was altered may be no JSON any more.
static json_t *show_detail(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	return json ? json : json_string_nocheck("unreadable");
}

static struct sut_err *show_row(struct sut_rows *rows, json_t *items)
{
	char time[SUT_TIME_SIZE];

	sut_time_format(sut_rows_int(rows, 1) / 1000000, time);
	json_t *item =
		json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "seq",
			  (json_int_t)sut_rows_int(rows, 0), "time", time, "actor",
			  sut_rows_text(rows, 2), "action", sut_rows_text(rows, 3), "object",
			  sut_rows_text(rows, 4), "detail", show_detail(sut_rows_text(rows, 5)),
			  "prev", sut_rows_text(rows, 6), "hash", sut_rows_text(rows, 7));
	return item && json_array_append_new(items, item) == 0 ? NULL : sut_err_nomem();
}

static struct sut_err *count(struct sut_tx *tx, const char *actor, const char *action, int64_t *ret)
{
	return sut_sql_int(tx, ret,
			   "SELECT COUNT(*) FROM audit WHERE tenant = " SUT_TENANT
			   " AND ($1 = '' OR actor = $1) AND ($2 = '' OR action = $2)",
			   "ss", actor, action);
}

struct sut_err *sut_audit_list(struct sut_tx *tx, int64_t before, int64_t limit, const char *actor,
			       const char *action, json_t **ret, bool *more_ret, int64_t *total_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	json_t *items = json_array();
	bool has_row = false;
	struct sut_err *err = sut_sql_query(
		tx, &rows,
		"SELECT seq, time, actor, action, object, detail, prev, hash FROM audit"
		" WHERE tenant = " SUT_TENANT " AND seq < $1 AND ($2 = '' OR actor = $2)"
		" AND ($3 = '' OR action = $3) ORDER BY seq DESC LIMIT $4",
		"issi", before, actor ? actor : "", action ? action : "", limit + 1);

	for (int64_t n = 0; !err; n++) {
		err = sut_rows_next(rows, &has_row);
		if (err || !has_row || n == limit)
			break;
		err = show_row(rows, items);
	}
	if (!err)
		err = count(tx, actor ? actor : "", action ? action : "", total_ret);
	if (err) {
		json_decref(items);
		return err;
	}
	*more_ret = has_row;
	*ret = items;
	return NULL;
}

struct sut_err *sut_audit_check(struct sut_tx *tx, bool *ok_ret, int64_t *n_ret, char *head_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	char hash[SUT_DIGEST_SIZE];
	bool has_row;
	struct sut_err *err = sut_sql_query(
		tx, &rows,
		"SELECT seq, time, actor, action, object, detail, prev, hash FROM audit"
		" WHERE tenant = " SUT_TENANT " ORDER BY seq",
		"");

	*ok_ret = true;
	*n_ret = 0;
	strcpy(head_ret, no_hash);
	while (!err) {
		err = sut_rows_next(rows, &has_row);
		if (err || !has_row)
			break;
		struct entry entry = {
			sut_rows_int(rows, 0),
			sut_rows_int(rows, 1),
			sut_rows_text(rows, 2),
			sut_rows_text(rows, 3),
			sut_rows_text(rows, 4),
			sut_rows_text(rows, 5),
			head_ret,
		};
		err = hash_entry(&entry, hash);
		*ok_ret &= !err && entry.seq == *n_ret + 1 &&
			   strcmp(sut_rows_text(rows, 6), head_ret) == 0 &&
			   strcmp(sut_rows_text(rows, 7), hash) == 0;
		// Of a hash that was altered, the length may be any.
		snprintf(head_ret, SUT_DIGEST_SIZE, "%s", sut_rows_text(rows, 7));
		++*n_ret;
	}
	return err;
}
