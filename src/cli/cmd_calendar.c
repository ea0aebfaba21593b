// SPDX-License-Identifier: Apache-2.0
#include "fleet/calendar.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/time.h"
#include "cli/channel.h"
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/ui.h"
#include "fleet/date.h"
#include "tuf/repository.h"

const char sut_usage_calendar[] =
	"usage: suture calendar [YEAR] [--rule FILE] [--repository DIR|URL] [OPTION]...\n\n"
	"Prints when the releases of a year are due: baselines in January, April, July and\n"
	"October, hotpatches in the two months after each, on second Tuesdays.\n\n"
	"  --rule FILE           when else they are due, as JSON\n"
	"  --repository DIR|URL  with what is in this repository: releases out of band and\n"
	"                        unplanned baselines too\n"
	"  --store DIR           read the repository as devices do, and verify it; what is\n"
	"                        trusted is kept here. Needed for a URL.\n"
	"  --root FILE           the first root of trust, 1.root.json; needed once for a store\n"
	"  --ca-file FILE        certificates that the server may have, PEM\n"
	"  --json                print the rule and the events as JSON\n\n"
	"Exit status: 0 printed, 1 error, 2 bad usage.\n";

/** What is asked for. Borrows argv. */
struct request {
	long year;
	const char *rule;
	struct sut_remote_place place;
	bool is_json;
};

static struct sut_err *read_request(int argc, char **argv, int64_t now, struct request *ret)
{
	const struct sut_ui_place places[] = {
		{ "rule", &ret->rule, NULL },
		{ "repository", &ret->place.repository, NULL },
		{ "store", &ret->place.store, NULL },
		{ "root", &ret->place.root, NULL },
		{ "ca-file", &ret->place.ca_file, NULL },
		{ "json", NULL, &ret->is_json },
		{ 0 },
	};
	struct sut_err *err = sut_ui_options(argc, argv, places);

	if (err)
		return err;
	const struct sut_remote_place *place = &ret->place;
	if (!place->repository && (place->store || place->root || place->ca_file))
		return sut_err(SUT_E_USAGE, "--store, --root and --ca-file go with --repository");
	if (place->repository && !place->store && strstr(place->repository, "://"))
		return sut_err(SUT_E_USAGE, "a repository at an address needs --store DIR, and the "
					    "first time --root FILE: nothing of it is believed "
					    "before it is verified");
	if (!place->store && (place->root || place->ca_file))
		return sut_err(SUT_E_USAGE, "--root and --ca-file go with --store");
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

/** What a repository has: of its own folder, or as a device sees it. Owns both. */
struct known {
	struct sut_channel channel;
	struct sut_remote remote;
	const struct sut_release *releases; /**< Published. Borrowed. */
	size_t n;
};

static void known_deinit(struct known *known)
{
	sut_channel_deinit(&known->channel);
	sut_remote_close(&known->remote);
}

// What is staged is not out yet: it goes to the end, and n counts what comes before.
static struct sut_err *load_own(const char *path, struct known *known)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	struct sut_channel *channel = &known->channel;
	struct sut_err *err = sut_repository_open(path, &repository);

	if (!err)
		err = sut_channel_load(repository, channel);
	for (size_t i = 0; !err && i < channel->n_releases; i++) {
		struct sut_release release = channel->releases[i];
		if (!sut_channel_is_published(repository, "hotpatches", release.name))
			continue;
		channel->releases[i] = channel->releases[known->n];
		channel->releases[known->n++] = release;
	}
	known->releases = channel->releases;
	return err;
}

static struct sut_err *load(const struct sut_remote_place *place, struct known *known)
{
	if (!place->repository)
		return NULL;
	if (!place->store)
		return load_own(place->repository, known);
	struct sut_err *err = sut_remote_open(place, &known->remote);
	known->releases = known->remote.catalogue.releases;
	known->n = known->remote.catalogue.n_releases;
	return err;
}

static struct sut_err *read_rule(const char *path, struct sut_calendar_rule *ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_file_read(path, &file);

	if (err)
		return err;
	err = sut_calendar_rule_read(file.view, ret);
	return err ? sut_err_wrap(err, "%s", path) : NULL;
}

struct sut_err *sut_cmd_calendar(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(known_deinit) struct known known = { 0 };
	_cleanup_(sut_calendar_deinit) struct sut_calendar calendar = { 0 };
	struct sut_calendar_rule rule = sut_calendar_usual;
	const int64_t now = sut_time_now();
	struct request request = { 0 };
	struct sut_err *err = read_request(argc, argv, now, &request);

	if (!err && request.rule)
		err = read_rule(request.rule, &rule);
	if (!err)
		err = load(&request.place, &known);
	if (!err)
		err = sut_calendar_init(&rule, (int)request.year, known.releases, known.n,
					&calendar);
	if (err)
		return err;
	*status = SUT_EXIT_OK;
	if (!request.is_json)
		return print_table(&calendar, now);
	return sut_ui_print_json(json_pack("{s:I, s:o, s:o}", "year", (json_int_t)request.year,
					   "rule", sut_calendar_rule_write(&rule), "events",
					   sut_calendar_write(&calendar)));
}
