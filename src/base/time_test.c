// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <string.h>

#include "test.h"

TEST(time, is_written_as_it_is_read)
{
	static const struct {
		int64_t at;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },          { 951782400, "2000-02-29T00:00:00Z" },
		{ 1794225600, "2026-11-09T12:00:00Z" }, { 253402300799, "9999-12-31T23:59:59Z" },
		{ -1, "1969-12-31T23:59:59Z" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[SUT_TIME_SIZE];
		int64_t at = 7;
		sut_time_format(cases[i].at, text);
		EXPECT(strcmp(text, cases[i].text) == 0);
		EXPECT(sut_time_parse(text, &at) && at == cases[i].at);
	}
}

TEST(time, of_another_form_or_no_date_is_refused)
{
	static const char *const cases[] = {
		"",
		"2026-11-09",
		"2026-11-09T12:00:00",
		"2026-11-09T12:00:00+00:00",
		"2026-11-09T12:00:00.5Z",
		"2026-11-09T12:00:00Z ",
		"2026-11-09t12:00:00z",
		"2026-13-09T12:00:00Z",
		"2026-00-09T12:00:00Z",
		"2026-02-29T12:00:00Z",
		"2026-11-31T12:00:00Z",
		"2026-11-09T24:00:00Z",
		"2026-11-09T12:60:00Z",
		"2016-12-31T23:59:60Z",
		"+026-11-09T12:00:00Z",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t at = 7;
		EXPECT(!sut_time_parse(cases[i], &at) && at == 7);
	}
}

TEST(time, spans_are_written_for_people)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },
		{ 59, "59 s" },
		{ 60, "1 min" },
		{ 200, "3 min 20 s" },
		{ 600, "10 min" },
		{ 629, "10 min" },
		{ 3569, "59 min" },
		{ 3570, "1 h" },
		{ 12000, "3 h 20 min" },
		{ 86369, "23 h 59 min" },
		{ 86370, "1 day" },
		{ 86400, "1 day" },
		{ 190800, "2 days 5 h" },
		{ 862199, "9 days 23 h" },
		{ 863989, "10 days" },
		{ 864000, "10 days" },
		{ 15552000, "180 days" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[SUT_SPAN_SIZE];
		sut_span_format(cases[i].seconds, text);
		EXPECT(strcmp(text, cases[i].text) == 0);
	}
}
