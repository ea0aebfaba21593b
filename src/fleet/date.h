// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Dates of the Gregorian calendar, in UTC
 *
 * A date is the time (base/time.h) at which it begins. Its text is that of RFC 3339:
 * "2026-11-10".
 */

#include "base/time.h"

/** Seconds of a day. */
#define SUT_DAY INT64_C(86400)

/** Room for a written date with its final NUL. */
#define SUT_DATE_SIZE 11

/** A date, taken apart. */
struct sut_date {
	int year;  /**< 0 to 9999. */
	int month; /**< 1 to 12. */
	int day;   /**< 1 to 31. */
};

/** The time at which @p date begins. */
int64_t sut_date_begin(struct sut_date date);

/** The date of @p time, which lies in the years 0 to 9999. */
struct sut_date sut_date_of(int64_t time);

/** The weekday of @p time: 0 is Sunday, 6 Saturday. */
int sut_date_weekday(int64_t time);

/** How many days @p month of @p year has. */
int sut_date_days(int year, int month);

/** Write the date of @p time into @p ret. */
void sut_date_format(int64_t time, char ret[SUT_DATE_SIZE]);

/** Read a whole text of exactly that form. False, and @p ret untouched, for anything
 *  else. */
bool sut_date_parse(const char *text, int64_t *ret);
