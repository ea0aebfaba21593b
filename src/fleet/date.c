// SPDX-License-Identifier: Apache-2.0
#include "fleet/date.h"

#include <stdio.h>
#include <string.h>

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int sut_date_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

// Days from 1970-01-01 to the first of January.
static int64_t days_before(int year)
{
	int64_t past = year - 1;

	// 719162 days lie between the first of January of the years 1 and 1970. In the
	// year 0 the divisions round towards zero, which is right for that one.
	return past * 365 + (past < 0 ? -1 : past / 4 - past / 100 + past / 400) - 719162;
}

int64_t sut_date_begin(struct sut_date date)
{
	int64_t days = days_before(date.year) + date.day - 1;

	for (int month = 1; month < date.month; month++)
		days += sut_date_days(date.year, month);
	return days * SUT_DAY;
}

static int64_t day_of(int64_t time)
{
	return (time - ((time % SUT_DAY) + SUT_DAY) % SUT_DAY) / SUT_DAY;
}

struct sut_date sut_date_of(int64_t time)
{
	int64_t days = day_of(time);
	// A year has 365.2425 days on average: this is one off at most.
	struct sut_date date = { .year = (int)(1970 + days * 10000 / 3652425), .month = 1 };

	while (days_before(date.year) > days)
		date.year--;
	while (days_before(date.year + 1) <= days)
		date.year++;
	days -= days_before(date.year);
	while (days >= sut_date_days(date.year, date.month)) {
		days -= sut_date_days(date.year, date.month);
		date.month++;
	}
	date.day = (int)days + 1;
	return date;
}

int sut_date_weekday(int64_t time)
{
	return (int)(((day_of(time) + 4) % 7 + 7) % 7); // 1970-01-01 was a Thursday
}

void sut_date_format(int64_t time, char ret[SUT_DATE_SIZE])
{
	char text[SUT_TIME_SIZE];

	sut_time_format(time, text);
	memcpy(ret, text, SUT_DATE_SIZE - 1);
	ret[SUT_DATE_SIZE - 1] = 0;
}

bool sut_date_parse(const char *text, int64_t *ret)
{
	char time[SUT_TIME_SIZE + 1];

	if (strlen(text) != SUT_DATE_SIZE - 1)
		return false;
	snprintf(time, sizeof(time), "%sT00:00:00Z", text);
	return sut_time_parse(time, ret);
}
