// SPDX-License-Identifier: Apache-2.0
#include "tuf/canonical.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

static struct sut_err *add_text(struct sut_buf *ret, const char *text)
{
	return sut_buf_add(ret, text, strlen(text));
}

static struct sut_err *write_string(const char *text, size_t size, struct sut_buf *ret)
{
	struct sut_err *err = add_text(ret, "\"");

	while (!err && size) {
		size_t plain = 0;
		while (plain < size && text[plain] != '"' && text[plain] != '\\')
			plain++;
		err = sut_buf_add(ret, text, plain);
		text += plain;
		size -= plain;
		if (err || !size)
			continue;
		const char escaped[] = { '\\', *text };
		err = sut_buf_add(ret, escaped, 2);
		text++;
		size--;
	}
	return err ? err : add_text(ret, "\"");
}

// As bytes of UTF-8, which is the order of the code points too.
static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct sut_err *write_object(const json_t *object, struct sut_buf *ret)
{
	size_t n = 0;
	_cleanup_free_ const char **keys = calloc(json_object_size(object) + 1, sizeof(*keys));

	if (!keys)
		return sut_err_nomem();
	for (void *at = json_object_iter((json_t *)object); at;
	     at = json_object_iter_next((json_t *)object, at))
		keys[n++] = json_object_iter_key(at);
	qsort(keys, n, sizeof(*keys), by_text);

	struct sut_err *err = add_text(ret, "{");
	for (size_t i = 0; !err && i < n; i++) {
		if (i)
			err = add_text(ret, ",");
		if (!err)
			err = write_string(keys[i], strlen(keys[i]), ret);
		if (!err)
			err = add_text(ret, ":");
		if (!err)
			err = sut_json_canonical(json_object_get(object, keys[i]), ret);
	}
	return err ? err : add_text(ret, "}");
}

static struct sut_err *write_array(const json_t *array, struct sut_buf *ret)
{
	struct sut_err *err = add_text(ret, "[");

	for (size_t i = 0; !err && i < json_array_size(array); i++) {
		if (i)
			err = add_text(ret, ",");
		if (!err)
			err = sut_json_canonical(json_array_get(array, i), ret);
	}
	return err ? err : add_text(ret, "]");
}

struct sut_err *sut_json_canonical(const json_t *value, struct sut_buf *ret)
{
	char number[32];

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return write_object(value, ret);
	case JSON_ARRAY:
		return write_array(value, ret);
	case JSON_STRING:
		return write_string(json_string_value(value), json_string_length(value), ret);
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
		return add_text(ret, number);
	case JSON_TRUE:
		return add_text(ret, "true");
	case JSON_FALSE:
		return add_text(ret, "false");
	case JSON_NULL:
		return add_text(ret, "null");
	case JSON_REAL:
		break;
	}
	return sut_err(SUT_E_FORMAT, "a number that is not an integer");
}

static int add_dumped(const char *bytes, size_t size, void *buf)
{
	struct sut_err *err = sut_buf_add(buf, bytes, size);

	sut_err_free(err);
	return err ? -1 : 0;
}

struct sut_err *sut_json_pretty(const json_t *value, struct sut_buf *ret)
{
	// It fails only where memory is out: what was parsed can be written.
	if (json_dump_callback(value, add_dumped, ret, JSON_INDENT(1) | JSON_SORT_KEYS) < 0)
		return sut_err_nomem();
	return add_text(ret, "\n");
}

struct sut_err *sut_json_set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? sut_err_nomem() : NULL;
}

struct sut_err *sut_json_append(json_t *array, json_t *value)
{
	return json_array_append_new(array, value) < 0 ? sut_err_nomem() : NULL;
}
