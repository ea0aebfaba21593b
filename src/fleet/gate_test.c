// SPDX-License-Identifier: Apache-2.0
#include "fleet/gate.h"
#include "fleet/release.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "test.h"

/** A ring, its devices, and the gates that this makes: g, w and r for each kind. */
struct gates_case {
	uint64_t deferral, soak, min_sample;
	double success, error;
	uint64_t devices, done, failed, offline;
	const char *flags; /**< n: needs approval, a: has it, o: open, x: expedited. */
	int64_t now;       /**< The rollout began at 1000, the ring opened at 2000. */
	const char *gates;
};

static const struct gates_case gates_cases[] = {
	// Before it opens: deferral, approval.
	{ 0, 0, 1, 1, 0, 4, 0, 0, 0, "", 1000, "ggwwww" },
	{ 50, 0, 1, 1, 0, 4, 0, 0, 0, "", 1049, "wgwwww" },
	{ 50, 0, 1, 1, 0, 4, 0, 0, 0, "", 1050, "ggwwww" },
	{ 0, 0, 1, 1, 0, 4, 0, 0, 0, "n", 1000, "gwwwww" },
	{ 0, 0, 1, 1, 0, 4, 0, 0, 0, "na", 1000, "ggwwww" },
	// A clock set back is no time gone by.
	{ 50, 0, 1, 1, 0, 4, 0, 0, 0, "", 10, "wgwwww" },
	// Open: sample, success, errors, soak.
	{ 0, 60, 2, .5, .1, 4, 1, 0, 0, "o", 2059, "ggwwww" },
	{ 0, 60, 2, .5, .1, 4, 2, 0, 0, "o", 2059, "gggggw" },
	{ 0, 60, 2, .5, .1, 4, 2, 0, 0, "o", 2060, "gggggg" },
	// Not enough are done yet.
	{ 0, 0, 1, .98, .1, 100, 97, 0, 0, "o", 2000, "gggwgg" },
	{ 0, 0, 1, .98, .1, 100, 98, 0, 0, "o", 2000, "gggggg" },
	// Those that cannot be reached do not count.
	{ 0, 0, 1, 1, .1, 100, 90, 0, 10, "o", 2000, "gggggg" },
	{ 0, 0, 1, 1, .1, 3, 0, 0, 3, "o", 2000, "ggwwwg" },
	// One failure among the two that tried is not half of ten.
	{ 0, 0, 10, .9, .1, 50, 1, 1, 0, "o", 2000, "ggwwwg" },
	// Two of ten would be, whatever the others do.
	{ 0, 0, 10, .9, .1, 50, 0, 2, 0, "o", 2000, "ggwwrg" },
	{ 0, 0, 1, .9, .1, 50, 45, 5, 0, "o", 2000, "gggggg" },
	{ 0, 0, 1, .9, .1, 50, 44, 6, 0, "o", 2000, "gggwrg" },
	// The only device of a ring fails.
	{ 0, 0, 1, .98, .01, 1, 0, 1, 0, "o", 2000, "gggwrg" },
	// Fewer devices than the sample: all of them.
	{ 0, 0, 10, .98, .01, 3, 2, 0, 0, "o", 2000, "ggwwwg" },
	{ 0, 0, 10, .98, .01, 3, 3, 0, 0, "o", 2000, "gggggg" },
	// No device at all.
	{ 0, 60, 5, .98, .01, 0, 0, 0, 0, "o", 2001, "gggggw" },
	// Expedited: waits for nothing, and red stays red.
	{ 50, 60, 5, .98, .01, 9, 0, 0, 0, "nx", 1000, "gggggg" },
	{ 50, 60, 5, .98, .01, 9, 0, 1, 0, "nox", 2000, "ggggrg" },
};

TEST(gate, each_kind_is_green_waiting_or_red)
{
	static const char letters[] = {
		[SUT_GATE_GREEN] = 'g', [SUT_GATE_WAITING] = 'w', [SUT_GATE_RED] = 'r'
	};

	for (size_t i = 0; i < sizeof(gates_cases) / sizeof(*gates_cases); i++) {
		const struct gates_case *c = &gates_cases[i];
		const struct sut_policy_ring policy = {
			.name = "a",
			.deferral_s = c->deferral,
			.soak_s = c->soak,
			.min_sample = c->min_sample,
			.needs_approval = strchr(c->flags, 'n'),
			.success_rate = c->success,
			.error_rate = c->error,
		};
		const bool is_open = strchr(c->flags, 'o');
		const struct sut_rollout_ring ring = { "a", is_open, is_open, 2000 };
		const struct sut_ring_counts counts = {
			"a", c->devices, c->done, c->failed, c->offline, strchr(c->flags, 'a')
		};
		const struct sut_gate_input input = { &policy, &ring,  &counts,
						      1000,    c->now, strchr(c->flags, 'x') };
		struct sut_gate gates[SUT_N_GATES];
		char text[SUT_N_GATES + 1] = "";
		sut_gates_evaluate(&input, gates);
		for (int k = 0; k < SUT_N_GATES; k++) {
			text[k] = letters[gates[k].state];
			EXPECT(gates[k].kind == (enum sut_gate_kind)k && *gates[k].text);
		}
		if (strcmp(text, c->gates) != 0)
			print_error("case %zu\n", i);
		assert_string_equal(text, c->gates);
	}
}

TEST(gate, shows_value_limit_and_sample)
{
	const struct sut_policy_ring policy = {
		.name = "a", .min_sample = 1, .success_rate = .98, .error_rate = .01
	};
	const struct sut_rollout_ring ring = { "a", SUT_RING_OPEN, true, 0 };
	const struct sut_ring_counts counts = { "a", 50, 49, 1, 0, false };
	const struct sut_gate_input input = { &policy, &ring, &counts, 0, 10, false };
	struct sut_gate gates[SUT_N_GATES];

	sut_gates_evaluate(&input, gates);
	json_t *json = sut_gate_write(&gates[SUT_GATE_ERROR_RATE]);
	json_t *expected = json_loads("{\"name\":\"error-rate\",\"state\":\"red\",\"value\":0.02,"
				      "\"limit\":0.01,\"sample\":50,\"text\":"
				      "\"1 of 50 devices that tried failed; 1% may.\"}",
				      0, NULL);
	EXPECT(json_equal(json, expected));
	json_decref(json);
	json_decref(expected);
}

static const char policy_text[] =
	"{\"rings\":["
	"{\"name\":\"test\",\"deferral_s\":0,\"approval\":false,\"soak_s\":60,\"min_sample\":1,"
	"\"success_rate\":0.98,\"error_rate\":0.01},"
	"{\"name\":\"fast\",\"deferral_s\":500,\"approval\":false,\"soak_s\":60,"
	"\"min_sample\":1,\"success_rate\":0.98,\"error_rate\":0.01},"
	"{\"name\":\"broad\",\"deferral_s\":0,\"approval\":true,\"soak_s\":60,"
	"\"min_sample\":1,\"success_rate\":0.98,\"error_rate\":0.01}],\"on_red\":\"roll-back\"}";

/** A policy, a rollout of it, and what its devices are doing. */
struct scene {
	struct sut_policy policy;
	struct sut_rollout rollout;
	struct sut_ring_counts counts[3];
};

static void scene_init(struct scene *s)
{
	struct sut_release release = { .name = "2026.11", .baseline = "2026.10" };

	EXPECT_OK(sut_policy_read(
		(struct sut_view){ (const uint8_t *)policy_text, strlen(policy_text) },
		&s->policy));
	EXPECT_OK(sut_rollout_begin(&release, &s->policy, "begun", 1000, &s->rollout));
	s->counts[0] = (struct sut_ring_counts){ "test", 1, 0, 0, 0, false };
	s->counts[1] = (struct sut_ring_counts){ "fast", 10, 0, 0, 0, false };
	s->counts[2] = (struct sut_ring_counts){ "broad", 100, 0, 0, 0, false };
}

static void scene_deinit(struct scene *s)
{
	sut_policy_deinit(&s->policy);
	sut_rollout_deinit(&s->rollout);
}

// Let the machine decide at @p now, and carry it out.
static struct sut_decision step(struct scene *s, int64_t now)
{
	const struct sut_step_input input = { &s->rollout, &s->policy, s->counts, 3, 1000, now };
	struct sut_decision decision;
	bool has_changed;

	sut_rollout_step(&input, &decision);
	EXPECT(*decision.reason);
	EXPECT_OK(sut_rollout_decide(&s->rollout, decision.kind, decision.ring, decision.reason,
				     now, &has_changed));
	EXPECT(has_changed == (decision.kind != SUT_DECISION_NONE));
	return decision;
}

#define EXPECT_STEP(scene, now, wanted, wanted_ring)                                               \
	do {                                                                                       \
		struct sut_decision made = step(scene, now);                                       \
		assert_string_equal(sut_decision_name(made.kind), wanted);                         \
		assert_string_equal(made.ring ? made.ring : "-", wanted_ring);                     \
	} while (0)

TEST(rollout, goes_from_ring_to_ring_as_gates_turn_green)
{
	_cleanup_(scene_deinit) struct scene s = { 0 };

	scene_init(&s);
	EXPECT(s.rollout.decision == 1 && s.rollout.state == SUT_ROLLOUT_RUNNING);
	EXPECT_STEP(&s, 1000, "open", "test");
	EXPECT_STEP(&s, 1001, "none", "test"); // sample
	s.counts[0].done = 1;
	EXPECT_STEP(&s, 1059, "none", "test"); // soak
	EXPECT_STEP(&s, 1060, "none", "fast"); // deferral
	EXPECT(s.rollout.rings[1].state == SUT_RING_WAITING);
	EXPECT_STEP(&s, 1500, "open", "fast");
	EXPECT(s.rollout.rings[0].state == SUT_RING_DONE && s.rollout.rings[1].opened == 1500);
	s.counts[1].done = 10;
	EXPECT_STEP(&s, 1560, "none", "broad"); // approval
	s.counts[2].is_approved = true;
	EXPECT_STEP(&s, 1561, "open", "broad");
	EXPECT_STEP(&s, 1700, "none", "broad");
	s.counts[2].done = 98;
	EXPECT_STEP(&s, 1701, "complete", "-");
	EXPECT(s.rollout.state == SUT_ROLLOUT_COMPLETED && s.rollout.decision == 5);
	for (int i = 0; i < 3; i++)
		EXPECT(s.rollout.rings[i].state == SUT_RING_DONE);
	EXPECT_STEP(&s, 1702, "none", "-");
}

TEST(rollout, is_stopped_by_a_red_gate_of_any_open_ring)
{
	static const char *const what[] = {
		[SUT_ON_RED_PAUSE] = "pause", [SUT_ON_RED_ROLL_BACK] = "roll-back"
	};

	for (int on_red = 0; on_red < 2; on_red++) {
		_cleanup_(scene_deinit) struct scene s = { 0 };
		scene_init(&s);
		s.policy.on_red = on_red;
		EXPECT_STEP(&s, 1000, "open", "test");
		s.counts[0].done = 1;
		EXPECT_STEP(&s, 1600, "open", "fast");
		// The first ring turns bad only now.
		s.counts[0].done = 0;
		s.counts[0].failed = 1;
		EXPECT_STEP(&s, 1601, what[on_red], "test");
		EXPECT_STEP(&s, 1602, "none", "-");
		EXPECT(s.rollout.rings[2].state == SUT_RING_WAITING);
	}
}

TEST(rollout, waits_as_long_as_there_is_no_device)
{
	_cleanup_(scene_deinit) struct scene s = { 0 };

	scene_init(&s);
	memset(s.counts, 0, sizeof(s.counts));
	for (int i = 0; i < 3; i++)
		s.counts[i].ring = s.policy.rings[i].name;
	EXPECT_STEP(&s, 999999, "none", "-");
	// An empty ring before one with devices is passed, though.
	s.counts[1].devices = 1;
	EXPECT_STEP(&s, 1000000, "open", "test");
	EXPECT_STEP(&s, 1000059, "none", "test");
	EXPECT_STEP(&s, 1000060, "open", "fast");
}

TEST(rollout, expedited_opens_ring_after_ring_and_still_stops_at_red)
{
	_cleanup_(scene_deinit) struct scene s = { 0 };
	bool has_changed;

	scene_init(&s);
	EXPECT_OK(sut_rollout_decide(&s.rollout, SUT_DECISION_EXPEDITE, NULL, "now", 1000,
				     &has_changed));
	EXPECT(has_changed && s.rollout.is_expedited);
	EXPECT_STEP(&s, 1000, "open", "test");
	EXPECT_STEP(&s, 1000, "open", "fast");
	s.counts[0].failed = 1;
	EXPECT_STEP(&s, 1000, "roll-back", "test");
}

TEST(rollout, pauses_when_the_policy_lost_its_ring)
{
	_cleanup_(scene_deinit) struct scene s = { 0 };

	scene_init(&s);
	free(s.policy.rings[1].name);
	s.policy.rings[1].name = strdup("quick");
	EXPECT_STEP(&s, 1000, "pause", "fast");
}

TEST(rollout, takes_each_decision_in_the_states_where_it_makes_sense)
{
	// '+' it is done, '=' it is so already, '-' it is refused.
	static const struct {
		enum sut_decision_kind kind;
		const char *by_state; // running, paused, completed, rolled-back, recalled
	} cases[] = {
		{ SUT_DECISION_NONE, "=====" },      { SUT_DECISION_OPEN, "+----" },
		{ SUT_DECISION_COMPLETE, "--=--" },  { SUT_DECISION_PAUSE, "+=---" },
		{ SUT_DECISION_RESUME, "=+---" },    { SUT_DECISION_EXPEDITE, "+----" },
		{ SUT_DECISION_ROLL_BACK, "+++=-" }, { SUT_DECISION_RECALL, "++++=" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (int state = 0; state < 5; state++) {
			_cleanup_(scene_deinit) struct scene s = { 0 };
			bool has_changed = false;
			scene_init(&s);
			s.rollout.state = state;
			struct sut_err *err = sut_rollout_decide(&s.rollout, cases[i].kind, "test",
								 "why", 1234, &has_changed);
			char outcome = err ? '-' : has_changed ? '+' : '=';
			if (err)
				EXPECT_ERR(err, SUT_E_USAGE, "");
			if (outcome != cases[i].by_state[state])
				print_error("%s in %s\n", sut_decision_name(cases[i].kind),
					    sut_rollout_state_name(state));
			EXPECT(outcome == cases[i].by_state[state]);
			EXPECT(s.rollout.decision == (has_changed ? 2 : 1));
			EXPECT(strcmp(s.rollout.reason, has_changed ? "why" : "begun") == 0);
		}
}

TEST(rollout, opens_rings_in_their_order_only)
{
	_cleanup_(scene_deinit) struct scene s = { 0 };
	bool has_changed;

	scene_init(&s);
	EXPECT_ERR(sut_rollout_decide(&s.rollout, SUT_DECISION_OPEN, "fast", "", 1, &has_changed),
		   SUT_E_USAGE, "ring test comes before ring fast, and is not open yet");
	EXPECT_ERR(sut_rollout_decide(&s.rollout, SUT_DECISION_OPEN, "slow", "", 1, &has_changed),
		   SUT_E_USAGE, "has no ring slow");
	EXPECT_ERR(sut_rollout_decide(&s.rollout, SUT_DECISION_COMPLETE, NULL, "", 1, &has_changed),
		   SUT_E_USAGE, "ring test is not open yet");
	EXPECT_OK(sut_rollout_decide(&s.rollout, SUT_DECISION_OPEN, "test", "", 1, &has_changed));
	EXPECT(has_changed);
	EXPECT_OK(sut_rollout_decide(&s.rollout, SUT_DECISION_OPEN, "test", "", 2, &has_changed));
	EXPECT(!has_changed && s.rollout.rings[0].opened == 1);
}
