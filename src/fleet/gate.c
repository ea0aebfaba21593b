// SPDX-License-Identifier: Apache-2.0
#include "fleet/gate.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/time.h"

const char *sut_gate_name(enum sut_gate_kind kind)
{
	static const char *const names[] = {
		[SUT_GATE_DEFERRAL] = "deferral",     [SUT_GATE_APPROVAL] = "approval",
		[SUT_GATE_SAMPLE] = "sample",         [SUT_GATE_SUCCESS_RATE] = "success-rate",
		[SUT_GATE_ERROR_RATE] = "error-rate", [SUT_GATE_SOAK] = "soak",
	};

	return names[kind];
}

const char *sut_gate_state_name(enum sut_gate_state state)
{
	static const char *const names[] = {
		[SUT_GATE_GREEN] = "green",
		[SUT_GATE_WAITING] = "waiting",
		[SUT_GATE_RED] = "red",
	};

	return names[state];
}

__attribute__((format(printf, 2, 3))) static void say(struct sut_gate *gate, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(gate->text, sizeof(gate->text), fmt, args);
	va_end(args);
}

static uint64_t count_tried(const struct sut_ring_counts *c)
{
	return c->done + c->failed;
}

static uint64_t count_reachable(const struct sut_ring_counts *c)
{
	uint64_t reachable = c->devices - (c->offline < c->devices ? c->offline : c->devices);

	return reachable > count_tried(c) ? reachable : count_tried(c);
}

// How many devices must have tried: those that there are, where they are fewer.
static uint64_t sample_limit(const struct sut_gate_input *in)
{
	return in->policy->min_sample < in->counts->devices ? in->policy->min_sample
							    : in->counts->devices;
}

static void set_time(struct sut_gate *gate, int64_t since, uint64_t limit, int64_t now)
{
	gate->value = now > since ? (double)(now - since) : 0;
	gate->limit = (double)limit;
	gate->state = gate->value >= gate->limit ? SUT_GATE_GREEN : SUT_GATE_WAITING;
}

/** A span for people; lives as long as the expression that it is in. */
struct span {
	char text[SUT_SPAN_SIZE];
};

static struct span span(double seconds)
{
	struct span ret;

	sut_span_format((int64_t)seconds, ret.text);
	return ret;
}

static void judge_deferral(const struct sut_gate_input *in, struct sut_gate *gate)
{
	set_time(gate, in->begun, in->policy->deferral_s, in->now);
	if (gate->limit == 0)
		say(gate, "The ring needs no time before it opens.");
	else if (gate->state == SUT_GATE_GREEN)
		say(gate, "The %s from the start until it may open are over.",
		    span(gate->limit).text);
	else
		say(gate, "The ring may open in %s.", span(gate->limit - gate->value).text);
}

static void judge_approval(const struct sut_gate_input *in, struct sut_gate *gate)
{
	gate->limit = in->policy->needs_approval;
	gate->value = in->counts->is_approved;
	gate->state = gate->value >= gate->limit ? SUT_GATE_GREEN : SUT_GATE_WAITING;
	say(gate, gate->state == SUT_GATE_WAITING ? "A person must agree before the ring opens."
		  : in->policy->needs_approval    ? "Somebody has agreed."
						  : "Nobody needs to agree.");
}

static void judge_sample(const struct sut_gate_input *in, struct sut_gate *gate)
{
	gate->value = (double)count_tried(in->counts);
	gate->limit = (double)sample_limit(in);
	gate->sample = in->counts->devices;
	gate->state = gate->value >= gate->limit ? SUT_GATE_GREEN : SUT_GATE_WAITING;
	if (in->counts->devices == 0)
		say(gate, "No device is in this ring: nothing to wait for.");
	else
		say(gate, "%.0f %s tried; %.0f %s needed.", gate->value,
		    gate->value == 1 ? "device has" : "devices have", gate->limit,
		    gate->limit == 1 ? "is" : "are");
}

static void judge_success(const struct sut_gate_input *in, struct sut_gate *gate)
{
	const uint64_t all = count_reachable(in->counts);

	gate->sample = all;
	gate->limit = in->policy->success_rate;
	gate->value = all ? (double)in->counts->done / (double)all : 1;
	if (all == 0) {
		gate->state = in->counts->devices ? SUT_GATE_WAITING : SUT_GATE_GREEN;
		say(gate, in->counts->devices ? "No device of this ring can be reached."
					      : "No device is in this ring.");
		return;
	}
	say(gate, "%llu of %llu devices are done; %.4g%% are needed.",
	    (unsigned long long)in->counts->done, (unsigned long long)all, gate->limit * 100);
	gate->state = gate->value >= gate->limit ? SUT_GATE_GREEN : SUT_GATE_WAITING;
}

// While the sample is not full, those that have not tried count as if all goes well:
// then it is red only when it would stay so.
static void judge_errors(const struct sut_gate_input *in, struct sut_gate *gate)
{
	const uint64_t tried = count_tried(in->counts);
	const uint64_t of = tried > sample_limit(in) ? tried : sample_limit(in);

	gate->sample = tried;
	gate->limit = in->policy->error_rate;
	gate->value = tried ? (double)in->counts->failed / (double)tried : 0;
	if (of && (double)in->counts->failed / (double)of > gate->limit)
		gate->state = SUT_GATE_RED;
	else
		gate->state = tried >= sample_limit(in) ? SUT_GATE_GREEN : SUT_GATE_WAITING;
	say(gate, "%llu of %llu devices that tried failed; %.4g%% may.",
	    (unsigned long long)in->counts->failed, (unsigned long long)tried, gate->limit * 100);
}

static void judge_soak(const struct sut_gate_input *in, struct sut_gate *gate)
{
	if (!in->ring->has_opened) {
		gate->limit = (double)in->policy->soak_s;
		gate->state = SUT_GATE_WAITING;
		if (gate->limit == 0)
			say(gate, "The ring is not open yet; then it needs no time to soak.");
		else
			say(gate, "The ring is not open yet; then it soaks for %s.",
			    span(gate->limit).text);
		return;
	}
	set_time(gate, in->ring->opened, in->policy->soak_s, in->now);
	if (gate->limit == 0)
		say(gate, "It needs no time to soak.");
	else if (gate->state == SUT_GATE_GREEN)
		say(gate, "It has soaked for the %s that it must.", span(gate->limit).text);
	else
		say(gate, "It soaks for %s more.", span(gate->limit - gate->value).text);
}

void sut_gates_evaluate(const struct sut_gate_input *input, struct sut_gate ret[SUT_N_GATES])
{
	static void (*const judges[])(const struct sut_gate_input *, struct sut_gate *) = {
		[SUT_GATE_DEFERRAL] = judge_deferral, [SUT_GATE_APPROVAL] = judge_approval,
		[SUT_GATE_SAMPLE] = judge_sample,     [SUT_GATE_SUCCESS_RATE] = judge_success,
		[SUT_GATE_ERROR_RATE] = judge_errors, [SUT_GATE_SOAK] = judge_soak,
	};

	for (int kind = 0; kind < SUT_N_GATES; kind++) {
		struct sut_gate *gate = &ret[kind];
		*gate = (struct sut_gate){ .kind = kind };
		judges[kind](input, gate);
		if (input->is_expedited && gate->state == SUT_GATE_WAITING) {
			gate->state = SUT_GATE_GREEN;
			say(gate, "Expedited: not waited for.");
		}
	}
}

json_t *sut_gate_write(const struct sut_gate *gate)
{
	return json_pack("{s:s, s:s, s:f, s:f, s:I, s:s}", "name", sut_gate_name(gate->kind),
			 "state", sut_gate_state_name(gate->state), "value", gate->value, "limit",
			 gate->limit, "sample", (json_int_t)gate->sample, "text", gate->text);
}
