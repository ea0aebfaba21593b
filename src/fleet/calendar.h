// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The calendar
 *
 * Each month has a release, on the second Tuesday: a baseline in January, April, July
 * and October, hotpatches on top of it in the two months after each. The rule is data.
 * What was really published stands above the rule: a release out of band, or a baseline
 * in a month that was to have hotpatches, which the later months then sit on.
 */

#include <jansson.h>
#include <stdbool.h>

#include "fleet/release.h"
#include "fleet/version.h"

/** When releases are due. */
struct sut_calendar_rule {
	int week;               /**< 1 to 5: which one of the month; 5: the last. */
	int weekday;            /**< 0: Sunday, to 6: Saturday. */
	unsigned int baselines; /**< Bit 0: January; at least one month. */
};

/** The rule where nobody says another one. */
extern const struct sut_calendar_rule sut_calendar_usual;

/** Read {"week": 2, "weekday": "tuesday", "baselines": [1, 4, 7, 10]}, and nothing besides. */
sut_check struct sut_err *sut_calendar_rule_read(struct sut_view bytes,
						 struct sut_calendar_rule *ret);
/** And write it, a new reference; NULL when out of memory. */
json_t *sut_calendar_rule_write(const struct sut_calendar_rule *rule);

/** The day on which the release of a month is due. */
int64_t sut_calendar_date(const struct sut_calendar_rule *rule, int year, int month);

/** A release, due or published. */
struct sut_event {
	char name[SUT_VERSION_SIZE];
	char baseline[SUT_VERSION_SIZE]; /**< That it sits on; of a baseline its own name. */
	enum sut_release_kind kind;
	int64_t date;
	bool is_planned; /**< As the rule says: neither out of band, nor a baseline in a month
			  *   of hotpatches. */
	bool is_out_of_band;
	bool is_published;
};

/** The events of a year. Owns the list. All zero is a valid empty one. */
struct sut_calendar {
	struct sut_event *events; /**< In release order. */
	size_t n, capacity;
};

/** Make the calendar of @p year, 1971 to 9999, with what is published: the @p n releases,
 *  of any year and in any order. */
sut_check struct sut_err *sut_calendar_init(const struct sut_calendar_rule *rule, int year,
					    const struct sut_release *releases, size_t n,
					    struct sut_calendar *ret);
void sut_calendar_deinit(struct sut_calendar *calendar);

/** The first event that is due on the day of @p now or later and is not published. */
sut_check struct sut_err *sut_calendar_next(const struct sut_calendar_rule *rule,
					    const struct sut_release *releases, size_t n,
					    int64_t now, struct sut_event *ret);

/** An array of {"name", "baseline", "kind", "date", "planned", "out_of_band",
 *  "published"}, a new reference; NULL when out of memory. */
json_t *sut_calendar_write(const struct sut_calendar *calendar);
