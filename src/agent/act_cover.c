// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/act.h"
#include "agent/act_parts.h"
#include "agent/catalogue.h"
#include "agent/memory.h"
#include "agent/files.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/time.h"
#include "process/process.h"

/** A process and one of its modules. */
struct place {
	const json_t *process, *module; /**< Of the inventory. */
	char pid[16];
	const char *build_id;
};

/** What is told of a place. */
struct told {
	enum sut_coverage reason;
	const struct sut_release *release; /**< NULL: none. */
	const json_t *trace;               /**< Of the hotpatch that stands; NULL. */
	const char *detail;
	const char *proof; /**< Hex, or NULL. */
	char text[65];
};

static const json_t *find_trace(const struct sut_look *look, const struct place *place)
{
	const json_t *status = json_object_get(look->statuses, place->pid), *hotpatch;
	size_t i;

	json_array_foreach(json_object_get(status, "hotpatches"), i, hotpatch)
	{
		if (strcmp(sut_state_text(hotpatch, "state"), "applied") == 0 &&
		    strcmp(sut_state_text(hotpatch, "build_id"), place->build_id) == 0)
			return hotpatch;
	}
	return NULL;
}

static bool is_debugged(int pid)
{
	struct sut_process process;
	struct sut_process_facts facts = { 0 };
	struct sut_err *err = sut_process_open(pid, &process);

	if (!err) {
		err = sut_process_facts(&process, &facts);
		sut_process_close(&process);
	}
	bool is_traced = !err && facts.tracer;
	sut_err_free(err);
	return is_traced;
}

static enum sut_coverage reason_of_outcome(const char *outcome, int pid)
{
	if (strcmp(outcome, "gone") == 0)
		return SUT_REASON_GONE;
	if (is_debugged(pid))
		return SUT_REASON_DEBUGGED;
	if (strcmp(outcome, "busy") == 0)
		return SUT_REASON_BUSY;
	return strcmp(outcome, "refused") == 0 ? SUT_REASON_REFUSED : SUT_REASON_AGENT_ERROR;
}

// What applying said, now or when the watcher tried.
static const json_t *find_row(const struct sut_look *look, const char *pid)
{
	const json_t *row = json_object_get(look->rows, pid);

	return row ? row : json_object_get(look->act->rows, pid);
}

// The proof is the digest of what `verify` has compared: the file's digest, the build, where
// the payload lies, where every function's redirect stands and leads to.
static void make_proof(const json_t *trace, struct told *told)
{
	_cleanup_free_ char *text = json_dumps(trace, JSON_COMPACT | JSON_SORT_KEYS);
	struct sut_sha256 digest;
	struct sut_err *err =
		text ? sut_sha256((struct sut_view){ (uint8_t *)text, strlen(text) }, &digest)
		     : sut_err_nomem();

	if (!err) {
		sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, told->text);
		told->proof = told->text;
	}
	sut_err_free(err);
}

// Does the hotpatch of @s stand in the process?
static bool is_right(const struct sut_standing *s, const struct told *told)
{
	return told->trace &&
	       strcmp(sut_state_text(told->trace, "name"), s->hotpatch->name) == 0;
}

// What stands is proved whether or not a later release closes more.
static bool prove(const struct sut_look *look, const struct place *place,
		  const struct sut_standing *s, struct told *told)
{
	const json_t *proof = json_object_get(look->proofs, place->pid);

	if (!is_right(s, told) || strcmp(sut_state_text(proof, "outcome"), "verified") != 0)
		return false;
	make_proof(told->trace, told);
	return true;
}

// A build for which there is a hotpatch that this device wants.
static void tell_wanted(const struct sut_look *look, const struct place *place,
			const struct sut_standing *s, struct told *told)
{
	const json_t *proof = json_object_get(look->proofs, place->pid);
	const json_t *row = find_row(look, place->pid);
	bool is_proved = prove(look, place, s, told);

	told->release = s->release;
	if (s->held) {
		told->reason = SUT_REASON_HELD_HERE;
		told->detail = sut_state_text(s->held, "detail");
	} else if (s->waits && (s->is_kept || !is_right(s, told))) {
		told->reason = s->is_on_hold ? SUT_REASON_ON_HOLD : SUT_REASON_ROLLOUT_PAUSED;
		told->detail = s->waits;
	} else if (!s->is_taken && !s->waits) {
		told->reason = SUT_REASON_NOT_FETCHED;
	} else if (is_proved) {
		told->reason = SUT_REASON_PROTECTED;
		told->detail = sut_state_text(proof, "reason"); // "entry only", or nothing
	} else if (is_right(s, told)) {
		told->reason = SUT_REASON_AGENT_ERROR;
		told->detail = sut_state_text(proof, "reason");
	} else {
		told->reason = reason_of_outcome(sut_state_text(row, "outcome"), atoi(place->pid));
		told->detail = sut_state_text(row, "reason");
	}
}

// Returns false when nobody has anything to tell of the build.
static bool tell_place(const struct sut_look *look, const struct place *place, struct told *told)
{
	const struct sut_release *release;
	const struct sut_standing *s = sut_look_standing(look, place->build_id);

	*told = (struct told){ .trace = find_trace(look, place), .detail = "" };
	told->reason = sut_want_reason(&look->want, place->build_id,
				       sut_state_text(place->module, "path"), &release);
	if (told->reason == SUT_REASON_PROTECTED && s) {
		tell_wanted(look, place, s, told);
	} else if (told->reason == SUT_REASON_PROTECTED && !release) {
		return false;
	} else if (s && told->trace) {
		told->release = s->release; // an earlier one stands meanwhile
		prove(look, place, s, told);
	}
	if (!*told->detail)
		told->detail = sut_reason_sentence(told->reason);
	return true;
}

static json_t *text_of(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return value ? json_incref(value) : json_null();
}

// What was noted when the hotpatch came into the process; NULL when none stands.
static const json_t *find_told_of(const struct sut_look *look, const struct place *place,
				  const struct told *told)
{
	char key[512];

	if (!told->trace)
		return NULL;
	snprintf(key, sizeof(key), "%s/%lld/%s", place->pid,
		 (long long)json_integer_value(json_object_get(place->process, "start")),
		 sut_state_text(told->trace, "name"));
	return json_object_get(json_object_get(look->answer, "told"), key);
}

// How long it took is known only once: when it was done.
static void note_pause(const struct sut_look *look, const char *pid, const char *key, json_t *one)
{
	const json_t *before =
		json_object_get(json_object_get(look->act->device->json, "told"), key);
	const json_t *row = find_row(look, pid);
	const json_t *from = json_number_value(json_object_get(row, "pause_us")) > 0 ? row : before;
	json_t *pause = json_object_get(from, "pause_us"), *tries = json_object_get(from, "tries");

	if (pause)
		json_object_set(one, "pause_us", pause);
	if (tries)
		json_object_set(one, "tries", tries);
}

static json_t *describe(const struct sut_look *look, const struct place *place,
			const struct told *told)
{
	char now[SUT_TIME_SIZE];
	const json_t *before = find_told_of(look, place, told);
	double pause_us = json_number_value(json_object_get(before, "pause_us"));

	sut_time_format(sut_time_now(), now);
	json_t *one = json_pack(
		"{s:O, s:O, s:o, s:o, s:o, s:o, s:s, s:o, s:s?, s:s, s:s, s:s, s:s, s:s?, s:s?, "
		"s:o, "
		"s:i}",
		"pid", json_object_get(place->process, "pid"), "start",
		json_object_get(place->process, "start"), "name", text_of(place->process, "name"),
		"path", text_of(place->module, "path"), "unit", text_of(place->process, "unit"),
		"container", text_of(place->process, "container"), "build_id", place->build_id,
		"hotpatch", told->trace ? text_of(told->trace, "name") : json_null(), "release",
		told->release && told->trace ? told->release->name : NULL, "state",
		sut_process_state_name(sut_reason_state(told->reason)), "reason",
		sut_reason_name(told->reason), "detail", told->detail, "remedy",
		sut_reason_remedy(told->reason), "proof", told->proof, "verified",
		told->proof ? now : NULL, "pause_us",
		pause_us > 0 ? json_real(pause_us) : json_null(), "tries",
		(int)json_integer_value(json_object_get(before, "tries")));
	return one;
}

// One that has ended meanwhile is not exposed: it is not there.
static bool is_gone(const struct place *place, const struct told *told)
{
	return told->reason == SUT_REASON_GONE ||
	       (json_int_t)sut_inventory_start(atoi(place->pid)) !=
		       json_integer_value(json_object_get(place->process, "start"));
}

static json_t *cover_all(const struct sut_look *look, size_t counts[3])
{
	json_t *list = json_array();
	struct place place;
	struct told told;
	size_t i, j;

	json_array_foreach(look->inventory.processes, i, place.process)
	{
		snprintf(place.pid, sizeof(place.pid), "%d",
			 (int)json_integer_value(json_object_get(place.process, "pid")));
		json_array_foreach(json_object_get(place.process, "modules"), j, place.module)
		{
			place.build_id = sut_state_text(place.module, "build_id");
			if (!tell_place(look, &place, &told) || is_gone(&place, &told))
				continue;
			json_t *one = describe(look, &place, &told);
			if (!one)
				continue;
			counts[sut_reason_state(told.reason)]++;
			json_array_append_new(list, one);
		}
	}
	return list;
}

// When it came. A payload that is used again has the time of its first use, and whoever has just
// been patched is to be watched by probes.
static json_t *find_time(const struct sut_look *look, const char *pid, const char *key,
			 const json_t *hotpatch)
{
	const json_t *told = json_object_get(look->act->device->json, "told");
	json_t *before = json_object_get(json_object_get(told, key), "at");
	const json_t *row = find_row(look, pid);

	if (before)
		return json_incref(before);
	if (json_number_value(json_object_get(row, "pause_us")) > 0)
		return json_integer(sut_time_now());
	return text_of(hotpatch, "applied_at");
}

// A key names a process for ever: pids are used again, with another start.
static json_t *find_told(const struct sut_look *look)
{
	json_t *told = json_object();
	const json_t *process, *hotpatch;
	size_t i, j;
	char pid[16], key[512];

	json_array_foreach(look->inventory.processes, i, process)
	{
		long long start = json_integer_value(json_object_get(process, "start"));
		snprintf(pid, sizeof(pid), "%d",
			 (int)json_integer_value(json_object_get(process, "pid")));
		const json_t *status = json_object_get(look->statuses, pid);
		json_array_foreach(json_object_get(status, "hotpatches"), j, hotpatch)
		{
			const char *name = sut_state_text(hotpatch, "name");
			const struct sut_standing *s = sut_look_active(look, name);
			if (strcmp(sut_state_text(hotpatch, "state"), "applied") != 0)
				continue;
			if (!s && !sut_look_is_ours(look, name))
				continue;
			snprintf(key, sizeof(key), "%s/%lld/%s", pid, start, name);
			json_t *one = json_pack(
				"{s:O, s:O, s:s, s:o, s:o, s:o, s:o, s:s?, s:s?}", "pid",
				json_object_get(process, "pid"), "start",
				json_object_get(process, "start"), "hotpatch", name, "at",
				find_time(look, pid, key, hotpatch), "name", text_of(process, "name"),
				"path", text_of(process, "path"), "unit", text_of(process, "unit"),
				"sha256", s ? s->hotpatch->sha256 : NULL, "release",
				s ? s->release->name : NULL);
			note_pause(look, pid, key, one);
			json_object_set_new(told, key, one);
		}
	}
	return told;
}

static bool is_recalled(const struct sut_look *look, const char *name)
{
	const struct sut_catalogue *catalogue = &look->known->catalogue;

	for (size_t i = 0; i < catalogue->n_releases; i++)
		for (size_t j = 0; j < catalogue->releases[i].n_hotpatches; j++)
			if (strcmp(catalogue->releases[i].hotpatches[j].name, name) == 0 &&
			    sut_want_why(catalogue, &catalogue->releases[i], "", NULL) ==
				    SUT_WANT_RECALLED)
				return true;
	return sut_catalogue_revoked_hotpatch(catalogue, name);
}

// What stands now and was not told yet, and the other way round.
static void tell_changes(struct sut_look *look, const json_t *told)
{
	json_t *before = json_object_get(look->act->device->json, "told"), *one;
	const char *key;
	char detail[256];

	json_object_foreach((json_t *)told, key, one)
	{
		if (json_object_get(before, key))
			continue;
		int pid = json_integer_value(json_object_get(one, "pid"));
		char pid_key[16];
		snprintf(pid_key, sizeof(pid_key), "%d", pid);
		const json_t *row = find_row(look, pid_key);
		double pause = json_number_value(json_object_get(row, "pause_us"));
		snprintf(detail, sizeof(detail), "process %d (%.100s)%s", pid,
			 sut_state_text(one, "name"), pause > 0 ? "" : ", before its code ran");
		if (pause > 0)
			snprintf(detail + strlen(detail), sizeof(detail) - strlen(detail),
				 ", stood still for %.3f ms", pause / 1000);
		sut_look_event(look, json_integer_value(json_object_get(one, "at")), "applied",
			       sut_state_text(one, "hotpatch"), detail);
	}
	json_object_foreach(before, key, one)
	{
		int pid = json_integer_value(json_object_get(one, "pid"));
		if (json_object_get(told, key) ||
		    (json_int_t)sut_inventory_start(pid) !=
			    json_integer_value(json_object_get(one, "start")))
			continue;
		snprintf(detail, sizeof(detail), "process %d (%.100s)", pid,
			 sut_state_text(one, "name"));
		const char *hotpatch = sut_state_text(one, "hotpatch");
		sut_look_event(look, sut_time_now(),
			       is_recalled(look, hotpatch) ? "recalled" : "reverted", hotpatch,
			       detail);
	}
}

static json_t *describe_hotpatches(const struct sut_look *look)
{
	json_t *list = json_array();

	for (size_t i = 0; i < look->n_standing; i++) {
		const struct sut_standing *s = &look->standing[i];
		json_t *advisories = json_array();
		for (size_t j = 0; j < s->hotpatch->n_advisories; j++)
			json_array_append_new(advisories, json_string(s->hotpatch->advisories[j]));
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:s, s:o, s:s}", "name", s->hotpatch->name,
				  "release", s->release->name, "package", s->hotpatch->package,
				  "path", s->hotpatch->path, "advisories", advisories, "state",
				  s->held       ? "held"
				  : s->is_kept  ? "active"
				  : s->waits    ? "waits"
				  : s->is_taken ? "active"
						: "not-fetched"));
	}
	return list;
}

struct sut_err *sut_look_cover(struct sut_look *look)
{
	size_t counts[3] = { 0 };
	json_t *told = find_told(look);
	const struct sut_want *want = &look->want;
	char now[SUT_TIME_SIZE];

	tell_changes(look, told);
	json_object_set_new(look->answer, "told", told);
	json_t *processes = cover_all(look, counts);
	sut_time_format(sut_time_now(), now);
	_cleanup_json_ json_t *story = json_pack(
		"{s:s, s:s?, s:s?, s:s?, s:s?, s:s, s:{s:I, s:I, s:I}, s:o, s:o, s:I, s:I, s:s?}",
		"time", now, "release", want->release ? want->release->name : NULL, "baseline",
		want->release ? want->release->baseline : NULL, "newest",
		want->newest ? want->newest->name : NULL, "why", sut_reason_name(want->reason),
		"text", want->text, "coverage", "protected",
		(json_int_t)counts[SUT_PROCESS_PROTECTED], "in_progress",
		(json_int_t)counts[SUT_PROCESS_IN_PROGRESS], "exposed",
		(json_int_t)counts[SUT_PROCESS_EXPOSED], "hotpatches", describe_hotpatches(look),
		"processes", processes, "seen", (json_int_t)look->inventory.n_seen, "hidden",
		(json_int_t)look->inventory.n_hidden, "kind",
		want->newest
			? (want->newest->kind == SUT_RELEASE_BASELINE ? "baseline" : "hotpatch")
			: NULL);
	return sut_state_write(look->act->config, "trust/coverage.json", story, 0600);
}
