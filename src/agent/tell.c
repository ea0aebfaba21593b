// SPDX-License-Identifier: Apache-2.0
#include "agent/tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/files.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

/** A report has at most 1 MiB: so many rows of processes and so many events fit. What does
 *  not is counted all the same, and events come with the next report. */
enum { MAX_PROCESSES = 1000, MAX_EVENTS = 500 };

// A line of a small file, without its end; "" when there is none.
static void read_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	text[0] = 0;
	if (file && !fgets(text, size, file))
		text[0] = 0;
	if (file)
		fclose(file);
	text[strcspn(text, "\n")] = 0;
}

// "debian-12", of /etc/os-release (os-release(5)).
static void read_os(char *text, size_t size)
{
	char id[64] = "linux", version[64] = "", line[256];
	FILE *file = fopen("/etc/os-release", "re");

	while (file && fgets(line, sizeof(line), file)) {
		char *value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = 0;
		value += *value == '"';
		value[strcspn(value, "\"\n")] = 0;
		if (strcmp(line, "ID") == 0)
			snprintf(id, sizeof(id), "%s", value);
		if (strcmp(line, "VERSION_ID") == 0)
			snprintf(version, sizeof(version), "%s", value);
	}
	if (file)
		fclose(file);
	snprintf(text, size, "%s%s%s", id, *version ? "-" : "", version);
}

static void add_reason(json_t *list, const char *code, const char *detail)
{
	json_array_append_new(list, json_pack("{s:s, s:s}", "code", code, "detail", detail));
}

// What keeps this machine from being patched at all.
static json_t *find_readiness(const struct sut_tell *tell)
{
	json_t *list = json_array();
	const char *refused = sut_state_text(tell->facts, "refused");
	const char *watch = sut_state_text(tell->facts, "watch_trouble");

	if (!*sut_memory_ring(tell->device))
		add_reason(list, "no-ring", "the hub has not told the ring yet");
	if (*refused)
		add_reason(list, "metadata-refused", refused);
	if (*watch)
		add_reason(list, "cannot-watch", watch);
	return list;
}

static json_t *find_next(const struct sut_tell *tell)
{
	int64_t refreshed = sut_time_now();
	char when[SUT_TIME_SIZE];

	sut_time_parse(sut_state_text(tell->facts, "refreshed"), &refreshed);
	sut_time_format(refreshed + tell->config->refresh, when);
	return json_pack("{s:s, s:s}", "what", "refresh", "when", when);
}

static json_t *member(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return value ? json_incref(value) : json_null();
}

// Those that are exposed come first: they are what matters where not all have room.
static json_t *list_processes(const json_t *coverage)
{
	static const char *const states[] = { "exposed", "in-progress", "protected" };
	json_t *list = json_array();
	const json_t *one;
	size_t i;

	for (size_t state = 0; state < 3; state++) {
		json_array_foreach(json_object_get(coverage, "processes"), i, one)
		{
			if (strcmp(sut_state_text(one, "state"), states[state]) != 0 ||
			    json_array_size(list) == MAX_PROCESSES)
				continue;
			json_t *copy = json_copy((json_t *)one);
			json_object_del(copy, "remedy"); // the hub has the same table
			json_array_append_new(list, copy);
		}
	}
	return list;
}

static json_t *count_coverage(const json_t *coverage)
{
	json_t *counts = json_object_get(coverage, "coverage");

	return counts ? json_incref(counts)
		      : json_pack("{s:i, s:i, s:i}", "protected", 0, "in_progress", 0, "exposed",
				  0);
}

static json_t *make_report(const struct sut_tell *tell, const json_t *coverage, json_t *events)
{
	char now[SUT_TIME_SIZE], hostname[256] = "", boot[64], os[160];
	struct utsname kernel;

	gethostname(hostname, sizeof(hostname) - 1);
	read_line("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	read_os(os, sizeof(os));
	uname(&kernel);
	sut_time_format(sut_time_now(), now);
	return json_pack(
		"{s:o, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:o, s:o, s:s, s:o, s:s, s:o, s:o, "
		"s:o, s:o, s:o}",
		"device", member(tell->device->json, "id"), "seq", (json_int_t)tell->seq, "sent",
		now, "hostname", hostname, "boot_id", boot, "agent", SUTURE_VERSION, "kernel",
		kernel.release, "os", os, "attributes", tell->config->attributes, "baseline",
		member(coverage, "baseline"), "release", member(tell->device->json, "release"),
		"train", "hotpatch", "readiness", find_readiness(tell), "ring",
		sut_memory_ring(tell->device), "tuf", member(tell->facts, "tuf"), "next",
		find_next(tell), "coverage", count_coverage(coverage), "processes",
		list_processes(coverage), "events", events);
}

// The story is the report, with what only matters here.
static json_t *make_story(const struct sut_tell *tell, const json_t *report, const json_t *coverage)
{
	json_t *story = json_copy((json_t *)report);
	const json_t *device = tell->device->json;
	_cleanup_json_ json_t *more = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s?, s:s, s:o, s:o, s:O?}", "why",
		member(coverage, "why"), "text", member(coverage, "text"), "newest",
		member(coverage, "newest"), "hotpatches", member(coverage, "hotpatches"), "looked",
		member(coverage, "time"), "seen", member(coverage, "seen"), "hidden",
		member(coverage, "hidden"), "held", member(device, "held"), "hold",
		member(device, "hub_hold"), "hub", tell->config->hub, "repository",
		tell->config->url, "paused", member(device, "paused"), "processes",
		member(coverage, "processes"), "facts", tell->facts);
	_cleanup_json_ json_t *move = NULL;

	json_object_update(story, more);
	sut_err_free(sut_state_read(tell->config, "trust/move.json", &move));
	json_object_set(story, "move", move ? move : json_null());
	return story;
}

static struct sut_err *write_story(const struct sut_tell *tell, const json_t *story)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/agent.json", tell->config->runtime) < 0)
		return sut_err_nomem();
	return sut_state_write_to(path, story, 0644);
}

static uint64_t last_seq(const json_t *events)
{
	size_t n = json_array_size(events);

	return n ? json_integer_value(json_object_get(json_array_get(events, n - 1), "seq")) : 0;
}

json_t *sut_tell_work(void *context)
{
	const struct sut_tell *tell = context;
	_cleanup_json_ json_t *coverage = NULL, *events = NULL;
	struct sut_err *err = sut_state_read(tell->config, "trust/coverage.json", &coverage);

	if (!err)
		err = sut_memory_events(tell->config, MAX_EVENTS, &events);
	_cleanup_json_ json_t *report =
		err ? NULL : make_report(tell, coverage, json_incref(events));
	_cleanup_json_ json_t *story = report ? make_story(tell, report, coverage) : NULL;
	if (!err)
		err = story ? write_story(tell, story) : sut_err_nomem();
	if (!err && tell->is_report)
		err = sut_state_write(tell->config, "outbox/report.json", report, 0640);
	json_t *answer = json_pack("{s:s?, s:I}", "error", err ? err->msg : NULL, "event",
				   (json_int_t)last_seq(events));
	sut_err_free(err);
	return answer;
}
