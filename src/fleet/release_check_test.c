// SPDX-License-Identifier: Apache-2.0
#include "fleet/release.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fleet/baseline.h"
#include "test.h"

/** A release that may be published, with all that it is checked against; each test
 *  spoils something. */
struct scene {
	char *ids[2];
	struct sut_advisory advisories[2];
	struct sut_release_hotpatch hotpatches[2], before[2];
	struct sut_release_leftover leftover;
	struct sut_baseline_build builds[2];
	struct sut_baseline_package package;
	struct sut_baseline baseline, manifest;
	struct sut_release release, previous;
	struct sut_release_context context;
};

static void scene_init(struct scene *s)
{
	*s = (struct scene){
		.ids = { "CVE-1", "CVE-2" },
		.advisories = { { .id = "CVE-1" }, { .id = "CVE-2" } },
		.builds = { { "/a", "aa" }, { "/b", "bb" } },
	};
	s->before[0] = (struct sut_release_hotpatch){ .name = "aa-1",
						      .old_build_id = "aa",
						      .package = "p",
						      .path = "/a",
						      .advisories = s->ids,
						      .n_advisories = 1,
						      .size = 10,
						      .full_size = 1000 };
	s->hotpatches[0] = s->before[0];
	s->hotpatches[0].name = "aa-2";
	s->hotpatches[1] = s->hotpatches[0];
	s->hotpatches[1].name = "bb-2";
	s->hotpatches[1].old_build_id = "bb";
	s->hotpatches[1].advisories = s->ids + 1;
	s->package =
		(struct sut_baseline_package){ .name = "p", .builds = s->builds, .n_builds = 2 };
	s->baseline = (struct sut_baseline){ .name = "2026.10",
					     .packages = &s->package,
					     .n_packages = 1 };
	s->manifest = s->baseline;
	s->manifest.name = "2026.12";
	s->release = (struct sut_release){ .name = "2026.12",
					   .baseline = "2026.10",
					   .advisories = s->advisories,
					   .n_advisories = 2,
					   .hotpatches = s->hotpatches,
					   .n_hotpatches = 2 };
	s->previous = s->release;
	s->previous.name = "2026.11";
	s->previous.hotpatches = s->before;
	s->previous.n_hotpatches = 1;
	s->context =
		(struct sut_release_context){ .baseline = &s->baseline, .previous = &s->previous };
}

static void good(struct scene *s)
{
	(void)s;
}
static void first(struct scene *s)
{
	s->context.previous = NULL;
}
static void wrong_number(struct scene *s)
{
	s->release.is_out_of_band = true;
}
static void out_of_band(struct scene *s)
{
	s->release.name = "2026.11.1";
	s->release.is_out_of_band = true;
}
static void not_after(struct scene *s)
{
	s->release.name = "2026.10";
}
static void other_baseline(struct scene *s)
{
	s->baseline.name = "2026.07";
}
static void no_advisory(struct scene *s)
{
	s->hotpatches[1].n_advisories = 0;
}
static void unknown_advisory(struct scene *s)
{
	s->release.n_advisories = 1;
}
static void foreign_build(struct scene *s)
{
	s->hotpatches[1].old_build_id = "cc";
}
static void not_cumulative(struct scene *s)
{
	s->release.hotpatches++;
	s->release.n_hotpatches--;
}
static void loses_an_advisory(struct scene *s)
{
	s->before[0].n_advisories = 2;
}
static void was_revoked(struct scene *s)
{
	static char *names[] = { "aa-1" };

	not_cumulative(s);
	s->context.revoked = names;
	s->context.n_revoked = 1;
}
static void empty(struct scene *s)
{
	first(s);
	s->release.n_hotpatches = 0;
}
static void unplanned(struct scene *s)
{
	s->release.kind = SUT_RELEASE_BASELINE;
	s->context.manifest = &s->manifest;
}
static void unplanned_without_manifest(struct scene *s)
{
	s->release.kind = SUT_RELEASE_BASELINE;
}
static void unplanned_with_another_manifest(struct scene *s)
{
	unplanned(s);
	s->manifest.name = "2026.11";
}
static void leftover(struct scene *s)
{
	s->leftover = (struct sut_release_leftover){ .package = "p", .path = "/c" };
	s->release.leftovers = &s->leftover;
	s->release.n_leftovers = 1;
}
static void unplanned_leftover(struct scene *s)
{
	unplanned(s);
	leftover(s);
}
static void too_large(struct scene *s)
{
	s->hotpatches[0].size = 101;
}

TEST(release, is_checked_by_each_rule)
{
	static const struct {
		void (*spoil)(struct scene *);
		const char *code; /**< Of the only problem; "": there is none. */
		bool is_note;
		const char *text;
	} cases[] = {
		{ good, "", false, "" },
		{ first, "", false, "" },
		{ out_of_band, "", false, "" },
		{ was_revoked, "", false, "" },
		{ unplanned, "", false, "" },
		{ wrong_number, "name", false, "has a number behind its month (like 2026.12.1)" },
		{ not_after, "name", false, "2026.10 is not after its baseline 2026.10" },
		{ other_baseline, "baseline", false, "is on baseline 2026.10, not on 2026.07" },
		{ no_advisory, "no-advisory", false, "bb-2 closes no advisory" },
		{ unknown_advisory, "unknown-advisory", false, "bb-2 names CVE-2" },
		{ foreign_build, "foreign-build", false, "bb-2 is for build cc" },
		{ not_cumulative, "not-cumulative", false, "covers /a of package p" },
		{ loses_an_advisory, "not-cumulative", false, "does not name its advisory CVE-2" },
		{ empty, "empty", false, "holds no hotpatch" },
		{ unplanned_without_manifest, "no-manifest", false, "suture repo baseline" },
		{ unplanned_with_another_manifest, "no-manifest", false, "2026.12 brings" },
		{ leftover, "not-hotpatchable", true, "--unplanned-baseline" },
		{ unplanned_leftover, "not-hotpatchable", true, "the new baseline closes it" },
		{ too_large, "size", true, "aa-2 has 101 bytes" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_(sut_problems_deinit) struct sut_problems problems = { 0 };
		struct scene s;
		scene_init(&s);
		cases[i].spoil(&s);
		EXPECT_OK(sut_release_check(&s.release, &s.context, &problems));
		assert_string_equal(problems.n ? sut_problem_name(problems.list[0].code) : "",
				    cases[i].code);
		EXPECT(problems.n == (*cases[i].code != 0));
		EXPECT(problems.n_fatal == (problems.n && !cases[i].is_note));
		EXPECT(problems.n == 0 || strstr(problems.list[0].text, cases[i].text));
	}
}

TEST(release, all_problems_are_told_at_once)
{
	_cleanup_(sut_problems_deinit) struct sut_problems problems = { 0 };
	struct scene s;

	scene_init(&s);
	no_advisory(&s);
	foreign_build(&s);
	too_large(&s);
	leftover(&s);
	loses_an_advisory(&s);
	EXPECT_OK(sut_release_check(&s.release, &s.context, &problems));
	EXPECT(problems.n == 5 && problems.n_fatal == 3);
}
