// SPDX-License-Identifier: Apache-2.0
#include "fleet/policy.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "test.h"

static struct sut_view view(const char *text)
{
	return (struct sut_view){ (const uint8_t *)text, strlen(text) };
}

#define GATES                                                                                      \
	"\"deferral_s\":0,\"approval\":false,\"soak_s\":0,\"min_sample\":1,"                       \
	"\"success_rate\":1,\"error_rate\":0"

TEST(policy, usual_one_comes_back_as_it_was_read)
{
	_cleanup_(sut_policy_deinit) struct sut_policy policy = { 0 };
	_cleanup_json_ json_t *read = NULL, *written = NULL;
	struct sut_policy again;

	EXPECT_OK(sut_policy_read(view(sut_policy_usual), &policy));
	EXPECT(policy.n_rings == 3 && policy.on_red == SUT_ON_RED_ROLL_BACK);
	assert_string_equal(policy.rings[0].label, "Test");
	EXPECT(policy.rings[0].has_match && policy.rings[0].soak_s == 3600);
	EXPECT(!policy.rings[2].has_percent && !policy.rings[2].has_match);
	written = sut_policy_write(&policy);
	EXPECT_OK(sut_policy_from_json(written, &again));
	read = sut_policy_write(&again);
	EXPECT(json_equal(read, written));
	sut_policy_deinit(&again);
}

TEST(policy, refuses_what_makes_no_sense)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "[]", "must be an object" },
		{ "{\"rings\":[],\"on_red\":\"pause\"}", "one ring at least" },
		{ "{\"rings\":[{\"name\":\"a\"," GATES "}]}", "\"on_red\" is missing" },
		{ "{\"rings\":[{\"name\":\"a\"," GATES "}],\"on_red\":\"stop\"}", "roll-back" },
		{ "{\"rings\":[{\"name\":\"a\"," GATES "},{\"name\":\"a\"," GATES
		  "}],\"on_red\":\"pause\"}",
		  "ring a is there twice" },
		{ "{\"rings\":[{\"name\":\"a/b\"," GATES "}],\"on_red\":\"pause\"}", "a name" },
		{ "{\"rings\":[{\"name\":\"a\",\"percent\":60," GATES
		  "},{\"name\":\"b\",\"percent\":41," GATES "}],\"on_red\":\"pause\"}",
		  "101 percent together" },
		{ "{\"rings\":[{\"name\":\"a\",\"percent\":101," GATES "}],\"on_red\":\"pause\"}",
		  "from 0 to 100" },
		{ "{\"rings\":[{\"name\":\"a\",\"deferral_s\":0,\"approval\":false,"
		  "\"soak_s\":-1,\"min_sample\":1,\"success_rate\":1,\"error_rate\":0}],"
		  "\"on_red\":\"pause\"}",
		  "\"soak_s\": must be a whole number" },
		{ "{\"rings\":[{\"name\":\"a\",\"deferral_s\":0,\"approval\":false,"
		  "\"soak_s\":0,\"min_sample\":1,\"success_rate\":1.1,\"error_rate\":0}],"
		  "\"on_red\":\"pause\"}",
		  "\"success_rate\": must be a number from 0 to 1" },
	};
	struct sut_policy policy;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		EXPECT_ERR(sut_policy_read(view(cases[i].text), &policy), SUT_E_FORMAT,
			   cases[i].complaint);
}

static const char *assign(const struct sut_policy *policy, const char *id, const char *assigned,
			  const char *attributes)
{
	_cleanup_json_ json_t *json = attributes ? json_loads(attributes, 0, NULL) : NULL;
	const struct sut_policy_device device = { id, assigned, json };
	const struct sut_policy_ring *ring;

	EXPECT_OK(sut_policy_assign(policy, &device, &ring));
	return ring->name;
}

TEST(policy, somebodys_word_goes_before_attribute_before_percent)
{
	static const struct {
		const char *assigned, *attributes, *ring;
	} cases[] = {
		{ "fast", "{\"role\": \"canary\"}", "fast" },
		{ "no-such-ring", "{\"role\": \"canary\"}", "test" },
		{ NULL, "{\"role\": \"canary\", \"site\": \"x\"}", "test" },
		// The SHA-256 of this id begins with 0x58 and so falls into the last ring.
		{ NULL, "{\"role\": \"web\"}", "broad" },
		{ NULL, "{\"role\": 1}", "broad" },
		{ NULL, NULL, "broad" },
	};
	_cleanup_(sut_policy_deinit) struct sut_policy policy = { 0 };

	EXPECT_OK(sut_policy_read(view(sut_policy_usual), &policy));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
			assign(&policy, "device-2", cases[i].assigned, cases[i].attributes),
			cases[i].ring);
}

TEST(policy, percents_are_met_and_a_device_stays_where_it_is)
{
	_cleanup_(sut_policy_deinit) struct sut_policy policy = { 0 };
	size_t n[3] = { 0 };

	EXPECT_OK(sut_policy_read(view(sut_policy_usual), &policy));
	for (int i = 0; i < 20000; i++) {
		char id[32];
		snprintf(id, sizeof(id), "device-%d", i);
		const char *name = assign(&policy, id, NULL, NULL);
		for (size_t k = 0; k < 3; k++)
			n[k] += strcmp(policy.rings[k].name, name) == 0;
		assert_string_equal(assign(&policy, id, NULL, NULL), name);
	}
	EXPECT(n[0] > 850 && n[0] < 1150);
	EXPECT(n[1] > 3800 && n[1] < 4200);
	EXPECT(n[0] + n[1] + n[2] == 20000);
}

TEST(policy, more_percent_only_adds_devices_to_a_ring)
{
	_cleanup_(sut_policy_deinit) struct sut_policy policy = { 0 };

	EXPECT_OK(sut_policy_read(view(sut_policy_usual), &policy));
	for (int i = 0; i < 2000; i++) {
		char id[32];
		snprintf(id, sizeof(id), "device-%d", i);
		policy.rings[0].percent = 5;
		bool was_in = strcmp(assign(&policy, id, NULL, NULL), "test") == 0;
		policy.rings[0].percent = 10;
		EXPECT(!was_in || strcmp(assign(&policy, id, NULL, NULL), "test") == 0);
	}
}

TEST(policy, all_the_percents_leave_nothing_for_the_last_ring)
{
	_cleanup_(sut_policy_deinit) struct sut_policy policy = { 0 };

	EXPECT_OK(sut_policy_read(view("{\"rings\":[{\"name\":\"a\",\"percent\":100," GATES
				       "},{\"name\":\"b\"," GATES "}],\"on_red\":\"pause\"}"),
				  &policy));
	for (int i = 0; i < 500; i++) {
		char id[32];
		snprintf(id, sizeof(id), "%d", i);
		assert_string_equal(assign(&policy, id, NULL, NULL), "a");
	}
}
