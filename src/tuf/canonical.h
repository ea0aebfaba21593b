// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * JSON that is signed
 *
 * OLPC's canonical form, over which TUF computes signatures and key ids: keys sorted, no
 * spaces, of all characters only `"` and `\` escaped. (A PEM key in a text holds raw line ends
 * then, so the result is not always JSON.)
 */

#include "base/json.h"

struct sut_buf;

/** Append the canonical form of @p value. SUT_E_FORMAT when there is a real number in it. */
sut_check struct sut_err *sut_json_canonical(const json_t *value, struct sut_buf *ret);

/** Append @p value for people: indented, keys sorted, a line end last. */
sut_check struct sut_err *sut_json_pretty(const json_t *value, struct sut_buf *ret);

/** A member that is a text; NULL when it is absent or something else. Borrowed. */
static inline const char *sut_json_member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/** Add @p value, whose reference is taken whatever happens, to @p object. */
sut_check struct sut_err *sut_json_set(json_t *object, const char *key, json_t *value);

/** Append @p value, whose reference is taken whatever happens, to @p array. */
sut_check struct sut_err *sut_json_append(json_t *array, json_t *value);
