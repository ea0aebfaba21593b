// SPDX-License-Identifier: Apache-2.0
#include "fleet/gate.h"
#include "fleet/release.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const char *sut_decision_name(enum sut_decision_kind kind)
{
	static const char *const names[] = {
		[SUT_DECISION_NONE] = "none",           [SUT_DECISION_OPEN] = "open",
		[SUT_DECISION_COMPLETE] = "complete",   [SUT_DECISION_PAUSE] = "pause",
		[SUT_DECISION_RESUME] = "resume",       [SUT_DECISION_EXPEDITE] = "expedite",
		[SUT_DECISION_ROLL_BACK] = "roll-back", [SUT_DECISION_RECALL] = "recall",
	};

	return names[kind];
}

__attribute__((format(printf, 4, 5))) static void decide(struct sut_decision *ret,
							 enum sut_decision_kind kind,
							 const char *ring, const char *fmt, ...)
{
	va_list args;

	*ret = (struct sut_decision){ .kind = kind, .ring = ring };
	va_start(args, fmt);
	vsnprintf(ret->reason, sizeof(ret->reason), fmt, args);
	va_end(args);
}

static bool is_open(const struct sut_rollout_ring *ring)
{
	return ring->state != SUT_RING_WAITING;
}

static struct sut_ring_counts find_counts(const struct sut_step_input *in, const char *ring)
{
	for (size_t i = 0; i < in->n_counts; i++)
		if (strcmp(in->counts[i].ring, ring) == 0)
			return in->counts[i];
	return (struct sut_ring_counts){ .ring = ring };
}

static void evaluate(const struct sut_step_input *in, size_t at, struct sut_gate *gates)
{
	const struct sut_rollout_ring *ring = &in->rollout->rings[at];
	const struct sut_ring_counts counts = find_counts(in, ring->name);
	const struct sut_gate_input input = {
		.policy = sut_policy_ring(in->policy, ring->name),
		.ring = ring,
		.counts = &counts,
		.begun = in->begun,
		.now = in->now,
		.is_expedited = in->rollout->is_expedited,
	};

	sut_gates_evaluate(&input, gates);
}

// The first gate from @p from to @p to that has @p state, or NULL.
static const struct sut_gate *find_gate(const struct sut_gate *gates, enum sut_gate_kind from,
					enum sut_gate_kind to, enum sut_gate_state state)
{
	for (int i = from; i <= (int)to; i++)
		if (gates[i].state == state)
			return &gates[i];
	return NULL;
}

static bool stop_when_red(const struct sut_step_input *in, struct sut_decision *ret)
{
	for (size_t i = 0; i < in->rollout->n_rings; i++) {
		struct sut_gate gates[SUT_N_GATES];
		const struct sut_rollout_ring *ring = &in->rollout->rings[i];
		if (!is_open(ring))
			continue;
		evaluate(in, i, gates);
		const struct sut_gate *red = find_gate(gates, 0, SUT_GATE_SOAK, SUT_GATE_RED);
		if (!red)
			continue;
		decide(ret,
		       in->policy->on_red == SUT_ON_RED_PAUSE ? SUT_DECISION_PAUSE
							      : SUT_DECISION_ROLL_BACK,
		       ring->name, "Gate %s of ring %s is red: %s", sut_gate_name(red->kind),
		       ring->name, red->text);
		return true;
	}
	return false;
}

// May ring @p at open, as far as it is asked itself?
static void open_ring(const struct sut_step_input *in, size_t at, struct sut_decision *ret)
{
	struct sut_gate gates[SUT_N_GATES];
	const char *name = in->rollout->rings[at].name;

	evaluate(in, at, gates);
	const struct sut_gate *gate =
		find_gate(gates, SUT_GATE_DEFERRAL, SUT_GATE_APPROVAL, SUT_GATE_WAITING);
	if (gate)
		decide(ret, SUT_DECISION_NONE, name, "Ring %s waits: %s", name, gate->text);
	else if (at == 0)
		decide(ret, SUT_DECISION_OPEN, name, "Ring %s is the first.", name);
	else
		decide(ret, SUT_DECISION_OPEN, name, "All gates of ring %s are green.",
		       in->rollout->rings[at - 1].name);
}

static bool has_devices(const struct sut_step_input *in)
{
	for (size_t i = 0; i < in->rollout->n_rings; i++)
		if (find_counts(in, in->rollout->rings[i].name).devices)
			return true;
	return false;
}

static const char *find_unknown_ring(const struct sut_step_input *in)
{
	for (size_t i = 0; i < in->rollout->n_rings; i++)
		if (!sut_policy_ring(in->policy, in->rollout->rings[i].name))
			return in->rollout->rings[i].name;
	return NULL;
}

static void go_on(const struct sut_step_input *in, struct sut_decision *ret)
{
	const struct sut_rollout *r = in->rollout;
	struct sut_gate gates[SUT_N_GATES];
	size_t n_open = 0;

	while (n_open < r->n_rings && is_open(&r->rings[n_open]))
		n_open++;
	if (n_open == 0) {
		open_ring(in, 0, ret);
		return;
	}
	const char *last = r->rings[n_open - 1].name;
	evaluate(in, n_open - 1, gates);
	const struct sut_gate *gate =
		find_gate(gates, SUT_GATE_SAMPLE, SUT_GATE_SOAK, SUT_GATE_WAITING);
	if (gate)
		decide(ret, SUT_DECISION_NONE, last, "Gate %s of ring %s waits: %s",
		       sut_gate_name(gate->kind), last, gate->text);
	else if (n_open < r->n_rings)
		open_ring(in, n_open, ret);
	else
		decide(ret, SUT_DECISION_COMPLETE, NULL, "All gates of all rings are green.");
}

void sut_rollout_step(const struct sut_step_input *input, struct sut_decision *ret)
{
	const char *unknown = find_unknown_ring(input);

	if (input->rollout->state != SUT_ROLLOUT_RUNNING)
		decide(ret, SUT_DECISION_NONE, NULL, "The rollout is %s.",
		       sut_rollout_state_name(input->rollout->state));
	else if (unknown)
		decide(ret, SUT_DECISION_PAUSE, unknown,
		       "The policy has no ring %s any more, so nothing says when to go on.",
		       unknown);
	else if (!stop_when_red(input, ret)) {
		if (has_devices(input))
			go_on(input, ret);
		else
			decide(ret, SUT_DECISION_NONE, NULL, "No device is there to judge by.");
	}
}

struct sut_err *sut_rollout_begin(const struct sut_release *release,
				  const struct sut_policy *policy, const char *reason, int64_t now,
				  struct sut_rollout *ret)
{
	struct sut_rollout rollout = {
		.id = strdup(release->name),
		.release = strdup(release->name),
		.baseline = strdup(release->baseline),
		.state = SUT_ROLLOUT_RUNNING,
		.rings = calloc(policy->n_rings + 1, sizeof(*rollout.rings)),
		.decision = 1,
		.decided = now,
		.reason = strdup(reason),
	};
	bool failed = !rollout.id || !rollout.release || !rollout.baseline || !rollout.rings ||
		      !rollout.reason;

	for (size_t i = 0; i < policy->n_rings && !failed; i++) {
		rollout.rings[i].name = strdup(policy->rings[i].name);
		failed = !rollout.rings[i].name;
		rollout.n_rings++;
	}
	if (failed) {
		sut_rollout_deinit(&rollout);
		return sut_err_nomem();
	}
	*ret = rollout;
	return NULL;
}

static struct sut_err *open_named(struct sut_rollout *r, const char *name, int64_t now,
				  bool *changed_ret)
{
	struct sut_rollout_ring *ring = name ? sut_rollout_ring(r, name) : NULL;

	if (!ring)
		return sut_err(SUT_E_USAGE, "rollout %s has no ring %s", r->id, name ? name : "");
	for (struct sut_rollout_ring *before = r->rings; before < ring; before++)
		if (!is_open(before))
			return sut_err(
				SUT_E_USAGE,
				"ring %s comes before ring %s, and is not open yet: open it first",
				before->name, name);
	*changed_ret = !is_open(ring);
	if (!*changed_ret)
		return NULL;
	for (struct sut_rollout_ring *before = r->rings; before < ring; before++)
		before->state = SUT_RING_DONE;
	ring->state = SUT_RING_OPEN;
	ring->has_opened = true;
	ring->opened = now;
	return NULL;
}

static struct sut_err *complete(struct sut_rollout *r)
{
	for (size_t i = 0; i < r->n_rings; i++)
		if (!is_open(&r->rings[i]))
			return sut_err(SUT_E_USAGE, "ring %s is not open yet: open it first",
				       r->rings[i].name);
	for (size_t i = 0; i < r->n_rings; i++)
		r->rings[i].state = SUT_RING_DONE;
	return NULL;
}

#define IN(state) (1u << (state))

/** In which states a decision can be made, and what it leads to. */
static const struct {
	unsigned int allowed; /**< A bit for each state. */
	enum sut_rollout_state to;
} transitions[] = {
	[SUT_DECISION_OPEN] = { IN(SUT_ROLLOUT_RUNNING), SUT_ROLLOUT_RUNNING },
	[SUT_DECISION_COMPLETE] = { IN(SUT_ROLLOUT_RUNNING), SUT_ROLLOUT_COMPLETED },
	[SUT_DECISION_PAUSE] = { IN(SUT_ROLLOUT_RUNNING), SUT_ROLLOUT_PAUSED },
	[SUT_DECISION_RESUME] = { IN(SUT_ROLLOUT_PAUSED), SUT_ROLLOUT_RUNNING },
	[SUT_DECISION_EXPEDITE] = { IN(SUT_ROLLOUT_RUNNING), SUT_ROLLOUT_RUNNING },
	[SUT_DECISION_ROLL_BACK] = { IN(SUT_ROLLOUT_RUNNING) | IN(SUT_ROLLOUT_PAUSED) |
					     IN(SUT_ROLLOUT_COMPLETED),
				     SUT_ROLLOUT_ROLLED_BACK },
	[SUT_DECISION_RECALL] = { IN(SUT_ROLLOUT_RUNNING) | IN(SUT_ROLLOUT_PAUSED) |
					  IN(SUT_ROLLOUT_COMPLETED) | IN(SUT_ROLLOUT_ROLLED_BACK),
				  SUT_ROLLOUT_RECALLED },
};

static struct sut_err *check_transition(const struct sut_rollout *r, enum sut_decision_kind kind)
{
	if (transitions[kind].allowed & IN(r->state))
		return NULL;
	if (r->state == SUT_ROLLOUT_PAUSED)
		return sut_err(SUT_E_USAGE,
			       "the rollout of %s is paused, so it cannot %s: resume it first, "
			       "then %s it",
			       r->release, sut_decision_name(kind), sut_decision_name(kind));
	return sut_err(SUT_E_USAGE, "the rollout of %s is %s, so it cannot %s%s", r->release,
		       sut_rollout_state_name(r->state), sut_decision_name(kind),
		       r->state == SUT_ROLLOUT_RUNNING ? "" : ": publish a later release");
}

struct sut_err *sut_rollout_decide(struct sut_rollout *rollout, enum sut_decision_kind kind,
				   const char *ring, const char *reason, int64_t now,
				   bool *changed_ret)
{
	const enum sut_rollout_state to = transitions[kind].to;
	bool has_changed = true;
	struct sut_err *err = NULL;

	if (kind == SUT_DECISION_NONE || (to != SUT_ROLLOUT_RUNNING && rollout->state == (int)to) ||
	    (kind == SUT_DECISION_RESUME && rollout->state == SUT_ROLLOUT_RUNNING) ||
	    (kind == SUT_DECISION_EXPEDITE && rollout->is_expedited)) {
		*changed_ret = false;
		return NULL;
	}
	_cleanup_free_ char *text = strdup(reason);
	if (!text)
		return sut_err_nomem();
	err = check_transition(rollout, kind);
	if (!err && kind == SUT_DECISION_OPEN)
		err = open_named(rollout, ring, now, &has_changed);
	if (!err && kind == SUT_DECISION_COMPLETE)
		err = complete(rollout);
	if (err)
		return err;
	*changed_ret = has_changed;
	if (!has_changed)
		return NULL;
	rollout->state = to;
	rollout->is_expedited |= kind == SUT_DECISION_EXPEDITE;
	rollout->decision++;
	rollout->decided = now;
	free(rollout->reason);
	rollout->reason = steal(text);
	return NULL;
}
