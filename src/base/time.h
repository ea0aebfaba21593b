// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Points in time
 *
 * Seconds since 1970 in UTC, and the one way to write them down that all our
 * documents share: RFC 3339 with "Z" and whole seconds. Only mains and loops ask
 * for the time; what they call takes it as a parameter.
 */

#include <stdbool.h>
#include <stdint.h>

/** Room for a written time with its final NUL: "2026-11-10T12:00:00Z". */
#define SUT_TIME_SIZE 21

/** Now, in seconds, as time(2) tells it. */
int64_t sut_time_now(void);
/** Now, in microseconds. */
int64_t sut_time_now_us(void);

/** Write @p time, which lies in the years 0 to 9999, into @p ret. */
void sut_time_format(int64_t time, char ret[SUT_TIME_SIZE]);

/** Read a whole NUL-terminated text of exactly that form. False, and @p ret
 *  untouched, for anything else: other offsets, fractions, a 30th of February,
 *  leap seconds. */
bool sut_time_parse(const char *text, int64_t *ret);

/** Room for a written span with its final NUL. */
#define SUT_SPAN_SIZE 48

/** Write a span of @p seconds (0 or more) for people into @p ret, its two largest units, rounded:
 *  "45 s", "3 min 20 s", "20 min", "3 h 20 min", "2 days 5 h", "12 days". web/lib/format.js writes
 *  the same. */
void sut_span_format(int64_t seconds, char ret[SUT_SPAN_SIZE]);
