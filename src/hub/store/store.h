// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The store
 *
 * What the hub must not forget, in SQLite (WAL, synchronous=FULL). One thread
 * writes. What many callers want written at the same time becomes one
 * transaction of the database (group commit), and each caller goes on only when
 * it is on the disk: what sut_store_write() acknowledged survives a power cut.
 *
 *     sut_store_write(fn) ─┐ wait   ┌ BEGIN ─ fn ─ fn ─ fn ─ COMMIT ┐
 *     sut_store_write(fn) ─┼─queue──┤                               ├─► all go on
 *     sut_store_write(fn) ─┘        └ a failing fn is taken back alone ┘
 *
 * SQL stands only below hub/store, in functions named for what they do, each of
 * which takes a transaction. The SQL text is such that PostgreSQL takes it too:
 * parameters $1, $2… whose first uses come in this order, TEXT and BIGINT, times in
 * microseconds, the tenant first in every key, no functions of one database.
 *
 * Any thread may call. A transaction is used only inside the function that it
 * was given to.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

/** The only tenant there is so far, as it stands in SQL. */
#define SUT_TENANT "'default'"

struct sut_store;
struct sut_tx;
struct sut_rows;

/**
 * What to do inside a transaction.
 *
 * May be called more than once, and its changes may be taken back after it
 * returned NULL (the commit of the whole group failed): it must change nothing
 * outside of the database but @p context, and begin anew each time.
 * An error takes back this function's changes alone.
 */
typedef struct sut_err *(*sut_store_fn)(struct sut_tx *tx, void *context);

/** Open the database at @p path, or make it, and bring its tables up to date.
 *  A database that a newer hub wrote is refused. */
sut_check struct sut_err *sut_store_open(const char *path, struct sut_store **ret);

/** Wait for the writes under way and close. */
void sut_store_close(struct sut_store *store);
DEFINE_CLEANUP(struct sut_store *, sut_store_close)

/** Run @p fn as a write, and wait until it is durable. A full disk is
 *  SUT_E_OS with ENOSPC: then nothing of @p fn was stored. */
sut_check struct sut_err *sut_store_write(struct sut_store *store, sut_store_fn fn, void *context);

/** Run @p fn over one consistent picture of what is stored; it must not write. */
sut_check struct sut_err *sut_store_read(struct sut_store *store, sut_store_fn fn, void *context);

/**
 * Run a statement that returns no rows.
 *
 * @p types has a letter for each parameter that follows: 's' is a const char *
 * (NULL becomes NULL), 'i' an int64_t, 'p' a const int64_t * (NULL becomes NULL).
 * @p sql must be a string constant: statements are kept prepared by its address.
 */
sut_check struct sut_err *sut_sql_exec(struct sut_tx *tx, const char *sql, const char *types, ...);

/** Same, and say how many rows it changed. */
sut_check struct sut_err *sut_sql_change(struct sut_tx *tx, int64_t *n_ret, const char *sql,
					 const char *types, ...);

/** Begin a query. The rows end with sut_rows_close(), or the guard. */
sut_check struct sut_err *sut_sql_query(struct sut_tx *tx, struct sut_rows **ret, const char *sql,
					const char *types, ...);

/** Go to the next row; @p has_ret is false when there is none. */
sut_check struct sut_err *sut_rows_next(struct sut_rows *rows, bool *has_ret);
void sut_rows_close(struct sut_rows *rows);
DEFINE_CLEANUP(struct sut_rows *, sut_rows_close)

/** A column of the row: its text, or NULL for NULL; borrowed until the next row. */
const char *sut_rows_text(struct sut_rows *rows, int column);
/** Its number; 0 for NULL. */
int64_t sut_rows_int(struct sut_rows *rows, int column);
bool sut_rows_is_null(struct sut_rows *rows, int column);

/** The number in the first column of the only row, or 0 when there is no row. */
sut_check struct sut_err *sut_sql_int(struct sut_tx *tx, int64_t *ret, const char *sql,
				      const char *types, ...);
