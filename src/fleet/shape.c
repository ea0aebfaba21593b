// SPDX-License-Identifier: Apache-2.0
#include "fleet/shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fleet/date.h"
#include "fleet/version.h"

// The places in the caller's struct: @p value's member of type @p type.
#define PLACE(value, offset, type)       ((type *)((char *)(value) + (offset)))
#define CONST_PLACE(value, offset, type) ((type const *)((const char *)(value) + (offset)))

bool sut_name_check(const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || size > 200 || *text == '.')
		return false;
	for (; *text; text++)
		if (*text < 0x21 || *text > 0x7e || strchr("/\\%?#", *text))
			return false;
	return true;
}

// jansson has checked that it is UTF-8.
static bool is_plain(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (; *at; at++)
		if (*at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0))
			return false;
	return true;
}

static bool is_hex(const char *text)
{
	size_t size = strlen(text);

	return size && size % 2 == 0 && strspn(text, "0123456789abcdef") == size;
}

// What a text of @p kind must look like, or NULL when it does.
static const char *check_text(enum sut_member_kind kind, const json_t *json)
{
	struct sut_version version;
	const char *text = json_string_value(json);

	if (!text || strlen(text) != json_string_length(json) || !is_plain(text))
		return "text without control characters";
	if (kind == SUT_MEMBER_NAME && !sut_name_check(text))
		return "a name";
	if (kind == SUT_MEMBER_RELEASE && !sut_version_read(text, &version))
		return "the name of a release, like \"2026.11\" or \"2026.11.1\"";
	if (kind == SUT_MEMBER_HEX && !is_hex(text))
		return "lower-case hex digits";
	return NULL;
}

static struct sut_err *complain(const char *what)
{
	return sut_err(SUT_E_FORMAT, "must be %s", what);
}

static struct sut_err *read_text(enum sut_member_kind kind, const json_t *json, char **ret)
{
	const char *what = check_text(kind, json);

	if (what)
		return complain(what);
	*ret = strdup(json_string_value(json));
	return *ret ? NULL : sut_err_nomem();
}

static struct sut_err *read_number(const struct sut_member *m, const json_t *json, void *value)
{
	double most = m->kind == SUT_MEMBER_SHARE ? 1 : 100;

	if (m->kind == SUT_MEMBER_COUNT) {
		if (!json_is_integer(json) || json_integer_value(json) < 0)
			return complain("a whole number from 0 on");
		*PLACE(value, m->at, uint64_t) = (uint64_t)json_integer_value(json);
		return NULL;
	}
	double number = json_number_value(json);
	if (!json_is_number(json) || !(number >= 0 && number <= most))
		return sut_err(SUT_E_FORMAT, "must be a number from 0 to %g", most);
	*PLACE(value, m->at, double) = number;
	return NULL;
}

static struct sut_err *read_time(const struct sut_member *m, const json_t *json, void *value)
{
	const char *text = json_string_value(json);
	int64_t *place = PLACE(value, m->at, int64_t);

	if (m->kind == SUT_MEMBER_TIME)
		return text && sut_time_parse(text, place)
			       ? NULL
			       : complain("a time like \"2026-11-10T12:00:00Z\"");
	return text && sut_date_parse(text, place) ? NULL : complain("a date like \"2026-11-10\"");
}

static struct sut_err *read_choice(const struct sut_member *m, const json_t *json, void *value)
{
	const char *text = json_string_value(json);

	for (int i = 0; text && m->words[i]; i++) {
		if (strcmp(m->words[i], text) == 0) {
			*PLACE(value, m->at, int) = i;
			return NULL;
		}
	}
	return sut_err(SUT_E_FORMAT, "must be one of %s, …, and is no other word", m->words[0]);
}

static struct sut_err *read_names(const struct sut_member *m, const json_t *json, void *value)
{
	size_t n = json_array_size(json);
	struct sut_err *err = NULL;

	if (!json_is_array(json))
		return complain("an array of names");
	char **names = calloc(n + 1, sizeof(*names));
	if (!names)
		return sut_err_nomem();
	*PLACE(value, m->at, char **) = names;
	*PLACE(value, m->n_at, size_t) = n;
	for (size_t i = 0; i < n && !err; i++) {
		err = read_text(SUT_MEMBER_NAME, json_array_get(json, i), &names[i]);
		if (err)
			err = sut_err_wrap(err, "[%zu]", i);
	}
	return err;
}

static struct sut_err *read_list(const struct sut_member *m, const json_t *json, void *value)
{
	size_t n = json_array_size(json);
	struct sut_err *err = NULL;

	if (!json_is_array(json))
		return complain("an array of objects");
	char *list = calloc(n + 1, m->shape->size);
	if (!list)
		return sut_err_nomem();
	*PLACE(value, m->at, char *) = list;
	*PLACE(value, m->n_at, size_t) = n;
	for (size_t i = 0; i < n && !err; i++) {
		err = sut_shape_read(m->shape, json_array_get(json, i), list + i * m->shape->size);
		if (err)
			err = sut_err_wrap(err, "[%zu]", i);
	}
	return err;
}

static struct sut_err *read_member(const struct sut_member *m, const json_t *json, void *value)
{
	switch (m->kind) {
	case SUT_MEMBER_TEXT:
	case SUT_MEMBER_NAME:
	case SUT_MEMBER_RELEASE:
	case SUT_MEMBER_HEX:
		return read_text(m->kind, json, PLACE(value, m->at, char *));
	case SUT_MEMBER_DATE:
	case SUT_MEMBER_TIME:
		return read_time(m, json, value);
	case SUT_MEMBER_COUNT:
	case SUT_MEMBER_SHARE:
	case SUT_MEMBER_PERCENT:
		return read_number(m, json, value);
	case SUT_MEMBER_BOOL:
		if (!json_is_boolean(json))
			return complain("true or false");
		*PLACE(value, m->at, bool) = json_is_true(json);
		return NULL;
	case SUT_MEMBER_CHOICE:
		return read_choice(m, json, value);
	case SUT_MEMBER_NAMES:
		return read_names(m, json, value);
	case SUT_MEMBER_OBJECT:
		return sut_shape_read(m->shape, json, PLACE(value, m->at, char));
	case SUT_MEMBER_LIST:
		return read_list(m, json, value);
	}
	return NULL;
}

static struct sut_err *read_members(const struct sut_shape *shape, const json_t *object,
				    void *value)
{
	for (const struct sut_member *m = shape->members; m->key; m++) {
		const json_t *json = json_object_get(object, m->key);
		bool is_absent = !json || json_is_null(json);
		if (is_absent && m->need == SUT_MEMBER_OPTIONAL)
			continue;
		if (!json)
			return sut_err(SUT_E_FORMAT, "\"%s\" is missing", m->key);
		struct sut_err *err = read_member(m, json, value);
		if (err)
			return sut_err_wrap(err, "\"%s\"", m->key);
		if (m->need == SUT_MEMBER_OPTIONAL && m->has_at)
			*PLACE(value, m->has_at, bool) = true;
	}
	return NULL;
}

struct sut_err *sut_shape_read(const struct sut_shape *shape, const json_t *object, void *ret)
{
	const char *type = json_string_value(json_object_get(object, "type"));

	if (!json_is_object(object))
		return complain("an object");
	if (shape->type && !type)
		return sut_err(SUT_E_FORMAT, "\"type\" is missing");
	if (shape->type && strcmp(type, shape->type) != 0)
		return sut_err(SUT_E_FORMAT, "is of type \"%s\", and must be of type \"%s\"",
			       is_plain(type) ? type : "?", shape->type);
	struct sut_err *err = read_members(shape, object, ret);
	if (err)
		sut_shape_deinit(shape, ret);
	return err;
}

static void free_list(const struct sut_member *m, void *value)
{
	char *list = *PLACE(value, m->at, char *);
	size_t n = *PLACE(value, m->n_at, size_t);

	for (size_t i = 0; i < n; i++) {
		if (m->kind == SUT_MEMBER_NAMES)
			free(((char **)list)[i]);
		else
			sut_shape_deinit(m->shape, list + i * m->shape->size);
	}
	free(list);
}

void sut_shape_deinit(const struct sut_shape *shape, void *value)
{
	for (const struct sut_member *m = shape->members; m->key; m++) {
		switch (m->kind) {
		case SUT_MEMBER_TEXT:
		case SUT_MEMBER_NAME:
		case SUT_MEMBER_RELEASE:
		case SUT_MEMBER_HEX:
			free(*PLACE(value, m->at, char *));
			break;
		case SUT_MEMBER_NAMES:
		case SUT_MEMBER_LIST:
			free_list(m, value);
			break;
		case SUT_MEMBER_OBJECT:
			sut_shape_deinit(m->shape, PLACE(value, m->at, char));
			break;
		default:
			break;
		}
	}
	memset(value, 0, shape->size);
}

static json_t *write_list(const struct sut_member *m, const void *value)
{
	char *list = *CONST_PLACE(value, m->at, char *);
	size_t n = *CONST_PLACE(value, m->n_at, size_t);
	json_t *array = json_array();
	int failed = !array;

	for (size_t i = 0; i < n && !failed; i++) {
		json_t *item = m->kind == SUT_MEMBER_NAMES
				       ? json_string(((char *const *)list)[i])
				       : sut_shape_write(m->shape, list + i * m->shape->size);
		failed = json_array_append_new(array, item);
	}
	if (failed) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *write_time(const struct sut_member *m, const void *value)
{
	char text[SUT_TIME_SIZE];
	int64_t time = *CONST_PLACE(value, m->at, int64_t);

	if (m->kind == SUT_MEMBER_TIME)
		sut_time_format(time, text);
	else
		sut_date_format(time, text);
	return json_string(text);
}

static json_t *write_text(const struct sut_member *m, const void *value)
{
	const char *text = *CONST_PLACE(value, m->at, char *);

	return text ? json_string(text) : json_null();
}

static json_t *write_member(const struct sut_member *m, const void *value)
{
	if (m->need == SUT_MEMBER_OPTIONAL && m->has_at && !*CONST_PLACE(value, m->has_at, bool))
		return json_null();
	switch (m->kind) {
	case SUT_MEMBER_TEXT:
	case SUT_MEMBER_NAME:
	case SUT_MEMBER_RELEASE:
	case SUT_MEMBER_HEX:
		return write_text(m, value);
	case SUT_MEMBER_DATE:
	case SUT_MEMBER_TIME:
		return write_time(m, value);
	case SUT_MEMBER_COUNT:
		return json_integer((json_int_t)*CONST_PLACE(value, m->at, uint64_t));
	case SUT_MEMBER_SHARE:
	case SUT_MEMBER_PERCENT:
		return json_real(*CONST_PLACE(value, m->at, double));
	case SUT_MEMBER_BOOL:
		return json_boolean(*CONST_PLACE(value, m->at, bool));
	case SUT_MEMBER_CHOICE:
		return json_string(m->words[*CONST_PLACE(value, m->at, int)]);
	case SUT_MEMBER_OBJECT:
		return sut_shape_write(m->shape, CONST_PLACE(value, m->at, char));
	case SUT_MEMBER_NAMES:
	case SUT_MEMBER_LIST:
		return write_list(m, value);
	}
	return NULL;
}

json_t *sut_shape_write(const struct sut_shape *shape, const void *value)
{
	json_t *object = json_object();
	int failed = !object;

	if (shape->type && !failed)
		failed = json_object_set_new(object, "type", json_string(shape->type));
	for (const struct sut_member *m = shape->members; m->key && !failed; m++)
		failed = json_object_set_new(object, m->key, write_member(m, value));
	if (failed) {
		json_decref(object);
		return NULL;
	}
	return object;
}
