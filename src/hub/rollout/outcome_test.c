// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/outcome.h"

#include "base/json.h"
#include "test.h"

static enum sut_outcome judge(const char *text, enum sut_outcome before)
{
	struct sut_release_hotpatch hotpatches[] = {
		{ .name = "server-00ff", .old_build_id = "00ff" },
		{ .name = "client-11ff", .old_build_id = "11ff" },
	};
	const struct sut_release release = {
		.name = "2026.11",
		.hotpatches = hotpatches,
		.n_hotpatches = 2,
	};
	_cleanup_json_ json_t *report = json_loads(text, 0, NULL);

	assert_non_null(report);
	return sut_outcome_judge(&release, report, before);
}

#define RELEASE       "\"release\":\"2026.11\""
#define PROTECTED     "{\"build_id\":\"00ff\",\"state\":\"protected\",\"reason\":\"protected\"}"
#define OPEN(reason)  "{\"build_id\":\"00ff\",\"state\":\"exposed\",\"reason\":\"" reason "\"}"
#define OTHER(reason) "{\"build_id\":\"22ff\",\"state\":\"exposed\",\"reason\":\"" reason "\"}"
#define REPORT(release, processes, events)                                                         \
	"{" release ",\"processes\":[" processes "],\"events\":[" events "]}"
#define EVENT(type, hotpatch) "{\"type\":\"" type "\",\"hotpatch\":\"" hotpatch "\"}"

#define ON_ITS_WAY SUT_OUTCOME_NONE
#define DONE       SUT_OUTCOME_DONE
#define FAILED     SUT_OUTCOME_FAILED

TEST(outcome, follows_from_a_report_and_what_was_before)
{
	static const struct {
		const char *report;
		enum sut_outcome before, after;
	} cases[] = {
		// Done: it has the release, and none of its processes is open.
		{ REPORT(RELEASE, PROTECTED, ""), ON_ITS_WAY, DONE },
		{ REPORT(RELEASE, PROTECTED "," PROTECTED, ""), DONE, DONE },
		{ REPORT(RELEASE, "", ""), ON_ITS_WAY, DONE },
		{ REPORT(RELEASE, OTHER("refused"), ""), ON_ITS_WAY, DONE },
		// On its way: another release, none, or something is open.
		{ REPORT("\"release\":\"2026.10.1\"", PROTECTED, ""), ON_ITS_WAY, ON_ITS_WAY },
		{ REPORT("\"release\":null", PROTECTED, ""), ON_ITS_WAY, ON_ITS_WAY },
		{ REPORT(RELEASE, PROTECTED "," OPEN("busy"), ""), ON_ITS_WAY, ON_ITS_WAY },
		{ REPORT(RELEASE, OPEN("ring-waiting"), ""), ON_ITS_WAY, ON_ITS_WAY },
		// What is done stays so while something that started later is covered.
		{ REPORT(RELEASE, PROTECTED "," OPEN("busy"), ""), DONE, DONE },
		// Failed: taken out, refused, crashed.
		{ REPORT(RELEASE, OPEN("held-here"), ""), ON_ITS_WAY, FAILED },
		{ REPORT(RELEASE, OPEN("refused"), ""), DONE, FAILED },
		{ REPORT(RELEASE, OPEN("unsupported"), ""), ON_ITS_WAY, FAILED },
		{ REPORT(RELEASE, PROTECTED "," OPEN("refused"), ""), ON_ITS_WAY, FAILED },
		{ REPORT(RELEASE, PROTECTED, EVENT("crash", "server-00ff")), DONE, FAILED },
		{ REPORT(RELEASE, PROTECTED, EVENT("probe-failed", "client-11ff")), DONE, FAILED },
		{ REPORT(RELEASE, "", EVENT("held", "server-00ff")), ON_ITS_WAY, FAILED },
		{ REPORT(RELEASE, "", EVENT("refused", "server-00ff")), ON_ITS_WAY, FAILED },
		// What happened to another hotpatch, or was no harm, is none of this release.
		{ REPORT(RELEASE, PROTECTED, EVENT("crash", "other-22ff")), ON_ITS_WAY, DONE },
		{ REPORT(RELEASE, PROTECTED, EVENT("applied", "server-00ff")), ON_ITS_WAY, DONE },
		// A failure stays until a process is proved with the release.
		{ REPORT(RELEASE, "", ""), FAILED, FAILED },
		{ REPORT("\"release\":null", PROTECTED, ""), FAILED, FAILED },
		{ REPORT(RELEASE, PROTECTED "," OPEN("busy"), ""), FAILED, FAILED },
		{ REPORT(RELEASE, PROTECTED, ""), FAILED, DONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum sut_outcome after = judge(cases[i].report, cases[i].before);
		if (after != cases[i].after)
			print_error("case %zu: %s\n", i, cases[i].report);
		EXPECT(after == cases[i].after);
	}
}

TEST(outcome, of_a_report_with_nothing_in_it_is_as_before)
{
	EXPECT(judge("{}", ON_ITS_WAY) == ON_ITS_WAY);
	EXPECT(judge("{}", DONE) == DONE);
	EXPECT(judge("{\"processes\":7,\"events\":[{}]}", FAILED) == FAILED);
}
