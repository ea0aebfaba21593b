// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Publishing: decided rollouts become signed documents
 *
 * Holds the on-line keys (rollouts, snapshot, timestamp) and the repository's path. Each
 * call opens and locks the repository anew, so that `suture repo` works beside it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct sut_stored_rollouts;

struct sut_publisher;

/** Read the keys in folder @p keys, whose names begin with rollouts, snapshot or timestamp
 *  and end in ".key", with the passphrase in @p passphrase_file (or NULL). SUT_E_USAGE when one
 *  is missing. */
sut_check struct sut_err *sut_publisher_open(const char *repository, const char *keys,
					     const char *passphrase_file,
					     struct sut_publisher **ret);
void sut_publisher_close(struct sut_publisher *publisher);
DEFINE_CLEANUP(struct sut_publisher *, sut_publisher_close)

/** Has the repository's timestamp.json become another one since the last call? */
bool sut_publisher_has_news(struct sut_publisher *publisher);
/** What was news last is news again: it could not be read. */
void sut_publisher_forget(struct sut_publisher *publisher);

/** Publish those of @p rollouts that are decided and not published. @p n_ret says how many were;
 *  when it returns, clients see them. */
sut_check struct sut_err *sut_publisher_publish(struct sut_publisher *publisher,
						const struct sut_stored_rollouts *rollouts,
						size_t *n_ret);

/** Sign the timestamp (and what else is on line) anew, when half of its time is over at @p now
 *  (seconds). */
sut_check struct sut_err *sut_publisher_renew(struct sut_publisher *publisher, int64_t now);
