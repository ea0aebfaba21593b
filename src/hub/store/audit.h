// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The audit log
 *
 * Every change that a person or a program makes has an entry, written in the same
 * transaction: there is no change without its entry, and no entry without its change.
 * Each entry's hash covers the one before, so that whoever keeps the newest hash can
 * see later that nothing was altered or taken out.
 *
 *     hash = SHA-256(prev "\n" seq "\n" time "\n" actor "\n" action "\n" object "\n" detail)
 */

#include <jansson.h>

#include "hub/store/store.h"

/** Add an entry at @p now (microseconds). @p detail is JSON and stays the caller's; NULL:
 *  an empty object. */
sut_check struct sut_err *sut_audit_add(struct sut_tx *tx, int64_t now, const char *actor,
					const char *action, const char *object,
					const json_t *detail);

/** Up to @p limit entries below @p before, the newest first, of @p actor and @p action
 *  (NULL: of all), as the API shows them. @p more_ret: there are others behind. */
sut_check struct sut_err *sut_audit_list(struct sut_tx *tx, int64_t before, int64_t limit,
					 const char *actor, const char *action, json_t **ret,
					 bool *more_ret, int64_t *total_ret);

/** Compute all hashes anew: is the chain whole? @p head_ret gets the newest hash, or 64
 *  zeros, in 65 bytes. */
sut_check struct sut_err *sut_audit_check(struct sut_tx *tx, bool *ok_ret, int64_t *n_ret,
					  char *head_ret);
