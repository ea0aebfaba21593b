// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * JSON from outside
 *
 * One strict way in: an object or an array and nothing behind it, no name twice in
 * an object, no NUL in a text, not deeper than jansson's limit of 2048. And getters
 * that tell which field is wrong, for documents whose form we know.
 */

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

static inline void sut_json_decrefp(json_t **json)
{
	json_decref(*json);
}

/** json_decref() at the end of the scope. */
#define _cleanup_json_ __attribute__((cleanup(sut_json_decrefp)))

/** Parse all of @p bytes. The caller owns @p ret. SUT_E_FORMAT names line and column. */
sut_check struct sut_err *sut_json_parse(struct sut_view bytes, json_t **ret);

/** The text @p key of @p object, borrowed from it. SUT_E_FORMAT when it is absent or
 *  something else. */
sut_check struct sut_err *sut_json_text(const json_t *object, const char *key, const char **ret);
/** The same, where it may be absent or null: then @p ret is NULL. */
sut_check struct sut_err *sut_json_text_if(const json_t *object, const char *key, const char **ret);
/** The whole number @p key, from @p low to @p high. */
sut_check struct sut_err *sut_json_number(const json_t *object, const char *key, int64_t low,
					  int64_t high, int64_t *ret);
/** The truth value @p key. */
sut_check struct sut_err *sut_json_truth(const json_t *object, const char *key, bool *ret);
/** The array @p key, borrowed, with at most @p max items. */
sut_check struct sut_err *sut_json_list(const json_t *object, const char *key, size_t max,
					const json_t **ret);
/** The object @p key, borrowed. */
sut_check struct sut_err *sut_json_object(const json_t *object, const char *key,
					  const json_t **ret);
/** The time @p key, as base/time.h writes it; seconds. */
sut_check struct sut_err *sut_json_time(const json_t *object, const char *key, int64_t *ret);
