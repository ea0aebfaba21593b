// SPDX-License-Identifier: Apache-2.0
#include "hub/device/report.h"

#include <string.h>

#include "base/hash.h"
#include "base/json.h"

enum { MAX_ATTRIBUTES = 64, MAX_READINESS = 64 };

/** A text field: where it goes, and how it is. */
struct text_field {
	const char *key;
	size_t max; /**< Bytes. */
	bool may_be_null;
	size_t at; /**< Offset of the pointer in the struct that is filled in. */
};

// Shown to people and written to logs: nothing in it may steer a terminal.
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static struct sut_err *read_text(const json_t *json, const struct text_field *field, void *to)
{
	const char *text;
	struct sut_err *err = field->may_be_null ? sut_json_text_if(json, field->key, &text)
						 : sut_json_text(json, field->key, &text);

	if (err)
		return err;
	if (text && (strlen(text) > field->max || !is_plain(text)))
		return sut_err(SUT_E_FORMAT, "'%s' must be at most %zu bytes of plain text",
			       field->key, field->max);
	*(const char **)((char *)to + field->at) = text;
	return NULL;
}

static struct sut_err *read_texts(const json_t *json, const struct text_field *fields, void *to)
{
	struct sut_err *err = NULL;

	for (; fields->key && !err; fields++)
		err = read_text(json, fields, to);
	return err;
}

// One of the words in @allowed, which has blanks around each.
static struct sut_err *check_word(const char *key, const char *word, const char *allowed)
{
	size_t size = strlen(word);

	for (const char *at = strstr(allowed, word); at && size; at = strstr(at + 1, word))
		if (at > allowed && at[-1] == ' ' && at[size] == ' ')
			return NULL;
	return sut_err(SUT_E_FORMAT, "'%s' must be one of%s", key, allowed);
}

// A code of a closed list that grows with the agents: only its form is checked.
static struct sut_err *check_code(const char *key, const char *code)
{
	size_t size = strlen(code);

	if (!size || strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-") != size)
		return sut_err(SUT_E_FORMAT, "'%s' must be lower-case letters, digits and dashes",
			       key);
	return NULL;
}

static struct sut_err *check_hex(const char *key, const char *text)
{
	size_t size = strlen(text);

	if (!size || size % 2 || strspn(text, "0123456789abcdef") != size)
		return sut_err(SUT_E_FORMAT, "'%s' must be lower-case hex", key);
	return NULL;
}

static struct sut_err *read_time_if(const json_t *json, const char *key, int64_t *ret)
{
	struct sut_err *err;

	*ret = 0;
	if (!json_object_get(json, key) || json_is_null(json_object_get(json, key)))
		return NULL;
	err = sut_json_time(json, key, ret);
	*ret *= 1000000;
	return err;
}

static struct sut_err *read_pause(const json_t *json, int64_t *ret)
{
	const json_t *pause = json_object_get(json, "pause_us");

	*ret = -1;
	if (!pause || json_is_null(pause))
		return NULL;
	double us = json_number_value(pause);
	if (!json_is_number(pause) || !(us >= 0 && us < 1e12))
		return sut_err(SUT_E_FORMAT, "'pause_us' must be a number from 0 on, or null");
	*ret = us * 1000 + 0.5;
	return NULL;
}

static struct sut_err *read_process(const json_t *json, struct sut_process_row *ret)
{
#define TEXT(key, member, max, may_be_null)                                                        \
	{                                                                                          \
		key, max, may_be_null, offsetof(struct sut_process_row, member)                    \
	}
	static const struct text_field texts[] = {
		TEXT("name", name, 255, false),         TEXT("path", path, 4096, false),
		TEXT("unit", unit, 255, true),          TEXT("container", container, 255, true),
		TEXT("build_id", build_id, 128, false), TEXT("hotpatch", hotpatch, 255, true),
		TEXT("release", release, 64, true),     TEXT("state", state, 16, false),
		TEXT("reason", reason, 64, false),      TEXT("detail", detail, 1024, false),
		TEXT("proof", proof, 64, true),         { NULL },
	};
#undef TEXT
	struct sut_err *err = read_texts(json, texts, ret);

	if (!err)
		err = sut_json_number(json, "pid", 1, INT32_MAX, &ret->pid);
	if (!err)
		err = sut_json_number(json, "start", 0, INT64_MAX, &ret->start);
	if (!err)
		err = sut_json_number(json, "tries", 0, INT32_MAX, &ret->tries);
	if (!err)
		err = read_time_if(json, "verified", &ret->verified);
	if (!err)
		err = read_pause(json, &ret->pause_ns);
	if (!err)
		err = check_word("state", ret->state, " protected in-progress exposed ");
	if (!err)
		err = check_code("reason", ret->reason);
	if (!err)
		err = check_hex("build_id", ret->build_id);
	if (!err && ret->proof)
		err = check_hex("proof", ret->proof);
	return err;
}

static struct sut_err *read_processes(const json_t *json, struct sut_report *report)
{
	const json_t *list;
	struct sut_err *err = sut_json_list(json, "processes", SUT_REPORT_PROCESSES, &list);

	if (err)
		return err;
	report->processes = calloc(json_array_size(list) + 1, sizeof(*report->processes));
	if (!report->processes)
		return sut_err_nomem();
	for (; report->n_processes < json_array_size(list); report->n_processes++) {
		err = read_process(json_array_get(list, report->n_processes),
				   &report->processes[report->n_processes]);
		if (err)
			return sut_err_wrap(err, "process %zu", report->n_processes);
	}
	return NULL;
}

static struct sut_err *read_event(const json_t *json, struct sut_event_row *ret)
{
#define TEXT(key, member, max, may_be_null)                                                        \
	{                                                                                          \
		key, max, may_be_null, offsetof(struct sut_event_row, member)                      \
	}
	static const struct text_field texts[] = {
		TEXT("type", type, 32, false),
		TEXT("hotpatch", hotpatch, 255, true),
		TEXT("detail", detail, 1024, false),
		{ NULL },
	};
#undef TEXT
	struct sut_err *err = read_texts(json, texts, ret);

	if (!err)
		err = sut_json_number(json, "seq", 1, INT64_MAX, &ret->seq);
	if (!err)
		err = sut_json_time(json, "time", &ret->time);
	if (!err)
		err = check_word(
			"type", ret->type,
			" applied reverted probe-failed crash held recalled refreshed refused"
			" baseline error ");
	ret->time *= 1000000;
	return err;
}

static struct sut_err *read_events(const json_t *json, struct sut_report *report)
{
	const json_t *list;
	struct sut_err *err = sut_json_list(json, "events", SUT_REPORT_EVENTS, &list);

	if (err)
		return err;
	report->events = calloc(json_array_size(list) + 1, sizeof(*report->events));
	if (!report->events)
		return sut_err_nomem();
	for (; report->n_events < json_array_size(list); report->n_events++) {
		err = read_event(json_array_get(list, report->n_events),
				 &report->events[report->n_events]);
		if (err)
			return sut_err_wrap(err, "event %zu", report->n_events);
	}
	return NULL;
}

static struct sut_err *dump(const json_t *json, char **ret)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text)
		return sut_err_nomem();
	*ret = text;
	return NULL;
}

struct sut_err *sut_attributes_read(const json_t *json, char **ret)
{
	const char *key;
	json_t *value;

	if (!json_is_object(json) || json_object_size(json) > MAX_ATTRIBUTES)
		return sut_err(SUT_E_FORMAT, "'attributes' must be an object of at most %d texts",
			       MAX_ATTRIBUTES);
	json_object_foreach((json_t *)json, key, value) if (
		!json_is_string(value) || json_string_length(value) > 255 || strlen(key) > 64 ||
		!is_plain(key) ||
		!is_plain(json_string_value(
			value))) return sut_err(SUT_E_FORMAT,
						"an attribute must be a short plain text");
	return dump(json, ret);
}

static struct sut_err *read_readiness(const json_t *json, char **ret)
{
	static const struct text_field fields[] = {
		{ "code", 64, false, 0 },
		{ "detail", 1024, false, 0 },
		{ NULL },
	};
	const json_t *list;
	const char *text;
	struct sut_err *err = sut_json_list(json, "readiness", MAX_READINESS, &list);

	for (size_t i = 0; !err && i < json_array_size(list); i++)
		err = read_texts(json_array_get(list, i), fields, &text);
	return err ? sut_err_wrap(err, "readiness") : dump(list, ret);
}

// An object that is stored as it is once its known fields are checked; or null.
static struct sut_err *read_object_if(const json_t *json, const char *key,
				      struct sut_err *(*check)(const json_t *json), char **ret)
{
	const json_t *object = json_object_get(json, key);

	if (!object || json_is_null(object))
		return NULL;
	struct sut_err *err = sut_json_object(json, key, &object);
	if (!err)
		err = check(object);
	return err ? sut_err_wrap(err, "'%s'", key) : dump(object, ret);
}

static struct sut_err *check_next(const json_t *json)
{
	static const struct text_field fields[] = { { "what", 1024, false, 0 }, { NULL } };
	const char *text;
	int64_t time;
	struct sut_err *err = read_texts(json, fields, &text);

	return err ? err : read_time_if(json, "when", &time);
}

static struct sut_err *check_tuf(const json_t *json)
{
	int64_t number;
	struct sut_err *err = sut_json_number(json, "root", 0, INT64_MAX, &number);

	if (!err)
		err = sut_json_number(json, "timestamp", 0, INT64_MAX, &number);
	return err ? err : read_time_if(json, "expires", &number);
}

static struct sut_err *read_coverage(const json_t *json, struct sut_report *report)
{
	const json_t *coverage;
	struct sut_err *err = sut_json_object(json, "coverage", &coverage);

	if (!err)
		err = sut_json_number(coverage, "protected", 0, INT32_MAX, &report->n_protected);
	if (!err)
		err = sut_json_number(coverage, "exposed", 0, INT32_MAX, &report->n_exposed);
	if (!err)
		err = sut_json_number(coverage, "in_progress", 0, INT32_MAX,
				      &report->n_in_progress);
	return err;
}

static struct sut_err *read_plain_fields(const json_t *json, struct sut_report *report)
{
#define TEXT(key, max, may_be_null)                                                                \
	{                                                                                          \
#key, max, may_be_null, offsetof(struct sut_report, key)                           \
	}
	static const struct text_field texts[] = {
		TEXT(device, 36, false),
		TEXT(hostname, 255, false),
		TEXT(boot_id, 64, false),
		TEXT(agent, 64, false),
		TEXT(kernel, 255, false),
		TEXT(os, 255, false),
		TEXT(train, 16, false),
		TEXT(baseline, 64, true),
		TEXT(release, 64, true),
		TEXT(ring, 63, true),
		{ NULL },
	};
#undef TEXT
	struct sut_err *err = read_texts(json, texts, report);

	if (!err)
		err = sut_json_number(json, "seq", 1, INT64_MAX, &report->seq);
	if (!err)
		err = sut_json_time(json, "sent", &report->sent);
	if (!err)
		err = check_word("train", report->train, " hotpatch standard blocked ");
	report->sent *= 1000000;
	return err;
}

static struct sut_err *read_made_texts(const json_t *json, struct sut_checked_report *checked)
{
	struct sut_report *report = &checked->report;
	_cleanup_free_ char *processes = NULL;
	struct sut_sha256 digest;
	struct sut_err *err =
		sut_attributes_read(json_object_get(json, "attributes"), &checked->texts[0]);

	if (!err)
		err = read_readiness(json, &checked->texts[1]);
	if (!err)
		err = read_object_if(json, "next", check_next, &checked->texts[2]);
	if (!err)
		err = read_object_if(json, "tuf", check_tuf, &checked->texts[3]);
	if (!err)
		err = dump(json_object_get(json, "processes"), &processes);
	if (!err)
		err = sut_sha256((struct sut_view){ (uint8_t *)processes, strlen(processes) },
				 &digest);
	if (err)
		return err;
	sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, checked->digest);
	report->attributes_json = checked->texts[0];
	report->readiness_json = checked->texts[1];
	report->next_json = checked->texts[2];
	report->tuf_json = checked->texts[3];
	report->processes_digest = checked->digest;
	return NULL;
}

struct sut_err *sut_report_read(const json_t *json, struct sut_checked_report *ret)
{
	*ret = (struct sut_checked_report){ 0 };
	struct sut_err *err = read_plain_fields(json, &ret->report);

	if (!err)
		err = read_coverage(json, &ret->report);
	if (!err)
		err = read_processes(json, &ret->report);
	if (!err)
		err = read_events(json, &ret->report);
	if (!err)
		err = read_made_texts(json, ret);
	if (err)
		sut_report_deinit(ret);
	return err;
}

void sut_report_deinit(struct sut_checked_report *checked)
{
	for (size_t i = 0; i < sizeof(checked->texts) / sizeof(checked->texts[0]); i++)
		free(checked->texts[i]);
	free(checked->report.processes);
	free(checked->report.events);
	*checked = (struct sut_checked_report){ 0 };
}
