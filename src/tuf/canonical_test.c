// SPDX-License-Identifier: Apache-2.0
#include "tuf/canonical.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "test.h"

static struct sut_view view_of(const char *text)
{
	return (struct sut_view){ (const uint8_t *)text, strlen(text) };
}

/** The canonical form of @p json must be @p expected. */
static void check(const char *json, const char *expected)
{
	_cleanup_(sut_buf_deinit) struct sut_buf buf = { 0 };
	_cleanup_json_ json_t *parsed = NULL;

	EXPECT_OK(sut_json_parse(view_of(json), &parsed));
	EXPECT_OK(sut_json_canonical(parsed, &buf));
	EXPECT(sut_view_equal(sut_buf_view(&buf), view_of(expected)));
}

TEST(canonical, sorts_keys_and_leaves_spaces_out)
{
	check("{ \"b\": [1, -2, true, false, null],\n \"a\" : {\"z\":0,\"B\":{}} }",
	      "{\"a\":{\"B\":{},\"z\":0},\"b\":[1,-2,true,false,null]}");
}

TEST(canonical, escapes_only_quotes_and_backslashes)
{
	check("{\"k\":\"a\\\"b\\\\c\\/d\\n\\u0007\\u00e9\"}",
	      "{\"k\":\"a\\\"b\\\\c/d\n\a\xc3\xa9\"}");
	check("{\"\\\"\":\"\\\\\"}", "{\"\\\"\":\"\\\\\"}");
}

TEST(canonical, sorts_by_code_point_beyond_ascii)
{
	check("{\"\\ud83d\\ude00\":1,\"\\uffee\":2,\"z\":3}",
	      "{\"z\":3,\"\xef\xbf\xae\":2,\"\xf0\x9f\x98\x80\":1}");
}

TEST(canonical, has_no_form_for_real_numbers)
{
	_cleanup_(sut_buf_deinit) struct sut_buf buf = { 0 };
	_cleanup_json_ json_t *parsed = NULL;

	EXPECT_OK(sut_json_parse(view_of("{\"a\":[1.0]}"), &parsed));
	EXPECT_ERR(sut_json_canonical(parsed, &buf), SUT_E_FORMAT, "not an integer");
}
