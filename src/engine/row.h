// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Results
 *
 * One row for each process that a recipe was asked to work on.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum sut_outcome {
	SUT_OUTCOME_PATCHED,  /**< apply: it is patched now. */
	SUT_OUTCOME_REVERTED, /**< revert: it runs the old code again. */
	SUT_OUTCOME_VERIFIED, /**< verify: everything is as the file says. */
	SUT_OUTCOME_ALREADY,  /**< Nothing had to be done. */
	SUT_OUTCOME_BUSY,     /**< Not now: somebody is in the way. */
	SUT_OUTCOME_REFUSED,  /**< Not this process. */
	SUT_OUTCOME_DIFFERS,  /**< verify: something is not as the file says. */
	SUT_OUTCOME_GONE,     /**< It exited meanwhile, or is no longer what was looked for. */
	SUT_OUTCOME_READY,    /**< apply --dry-run: it could be patched. */
};

/** A row. Owns its strings. */
struct sut_row {
	pid_t pid;
	char *name; /**< The process's name. */
	enum sut_outcome outcome;
	char *reason;     /**< A sentence; "" when there is nothing to say. */
	char *hotpatches; /**< Names, joined by ", ". */
	json_t *blocker;  /**< The thread in the way (sut_blocker_describe()); NULL: none. */
	size_t n_threads; /**< That were stopped. */
	size_t n_tries;
	uint64_t pause; /**< Longest time from a first interrupt to the last continue, ns. */
	uint64_t place; /**< For how long one thread was borrowed to map the payload, ns. */
};

/** The reason of a row that is gone though its process runs. */
#define SUT_ROW_MOVED_ON "it has become another program"

/** The reason of a row that went well, but leaves old code in use. */
#define SUT_ROW_ENTRY_ONLY "entry only: calls that had begun may still run the old code"

void sut_row_deinit(struct sut_row *row);

/** The word for an outcome: "patched". */
const char *sut_outcome_name(enum sut_outcome outcome);

/** Let @p row say that it failed with @p err, which is consumed. NULL: nothing. */
void sut_row_fail(struct sut_row *row, struct sut_err *err);

/** What a search found and is no longer there has not failed with @p err, which is
 *  consumed, but is gone. */
struct sut_err *sut_row_moved_on(struct sut_err *err) __attribute__((returns_nonnull));

/** A row as JSON, a new reference, or NULL when out of memory. */
json_t *sut_row_to_json(const struct sut_row *row);

/** And back, from a worker's answer. */
sut_check struct sut_err *sut_row_from_json(const json_t *json, struct sut_row *ret);
