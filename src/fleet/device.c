// SPDX-License-Identifier: Apache-2.0
#include "fleet/device.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"

static const char *const trains[] = { "hotpatch", "standard", "blocked" };

const char *sut_train_name(enum sut_train train)
{
	return trains[train];
}

bool sut_train_find(const char *word, enum sut_train *ret)
{
	for (int i = 0; i < 3; i++) {
		if (strcmp(trains[i], word) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static const struct {
	const char *name, *label;
} statuses[] = {
	[SUT_STATUS_PROTECTED] = { "protected", "Protected" },
	[SUT_STATUS_IN_PROGRESS] = { "in-progress", "In progress" },
	[SUT_STATUS_PAUSED] = { "paused", "Paused" },
	[SUT_STATUS_EXPOSED] = { "exposed", "Exposed" },
	[SUT_STATUS_NOT_READY] = { "not-ready", "Not ready" },
	[SUT_STATUS_HELD] = { "held", "Held" },
	[SUT_STATUS_OFFLINE] = { "offline", "Off line" },
};

const char *sut_status_name(enum sut_status status)
{
	return statuses[status].name;
}

const char *sut_status_label(enum sut_status status)
{
	return statuses[status].label;
}

bool sut_status_find(const char *word, enum sut_status *ret)
{
	for (int i = 0; i < SUT_N_STATUSES; i++) {
		if (strcmp(statuses[i].name, word) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

uint64_t sut_device_offline_after(uint64_t report_s)
{
	uint64_t after = report_s * SUT_DEVICE_MISSED;

	return after < 180 ? 180 : after;
}

static bool is_silent(const struct sut_device_facts *f)
{
	return f->now > f->last_seen &&
	       (uint64_t)(f->now - f->last_seen) > sut_device_offline_after(f->report_s);
}

__attribute__((format(printf, 2, 3))) static struct sut_device_status state(enum sut_status status,
									    const char *fmt, ...)
{
	struct sut_device_status ret = { .status = status };
	va_list args;

	va_start(args, fmt);
	vsnprintf(ret.text, sizeof(ret.text), fmt, args);
	va_end(args);
	return ret;
}

// A device that says what it has been told to have, or that was told nothing.
static bool has_wanted(const struct sut_device_facts *f)
{
	if (!f->wanted || !f->release)
		return f->wanted == f->release;
	return strcmp(f->wanted, f->release) == 0;
}

static struct sut_device_status derive_moving(const struct sut_device_facts *f)
{
	const char *what = f->wanted ? f->wanted : "no release";

	if (f->now - f->wanted_since > SUT_DEVICE_GRACE)
		return state(SUT_STATUS_EXPOSED,
			     "It is to have %s, and still has %s: see why on its page.", what,
			     f->release ? f->release : "none");
	return state(SUT_STATUS_IN_PROGRESS, "It goes from %s to %s.",
		     f->release ? f->release : "nothing", what);
}

static const char *processes(uint64_t n)
{
	return n == 1 ? "process is" : "processes are";
}

static struct sut_device_status derive_settled(const struct sut_device_facts *f)
{
	if (f->n_exposed)
		return state(SUT_STATUS_EXPOSED, "%llu %s not protected.",
			     (unsigned long long)f->n_exposed, processes(f->n_exposed));
	if (f->n_in_progress && f->is_newest_on_its_way)
		return state(SUT_STATUS_IN_PROGRESS,
			     "%s is on its way, and has not reached ring %s yet.", f->newest,
			     f->ring);
	if (f->n_in_progress)
		return state(SUT_STATUS_IN_PROGRESS, "%llu %s about to be protected.",
			     (unsigned long long)f->n_in_progress, processes(f->n_in_progress));
	if (!f->newest)
		return state(SUT_STATUS_PROTECTED, "No release is published yet.");
	return state(SUT_STATUS_PROTECTED, "All processes that %s concerns are protected.",
		     f->wanted ? f->wanted : f->newest);
}

// A point in time stays true for as long as the text is kept; a span would not.
static struct sut_device_status derive_silent(const struct sut_device_facts *f)
{
	char since[SUT_TIME_SIZE];

	sut_time_format(f->last_seen, since);
	return state(SUT_STATUS_OFFLINE, "It has not reported since %s.", since);
}

struct sut_device_status sut_device_derive(const struct sut_device_facts *f)
{
	if (!f->has_reported)
		return state(SUT_STATUS_OFFLINE, "It is enrolled, and has not reported yet.");
	if (is_silent(f))
		return derive_silent(f);
	if (f->hold)
		return state(SUT_STATUS_HELD, "It is held: %s", f->hold);
	if (f->train == SUT_TRAIN_BLOCKED || f->not_ready)
		return state(SUT_STATUS_NOT_READY, "It cannot be hotpatched: %s",
			     f->not_ready ? f->not_ready : "its train is blocked.");
	if (f->train == SUT_TRAIN_STANDARD)
		return f->n_exposed
			       ? state(SUT_STATUS_EXPOSED,
				       "It takes packages instead of hotpatches; %llu %s not "
				       "protected.",
				       (unsigned long long)f->n_exposed, processes(f->n_exposed))
			       : state(SUT_STATUS_PROTECTED,
				       "It takes packages instead of hotpatches.");
	if (f->is_newest_paused && f->n_exposed)
		return state(SUT_STATUS_PAUSED, "%s is paused; %llu %s not protected.", f->newest,
			     (unsigned long long)f->n_exposed, processes(f->n_exposed));
	return has_wanted(f) ? derive_settled(f) : derive_moving(f);
}

json_t *sut_device_axes(const struct sut_device_facts *f)
{
	static const char *const train_texts[] = {
		[SUT_TRAIN_HOTPATCH] = "It stays on its baseline and takes hotpatches.",
		[SUT_TRAIN_STANDARD] = "It takes the fixed packages instead of hotpatches.",
		[SUT_TRAIN_BLOCKED] = "It cannot take hotpatches.",
	};
	const char *enrolment = !f->has_reported ? "enrolled" : is_silent(f) ? "silent" : "active";
	const char *enrolment_text = !f->has_reported ? "It has not reported yet."
				     : is_silent(f)   ? "It does not report any more."
						      : "It reports.";

	return json_pack("{s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s, s:s}}", "enrolment",
			 "value", enrolment, "text", enrolment_text, "readiness", "value",
			 f->not_ready ? "not-ready" : "ready", "text",
			 f->not_ready ? f->not_ready : "It can be hotpatched.", "train", "value",
			 sut_train_name(f->train), "text", train_texts[f->train], "assignment",
			 "value", f->hold ? "held" : f->ring, "text",
			 f->hold ? f->hold : "It takes what its ring takes.");
}
