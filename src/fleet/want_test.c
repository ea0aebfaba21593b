// SPDX-License-Identifier: Apache-2.0
#include "fleet/release.h"
#include "fleet/rollout.h"

#include <string.h>

#include "base/cleanup.h"
#include "test.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

// Two months on one baseline, then a baseline with a month on top. Each release patches
// build aa; build bb comes in the second, cc with the new baseline.
static char *one[] = { "CVE-1" }, *two[] = { "CVE-1", "CVE-2" };
static struct sut_release_hotpatch october[] = {
	{ .name = "aa-1",
	  .old_build_id = "aa",
	  .new_build_id = "a1",
	  .path = "/a",
	  .advisories = one,
	  .n_advisories = 1 },
};
static struct sut_release_hotpatch december[] = {
	{ .name = "aa-2",
	  .old_build_id = "aa",
	  .new_build_id = "a2",
	  .path = "/a",
	  .advisories = two,
	  .n_advisories = 2 },
	{ .name = "bb-2",
	  .old_build_id = "bb",
	  .new_build_id = "b2",
	  .path = "/b",
	  .advisories = one,
	  .n_advisories = 1 },
};
static struct sut_release_hotpatch february[] = {
	{ .name = "cc-1",
	  .old_build_id = "cc",
	  .new_build_id = "c1",
	  .path = "/c",
	  .advisories = one,
	  .n_advisories = 1 },
};
static struct sut_release_leftover leftovers[] = {
	{ .package = "d", .path = "/d", .old_build_id = "dd", .new_build_id = "d1" },
	{ .package = "e", .path = "/e" },
};
static const struct sut_release releases[] = {
	{ .name = "2027.02", .baseline = "2027.01", .hotpatches = february, .n_hotpatches = 1 },
	{ .name = "2026.11", .baseline = "2026.10", .hotpatches = october, .n_hotpatches = 1 },
	{ .name = "2026.12",
	  .baseline = "2026.10",
	  .hotpatches = december,
	  .n_hotpatches = 2,
	  .leftovers = leftovers,
	  .n_leftovers = 2 },
};

/** A repository in the making. */
struct world {
	struct sut_rollout rollouts[3];
	struct sut_rollout_ring rings[3][2];
	struct sut_revocation revocation;
	struct sut_catalogue catalogue;
	size_t n;
};

static void world_init(struct world *w)
{
	*w = (struct world){ .catalogue = { .releases = releases, .n_releases = 3 } };
	w->catalogue.rollouts = w->rollouts;
}

// A rollout of @p release in which ring "test" is open, and "broad" as said.
static void roll_out(struct world *w, char *release, enum sut_rollout_state state,
		     enum sut_ring_state broad)
{
	w->rings[w->n][0] = (struct sut_rollout_ring){ "test", SUT_RING_OPEN, true, 1 };
	w->rings[w->n][1] = (struct sut_rollout_ring){ "broad", broad, true, 1 };
	w->rollouts[w->n] = (struct sut_rollout){ .id = release,
						  .release = release,
						  .state = state,
						  .rings = w->rings[w->n],
						  .n_rings = 2 };
	w->catalogue.n_rollouts = ++w->n;
}

static void revoke_names(struct world *w, char **names, size_t n_releases, size_t n_hotpatches)
{
	w->revocation = (struct sut_revocation){ .id = "r",
						 .releases = names,
						 .n_releases = n_releases,
						 .hotpatches = names,
						 .n_hotpatches = n_hotpatches };
	w->catalogue.revocations = &w->revocation;
	w->catalogue.n_revocations = 1;
}

TEST(want, depends_on_rollout_ring_and_what_the_device_has)
{
	static const struct {
		enum sut_rollout_state state;
		enum sut_ring_state broad;
		const char *ring, *has, *wanted;
		enum sut_coverage reason;
	} cases[] = {
		{ SUT_ROLLOUT_RUNNING, SUT_RING_WAITING, "test", NULL, "2026.11",
		  SUT_REASON_PROTECTED },
		{ SUT_ROLLOUT_RUNNING, SUT_RING_WAITING, "broad", NULL, "",
		  SUT_REASON_RING_WAITING },
		{ SUT_ROLLOUT_RUNNING, SUT_RING_OPEN, "broad", NULL, "2026.11",
		  SUT_REASON_PROTECTED },
		{ SUT_ROLLOUT_RUNNING, SUT_RING_DONE, "broad", NULL, "2026.11",
		  SUT_REASON_PROTECTED },
		// A ring that the rollout does not name waits for its end.
		{ SUT_ROLLOUT_RUNNING, SUT_RING_OPEN, "other", NULL, "", SUT_REASON_RING_WAITING },
		{ SUT_ROLLOUT_COMPLETED, SUT_RING_DONE, "other", NULL, "2026.11",
		  SUT_REASON_PROTECTED },
		// Paused: kept by who has it.
		{ SUT_ROLLOUT_PAUSED, SUT_RING_OPEN, "broad", NULL, "", SUT_REASON_ROLLOUT_PAUSED },
		{ SUT_ROLLOUT_PAUSED, SUT_RING_OPEN, "broad", "2026.11", "2026.11",
		  SUT_REASON_PROTECTED },
		{ SUT_ROLLOUT_PAUSED, SUT_RING_OPEN, "broad", "2026.12", "",
		  SUT_REASON_ROLLOUT_PAUSED },
		{ SUT_ROLLOUT_ROLLED_BACK, SUT_RING_OPEN, "broad", "2026.11", "",
		  SUT_REASON_ROLLED_BACK },
		{ SUT_ROLLOUT_RECALLED, SUT_RING_OPEN, "broad", "2026.11", "",
		  SUT_REASON_RECALLED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
		struct world w;
		world_init(&w);
		w.catalogue.releases = &releases[1];
		w.catalogue.n_releases = 1;
		roll_out(&w, "2026.11", cases[i].state, cases[i].broad);
		EXPECT_OK(sut_want_init(&w.catalogue, cases[i].ring, cases[i].has, &want));
		assert_string_equal(want.release ? want.release->name : "", cases[i].wanted);
		assert_string_equal(want.newest->name, "2026.11");
		EXPECT(want.reason == cases[i].reason);
		EXPECT(strstr(want.text, "2026.11"));
	}
}

TEST(want, is_nothing_where_nothing_is_published_or_rolled_out)
{
	_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
	const struct sut_catalogue empty = { 0 };
	struct world w;

	EXPECT_OK(sut_want_init(&empty, "test", "2026.11", &want));
	EXPECT(!want.release && !want.newest && want.reason == SUT_REASON_PROTECTED);
	EXPECT(!sut_want_hotpatch(&want, "aa", NULL));
	sut_want_deinit(&want);
	world_init(&w);
	EXPECT_OK(sut_want_init(&w.catalogue, "test", NULL, &want));
	EXPECT(!want.release && want.newest == &releases[0]);
	EXPECT(want.newest_why == SUT_WANT_NO_ROLLOUT);
}

TEST(want, falls_to_the_next_lower_release_when_one_is_taken_back)
{
	_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
	static char *names[] = { "2026.12" };
	const struct sut_release *from;
	struct world w;

	world_init(&w);
	roll_out(&w, "2026.11", SUT_ROLLOUT_COMPLETED, SUT_RING_DONE);
	roll_out(&w, "2026.12", SUT_ROLLOUT_RUNNING, SUT_RING_OPEN);
	EXPECT_OK(sut_want_init(&w.catalogue, "broad", NULL, &want));
	EXPECT(want.release == &releases[2] && want.n_allowed == 2);
	assert_string_equal(sut_want_hotpatch(&want, "aa", &from)->name, "aa-2");
	EXPECT(from == &releases[2]);
	sut_want_deinit(&want);

	revoke_names(&w, names, 1, 0);
	EXPECT_OK(sut_want_init(&w.catalogue, "broad", "2026.12", &want));
	EXPECT(want.release == &releases[1]);
	assert_string_equal(sut_want_hotpatch(&want, "aa", &from)->name, "aa-1");
	EXPECT(!sut_want_hotpatch(&want, "bb", NULL));
	EXPECT(sut_want_reason(&want, "aa", NULL, &from) == SUT_REASON_RECALLED);
	EXPECT(from == &releases[2]);
}

TEST(want, leaves_out_a_hotpatch_that_is_revoked_by_itself)
{
	_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
	static char *names[] = { "aa-2" };
	struct world w;

	world_init(&w);
	roll_out(&w, "2026.12", SUT_ROLLOUT_COMPLETED, SUT_RING_DONE);
	revoke_names(&w, names, 0, 1);
	EXPECT_OK(sut_want_init(&w.catalogue, "broad", NULL, &want));
	EXPECT(want.release == &releases[2]);
	EXPECT(!sut_want_hotpatch(&want, "aa", NULL));
	EXPECT(sut_want_reason(&want, "aa", "/a", NULL) == SUT_REASON_RECALLED);
	assert_string_equal(sut_want_hotpatch(&want, "bb", NULL)->name, "bb-2");
	sut_want_deinit(&want);
	// An older release may have one that is still good.
	roll_out(&w, "2026.11", SUT_ROLLOUT_COMPLETED, SUT_RING_DONE);
	EXPECT_OK(sut_want_init(&w.catalogue, "broad", NULL, &want));
	assert_string_equal(sut_want_hotpatch(&want, "aa", NULL)->name, "aa-1");
}

TEST(want, serves_devices_on_an_older_baseline_too)
{
	_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
	struct world w;

	world_init(&w);
	roll_out(&w, "2026.12", SUT_ROLLOUT_COMPLETED, SUT_RING_DONE);
	roll_out(&w, "2027.02", SUT_ROLLOUT_COMPLETED, SUT_RING_DONE);
	EXPECT_OK(sut_want_init(&w.catalogue, "broad", NULL, &want));
	assert_string_equal(want.release->name, "2027.02");
	assert_string_equal(sut_want_hotpatch(&want, "aa", NULL)->name, "aa-2");
	assert_string_equal(sut_want_hotpatch(&want, "cc", NULL)->name, "cc-1");
	EXPECT(sut_want_reason(&want, "aa", NULL, NULL) == SUT_REASON_PROTECTED);
}

TEST(want, tells_why_a_build_is_not_protected)
{
	// With 2026.11 everywhere and 2026.12 in ring "test".
	static const struct {
		const char *build, *path, *ring, *told;
		enum sut_coverage reason;
	} cases[] = {
		{ "aa", "/a", "test", "2026.12", SUT_REASON_PROTECTED },
		{ "aa", "/a", "broad", "2026.12", SUT_REASON_RING_WAITING },
		{ "bb", NULL, "broad", "2026.12", SUT_REASON_RING_WAITING },
		{ "a2", "/a", "broad", "2026.12", SUT_REASON_PROTECTED }, // the fixed build
		{ "a1", "/a", "broad", "2026.11", SUT_REASON_PROTECTED },
		{ "ff", "/a", "test", "2026.12", SUT_REASON_UNKNOWN_BUILD },
		{ "ff", "/f", "test", NULL, SUT_REASON_PROTECTED }, // nobody knows of it
		{ "ff", NULL, "test", NULL, SUT_REASON_PROTECTED },
		{ "dd", "/d", "test", "2026.12", SUT_REASON_NO_HOTPATCH },
		{ "d1", "/d", "test", "2026.12", SUT_REASON_PROTECTED },
		{ "ff", "/d", "test", "2026.12", SUT_REASON_UNKNOWN_BUILD },
		{ "ff", "/e", "test", "2026.12", SUT_REASON_NO_HOTPATCH },
		{ "cc", "/c", "test", "2027.02", SUT_REASON_RING_WAITING }, // not rolled out
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
		const struct sut_release *told = NULL;
		struct world w;
		world_init(&w);
		roll_out(&w, "2026.11", SUT_ROLLOUT_COMPLETED, SUT_RING_DONE);
		roll_out(&w, "2026.12", SUT_ROLLOUT_RUNNING, SUT_RING_WAITING);
		EXPECT_OK(sut_want_init(&w.catalogue, cases[i].ring, NULL, &want));
		enum sut_coverage reason =
			sut_want_reason(&want, cases[i].build, cases[i].path, &told);
		assert_string_equal(sut_reason_name(reason), sut_reason_name(cases[i].reason));
		assert_string_equal(told ? told->name : "", cases[i].told ? cases[i].told : "");
	}
}

TEST(want, an_older_hotpatch_that_closes_the_same_is_protection_enough)
{
	_cleanup_(sut_want_deinit) struct sut_want want = { 0 };
	struct sut_release same[2] = { releases[1], releases[1] };
	struct world w;

	same[1].name = "2026.12";
	world_init(&w);
	w.catalogue.releases = same;
	w.catalogue.n_releases = 2;
	roll_out(&w, "2026.11", SUT_ROLLOUT_COMPLETED, SUT_RING_DONE);
	roll_out(&w, "2026.12", SUT_ROLLOUT_ROLLED_BACK, SUT_RING_OPEN);
	EXPECT_OK(sut_want_init(&w.catalogue, "broad", NULL, &want));
	EXPECT(want.reason == SUT_REASON_ROLLED_BACK);
	EXPECT(sut_want_reason(&want, "aa", NULL, NULL) == SUT_REASON_PROTECTED);
}

TEST(coverage, each_reason_has_word_sentence_and_remedy)
{
	for (int i = 0; i < SUT_N_REASONS; i++) {
		enum sut_coverage found;
		EXPECT(sut_reason_find(sut_reason_name(i), &found) && found == (enum sut_coverage)i);
		EXPECT(strlen(sut_reason_sentence(i)) > 20);
		EXPECT(i == SUT_REASON_PROTECTED || i == SUT_REASON_GONE ||
		       strlen(sut_reason_remedy(i)) > 10);
		EXPECT((sut_reason_state(i) == SUT_PROCESS_PROTECTED) ==
		       (i == SUT_REASON_PROTECTED));
	}
	enum sut_coverage found;
	EXPECT(!sut_reason_find("because", &found));
}
