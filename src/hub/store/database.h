// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * One connection to SQLite: what store.c builds the store out of. Used by one
 * thread at a time. The statements of store.h run here.
 */

#include "hub/store/store.h"

/** A connection. Owns its prepared statements. */
struct sut_database;

sut_check struct sut_err *sut_database_open(const char *path, struct sut_database **ret);
void sut_database_close(struct sut_database *database);

/** Make the steps of schema.h that this database has not seen, all or none. */
sut_check struct sut_err *sut_database_upgrade(struct sut_database *database);

/** Begin a transaction; @p to_write takes the right to write at once. */
sut_check struct sut_err *sut_database_begin(struct sut_database *database, bool to_write);

/** Commit; after an error the transaction is taken back. */
sut_check struct sut_err *sut_database_commit(struct sut_database *database);
void sut_database_rollback(struct sut_database *database);

/** Run @p fn inside of the transaction so that its failure, which becomes
 *  @p own_ret, takes back only what it did. What is returned means that the whole
 *  transaction cannot go on. */
sut_check struct sut_err *sut_database_nested(struct sut_database *database, sut_store_fn fn,
					      void *context, struct sut_err **own_ret);

/** The transaction that was begun, to pass on. */
struct sut_tx *sut_database_tx(struct sut_database *database);
