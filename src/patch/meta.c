// SPDX-License-Identifier: Apache-2.0
#include "patch/meta.h"

#include <string.h>

#include "patch/text.h"

enum kind {
	KIND_STRING,
	KIND_NAME,  /**< String, not empty, without '/'. */
	KIND_HEX,   /**< String of lower-case hex digit pairs, at least one. */
	KIND_COUNT, /**< Integer, not negative. */
	KIND_BOOL,
	KIND_STRINGS,    /**< Array of strings. */
	KIND_CONDITIONS, /**< Array of objects. */
	KIND_COUNTS,     /**< Object of counts. */
	KIND_ADDED,      /**< Array of objects. */
	KIND_VERDICT,
};

/** A member that an object must have. */
struct member {
	const char *key; /**< NULL ends a list. */
	enum kind kind;
};

static const struct member condition_members[] = {
	{ "accepted", KIND_STRING },
	{ "code", KIND_STRING },
	{ "detail", KIND_STRING },
	{ "function", KIND_STRING },
	{ NULL, 0 },
};

static const struct member counts_members[] = {
	{ "added", KIND_COUNT },
	{ "changed", KIND_COUNT },
	{ "cosmetic", KIND_COUNT },
	{ "identical", KIND_COUNT },
	{ "total", KIND_COUNT },
	{ NULL, 0 },
};

static const struct member added_members[] = {
	{ "name", KIND_STRING },
	{ "size", KIND_COUNT },
	{ NULL, 0 },
};

static const struct member meta_members[] = {
	{ "added", KIND_ADDED },
	{ "advisories", KIND_STRINGS },
	{ "after", KIND_STRINGS },
	{ "architecture", KIND_STRING },
	{ "builder", KIND_STRING },
	{ "conditions", KIND_CONDITIONS },
	{ "cosmetic", KIND_STRINGS },
	{ "counts", KIND_COUNTS },
	{ "entry_only_safe", KIND_BOOL },
	{ "file", KIND_STRING },
	{ "name", KIND_NAME },
	{ "new_build_id", KIND_HEX },
	{ "new_version", KIND_STRING },
	{ "old_build_id", KIND_HEX },
	{ "old_image_span", KIND_COUNT },
	{ "old_version", KIND_STRING },
	{ "package", KIND_STRING },
	{ "verdict", KIND_VERDICT },
	{ NULL, 0 },
};

static bool is_hex(const char *text)
{
	size_t size = strlen(text);

	return size && size % 2 == 0 && strspn(text, "0123456789abcdef") == size;
}

static bool is_members(const json_t *object, const struct member *members,
		       const char **bad_ret);

static bool is_array(const json_t *value, bool (*is_item)(const json_t *))
{
	size_t i;
	json_t *item;

	if (!json_is_array(value))
		return false;
	json_array_foreach((json_t *)value, i, item)
		if (!is_item(item))
			return false;
	return true;
}

static bool is_string(const json_t *value)
{
	return json_is_string(value);
}

static bool is_condition(const json_t *value)
{
	const char *bad;

	return is_members(value, condition_members, &bad);
}

static bool is_added(const json_t *value)
{
	const char *bad;

	return is_members(value, added_members, &bad);
}

static bool is_kind(const json_t *value, enum kind kind)
{
	const char *text = json_string_value(value);
	const char *bad;

	switch (kind) {
	case KIND_STRING:
		return text;
	case KIND_NAME:
		return text && *text && !strchr(text, '/');
	case KIND_HEX:
		return text && is_hex(text);
	case KIND_COUNT:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case KIND_BOOL:
		return json_is_boolean(value);
	case KIND_STRINGS:
		return is_array(value, is_string);
	case KIND_CONDITIONS:
		return is_array(value, is_condition);
	case KIND_COUNTS:
		return is_members(value, counts_members, &bad);
	case KIND_ADDED:
		return is_array(value, is_added);
	case KIND_VERDICT:
		return text && (strcmp(text, "hotpatch") == 0 || strcmp(text, "review") == 0);
	}
	return false;
}

static bool is_members(const json_t *object, const struct member *members,
		       const char **bad_ret)
{
	if (!json_is_object(object))
		return false;
	for (; members->key; members++) {
		if (!is_kind(json_object_get(object, members->key), members->kind)) {
			*bad_ret = members->key;
			return false;
		}
	}
	return true;
}

// The parser bounds the depth of what it reads (JSON_PARSER_MAX_DEPTH).
static struct sut_err *check_value(const json_t *value)
{
	struct sut_err *err = NULL;
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_real(value))
		return sut_err(SUT_E_FORMAT, "is not a whole number");
	if (json_is_string(value) &&
	    !sut_text_is_plain(json_string_value(value), json_string_length(value)))
		return sut_err(SUT_E_FORMAT, "holds a control character");
	if (json_is_array(value)) {
		json_array_foreach((json_t *)value, i, member) {
			err = check_value(member);
			if (err)
				return err;
		}
	}
	if (json_is_object(value)) {
		json_object_foreach((json_t *)value, key, member) {
			if (!sut_text_is_plain(key, strlen(key)))
				return sut_err(SUT_E_FORMAT, "a key holds a control character");
			err = check_value(member);
			if (err)
				return sut_err_wrap(err, "%s", key);
		}
	}
	return NULL;
}

struct sut_err *sut_meta_check(const json_t *meta)
{
	const char *bad = "";

	if (!json_is_object(meta))
		return sut_err(SUT_E_FORMAT, "metadata is not a JSON object");
	struct sut_err *err = check_value(meta);
	if (err)
		return sut_err_wrap(err, "metadata");
	if (!is_members(meta, meta_members, &bad))
		return sut_err(SUT_E_FORMAT, "metadata: \"%s\" is %s", bad,
			       json_object_get(meta, bad) ? "not as it must be" : "missing");
	return NULL;
}
