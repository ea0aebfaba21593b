// SPDX-License-Identifier: Apache-2.0
#include "fleet/device.h"

#include <string.h>

#include "test.h"

// Reported just now, has what its ring wants, all processes protected.
static struct sut_device_facts healthy(void)
{
	return (struct sut_device_facts){
		.has_reported = true,
		.last_seen = 100000,
		.report_s = 60,
		.ring = "test",
		.wanted = "2026.11",
		.wanted_since = 90000,
		.newest = "2026.11",
		.release = "2026.11",
		.n_protected = 3,
		.now = 100000,
	};
}

static void as_it_is(struct sut_device_facts *f)
{
	(void)f;
}
static void never_reported(struct sut_device_facts *f)
{
	f->has_reported = false;
}
static void nearly_silent(struct sut_device_facts *f)
{
	f->now += 300;
}
static void silent(struct sut_device_facts *f)
{
	f->now += 301;
}
static void silent_and_held(struct sut_device_facts *f)
{
	silent(f);
	f->hold = "somebody is at it";
}
static void clock_set_back(struct sut_device_facts *f)
{
	f->now = 5;
}
static void held(struct sut_device_facts *f)
{
	f->hold = "somebody is at it";
	f->n_exposed = 1;
}
static void not_ready(struct sut_device_facts *f)
{
	f->not_ready = "The kernel forbids ptrace.";
	f->n_exposed = 2;
}
static void blocked(struct sut_device_facts *f)
{
	f->train = SUT_TRAIN_BLOCKED;
}
static void standard(struct sut_device_facts *f)
{
	f->train = SUT_TRAIN_STANDARD;
	f->release = NULL;
}
static void standard_exposed(struct sut_device_facts *f)
{
	standard(f);
	f->n_exposed = 1;
}
static void one_exposed(struct sut_device_facts *f)
{
	f->n_exposed = 1;
}
static void being_patched(struct sut_device_facts *f)
{
	f->n_in_progress = 2;
}
static void just_offered(struct sut_device_facts *f)
{
	f->release = NULL;
	f->wanted_since = f->now - 3600;
	f->n_exposed = 3;
}
static void offered_long_ago(struct sut_device_facts *f)
{
	just_offered(f);
	f->wanted_since--;
}
static void to_be_taken_out(struct sut_device_facts *f)
{
	f->wanted = NULL;
	f->wanted_since = f->now;
}
static void on_its_way(struct sut_device_facts *f)
{
	f->newest = "2026.12";
	f->is_newest_on_its_way = true;
	f->n_in_progress = 1;
}
static void paused(struct sut_device_facts *f)
{
	f->newest = "2026.12";
	f->is_newest_paused = true;
	f->n_exposed = 1;
}
static void paused_and_not_concerned(struct sut_device_facts *f)
{
	paused(f);
	f->n_exposed = 0;
}
static void nothing_published(struct sut_device_facts *f)
{
	f->wanted = f->newest = f->release = NULL;
}

TEST(device, status_comes_from_report_ring_and_clock)
{
	static const struct {
		void (*spoil)(struct sut_device_facts *);
		const char *status, *text;
	} cases[] = {
		{ as_it_is, "protected", "All processes that 2026.11 concerns" },
		{ never_reported, "offline", "has not reported yet" },
		{ nearly_silent, "protected", "" },
		{ silent, "offline", "has not reported since 1970-01-02T" },
		{ silent_and_held, "offline", "" },
		{ clock_set_back, "protected", "" },
		{ held, "held", "somebody is at it" },
		{ not_ready, "not-ready", "The kernel forbids ptrace." },
		{ blocked, "not-ready", "blocked" },
		{ standard, "protected", "packages instead" },
		{ standard_exposed, "exposed", "1 process is not" },
		{ one_exposed, "exposed", "1 process is not protected" },
		{ being_patched, "in-progress", "2 processes are about" },
		{ just_offered, "in-progress", "from nothing to 2026.11" },
		{ offered_long_ago, "exposed", "It is to have 2026.11" },
		{ to_be_taken_out, "in-progress", "from 2026.11 to no release" },
		{ on_its_way, "in-progress", "has not reached ring test" },
		{ paused, "paused", "2026.12 is paused" },
		{ paused_and_not_concerned, "protected", "" },
		{ nothing_published, "protected", "No release is published" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sut_device_facts facts = healthy();
		cases[i].spoil(&facts);
		struct sut_device_status status = sut_device_derive(&facts);
		assert_string_equal(sut_status_name(status.status), cases[i].status);
		EXPECT(strstr(status.text, cases[i].text));
	}
}

TEST(device, axes_are_told_apart)
{
	struct sut_device_facts facts = healthy();
	static const char *const keys[] = { "enrolment", "readiness", "train", "assignment" };
	static const char *const values[][4] = {
		{ "active", "ready", "hotpatch", "test" },
		{ "silent", "not-ready", "blocked", "held" },
	};

	for (int bad = 0; bad < 2; bad++) {
		if (bad) {
			silent_and_held(&facts);
			not_ready(&facts);
			blocked(&facts);
		}
		json_t *axes = sut_device_axes(&facts);
		EXPECT(json_object_size(axes) == 4);
		for (int i = 0; i < 4; i++) {
			const json_t *axis = json_object_get(axes, keys[i]);
			assert_string_equal(json_string_value(json_object_get(axis, "value")),
					    values[bad][i]);
			EXPECT(json_string_length(json_object_get(axis, "text")) > 5);
		}
		json_decref(axes);
	}
}

TEST(device, words_come_back)
{
	for (int i = 0; i < SUT_N_STATUSES; i++) {
		enum sut_status found;
		EXPECT(sut_status_find(sut_status_name(i), &found) && found == (enum sut_status)i);
		EXPECT(*sut_status_label(i) >= 'A' && *sut_status_label(i) <= 'Z');
	}
	for (int i = 0; i < 3; i++) {
		enum sut_train found;
		EXPECT(sut_train_find(sut_train_name(i), &found) && found == (enum sut_train)i);
	}
}
