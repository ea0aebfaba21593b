// SPDX-License-Identifier: Apache-2.0
#include "cli/agent_report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

enum { MAX_SHOWN = 20 };

struct sut_err *sut_agent_story_read(const char *path, json_t **ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };

	*ret = NULL;
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return NULL;
	struct sut_err *err = sut_file_read(path, &file);
	if (!err)
		err = sut_json_parse(file.view, ret);
	return err ? sut_err_wrap(err, "%s", path) : NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

// "12 s ago", "in 5 min".
static const char *distance(const char *time, char text[64])
{
	int64_t then;

	if (!sut_time_parse(time, &then)) {
		snprintf(text, 64, "never");
		return text;
	}
	int64_t away = sut_time_now() - then, size = away < 0 ? -away : away;
	char span[SUT_SPAN_SIZE];

	sut_span_format(size, span);
	snprintf(text, 64, "%s%s%s", away < 0 ? "in " : "", span, away < 0 ? "" : " ago");
	return text;
}

static void print_headline(const json_t *story)
{
	const json_t *coverage = json_object_get(story, "coverage");
	int n_protected = number_of(coverage, "protected");
	int n_waiting = number_of(coverage, "in_progress"),
	    n_exposed = number_of(coverage, "exposed");
	char ago[64];

	if (n_exposed)
		printf("Exposed: %d of %d processes that matter", n_exposed,
		       n_protected + n_waiting + n_exposed);
	else if (n_waiting)
		printf("In progress: %d of %d processes that matter are protected", n_protected,
		       n_protected + n_waiting);
	else if (n_protected)
		printf("Protected: all %d processes that matter, proved", n_protected);
	else
		printf("Protected: no process runs anything that a release patches");
	printf(" (%s)\n", distance(text_of(story, "looked"), ago));
}

static void print_release(const json_t *story)
{
	const char *release = text_of(story, "release"), *ring = text_of(story, "ring");

	printf("  release   %s, ring %s: %s\n", *release ? release : "none",
	       *ring ? ring : "not told yet", text_of(story, "text"));
}

static void print_sources(const json_t *story)
{
	const json_t *facts = json_object_get(story, "facts");
	const char *trouble = text_of(facts, "trouble"), *refused = text_of(facts, "refused");
	const char *watch = text_of(facts, "watch_trouble");
	char ago[64];

	printf("  news      verified %s from %s, valid until %s\n",
	       distance(text_of(facts, "refreshed"), ago), text_of(story, "repository"),
	       text_of(json_object_get(facts, "tuf"), "expires"));
	if (*trouble)
		printf("  trouble   %s\n", trouble);
	if (*refused)
		printf("  refused   %s\n", refused);
	if (*watch)
		printf("  trouble   processes that start later are not covered: %s\n", watch);
	if (*text_of(facts, "hub_trouble"))
		printf("  trouble   %s\n", text_of(facts, "hub_trouble"));
	if (*text_of(story, "hub"))
		printf("  hub       %s, heard of %s\n", text_of(story, "hub"),
		       distance(text_of(facts, "hub_seen"), ago));
	if (*text_of(story, "hold"))
		printf("  hold      %s\n", text_of(story, "hold"));
}

static void print_held(const json_t *story)
{
	const char *name;
	json_t *held;
	char ago[64];

	json_object_foreach(json_object_get(story, "held"), name, held)
	{
		printf("  held      %s, taken out %s: %s\n", name,
		       distance(text_of(held, "since"), ago), text_of(held, "detail"));
	}
}

static void print_move(const json_t *story)
{
	const json_t *move = json_object_get(story, "move"), *one;
	const json_t *packages = json_object_get(move, "packages");
	size_t i;

	if (json_array_size(packages))
		printf("  baseline  %zu packages must move to %s%s\n", json_array_size(packages),
		       text_of(move, "baseline"),
		       json_is_true(json_object_get(move, "reboot")) ? ", and a reboot" : "");
	json_array_foreach(packages, i, one)
	{
		if (i < MAX_SHOWN)
			printf("            %s %s, now %s%s\n", text_of(one, "name"),
			       text_of(one, "to"), text_of(one, "from"),
			       json_is_true(json_object_get(one, "hold")) ? " (on hold)" : "");
	}
	json_array_foreach(json_object_get(move, "units"), i, one)
	{
		printf("            %s must be restarted\n", json_string_value(one));
	}
}

static void print_exposed(const json_t *story)
{
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(json_object_get(story, "processes"), i, one)
	{
		if (strcmp(text_of(one, "state"), "protected") == 0 || n++ >= MAX_SHOWN)
			continue;
		printf("  %-9s %d %s: %s%s%s\n", text_of(one, "reason"), number_of(one, "pid"),
		       text_of(one, "name"), text_of(one, "detail"),
		       *text_of(one, "remedy") ? " " : "", text_of(one, "remedy"));
	}
	if (n > MAX_SHOWN)
		printf("  and %zu more\n", n - MAX_SHOWN);
	if (number_of(story, "hidden"))
		printf("  unknown   %d processes could not be looked into: no permission\n",
		       number_of(story, "hidden"));
}

void sut_agent_story_print(const json_t *story)
{
	int pid = number_of(json_object_get(story, "facts"), "pid");

	print_headline(story);
	print_release(story);
	print_sources(story);
	if (pid && kill(pid, 0) < 0 && errno == ESRCH)
		printf("  trouble   the agent does not run: this is what it told last\n");
	print_held(story);
	print_move(story);
	print_exposed(story);
	printf("\n");
}
