// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

int64_t sut_time_now(void)
{
	return time(NULL);
}

int64_t sut_time_now_us(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

void sut_time_format(int64_t at, char ret[SUT_TIME_SIZE])
{
	time_t seconds = at;
	struct tm tm = { 0 };
	char text[64];

	gmtime_r(&seconds, &tm);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(ret, text, SUT_TIME_SIZE - 1);
	ret[SUT_TIME_SIZE - 1] = '\0';
}

// Does @p text have digits where @p form has '0', and else what form has?
static bool has_form(const char *text, const char *form)
{
	for (; *form; text++, form++)
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return !*text;
}

static int number(const char *text, int size)
{
	int n = 0;

	for (int i = 0; i < size; i++)
		n = n * 10 + (text[i] - '0');
	return n;
}

bool sut_time_parse(const char *text, int64_t *ret)
{
	char again[SUT_TIME_SIZE];

	if (!has_form(text, "0000-00-00T00:00:00Z"))
		return false;
	struct tm tm = {
		.tm_year = number(text, 4) - 1900,
		.tm_mon = number(text + 5, 2) - 1,
		.tm_mday = number(text + 8, 2),
		.tm_hour = number(text + 11, 2),
		.tm_min = number(text + 14, 2),
		.tm_sec = number(text + 17, 2),
	};
	int64_t at = timegm(&tm);
	// What timegm() had to carry over was no date.
	sut_time_format(at, again);
	if (strcmp(again, text) != 0)
		return false;
	*ret = at;
	return true;
}

void sut_span_format(int64_t seconds, char ret[SUT_SPAN_SIZE])
{
	// Spans below .below are told in .large units, and in .small ones if there are any left.
	static const struct {
		int64_t below, large, small;
		const char *one, *many, *rest;
	} scales[] = {
		{ 60, 1, 1, "s", "s", "" },
		{ 600, 60, 1, "min", "min", "s" },
		{ 3570, 60, 60, "min", "min", "" },
		{ 86370, 3600, 60, "h", "h", "min" },
		{ 862200, 86400, 3600, "day", "days", "h" },
		{ INT64_MAX, 86400, 86400, "day", "days", "" },
	};
	size_t i = 0;

	while (seconds >= scales[i].below && i + 1 < sizeof(scales) / sizeof(scales[0]))
		i++;
	int64_t rounded = (seconds + scales[i].small / 2) / scales[i].small * scales[i].small;
	long long n = rounded / scales[i].large;
	int n_rest = (int)(rounded % scales[i].large / scales[i].small);
	const char *unit = n == 1 ? scales[i].one : scales[i].many;

	if (n_rest)
		snprintf(ret, SUT_SPAN_SIZE, "%lld %s %d %s", n, unit, n_rest, scales[i].rest);
	else
		snprintf(ret, SUT_SPAN_SIZE, "%lld %s", n, unit);
}
