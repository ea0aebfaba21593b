// SPDX-License-Identifier: Apache-2.0
#include "fleet/date.h"

#include <string.h>
#include <time.h>

#include "test.h"

TEST(date, is_that_of_the_c_library)
{
	// From the year 0 to the year 9999.
	for (int64_t day = -719528; day < 2932896; day += 17) {
		time_t at = day * SUT_DAY + 86399;
		struct tm tm;
		gmtime_r(&at, &tm);
		struct sut_date date = sut_date_of(at);
		EXPECT(date.year == tm.tm_year + 1900 && date.month == tm.tm_mon + 1 &&
		       date.day == tm.tm_mday);
		EXPECT(sut_date_weekday(at) == tm.tm_wday);
		EXPECT(sut_date_begin(date) == day * SUT_DAY);
	}
}

TEST(date, text_comes_back)
{
	static const char *const texts[] = { "1970-01-01", "2026-11-10", "2028-02-29",
					     "9999-12-31" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char text[SUT_DATE_SIZE];
		int64_t at;
		EXPECT(sut_date_parse(texts[i], &at));
		sut_date_format(at + 86399, text);
		EXPECT(strcmp(text, texts[i]) == 0);
	}
}

TEST(date, refuses_what_is_none)
{
	static const char *const texts[] = { "",           "2026",       "2026-1-10",
					     "2026-02-30", "2026-13-01", "2026-11-10T12:00:00Z",
					     "2100-02-29", "2026-11-1x", "2026-11-10 " };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int64_t at = 7;
		EXPECT(!sut_date_parse(texts[i], &at));
		EXPECT(at == 7);
	}
}
