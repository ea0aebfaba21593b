// SPDX-License-Identifier: Apache-2.0
#include "fleet/calendar.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "fleet/date.h"
#include "test.h"

static struct sut_view view(const char *text)
{
	return (struct sut_view){ (const uint8_t *)text, strlen(text) };
}

static int64_t day(const char *text)
{
	int64_t at = 0;

	EXPECT(sut_date_parse(text, &at));
	return at;
}

// A published release, as far as the calendar looks at it.
static struct sut_release published(char *name, char *baseline, enum sut_release_kind kind,
				    const char *date)
{
	return (struct sut_release){
		.name = name, .baseline = baseline, .kind = kind, .date = day(date)
	};
}

TEST(calendar, has_second_tuesdays_and_four_baselines)
{
	// As any printed calendar of 2026 has them.
	static const struct {
		const char *name, *baseline, *date;
		bool is_baseline;
	} events[] = {
		{ "2026.01", "2026.01", "2026-01-13", true },
		{ "2026.02", "2026.01", "2026-02-10", false },
		{ "2026.03", "2026.01", "2026-03-10", false },
		{ "2026.04", "2026.04", "2026-04-14", true },
		{ "2026.05", "2026.04", "2026-05-12", false },
		{ "2026.06", "2026.04", "2026-06-09", false },
		{ "2026.07", "2026.07", "2026-07-14", true },
		{ "2026.08", "2026.07", "2026-08-11", false },
		{ "2026.09", "2026.07", "2026-09-08", false },
		{ "2026.10", "2026.10", "2026-10-13", true },
		{ "2026.11", "2026.10", "2026-11-10", false },
		{ "2026.12", "2026.10", "2026-12-08", false },
	};
	_cleanup_(sut_calendar_deinit) struct sut_calendar calendar = { 0 };

	EXPECT_OK(sut_calendar_init(&sut_calendar_usual, 2026, NULL, 0, &calendar));
	EXPECT(calendar.n == 12);
	for (size_t i = 0; i < 12; i++) {
		const struct sut_event *e = &calendar.events[i];
		assert_string_equal(e->name, events[i].name);
		assert_string_equal(e->baseline, events[i].baseline);
		EXPECT(e->date == day(events[i].date));
		EXPECT((e->kind == SUT_RELEASE_BASELINE) == events[i].is_baseline);
		EXPECT(e->is_planned && !e->is_out_of_band && !e->is_published);
	}
}

TEST(calendar, every_release_of_centuries_is_a_second_tuesday)
{
	for (int year = 1971; year < 2400; year++)
		for (int month = 1; month <= 12; month++) {
			int64_t at = sut_calendar_date(&sut_calendar_usual, year, month);
			struct sut_date date = sut_date_of(at);
			EXPECT(date.year == year && date.month == month);
			EXPECT(sut_date_weekday(at) == 2);
			EXPECT(date.day >= 8 && date.day <= 14);
		}
}

TEST(calendar, rule_is_data)
{
	static const char text[] = "{\"week\": 5, \"weekday\": \"friday\", \"baselines\": [2, 8]}";
	_cleanup_(sut_calendar_deinit) struct sut_calendar calendar = { 0 };
	_cleanup_json_ json_t *json = json_loads(text, 0, NULL), *written = NULL;
	struct sut_calendar_rule rule;

	EXPECT_OK(sut_calendar_rule_read(view(text), &rule));
	written = sut_calendar_rule_write(&rule);
	EXPECT(json_equal(json, written));
	EXPECT_OK(sut_calendar_init(&rule, 2026, NULL, 0, &calendar));
	// February 2026 has four Fridays: the last counts as the fifth.
	EXPECT(calendar.events[1].date == day("2026-02-27"));
	EXPECT(calendar.events[4].date == day("2026-05-29"));
	assert_string_equal(calendar.events[0].baseline, "2025.08");
	assert_string_equal(calendar.events[1].baseline, "2026.02");
	assert_string_equal(calendar.events[11].baseline, "2026.08");
}

TEST(calendar, refuses_a_rule_that_is_none)
{
	static const char *const texts[] = {
		"{}",
		"{\"week\": 0, \"weekday\": \"friday\", \"baselines\": [2]}",
		"{\"week\": 6, \"weekday\": \"friday\", \"baselines\": [2]}",
		"{\"week\": 2, \"weekday\": \"freitag\", \"baselines\": [2]}",
		"{\"week\": 2, \"weekday\": \"friday\", \"baselines\": []}",
		"{\"week\": 2, \"weekday\": \"friday\", \"baselines\": [13]}",
		"{\"week\": 2, \"weekday\": \"friday\", \"baselines\": [1.5]}",
		"{\"week\": 2, \"weekday\": \"friday\", \"baselines\": 1}",
		"{\"week\": 2, \"weekday\": \"friday\", \"baselines\": [1, 1]}",
		"{\"week\": 2, \"week\": 2, \"weekday\": \"friday\", \"baselines\": [1]}",
		"{\"week\": 2, \"weekday\": \"friday\", \"baselines\": [1], \"hour\": 9}",
		"[]",
		"2",
	};
	struct sut_calendar_rule rule;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		EXPECT_ERR(sut_calendar_rule_read(view(texts[i]), &rule), SUT_E_FORMAT,
			   "calendar: ");
	}
}

TEST(calendar, refuses_every_truncation_of_a_rule)
{
	static const char text[] =
		"{\"week\": 2, \"weekday\": \"tuesday\", \"baselines\": [1, 4, 7, 10]}";
	struct sut_calendar_rule rule;

	EXPECT_OK(sut_calendar_rule_read(view(text), &rule));
	for (size_t size = 0; size < strlen(text); size++) {
		const struct sut_view cut = { (const uint8_t *)text, size };
		EXPECT_ERR(sut_calendar_rule_read(cut, &rule), SUT_E_FORMAT, "calendar: ");
	}
}

TEST(calendar, an_unplanned_baseline_carries_the_months_after_it)
{
	const struct sut_release releases[] = {
		published("2026.12", "2026.11", SUT_RELEASE_HOTPATCH, "2026-12-08"),
		published("2026.11", "2026.10", SUT_RELEASE_BASELINE, "2026-11-11"),
	};
	_cleanup_(sut_calendar_deinit) struct sut_calendar calendar = { 0 };

	EXPECT_OK(sut_calendar_init(&sut_calendar_usual, 2026, releases, 2, &calendar));
	const struct sut_event *november = &calendar.events[10], *december = &calendar.events[11];
	EXPECT(november->kind == SUT_RELEASE_BASELINE && !november->is_planned);
	EXPECT(november->is_published && november->date == day("2026-11-11"));
	assert_string_equal(november->baseline, "2026.11");
	assert_string_equal(december->baseline, "2026.11");
	EXPECT(december->is_published && december->is_planned);
	// What is only due sits on it too.
	sut_calendar_deinit(&calendar);
	EXPECT_OK(sut_calendar_init(&sut_calendar_usual, 2026, releases + 1, 1, &calendar));
	assert_string_equal(calendar.events[11].baseline, "2026.11");
	EXPECT(!calendar.events[11].is_published);
}

TEST(calendar, shows_releases_out_of_band_in_their_place)
{
	const struct sut_release releases[] = {
		published("2026.11.2", "2026.10", SUT_RELEASE_HOTPATCH, "2026-11-25"),
		published("2026.11.1", "2026.10", SUT_RELEASE_HOTPATCH, "2026-11-20"),
		published("2025.12.1", "2025.10", SUT_RELEASE_HOTPATCH, "2025-12-20"),
		published("2027.01", "2027.01", SUT_RELEASE_BASELINE, "2027-01-12"),
	};
	_cleanup_(sut_calendar_deinit) struct sut_calendar calendar = { 0 };

	EXPECT_OK(sut_calendar_init(&sut_calendar_usual, 2026, releases, 4, &calendar));
	EXPECT(calendar.n == 14);
	assert_string_equal(calendar.events[10].name, "2026.11");
	assert_string_equal(calendar.events[11].name, "2026.11.1");
	assert_string_equal(calendar.events[12].name, "2026.11.2");
	assert_string_equal(calendar.events[13].name, "2026.12");
	EXPECT(calendar.events[11].is_out_of_band && calendar.events[11].is_published &&
	       !calendar.events[11].is_planned);
}

TEST(calendar, tells_what_comes_next)
{
	const struct sut_release release =
		published("2026.11", "2026.10", SUT_RELEASE_HOTPATCH, "2026-11-10");
	const struct {
		const char *now, *next;
		bool is_november_out;
	} cases[] = {
		{ "2026-11-09", "2026.11", false }, { "2026-11-10", "2026.11", false },
		{ "2026-11-11", "2026.12", false }, { "2026-11-10", "2026.12", true },
		{ "2026-11-01", "2026.12", true },  { "2026-12-09", "2027.01", false },
		{ "2026-12-31", "2027.01", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sut_event event;
		EXPECT_OK(sut_calendar_next(&sut_calendar_usual, &release, cases[i].is_november_out,
					    day(cases[i].now) + 7200, &event));
		assert_string_equal(event.name, cases[i].next);
	}
}
