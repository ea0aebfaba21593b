// SPDX-License-Identifier: Apache-2.0
#include "fleet/calendar.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "fleet/date.h"

#define MONTH(m) (1u << ((m)-1))

const struct sut_calendar_rule sut_calendar_usual = {
	.week = 2,
	.weekday = 2,
	.baselines = MONTH(1) | MONTH(4) | MONTH(7) | MONTH(10),
};

static const char *const weekdays[] = { "sunday",   "monday", "tuesday", "wednesday",
					"thursday", "friday", "saturday" };

static struct sut_err *read_weekday(const json_t *json, int *ret)
{
	const char *word;
	struct sut_err *err = sut_json_text(json, "weekday", &word);

	if (err)
		return err;
	for (int i = 0; i < 7; i++) {
		if (strcmp(weekdays[i], word) == 0) {
			*ret = i;
			return NULL;
		}
	}
	return sut_err(SUT_E_FORMAT, "\"weekday\" must be a day like \"tuesday\"");
}

static struct sut_err *read_months(const json_t *json, unsigned int *ret)
{
	const json_t *list;
	struct sut_err *err = sut_json_list(json, "baselines", 12, &list);
	unsigned int months = 0;

	if (err)
		return err;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *month = json_array_get(list, i);
		json_int_t value = json_integer_value(month);
		if (!json_is_integer(month) || value < 1 || value > 12)
			return sut_err(SUT_E_FORMAT, "\"baselines\" must be months from 1 to 12");
		if (months & MONTH(value))
			return sut_err(SUT_E_FORMAT, "\"baselines\" names month %d twice",
				       (int)value);
		months |= MONTH(value);
	}
	if (!months)
		return sut_err(SUT_E_FORMAT, "\"baselines\" must name a month at least");
	*ret = months;
	return NULL;
}

// A person writes a rule: what it does not have may be meant to count.
static struct sut_err *check_keys(json_t *json)
{
	const char *key;
	json_t *value;

	json_object_foreach(json, key,
			    value) if (strcmp(key, "week") != 0 && strcmp(key, "weekday") != 0 &&
				       strcmp(key, "baselines") !=
					       0) return sut_err(SUT_E_FORMAT,
								 "\"%s\" is not known: a rule has "
								 "\"week\", \"weekday\" and "
								 "\"baselines\"",
								 key);
	return NULL;
}

struct sut_err *sut_calendar_rule_read(struct sut_view bytes, struct sut_calendar_rule *ret)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_calendar_rule rule = { 0 };
	int64_t week;
	struct sut_err *err = sut_json_parse(bytes, &json);

	if (!err)
		err = sut_json_number(json, "week", 1, 5, &week);
	if (!err)
		err = check_keys(json);
	if (!err)
		err = read_weekday(json, &rule.weekday);
	if (!err)
		err = read_months(json, &rule.baselines);
	if (err)
		return sut_err_wrap(err, "calendar");
	rule.week = (int)week;
	*ret = rule;
	return NULL;
}

json_t *sut_calendar_rule_write(const struct sut_calendar_rule *rule)
{
	json_t *months = json_array();

	for (int m = 1; m <= 12; m++)
		if (rule->baselines & MONTH(m))
			json_array_append_new(months, json_integer(m));
	return json_pack("{s:i, s:s, s:o}", "week", rule->week, "weekday", weekdays[rule->weekday],
			 "baselines", months);
}

int64_t sut_calendar_date(const struct sut_calendar_rule *rule, int year, int month)
{
	int64_t first = sut_date_begin((struct sut_date){ year, month, 1 });
	int day = 1 + (rule->weekday - sut_date_weekday(first) + 7) % 7 + (rule->week - 1) * 7;

	// The fifth is the last one, in a month that has only four too.
	if (day > sut_date_days(year, month))
		day -= 7;
	return first + (day - 1) * SUT_DAY;
}

void sut_calendar_deinit(struct sut_calendar *calendar)
{
	free(calendar->events);
	*calendar = (struct sut_calendar){ 0 };
}

static void set_published(const struct sut_release *release, struct sut_event *event)
{
	event->kind = release->kind;
	event->date = release->date;
	event->is_published = true;
	strcpy(event->baseline,
	       release->kind == SUT_RELEASE_BASELINE ? release->name : release->baseline);
}

static struct sut_event plan(const struct sut_calendar_rule *rule, int year, int month,
			     const char *baseline)
{
	struct sut_event event = {
		.kind = rule->baselines & MONTH(month) ? SUT_RELEASE_BASELINE
						       : SUT_RELEASE_HOTPATCH,
		.date = sut_calendar_date(rule, year, month),
		.is_planned = true,
	};

	sut_version_write((struct sut_version){ year, month, 0 }, event.name);
	strcpy(event.baseline, event.kind == SUT_RELEASE_BASELINE ? event.name : baseline);
	return event;
}

/** The months from a year before the calendar begins, in order. */
struct walk {
	const struct sut_calendar_rule *rule;
	const struct sut_release **published; /**< In release order. */
	size_t n, at;
	char baseline[SUT_VERSION_SIZE]; /**< The newest so far, "" before the first. */
};

// The next published release, if it is the one of @p month or out of band after it.
static const struct sut_release *take(struct walk *w, int year, int month, bool is_out_of_band)
{
	struct sut_version version;

	while (w->at < w->n) {
		sut_version_read(w->published[w->at]->name, &version);
		if (version.year > year || (version.year == year && version.month > month))
			return NULL;
		bool is_this = version.year == year && version.month == month;
		if (is_this && (version.number > 0) != is_out_of_band)
			return NULL;
		w->at++;
		if (is_this)
			return w->published[w->at - 1];
	}
	return NULL;
}

static struct sut_err *add_event(struct walk *w, const struct sut_event *event, int year,
				 struct sut_calendar *calendar)
{
	struct sut_version version;

	if (event->kind == SUT_RELEASE_BASELINE)
		strcpy(w->baseline, event->name);
	sut_version_read(event->name, &version);
	if (version.year != year)
		return NULL;
	struct sut_err *err = sut_array_grow(&calendar->events, calendar->n, &calendar->capacity,
					     sizeof(*calendar->events));
	if (!err)
		calendar->events[calendar->n++] = *event;
	return err;
}

static struct sut_err *add_month(struct walk *w, int year, int month, int wanted_year,
				 struct sut_calendar *calendar)
{
	struct sut_event event = plan(w->rule, year, month, w->baseline);
	const enum sut_release_kind planned_kind = event.kind;
	const struct sut_release *release = take(w, year, month, false);

	if (release) {
		set_published(release, &event);
		event.is_planned = event.kind == planned_kind;
	}
	struct sut_err *err = add_event(w, &event, wanted_year, calendar);
	while (!err && (release = take(w, year, month, true))) {
		struct sut_event extra = { .is_out_of_band = true };
		strcpy(extra.name, release->name);
		set_published(release, &extra);
		err = add_event(w, &extra, wanted_year, calendar);
	}
	return err;
}

static int by_version(const void *a, const void *b)
{
	const struct sut_release *const *x = a, *const *y = b;

	return sut_version_compare((*x)->name, (*y)->name);
}

struct sut_err *sut_calendar_init(const struct sut_calendar_rule *rule, int year,
				  const struct sut_release *releases, size_t n,
				  struct sut_calendar *ret)
{
	_cleanup_(sut_calendar_deinit) struct sut_calendar calendar = { 0 };
	_cleanup_free_ const struct sut_release **sorted = calloc(n + 1, sizeof(*sorted));
	struct sut_err *err = NULL;

	if (!sorted)
		return sut_err_nomem();
	for (size_t i = 0; i < n; i++)
		sorted[i] = &releases[i];
	sut_array_sort(sorted, n, sizeof(*sorted), by_version);
	struct walk w = { .rule = rule, .published = sorted, .n = n };
	// A year before has a baseline, whatever the rule.
	for (int i = 0; i < 24 && !err; i++)
		err = add_month(&w, year - 1 + i / 12, i % 12 + 1, year, &calendar);
	if (err)
		return err;
	*ret = calendar;
	calendar = (struct sut_calendar){ 0 };
	return NULL;
}

struct sut_err *sut_calendar_next(const struct sut_calendar_rule *rule,
				  const struct sut_release *releases, size_t n, int64_t now,
				  struct sut_event *ret)
{
	int year = sut_date_of(now).year;

	for (;; year++) {
		_cleanup_(sut_calendar_deinit) struct sut_calendar calendar = { 0 };
		struct sut_err *err = sut_calendar_init(rule, year, releases, n, &calendar);
		if (err)
			return err;
		for (size_t i = 0; i < calendar.n; i++) {
			if (calendar.events[i].is_published ||
			    calendar.events[i].date + SUT_DAY <= now)
				continue;
			*ret = calendar.events[i];
			return NULL;
		}
	}
}

json_t *sut_calendar_write(const struct sut_calendar *calendar)
{
	json_t *list = json_array();
	int failed = !list;

	for (size_t i = 0; i < calendar->n && !failed; i++) {
		const struct sut_event *e = &calendar->events[i];
		char date[SUT_DATE_SIZE];
		sut_date_format(e->date, date);
		failed = json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b}", "name", e->name,
					"baseline", e->baseline, "kind",
					e->kind == SUT_RELEASE_BASELINE ? "baseline" : "hotpatch",
					"date", date, "planned", e->is_planned, "out_of_band",
					e->is_out_of_band, "published", e->is_published));
	}
	if (failed) {
		json_decref(list);
		return NULL;
	}
	return list;
}
