// SPDX-License-Identifier: Apache-2.0
#include "hub/store/auth.h"

#include <stdio.h>

#include "base/time.h"

// A time of the store as the API shows it; null for 0.
static json_t *show_time(int64_t time)
{
	char text[SUT_TIME_SIZE];

	if (!time)
		return json_null();
	sut_time_format(time / 1000000, text);
	return json_string(text);
}

static void copy_column(struct sut_rows *rows, int column, char *to, size_t size)
{
	const char *text = sut_rows_text(rows, column);

	snprintf(to, size, "%s", text ? text : "");
}

static void read_user(struct sut_rows *rows, struct sut_user *ret)
{
	copy_column(rows, 0, ret->id, sizeof(ret->id));
	copy_column(rows, 1, ret->name, sizeof(ret->name));
	copy_column(rows, 2, ret->role, sizeof(ret->role));
	copy_column(rows, 3, ret->password, sizeof(ret->password));
}

struct sut_err *sut_user_find(struct sut_tx *tx, const char *name, struct sut_user *ret,
			      bool *has_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err = sut_sql_query(tx, &rows,
					    "SELECT id, name, role, password FROM users"
					    " WHERE tenant = " SUT_TENANT " AND name = $1",
					    "s", name);

	if (!err)
		err = sut_rows_next(rows, has_ret);
	if (!err && *has_ret)
		read_user(rows, ret);
	return err;
}

struct sut_err *sut_user_add(struct sut_tx *tx, const struct sut_user *user, int64_t now)
{
	return sut_sql_exec(tx,
			    "INSERT INTO users (tenant, id, name, role, password, created)"
			    " VALUES (" SUT_TENANT ", $1, $2, $3, $4, $5)",
			    "ssssi", user->id, user->name, user->role, user->password, now);
}

static struct sut_err *delete_sessions(struct sut_tx *tx, const char *user_id)
{
	return sut_sql_exec(tx,
			    "DELETE FROM sessions WHERE tenant = " SUT_TENANT " AND user_id = $1",
			    "s", user_id);
}

struct sut_err *sut_user_set_password(struct sut_tx *tx, const char *id, const char *password)
{
	struct sut_err *err = sut_sql_exec(
		tx, "UPDATE users SET password = $1 WHERE tenant = " SUT_TENANT " AND id = $2",
		"ss", password, id);

	return err ? err : delete_sessions(tx, id);
}

struct sut_err *sut_user_delete(struct sut_tx *tx, const char *id)
{
	struct sut_err *err = sut_sql_exec(
		tx, "DELETE FROM users WHERE tenant = " SUT_TENANT " AND id = $1", "s", id);

	return err ? err : delete_sessions(tx, id);
}

struct sut_err *sut_user_count(struct sut_tx *tx, const char *role, int64_t *ret)
{
	return sut_sql_int(tx, ret,
			   "SELECT COUNT(*) FROM users WHERE tenant = " SUT_TENANT " AND role = $1",
			   "s", role);
}

// Append what @show makes of each row to a new array.
static struct sut_err *list_rows(struct sut_rows *rows, json_t *(*show)(struct sut_rows *rows),
				 json_t **ret)
{
	json_t *items = json_array();
	struct sut_err *err = items ? NULL : sut_err_nomem();
	bool has_row = true;

	while (!err) {
		err = sut_rows_next(rows, &has_row);
		if (err || !has_row)
			break;
		if (json_array_append_new(items, show(rows)) < 0)
			err = sut_err_nomem();
	}
	if (err) {
		json_decref(items);
		return err;
	}
	*ret = items;
	return NULL;
}

static json_t *show_user(struct sut_rows *rows)
{
	return json_pack("{s:s, s:s, s:o}", "name", sut_rows_text(rows, 0), "role",
			 sut_rows_text(rows, 1), "created", show_time(sut_rows_int(rows, 2)));
}

struct sut_err *sut_user_list(struct sut_tx *tx, const char *after, int64_t limit, json_t **ret,
			      int64_t *total_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err = sut_sql_int(
		tx, total_ret, "SELECT COUNT(*) FROM users WHERE tenant = " SUT_TENANT, "");

	if (!err)
		err = sut_sql_query(
			tx, &rows,
			"SELECT name, role, created FROM users WHERE tenant = " SUT_TENANT
			" AND name > $1 ORDER BY name LIMIT $2",
			"si", after, limit);
	return err ? err : list_rows(rows, show_user, ret);
}

struct sut_err *sut_session_add(struct sut_tx *tx, const char *digest, const char *user_id,
				int64_t now)
{
	return sut_sql_exec(tx,
			    "INSERT INTO sessions (tenant, digest, user_id, created, used)"
			    " VALUES (" SUT_TENANT ", $1, $2, $3, $4)",
			    "ssii", digest, user_id, now, now);
}

struct sut_err *sut_session_find(struct sut_tx *tx, const char *digest, int64_t begun_after,
				 int64_t used_after, struct sut_user *ret, int64_t *used_ret,
				 bool *has_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err = sut_sql_query(
		tx, &rows,
		"SELECT users.id, users.name, users.role, users.password, sessions.used"
		" FROM sessions, users WHERE sessions.tenant = " SUT_TENANT
		" AND sessions.digest = $1 AND sessions.created > $2 AND sessions.used > $3"
		" AND users.tenant = sessions.tenant AND users.id = sessions.user_id",
		"sii", digest, begun_after, used_after);

	if (!err)
		err = sut_rows_next(rows, has_ret);
	if (!err && *has_ret) {
		read_user(rows, ret);
		*used_ret = sut_rows_int(rows, 4);
	}
	return err;
}

struct sut_err *sut_session_touch(struct sut_tx *tx, const char *digest, int64_t now)
{
	return sut_sql_exec(
		tx, "UPDATE sessions SET used = $1 WHERE tenant = " SUT_TENANT " AND digest = $2",
		"is", now, digest);
}

struct sut_err *sut_session_delete(struct sut_tx *tx, const char *digest)
{
	return sut_sql_exec(tx,
			    "DELETE FROM sessions WHERE tenant = " SUT_TENANT " AND digest = $1",
			    "s", digest);
}

struct sut_err *sut_session_sweep(struct sut_tx *tx, int64_t begun_before, int64_t used_before)
{
	return sut_sql_exec(tx,
			    "DELETE FROM sessions WHERE tenant = " SUT_TENANT
			    " AND (created < $1 OR used < $2)",
			    "ii", begun_before, used_before);
}

// NULL for 0, which stands for "never".
static const int64_t *optional(const int64_t *time)
{
	return *time ? time : NULL;
}

struct sut_err *sut_api_token_add(struct sut_tx *tx, const struct sut_token *token,
				  const char *digest, const char *actor, int64_t now)
{
	return sut_sql_exec(
		tx,
		"INSERT INTO api_tokens (tenant, id, digest, label, role, created, expires,"
		" created_by) VALUES (" SUT_TENANT ", $1, $2, $3, $4, $5, $6, $7)",
		"ssssips", token->id, digest, token->label, token->role, now,
		optional(&token->expires), actor);
}

struct sut_err *sut_api_token_find(struct sut_tx *tx, const char *digest, int64_t now,
				   struct sut_token *ret, bool *has_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err =
		sut_sql_query(tx, &rows,
			      "SELECT id, label, role FROM api_tokens WHERE tenant = " SUT_TENANT
			      " AND digest = $1 AND (expires IS NULL OR expires > $2)",
			      "si", digest, now);

	if (!err)
		err = sut_rows_next(rows, has_ret);
	if (!err && *has_ret) {
		copy_column(rows, 0, ret->id, sizeof(ret->id));
		copy_column(rows, 1, ret->label, sizeof(ret->label));
		copy_column(rows, 2, ret->role, sizeof(ret->role));
	}
	return err;
}

struct sut_err *sut_api_token_delete(struct sut_tx *tx, const char *id, bool *has_ret)
{
	int64_t n;
	struct sut_err *err = sut_sql_change(
		tx, &n, "DELETE FROM api_tokens WHERE tenant = " SUT_TENANT " AND id = $1", "s",
		id);

	if (!err)
		*has_ret = n > 0;
	return err;
}

static json_t *show_api_token(struct sut_rows *rows)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "id", sut_rows_text(rows, 0), "label",
			 sut_rows_text(rows, 1), "role", sut_rows_text(rows, 2), "created",
			 show_time(sut_rows_int(rows, 3)), "expires",
			 show_time(sut_rows_int(rows, 4)));
}

struct sut_err *sut_api_token_list(struct sut_tx *tx, const char *after, int64_t limit,
				   json_t **ret, int64_t *total_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err = sut_sql_int(
		tx, total_ret, "SELECT COUNT(*) FROM api_tokens WHERE tenant = " SUT_TENANT, "");

	if (!err)
		err = sut_sql_query(tx, &rows,
				    "SELECT id, label, role, created, expires FROM api_tokens"
				    " WHERE tenant = " SUT_TENANT
				    " AND id > $1 ORDER BY id LIMIT $2",
				    "si", after, limit);
	return err ? err : list_rows(rows, show_api_token, ret);
}

struct sut_err *sut_enrolment_token_add(struct sut_tx *tx, const struct sut_token *token,
					const char *digest, const char *actor, int64_t now)
{
	return sut_sql_exec(
		tx,
		"INSERT INTO enrolment_tokens (tenant, id, digest, label, ring, uses, used,"
		" expires, created, created_by)"
		" VALUES (" SUT_TENANT ", $1, $2, $3, $4, $5, 0, $6, $7, $8)",
		"ssssiiis", token->id, digest, token->label, token->ring[0] ? token->ring : NULL,
		token->uses, token->expires, now, actor);
}

struct sut_err *sut_enrolment_token_check(struct sut_tx *tx, const char *digest, int64_t now,
					  bool *ret)
{
	int64_t n;
	struct sut_err *err = sut_sql_int(tx, &n,
					  "SELECT COUNT(*) FROM enrolment_tokens"
					  " WHERE tenant = " SUT_TENANT
					  " AND digest = $1 AND expires > $2",
					  "si", digest, now);

	if (!err)
		*ret = n > 0;
	return err;
}

struct sut_err *sut_enrolment_token_use(struct sut_tx *tx, const char *digest, int64_t now,
					struct sut_token *ret, bool *has_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	int64_t n;
	struct sut_err *err = sut_sql_change(tx, &n,
					     "UPDATE enrolment_tokens SET used = used + 1"
					     " WHERE tenant = " SUT_TENANT
					     " AND digest = $1 AND expires > $2 AND used < uses",
					     "si", digest, now);

	*has_ret = !err && n > 0;
	if (err || !*has_ret)
		return err;
	err = sut_sql_query(
		tx, &rows,
		"SELECT id, label, ring FROM enrolment_tokens WHERE tenant = " SUT_TENANT
		" AND digest = $1",
		"s", digest);
	if (!err)
		err = sut_rows_next(rows, has_ret);
	if (!err && *has_ret) {
		copy_column(rows, 0, ret->id, sizeof(ret->id));
		copy_column(rows, 1, ret->label, sizeof(ret->label));
		copy_column(rows, 2, ret->ring, sizeof(ret->ring));
	}
	return err;
}

struct sut_err *sut_enrolment_token_delete(struct sut_tx *tx, const char *id, bool *has_ret)
{
	int64_t n;
	struct sut_err *err = sut_sql_change(
		tx, &n, "DELETE FROM enrolment_tokens WHERE tenant = " SUT_TENANT " AND id = $1",
		"s", id);

	if (!err)
		*has_ret = n > 0;
	return err;
}

static json_t *show_enrolment_token(struct sut_rows *rows)
{
	return json_pack("{s:s, s:s, s:s?, s:I, s:I, s:o, s:o, s:s}", "id", sut_rows_text(rows, 0),
			 "label", sut_rows_text(rows, 1), "ring", sut_rows_text(rows, 2), "uses",
			 (json_int_t)sut_rows_int(rows, 3), "used",
			 (json_int_t)sut_rows_int(rows, 4), "expires",
			 show_time(sut_rows_int(rows, 5)), "created",
			 show_time(sut_rows_int(rows, 6)), "created_by", sut_rows_text(rows, 7));
}

struct sut_err *sut_enrolment_token_list(struct sut_tx *tx, const char *after, int64_t limit,
					 json_t **ret, int64_t *total_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err =
		sut_sql_int(tx, total_ret,
			    "SELECT COUNT(*) FROM enrolment_tokens WHERE tenant = " SUT_TENANT, "");

	if (!err)
		err = sut_sql_query(
			tx, &rows,
			"SELECT id, label, ring, uses, used, expires, created, created_by"
			" FROM enrolment_tokens WHERE tenant = " SUT_TENANT
			" AND id > $1 ORDER BY id LIMIT $2",
			"si", after, limit);
	return err ? err : list_rows(rows, show_enrolment_token, ret);
}
