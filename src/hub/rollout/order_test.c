// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/order.h"

#include <string.h>

#include "fleet/policy.h"
#include "hub/store/rollout.h"
#include "test.h"

/** A rollout with rings test, fast and broad, as it is in one of its states. */
static struct sut_stored_rollout rollout_in(const char *state)
{
	static const char *const names[] = { "test", "fast", "broad" };
	struct sut_stored_rollout rollout = {
		.is_waiting = strcmp(state, "waiting") == 0,
		.created = 1,
		.doc = { .id = strdup("2026.11"),
			 .release = strdup("2026.11"),
			 .baseline = strdup("2026.10"),
			 .reason = strdup("it is there"),
			 .decision = 1,
			 .n_rings = 3,
			 .rings = calloc(3, sizeof(struct sut_rollout_ring)) },
	};
	enum sut_rollout_state of_doc = SUT_ROLLOUT_RUNNING;

	EXPECT(rollout.is_waiting || sut_rollout_state_find(state, &of_doc));
	rollout.doc.state = of_doc;
	for (size_t i = 0; i < 3; i++)
		rollout.doc.rings[i].name = strdup(names[i]);
	if (!rollout.is_waiting) {
		rollout.begun = 1000000;
		rollout.doc.rings[0].state = SUT_RING_OPEN;
		rollout.doc.rings[0].has_opened = true;
		rollout.doc.rings[0].opened = 1;
	}
	return rollout;
}

static struct sut_err *obey(struct sut_stored_rollout *rollout, enum sut_order_kind kind,
			    const char *ring, bool *changed_ret)
{
	const struct sut_order order = {
		.kind = kind, .actor = "user:anna", .reason = "because", .ring = ring, .now = 100
	};

	return sut_order_obey(&order, rollout, changed_ret);
}

/** What an order leads to: a state, "same" where nothing changes, or the words of the refusal. */
struct transition {
	const char *from;
	enum sut_order_kind kind;
	const char *to;
};

static void expect_transition(const struct transition *t)
{
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout =
		rollout_in(t->from);
	bool has_changed = false;
	struct sut_err *err = obey(&rollout, t->kind, NULL, &has_changed);
	const char *is = err ? err->msg : has_changed ? sut_stored_rollout_state(&rollout) : "same";

	if (!strstr(is, t->to))
		print_error("%s, %s: %s\n", t->from, sut_order_action(t->kind), is);
	EXPECT(strstr(is, t->to) != NULL);
	EXPECT(!err || err->code == SUT_E_USAGE);
	// Who was refused has changed nothing; each decision has a number of its own.
	EXPECT(rollout.doc.decision == (!err && has_changed && !(rollout.is_waiting) ? 2 : 1));
	EXPECT(strcmp(rollout.doc.reason, rollout.doc.decision == 2 ? "because" : "it is there") ==
	       0);
	sut_err_free(err);
}

TEST(order, leads_from_each_state_to_the_next_or_says_the_way_out)
{
	static const struct transition all[] = {
		{ "waiting", SUT_ORDER_START, "running" },
		{ "waiting", SUT_ORDER_PAUSE, "was not started yet" },
		{ "waiting", SUT_ORDER_RESUME, "was not started yet" },
		{ "waiting", SUT_ORDER_EXPEDITE, "running" },
		{ "waiting", SUT_ORDER_ROLL_BACK, "rolled-back" },
		{ "waiting", SUT_ORDER_RECALL, "recalled" },
		{ "running", SUT_ORDER_START, "only one that waits, or was rolled back, starts" },
		{ "running", SUT_ORDER_PAUSE, "paused" },
		{ "running", SUT_ORDER_RESUME, "same" },
		{ "running", SUT_ORDER_EXPEDITE, "running" },
		{ "running", SUT_ORDER_ROLL_BACK, "rolled-back" },
		{ "running", SUT_ORDER_RECALL, "recalled" },
		{ "running", SUT_ORDER_COMPLETE, "ring fast is not open yet" },
		{ "paused", SUT_ORDER_START, "only one that waits" },
		{ "paused", SUT_ORDER_PAUSE, "same" },
		{ "paused", SUT_ORDER_RESUME, "running" },
		{ "paused", SUT_ORDER_EXPEDITE, "resume it first, then expedite it" },
		{ "paused", SUT_ORDER_ROLL_BACK, "rolled-back" },
		{ "paused", SUT_ORDER_RECALL, "recalled" },
		{ "completed", SUT_ORDER_PAUSE, "publish a later release" },
		{ "completed", SUT_ORDER_EXPEDITE, "publish a later release" },
		{ "completed", SUT_ORDER_ROLL_BACK, "rolled-back" },
		{ "completed", SUT_ORDER_RECALL, "recalled" },
		{ "rolled-back", SUT_ORDER_START, "running" },
		{ "rolled-back", SUT_ORDER_ROLL_BACK, "same" },
		{ "rolled-back", SUT_ORDER_RESUME, "publish a later release" },
		{ "rolled-back", SUT_ORDER_RECALL, "recalled" },
		{ "recalled", SUT_ORDER_START, "only one that waits" },
		{ "recalled", SUT_ORDER_ROLL_BACK, "publish a later release" },
		{ "recalled", SUT_ORDER_RECALL, "same" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		expect_transition(&all[i]);
}

TEST(order, to_start_begins_with_the_first_ring_and_forgets_expediting)
{
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout =
		rollout_in("rolled-back");
	bool has_changed;

	rollout.doc.is_expedited = true;
	EXPECT_OK(obey(&rollout, SUT_ORDER_START, NULL, &has_changed));
	EXPECT(rollout.begun == 100000000 && !rollout.doc.is_expedited);
	for (size_t i = 0; i < rollout.doc.n_rings; i++)
		EXPECT(rollout.doc.rings[i].state == SUT_RING_WAITING &&
		       !rollout.doc.rings[i].has_opened);
	EXPECT(strcmp(rollout.doc.rings[2].name, "broad") == 0);
}

TEST(order, to_expedite_what_waits_starts_it)
{
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout =
		rollout_in("waiting");
	bool has_changed;

	EXPECT_OK(obey(&rollout, SUT_ORDER_EXPEDITE, NULL, &has_changed));
	EXPECT(has_changed && !rollout.is_waiting && rollout.doc.is_expedited);
	EXPECT(rollout.begun == 100000000);
}

TEST(order, to_approve_names_a_ring_that_waits)
{
	static const struct {
		const char *state, *ring, *wrong; /**< wrong: NULL when it may be approved. */
	} cases[] = {
		{ "waiting", "test", NULL },
		{ "running", "fast", NULL },
		{ "paused", "broad", NULL },
		{ "running", "test", "ring test is open already" },
		{ "running", "late", "has no ring 'late'" },
		{ "running", NULL, "has no ring ''" },
		{ "completed", "fast", "there is nothing to approve" },
		{ "recalled", "fast", "there is nothing to approve" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout =
			rollout_in(cases[i].state);
		bool has_changed;
		struct sut_err *err =
			obey(&rollout, SUT_ORDER_APPROVE, cases[i].ring, &has_changed);

		if (cases[i].wrong)
			EXPECT_ERR(err, SUT_E_USAGE, cases[i].wrong);
		else
			EXPECT_OK(err);
		EXPECT(rollout.doc.decision == 1); // it is a note, not a decision
	}
}

TEST(order, opens_one_ring_after_another)
{
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout =
		rollout_in("running");
	bool has_changed;

	EXPECT_ERR(obey(&rollout, SUT_ORDER_OPEN, "broad", &has_changed), SUT_E_USAGE,
		   "ring fast comes before ring broad");
	EXPECT_OK(obey(&rollout, SUT_ORDER_OPEN, "fast", &has_changed));
	EXPECT(has_changed && rollout.doc.rings[1].opened == 100);
	EXPECT(rollout.doc.rings[0].state == SUT_RING_DONE);
	EXPECT_OK(obey(&rollout, SUT_ORDER_OPEN, "fast", &has_changed));
	EXPECT(!has_changed);
	EXPECT_OK(obey(&rollout, SUT_ORDER_OPEN, "broad", &has_changed));
	EXPECT_OK(obey(&rollout, SUT_ORDER_COMPLETE, NULL, &has_changed));
	EXPECT(strcmp(sut_stored_rollout_state(&rollout), "completed") == 0);
}

TEST(order, carries_each_decision_of_the_gates)
{
	static const enum sut_decision_kind kinds[] = { SUT_DECISION_OPEN,   SUT_DECISION_COMPLETE,
							SUT_DECISION_PAUSE,  SUT_DECISION_ROLL_BACK,
							SUT_DECISION_RESUME, SUT_DECISION_RECALL };
	static const char *const actions[] = { "ring-opened", "completed", "paused",
					       "rolled-back", "resumed",   "recalled" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		EXPECT(strcmp(sut_order_action(sut_order_of(kinds[i])), actions[i]) == 0);
}

TEST(order, other_rings_of_the_policy_keep_what_is_open)
{
	_cleanup_(sut_stored_rollout_deinit) struct sut_stored_rollout rollout =
		rollout_in("running");
	struct sut_policy_ring rings[] = { { .name = "early" }, { .name = "test" } };
	const struct sut_policy policy = { .rings = rings, .n_rings = 2 };
	bool has_changed;

	EXPECT_OK(sut_order_set_rings(&rollout, &policy, 200, &has_changed));
	EXPECT(has_changed && rollout.doc.n_rings == 2 && rollout.doc.decision == 2);
	EXPECT(rollout.doc.rings[0].state == SUT_RING_WAITING);
	EXPECT(rollout.doc.rings[1].state == SUT_RING_OPEN && rollout.doc.rings[1].opened == 1);
	EXPECT_OK(sut_order_set_rings(&rollout, &policy, 300, &has_changed));
	EXPECT(!has_changed && rollout.doc.decision == 2 && rollout.doc.decided == 200);
}
