// SPDX-License-Identifier: Apache-2.0
#include "fleet/calendar.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/channel.h"
#include "cli/command.h"
#include "cli/ui.h"
#include "fleet/date.h"
#include "tuf/repository.h"

const char sut_usage_calendar[] =
	"usage: suture calendar [YEAR] [--repository DIR] [--json]\n\n"
	"Prints when the releases of a year are due: baselines in January, April, July and\n"
	"October, hotpatches in the two months after each, on second Tuesdays.\n\n"
	"  --repository DIR  with what is in this repository: releases out of band and\n"
	"                    unplanned baselines too\n"
	"  --json            print the events as JSON\n\n"
	"Exit status: 0 printed, 1 error, 2 bad usage.\n";

/** What is asked for. Borrows argv. */
struct request {
	long year;
	const char *repository;
	bool is_json;
};

static struct sut_err *read_request(int argc, char **argv, int64_t now, struct request *ret)
{
	const struct sut_ui_place places[] = {
		{ "repository", &ret->repository, NULL },
		{ "json", NULL, &ret->is_json },
		{ 0 },
	};
	struct sut_err *err = sut_ui_options(argc, argv, places);

	if (err)
		return err;
	ret->year = sut_date_of(now).year;
	if (argc - optind > 1)
		return sut_err(SUT_E_USAGE, "takes one YEAR at most");
	return optind < argc ? sut_ui_number(argv[optind], "YEAR", 1971, 9999, &ret->year) : NULL;
}

static const char *kind_of(const struct sut_event *e)
{
	if (e->kind == SUT_RELEASE_BASELINE)
		return e->is_planned ? "baseline" : "unplanned baseline";
	return e->is_out_of_band ? "out of band" : "hotpatches";
}

static struct sut_err *print_table(const struct sut_calendar *calendar, int64_t now)
{
	static const struct sut_column columns[] = {
		{ "DATE", SUT_COLUMN_TEXT },  { "RELEASE", SUT_COLUMN_TEXT },
		{ "KIND", SUT_COLUMN_TEXT },  { "BASELINE", SUT_COLUMN_TEXT },
		{ "STATE", SUT_COLUMN_TEXT }, { NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);
	bool is_next = true;

	for (size_t i = 0; i < calendar->n && !err; i++) {
		const struct sut_event *e = &calendar->events[i];
		char date[SUT_DATE_SIZE];
		const bool is_due = !e->is_published && e->date + SUT_DAY > now;
		sut_date_format(e->date, date);
		const char *const cells[] = { date, e->name, kind_of(e), e->baseline,
					      e->is_published     ? "published"
					      : is_due && is_next ? "next"
								  : "" };
		is_next &= !is_due;
		err = sut_table_row(table, cells);
	}
	return err ? err : sut_table_print(table);
}

// What is staged is not out yet: it goes to the end, and @p n counts what comes before.
static struct sut_err *load(const char *path, struct sut_channel *channel, size_t *n)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	struct sut_err *err = path ? sut_repository_open(path, &repository) : NULL;

	*n = 0;
	if (err || !path)
		return err;
	err = sut_channel_load(repository, channel);
	for (size_t i = 0; i < channel->n_releases; i++) {
		struct sut_release release = channel->releases[i];
		if (!sut_channel_is_published(repository, "hotpatches", release.name))
			continue;
		channel->releases[i] = channel->releases[*n];
		channel->releases[(*n)++] = release;
	}
	return err;
}

struct sut_err *sut_cmd_calendar(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(sut_channel_deinit) struct sut_channel channel = { 0 };
	_cleanup_(sut_calendar_deinit) struct sut_calendar calendar = { 0 };
	const int64_t now = sut_time_now();
	struct request request = { 0 };
	size_t n_published;
	struct sut_err *err = read_request(argc, argv, now, &request);

	if (!err)
		err = load(request.repository, &channel, &n_published);
	if (!err)
		err = sut_calendar_init(&sut_calendar_usual, (int)request.year, channel.releases,
					n_published, &calendar);
	if (err)
		return err;
	*status = SUT_EXIT_OK;
	if (!request.is_json)
		return print_table(&calendar, now);
	return sut_ui_print_json(json_pack("{s:I, s:o, s:o}", "year", (json_int_t)request.year,
					   "rule", sut_calendar_rule_write(&sut_calendar_usual),
					   "events", sut_calendar_write(&calendar)));
}
