// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <string.h>

#include "test.h"

static struct sut_err *parse(const char *text, json_t **ret)
{
	return sut_json_parse((struct sut_view){ (const uint8_t *)text, strlen(text) }, ret);
}

TEST(json, that_is_not_one_whole_value_without_doubt_is_refused)
{
	static const char *const cases[] = {
		"",
		"{",
		"{}x",
		"{} {}",
		"{\"a\":1,\"a\":1}",
		"{'a':1}",
		"{\"a\":01}",
		"{\"a\":1,}",
		"[1,]",
		"{\"a\":\"\\u0000\"}",
		"\"text\"",
		"{\"a\":NaN}",
		"{\"a\":\"\t\"}",
		"{\"a\":\"\xff\"}",
	};
	json_t *json;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		EXPECT_ERR(parse(cases[i], &json), SUT_E_FORMAT, "not JSON: line");
}

TEST(json, a_field_that_is_wrong_is_named)
{
	_cleanup_json_ json_t *json = NULL;
	const json_t *value;
	const char *text;
	int64_t n;
	bool is;

	EXPECT_OK(parse("{\"t\":\"x\",\"n\":5,\"l\":[1,2,3],\"z\":null,\"w\":\"2026-02-30\"}",
			&json));
	EXPECT_ERR(sut_json_text(json, "n", &text), SUT_E_FORMAT, "\"n\" is not a text");
	EXPECT_ERR(sut_json_text(json, "a", &text), SUT_E_FORMAT, "\"a\" is missing");
	EXPECT_ERR(sut_json_text_if(json, "n", &text), SUT_E_FORMAT, "\"n\" is not a text");
	EXPECT_ERR(sut_json_number(json, "t", 0, 9, &n), SUT_E_FORMAT,
		   "\"t\" is not a whole number");
	EXPECT_ERR(sut_json_number(json, "n", 0, 4, &n), SUT_E_FORMAT, "\"n\" is not from 0 to 4");
	EXPECT_ERR(sut_json_truth(json, "n", &is), SUT_E_FORMAT, "\"n\" is neither true nor false");
	EXPECT_ERR(sut_json_list(json, "l", 2, &value), SUT_E_FORMAT, "\"l\" has over 2 items");
	EXPECT_ERR(sut_json_object(json, "l", &value), SUT_E_FORMAT, "\"l\" is not an object");
	EXPECT_ERR(sut_json_time(json, "w", &n), SUT_E_FORMAT, "\"w\" is not a time like");
}

TEST(json, fields_are_read)
{
	_cleanup_json_ json_t *json = NULL;
	const json_t *value;
	const char *text;
	int64_t n;
	bool is;

	EXPECT_OK(parse("{\"t\":\"x\",\"n\":-5,\"l\":[1],\"o\":{},\"z\":null,\"b\":true,"
			"\"w\":\"1970-01-01T00:01:00Z\"}",
			&json));
	EXPECT_OK(sut_json_text(json, "t", &text));
	EXPECT(strcmp(text, "x") == 0);
	EXPECT_OK(sut_json_text_if(json, "z", &text));
	EXPECT(!text);
	EXPECT_OK(sut_json_number(json, "n", -5, -5, &n));
	EXPECT(n == -5);
	EXPECT_OK(sut_json_truth(json, "b", &is));
	EXPECT(is);
	EXPECT_OK(sut_json_list(json, "l", 1, &value));
	EXPECT(json_array_size(value) == 1);
	EXPECT_OK(sut_json_object(json, "o", &value));
	EXPECT_OK(sut_json_time(json, "w", &n));
	EXPECT(n == 60);
}
