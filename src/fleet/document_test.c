// SPDX-License-Identifier: Apache-2.0

/**
 * All documents: what comes back, and what is refused
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "fleet/baseline.h"
#include "fleet/release.h"
#include "fleet/rollout.h"
#include "fleet/version.h"
#include "test.h"

static struct sut_view view(const char *text)
{
	return (struct sut_view){ (const uint8_t *)text, strlen(text) };
}

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char baseline_text[] =
	"{\"type\":\"baseline\",\"name\":\"2026.10\",\"product\":\"debian-12\","
	"\"date\":\"2026-10-13\",\"planned\":true,\"packages\":["
	"{\"name\":\"server\",\"version\":\"1.2-3\",\"architecture\":\"amd64\","
	"\"source\":\"server\",\"builds\":[{\"path\":\"/usr/sbin/server\","
	"\"build_id\":\"0011\"}]}]}";

static const char release_text[] =
	"{\"type\":\"release\",\"name\":\"2026.11\",\"baseline\":\"2026.10\","
	"\"kind\":\"hotpatch\",\"date\":\"2026-11-10\",\"out_of_band\":false,"
	"\"advisories\":[{\"id\":\"CVE-2026-1\",\"severity\":\"high\","
	"\"published\":\"2026-11-03\",\"summary\":\"a hole\"}],"
	"\"hotpatches\":[{\"name\":\"one\",\"target\":\"hotpatches/2026.11/one.hotpatch\","
	"\"sha256\":\"" SHA "\",\"size\":10,\"full_size\":1000,\"old_build_id\":\"0011\","
	"\"new_build_id\":\"0022\",\"package\":\"server\",\"old_version\":\"1.2-3\","
	"\"new_version\":\"1.2-4\",\"path\":\"/usr/sbin/server\","
	"\"advisories\":[\"CVE-2026-1\"],\"accepted\":[{\"code\":\"c\",\"function\":\"f\","
	"\"why\":\"w\"}]}],"
	"\"not_hotpatchable\":[{\"package\":\"other\",\"path\":\"/usr/lib/other\","
	"\"old_build_id\":null,\"new_build_id\":null,\"verdict\":\"refused\","
	"\"reasons\":[{\"code\":\"c\",\"function\":\"f\",\"detail\":\"d\"}],"
	"\"advisories\":[\"CVE-2026-1\"]}]}";

static const char rollout_text[] =
	"{\"type\":\"rollout\",\"id\":\"2026.11\",\"release\":\"2026.11\","
	"\"baseline\":\"2026.10\",\"state\":\"running\",\"rings\":["
	"{\"name\":\"test\",\"state\":\"open\",\"opened\":\"2026-11-10T12:00:00Z\"},"
	"{\"name\":\"broad\",\"state\":\"waiting\",\"opened\":null}],"
	"\"decision\":7,\"decided\":\"2026-11-10T12:00:00Z\",\"reason\":\"why\","
	"\"expedited\":false}";

static const char revocation_text[] =
	"{\"type\":\"revocation\",\"id\":\"r-1\",\"releases\":[\"2026.11\"],"
	"\"hotpatches\":[],\"reason\":\"why\",\"date\":\"2026-11-10T12:00:00Z\"}";

/** A kind of document: reads @p bytes and, if that works, writes it again. */
struct kind {
	const char *text;
	struct sut_err *(*pass)(struct sut_view bytes, json_t **ret);
};

#define PASS(noun)                                                                                 \
	static struct sut_err *pass_##noun(struct sut_view bytes, json_t **ret)                    \
	{                                                                                          \
		struct sut_##noun value;                                                           \
		struct sut_err *err = sut_##noun##_read(bytes, &value);                            \
                                                                                                   \
		if (err)                                                                           \
			return err;                                                                \
		*ret = sut_##noun##_write(&value);                                                 \
		sut_##noun##_deinit(&value);                                                       \
		return NULL;                                                                       \
	}
PASS(baseline)
PASS(release)
PASS(rollout)
PASS(revocation)

static const struct kind kinds[] = {
	{ baseline_text, pass_baseline },
	{ release_text, pass_release },
	{ rollout_text, pass_rollout },
	{ revocation_text, pass_revocation },
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

TEST(document, comes_back_as_it_was_read)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		_cleanup_json_ json_t *read = NULL, *written = NULL;
		EXPECT_OK(sut_json_parse(view(kinds[i].text), &read));
		EXPECT_OK(kinds[i].pass(view(kinds[i].text), &written));
		EXPECT(json_equal(read, written));
	}
}

// Refuse each document without one of its members, whatever the depth: @p at is the
// object to look at within @p root.
static void refuse_without(const struct kind *kind, json_t *root, json_t *at)
{
	char *keys[32];
	size_t n_keys = 0, i;
	const char *key;
	json_t *value;

	json_object_foreach(at, key, value) keys[n_keys++] = strdup(key);
	for (size_t k = 0; k < n_keys; k++) {
		json_t *ret;
		value = json_incref(json_object_get(at, keys[k]));
		json_object_del(at, keys[k]);
		_cleanup_free_ char *text = json_dumps(root, 0);
		if (!json_is_null(value))
			EXPECT_ERR(kind->pass(view(text), &ret), SUT_E_FORMAT, "is missing");
		json_object_set_new(at, keys[k], json_object());
		_cleanup_free_ char *wrong = json_dumps(root, 0);
		EXPECT_ERR(kind->pass(view(wrong), &ret), SUT_E_FORMAT, "");
		json_object_set(at, keys[k], value);
		if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
			json_t *item;
			json_array_foreach(value, i, item) refuse_without(kind, root, item);
		}
		json_decref(value);
		free(keys[k]);
	}
}

TEST(document, needs_every_member_and_each_of_its_own_form)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		_cleanup_json_ json_t *root = NULL;
		EXPECT_OK(sut_json_parse(view(kinds[i].text), &root));
		// The optional ones are null in these texts, or in rings that wait.
		if (kinds[i].pass == pass_rollout)
			json_array_remove(json_object_get(root, "rings"), 0);
		refuse_without(&kinds[i], root, root);
	}
}

TEST(document, ignores_members_that_it_does_not_know)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		_cleanup_json_ json_t *root = NULL, *written = NULL;
		EXPECT_OK(sut_json_parse(view(kinds[i].text), &root));
		json_object_set_new(root, "later", json_real(1.5));
		_cleanup_free_ char *text = json_dumps(root, 0);
		EXPECT_OK(kinds[i].pass(view(text), &written));
		EXPECT(!json_object_get(written, "later"));
	}
}

TEST(document, survives_every_truncation)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		json_t *ret;
		for (size_t size = 0; size < strlen(kinds[i].text); size++) {
			struct sut_view cut = { (const uint8_t *)kinds[i].text, size };
			EXPECT_ERR(kinds[i].pass(cut, &ret), SUT_E_FORMAT, "");
		}
	}
}

TEST(document, is_not_taken_for_another)
{
	for (size_t i = 0; i < N_KINDS; i++)
		for (size_t k = 0; k < N_KINDS; k++) {
			json_t *ret;
			if (i != k)
				EXPECT_ERR(kinds[i].pass(view(kinds[k].text), &ret), SUT_E_FORMAT,
					   "is of type");
		}
}

/** A text of a document, a part of it, what stands there instead, the complaint. */
struct damage {
	const char *part, *instead, *complaint;
};

static void refuse(const struct kind *kind, const struct damage *damages, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *text = NULL;
		const char *at = strstr(kind->text, damages[i].part);
		json_t *ret;
		assert_non_null(at);
		EXPECT(asprintf(&text, "%.*s%s%s", (int)(at - kind->text), kind->text,
				damages[i].instead, at + strlen(damages[i].part)) > 0);
		EXPECT_ERR(kind->pass(view(text), &ret), SUT_E_FORMAT, damages[i].complaint);
	}
}

#define REFUSE(kind, damages) refuse(&kinds[kind], damages, sizeof(damages) / sizeof(*(damages)))

TEST(document, baseline_refuses_what_makes_no_sense)
{
	static const struct damage damages[] = {
		{ "\"2026.10\"", "\"2026.1\"", "\"name\": must be the name of a release" },
		{ "debian-12", "debian/12", "\"product\": must be a name" },
		{ "2026-10-13", "2026-10-32", "must be a date" },
		{ "\"/usr/sbin/server\"", "\"usr/sbin/server\"", "is not absolute" },
		{ "\"0011\"", "\"00A1\"", "\"packages\": [0]: \"builds\": [0]: \"build_id\"" },
		{ "\"0011\"", "\"001\"", "lower-case hex digits" },
		{ "\"0011\"", "\"\"", "lower-case hex digits" },
		{ "1.2-3", "1.2\\u0007", "text without control characters" },
		{ "1.2-3", "1.2\\u0085", "text without control characters" },
		{ "true", "1", "\"planned\": must be true or false" },
		{ "[{\"name\":\"server\"",
		  "[{\"name\":\"server\",\"version\":\"1\",\"architecture\":\"amd64\","
		  "\"source\":\"s\",\"builds\":[]},{\"name\":\"server\"",
		  "package server is there twice" },
	};

	REFUSE(0, damages);
}

TEST(document, release_refuses_what_makes_no_sense)
{
	static const struct damage damages[] = {
		{ "hotpatches/2026.11/one", "hotpatches/2026.12/one",
		  "must be \"hotpatches/2026.11/" },
		{ "hotpatches/2026.11/one", "../one", "must be \"hotpatches/2026.11/" },
		{ "\"name\":\"one\"", "\"name\":\".one\"", "must be a name" },
		{ "\"name\":\"one\"", "\"name\":\"o/ne\"", "must be a name" },
		{ "\"" SHA "\"", "\"aa\"", "is no SHA-256" },
		{ "\"size\":10", "\"size\":-1", "a whole number from 0 on" },
		{ "\"size\":10", "\"size\":1.5", "a whole number from 0 on" },
		{ "\"high\"", "\"worst\"", "must be one of critical" },
		{ "\"kind\":\"hotpatch\"", "\"kind\":\"driver\"", "must be one of hotpatch" },
		{ "\"/usr/sbin/server\"", "\"server\"", "is not absolute" },
		{ "\"hotpatches\":[",
		  "\"hotpatches\":[{\"name\":\"two\",\"target\":\"hotpatches/2026.11/"
		  "two.hotpatch\",\"sha256\":\"" SHA "\",\"size\":10,\"full_size\":1000,"
		  "\"old_build_id\":\"0011\",\"new_build_id\":\"0022\",\"package\":\"server\","
		  "\"old_version\":\"1\",\"new_version\":\"2\",\"path\":\"/a\","
		  "\"advisories\":[],\"accepted\":[]},",
		  "hotpatches two and one are for one build" },
	};

	REFUSE(1, damages);
}

TEST(document, rollout_refuses_what_makes_no_sense)
{
	static const struct damage damages[] = {
		{ "\"id\":\"2026.11\"", "\"id\":\"2026.12\"", "is not that of release 2026.11" },
		{ "\"state\":\"waiting\"", "\"state\":\"open\"", "was never opened" },
		{ "\"name\":\"broad\"", "\"name\":\"test\"", "ring test is there twice" },
		{ "\"state\":\"running\"", "\"state\":\"walking\"", "must be one of running" },
		{ "T12:00:00Z", "T12:00:00+01:00", "must be a time" },
		{ "\"decision\":7", "\"decision\":\"7\"", "a whole number" },
	};

	REFUSE(2, damages);
}

TEST(document, names_its_place_in_the_error)
{
	static const struct damage damages[] = {
		{ "\"hotpatches\":[]", "\"hotpatches\":[\"a\",\"\"]",
		  "revocation: \"hotpatches\": [1]: must be a name" },
		{ "\"releases\":[\"2026.11\"]", "\"releases\":{}", "an array of names" },
	};

	REFUSE(3, damages);
}

TEST(document, finds_the_package_of_a_build)
{
	struct sut_baseline baseline;
	const struct sut_baseline_build *build = NULL;

	EXPECT_OK(sut_baseline_read(view(baseline_text), &baseline));
	EXPECT(sut_baseline_find(&baseline, "0011", &build) == &baseline.packages[0]);
	EXPECT(build && strcmp(build->path, "/usr/sbin/server") == 0);
	EXPECT(!sut_baseline_find(&baseline, "0022", NULL));
	sut_baseline_deinit(&baseline);
}

TEST(version, has_one_form)
{
	static const char *const good[] = { "2026.10", "1970.01", "9999.12", "2026.10.1",
					    "2026.10.999" };
	static const char *const bad[] = {
		"",         "2026",       "2026.1",       "2026.13", "2026.00",  "2026.10.0",
		"2026.10.", "2026.10.01", "2026.10.1000", "1969.10", "02026.10", "2026.10.1.1",
		" 2026.10", "2026.10 ",   "2026-10",      "+026.10", "2026.+1",  "2026.10x"
	};
	struct sut_version version;
	char text[SUT_VERSION_SIZE];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		EXPECT(sut_version_read(good[i], &version));
		sut_version_write(version, text);
		EXPECT(strcmp(text, good[i]) == 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT(!sut_version_read(bad[i], &version));
}

TEST(version, orders_year_month_number)
{
	static const char *const ordered[] = { "2025.12",    "2026.02",   "2026.10",
					       "2026.11",    "2026.11.1", "2026.11.2",
					       "2026.11.10", "2026.12",   "2027.01" };
	const int n = sizeof(ordered) / sizeof(*ordered);

	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++) {
			int order = sut_version_compare(ordered[i], ordered[k]);
			EXPECT((order < 0) == (i < k) && (order > 0) == (i > k));
		}
}
