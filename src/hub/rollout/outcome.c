// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/outcome.h"

#include <string.h>

#include "fleet/coverage.h"

/** How the processes of a release's builds are doing on a device. */
struct tally {
	bool has_protected; /**< One is. */
	bool has_open;      /**< One is not. */
	bool has_failed;    /**< The agent took the hotpatch out, or the engine refused. */
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void tally_processes(const struct sut_release *release, const json_t *report,
			    struct tally *tally)
{
	size_t i;
	const json_t *process;

	json_array_foreach(json_object_get(report, "processes"), i, process)
	{
		enum sut_coverage reason;
		if (!sut_release_find(release, text_of(process, "build_id")))
			continue;
		bool is_protected = strcmp(text_of(process, "state"), "protected") == 0;
		tally->has_protected |= is_protected;
		tally->has_open |= !is_protected;
		if (!is_protected && sut_reason_find(text_of(process, "reason"), &reason))
			tally->has_failed |= reason == SUT_REASON_HELD_HERE ||
					     reason == SUT_REASON_REFUSED ||
					     reason == SUT_REASON_UNSUPPORTED;
	}
}

static bool has_hotpatch(const struct sut_release *release, const char *name)
{
	for (size_t i = 0; i < release->n_hotpatches; i++)
		if (strcmp(release->hotpatches[i].name, name) == 0)
			return true;
	return false;
}

static void tally_events(const struct sut_release *release, const json_t *report,
			 struct tally *tally)
{
	static const char *const bad[] = { "probe-failed", "crash", "held", "refused" };
	size_t i;
	const json_t *event;

	json_array_foreach(json_object_get(report, "events"), i, event)
	{
		const char *type = text_of(event, "type");
		if (!has_hotpatch(release, text_of(event, "hotpatch")))
			continue;
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
			tally->has_failed |= strcmp(type, bad[j]) == 0;
	}
}

enum sut_outcome sut_outcome_judge(const struct sut_release *release, const json_t *report,
				   enum sut_outcome before)
{
	struct tally tally = { 0 };

	tally_processes(release, report, &tally);
	tally_events(release, report, &tally);
	if (tally.has_failed)
		return SUT_OUTCOME_FAILED;
	bool has_release = strcmp(text_of(report, "release"), release->name) == 0;
	bool is_over = before != SUT_OUTCOME_FAILED || tally.has_protected;
	return has_release && !tally.has_open && is_over ? SUT_OUTCOME_DONE : before;
}
