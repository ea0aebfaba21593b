// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/time.h"

struct sut_err *sut_json_parse(struct sut_view bytes, json_t **ret)
{
	json_error_t problem;
	json_t *json =
		json_loadb((const char *)bytes.data, bytes.size, JSON_REJECT_DUPLICATES, &problem);

	if (!json)
		return sut_err(SUT_E_FORMAT, "not JSON: line %d, column %d: %s", problem.line,
			       problem.column, problem.text);
	*ret = json;
	return NULL;
}

static struct sut_err *get(const json_t *object, const char *key, json_type type, const char *what,
			   const json_t **ret)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return sut_err(SUT_E_FORMAT, "\"%s\" is missing", key);
	if (json_typeof(value) != type)
		return sut_err(SUT_E_FORMAT, "\"%s\" is not %s", key, what);
	*ret = value;
	return NULL;
}

struct sut_err *sut_json_text(const json_t *object, const char *key, const char **ret)
{
	const json_t *value;
	struct sut_err *err = get(object, key, JSON_STRING, "a text", &value);

	if (err)
		return err;
	*ret = json_string_value(value);
	return NULL;
}

struct sut_err *sut_json_text_if(const json_t *object, const char *key, const char **ret)
{
	const json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value)) {
		*ret = NULL;
		return NULL;
	}
	return sut_json_text(object, key, ret);
}

struct sut_err *sut_json_number(const json_t *object, const char *key, int64_t low, int64_t high,
				int64_t *ret)
{
	const json_t *value;
	struct sut_err *err = get(object, key, JSON_INTEGER, "a whole number", &value);

	if (err)
		return err;
	int64_t n = json_integer_value(value);
	if (n < low || n > high)
		return sut_err(SUT_E_FORMAT, "\"%s\" is not from %lld to %lld", key, (long long)low,
			       (long long)high);
	*ret = n;
	return NULL;
}

struct sut_err *sut_json_truth(const json_t *object, const char *key, bool *ret)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return sut_err(SUT_E_FORMAT, "\"%s\" is missing", key);
	if (!json_is_boolean(value))
		return sut_err(SUT_E_FORMAT, "\"%s\" is neither true nor false", key);
	*ret = json_is_true(value);
	return NULL;
}

struct sut_err *sut_json_list(const json_t *object, const char *key, size_t max, const json_t **ret)
{
	const json_t *value;
	struct sut_err *err = get(object, key, JSON_ARRAY, "a list", &value);

	if (err)
		return err;
	if (json_array_size(value) > max)
		return sut_err(SUT_E_FORMAT, "\"%s\" has over %zu items", key, max);
	*ret = value;
	return NULL;
}

struct sut_err *sut_json_object(const json_t *object, const char *key, const json_t **ret)
{
	return get(object, key, JSON_OBJECT, "an object", ret);
}

struct sut_err *sut_json_time(const json_t *object, const char *key, int64_t *ret)
{
	const char *text;
	struct sut_err *err = sut_json_text(object, key, &text);

	if (err)
		return err;
	if (!sut_time_parse(text, ret))
		return sut_err(SUT_E_FORMAT, "\"%s\" is not a time like 2026-11-10T12:00:00Z", key);
	return NULL;
}
