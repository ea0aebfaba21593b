// SPDX-License-Identifier: Apache-2.0
#include "hub/store/database.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "hub/store/schema.h"

/** A statement that is kept prepared. */
struct prepared {
	const char *sql; /**< The constant it was made of; borrowed. */
	sqlite3_stmt *stmt;
	bool is_busy; /**< Some rows of it are open. */
};

// A transaction is nothing but its connection between begin and end.
struct sut_tx {
	sqlite3 *db;
	struct prepared *prepared;
	size_t n_prepared, capacity;
};

struct sut_database {
	struct sut_tx tx;
};

struct sut_rows {
	struct sut_tx *tx;
	size_t at; /**< Which of the prepared statements. */
	sqlite3_stmt *stmt;
};

// What SQLite says, as our error. A full disk is told apart: the caller may try later.
static struct sut_err *make_error(sqlite3 *db, int code, const char *what)
{
	const char *text = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return sut_err_nomem();
	case SQLITE_FULL:
		return sut_err_os(ENOSPC, "store: %s", what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return sut_err(SUT_E_BUSY, "store: %s: %s", what, text);
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		if (db && sqlite3_system_errno(db))
			return sut_err_os(sqlite3_system_errno(db), "store: %s: %s", what, text);
		return sut_err_os(EIO, "store: %s: %s", what, text);
	case SQLITE_CONSTRAINT:
		return sut_err(SUT_E_MISMATCH, "store: %s: %s", what, text);
	default:
		return sut_err(SUT_E_FORMAT, "store: %s: %s", what, text);
	}
}

// Without parameters and without keeping it: for what is said once.
static struct sut_err *run_text(sqlite3 *db, const char *sql, const char *what)
{
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? NULL : make_error(db, code, what);
}

struct sut_err *sut_database_open(const char *path, struct sut_database **ret)
{
	struct sut_database *database = calloc(1, sizeof(*database));

	if (!database)
		return sut_err_nomem();
	// One thread at a time uses a connection, so that it needs no lock of its own.
	int code = sqlite3_open_v2(path, &database->tx.db,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
					   SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
				   NULL);
	struct sut_err *err = code == SQLITE_OK ? NULL : make_error(database->tx.db, code, "open");
	// FULL: a commit is on the disk before it is acknowledged (sqlite.org/pragma.html).
	if (!err)
		err = run_text(database->tx.db,
			       "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;",
			       "set up");
	if (err) {
		sut_database_close(database);
		return err;
	}
	*ret = database;
	return NULL;
}

void sut_database_close(struct sut_database *database)
{
	if (!database)
		return;
	for (size_t i = 0; i < database->tx.n_prepared; i++)
		sqlite3_finalize(database->tx.prepared[i].stmt);
	free(database->tx.prepared);
	sqlite3_close(database->tx.db);
	free(database);
}

static struct sut_err *make_step(struct sut_tx *tx, int64_t step)
{
	struct sut_err *err = run_text(tx->db, sut_schema_steps[step], "new tables");

	if (err)
		return sut_err_wrap(err, "step %lld", (long long)step + 1);
	return sut_sql_exec(tx, "UPDATE schema_version SET version = $1", "i", step + 1);
}

static struct sut_err *make_steps(struct sut_tx *tx)
{
	struct sut_err *err;
	int64_t n_rows, version;

	err = run_text(tx->db,
		       "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)",
		       "version");
	if (!err)
		err = sut_sql_int(tx, &n_rows, "SELECT COUNT(*) FROM schema_version", "");
	if (!err && !n_rows)
		err = sut_sql_exec(tx, "INSERT INTO schema_version (version) VALUES (0)", "");
	if (!err)
		err = sut_sql_int(tx, &version, "SELECT version FROM schema_version", "");
	if (!err && version > (int64_t)sut_schema_n_steps)
		return sut_err(
			SUT_E_UNSUPPORTED,
			"a newer suture-hub wrote this database (version %lld, this one knows "
			"%zu); start that one",
			(long long)version, sut_schema_n_steps);
	for (; !err && version < (int64_t)sut_schema_n_steps; version++)
		err = make_step(tx, version);
	return err;
}

struct sut_err *sut_database_upgrade(struct sut_database *database)
{
	struct sut_err *err = sut_database_begin(database, true);

	if (err)
		return err;
	err = make_steps(&database->tx);
	if (err) {
		sut_database_rollback(database);
		return err;
	}
	return sut_database_commit(database);
}

struct sut_err *sut_database_begin(struct sut_database *database, bool to_write)
{
	if (to_write)
		return sut_sql_exec(&database->tx, "BEGIN IMMEDIATE", "");
	return sut_sql_exec(&database->tx, "BEGIN", "");
}

struct sut_err *sut_database_commit(struct sut_database *database)
{
	struct sut_err *err = sut_sql_exec(&database->tx, "COMMIT", "");

	if (err)
		sut_database_rollback(database);
	return err;
}

void sut_database_rollback(struct sut_database *database)
{
	// Some failures (a full disk) have rolled back already: sqlite.org/lang_transaction.html.
	if (!sqlite3_get_autocommit(database->tx.db))
		sut_err_free(sut_sql_exec(&database->tx, "ROLLBACK", ""));
}

struct sut_err *sut_database_nested(struct sut_database *database, sut_store_fn fn, void *context,
				    struct sut_err **own_ret)
{
	struct sut_tx *tx = &database->tx;
	struct sut_err *err = sut_sql_exec(tx, "SAVEPOINT one", "");

	if (err)
		return err;
	struct sut_err *own = fn(tx, context);
	if (own && sqlite3_get_autocommit(tx->db))
		return own;
	*own_ret = own;
	if (own)
		err = sut_sql_exec(tx, "ROLLBACK TO one", "");
	if (!err)
		err = sut_sql_exec(tx, "RELEASE one", "");
	return err;
}

struct sut_tx *sut_database_tx(struct sut_database *database)
{
	return &database->tx;
}

static struct sut_err *add_prepared(struct sut_tx *tx, const char *sql, size_t *ret)
{
	struct sut_err *err =
		sut_array_grow(&tx->prepared, tx->n_prepared, &tx->capacity, sizeof(*tx->prepared));
	struct prepared fresh = { .sql = sql };

	if (err)
		return err;
	int code =
		sqlite3_prepare_v3(tx->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &fresh.stmt, NULL);
	if (code != SQLITE_OK)
		return make_error(tx->db, code, sql);
	*ret = tx->n_prepared;
	tx->prepared[tx->n_prepared++] = fresh;
	return NULL;
}

// The prepared statement of @sql that nobody uses now, with its parameters set.
static struct sut_err *bind(struct sut_tx *tx, const char *sql, const char *types, va_list values,
			    size_t *ret)
{
	size_t at = 0;

	while (at < tx->n_prepared && (tx->prepared[at].sql != sql || tx->prepared[at].is_busy))
		at++;
	if (at == tx->n_prepared) {
		struct sut_err *err = add_prepared(tx, sql, &at);
		if (err)
			return err;
	}
	sqlite3_stmt *stmt = tx->prepared[at].stmt;
	int code = SQLITE_OK;
	for (int i = 0; types[i] && code == SQLITE_OK; i++) {
		const int64_t *number = types[i] == 'p' ? va_arg(values, const int64_t *) : NULL;

		if (types[i] == 's')
			code = sqlite3_bind_text(stmt, i + 1, va_arg(values, const char *), -1,
						 SQLITE_STATIC);
		else if (types[i] == 'i')
			code = sqlite3_bind_int64(stmt, i + 1, va_arg(values, int64_t));
		else if (number)
			code = sqlite3_bind_int64(stmt, i + 1, *number);
		else
			code = sqlite3_bind_null(stmt, i + 1);
	}
	if (code != SQLITE_OK)
		return make_error(tx->db, code, sql);
	*ret = at;
	return NULL;
}

static struct sut_err *run_bound(struct sut_tx *tx, size_t at)
{
	struct prepared *prepared = &tx->prepared[at];
	int code;

	do
		code = sqlite3_step(prepared->stmt);
	while (code == SQLITE_ROW);
	struct sut_err *err = code == SQLITE_DONE ? NULL : make_error(tx->db, code, prepared->sql);
	sqlite3_reset(prepared->stmt);
	sqlite3_clear_bindings(prepared->stmt);
	return err;
}

struct sut_err *sut_sql_exec(struct sut_tx *tx, const char *sql, const char *types, ...)
{
	va_list values;
	size_t at;

	va_start(values, types);
	struct sut_err *err = bind(tx, sql, types, values, &at);
	va_end(values);
	return err ? err : run_bound(tx, at);
}

struct sut_err *sut_sql_change(struct sut_tx *tx, int64_t *n_ret, const char *sql,
			       const char *types, ...)
{
	va_list values;
	size_t at;

	va_start(values, types);
	struct sut_err *err = bind(tx, sql, types, values, &at);
	va_end(values);
	if (!err)
		err = run_bound(tx, at);
	if (!err)
		*n_ret = sqlite3_changes64(tx->db);
	return err;
}

static struct sut_err *open_rows(struct sut_tx *tx, struct sut_rows **ret, size_t at)
{
	struct sut_rows *rows = malloc(sizeof(*rows));

	if (!rows)
		return sut_err_nomem();
	*rows = (struct sut_rows){ tx, at, tx->prepared[at].stmt };
	tx->prepared[at].is_busy = true;
	*ret = rows;
	return NULL;
}

struct sut_err *sut_sql_query(struct sut_tx *tx, struct sut_rows **ret, const char *sql,
			      const char *types, ...)
{
	va_list values;
	size_t at;

	va_start(values, types);
	struct sut_err *err = bind(tx, sql, types, values, &at);
	va_end(values);
	return err ? err : open_rows(tx, ret, at);
}

struct sut_err *sut_rows_next(struct sut_rows *rows, bool *has_ret)
{
	int code = sqlite3_step(rows->stmt);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return make_error(rows->tx->db, code, sqlite3_sql(rows->stmt));
	*has_ret = code == SQLITE_ROW;
	return NULL;
}

void sut_rows_close(struct sut_rows *rows)
{
	if (!rows)
		return;
	sqlite3_reset(rows->stmt);
	sqlite3_clear_bindings(rows->stmt);
	rows->tx->prepared[rows->at].is_busy = false;
	free(rows);
}

const char *sut_rows_text(struct sut_rows *rows, int column)
{
	return (const char *)sqlite3_column_text(rows->stmt, column);
}

int64_t sut_rows_int(struct sut_rows *rows, int column)
{
	return sqlite3_column_int64(rows->stmt, column);
}

bool sut_rows_is_null(struct sut_rows *rows, int column)
{
	return sqlite3_column_type(rows->stmt, column) == SQLITE_NULL;
}

struct sut_err *sut_sql_int(struct sut_tx *tx, int64_t *ret, const char *sql, const char *types,
			    ...)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	va_list values;
	size_t at;
	bool has_row;

	va_start(values, types);
	struct sut_err *err = bind(tx, sql, types, values, &at);
	va_end(values);
	if (!err)
		err = open_rows(tx, &rows, at);
	if (!err)
		err = sut_rows_next(rows, &has_row);
	if (!err)
		*ret = has_row ? sut_rows_int(rows, 0) : 0;
	return err;
}
