// SPDX-License-Identifier: Apache-2.0
#include "engine/revert.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/row.h"
#include "engine/target.h"
#include "live/life.h"
#include "live/redirect.h"
#include "live/switch.h"

/** One process on its way. */
struct work {
	const struct sut_revert *revert;
	struct sut_target target;
	struct sut_row row;
};

/** Calls of a function for the chosen traces that are in some states. */
typedef struct sut_err *(*trace_fn)(struct work *work, struct sut_trace *trace, void *context);

// A payload that no redirect ever led to, left by a run that was killed.
static bool is_leftover(const struct sut_trace *trace)
{
	return trace->state == SUT_TRACE_PLACED;
}

static bool may_be_active(const struct sut_trace *trace)
{
	return trace->state != SUT_TRACE_PLACED && trace->state != SUT_TRACE_REVERTED;
}

static struct sut_err *each(struct work *work, bool (*is_wanted)(const struct sut_trace *),
			    trace_fn fn, void *context)
{
	struct sut_traces *traces = &work->target.traces;
	struct sut_err *err = NULL;

	for (size_t i = 0; i < traces->n && !err; i++)
		if (is_wanted(&traces->items[i]) &&
		    sut_select_has(&work->revert->select, &traces->items[i]))
			err = fn(work, &traces->items[i], context);
	return err;
}

static struct sut_err *count_one(struct work *work, struct sut_trace *trace, void *context)
{
	(void)work;
	(void)trace;
	++*(size_t *)context;
	return NULL;
}

// Where the module has gone there is nothing to give back.
static struct sut_err *add_one(struct work *work, struct sut_trace *trace, void *context)
{
	enum sut_life life;
	struct sut_err *err = sut_life_find(&work->target.now, trace, &life);

	if (err)
		return err;
	trace->is_lost |= life != SUT_LIFE_SAME;
	if (trace->is_lost)
		return NULL;
	return sut_redirect_revert(&work->target.traces, trace, &work->target.now.process, context);
}

static struct sut_err *set_one(struct work *work, struct sut_trace *trace, void *context)
{
	enum sut_trace_state state = *(const enum sut_trace_state *)context;

	trace->is_entry_only &= state != SUT_TRACE_REVERTED;
	return sut_trace_set_state(&work->target.now.process, trace, state);
}

static struct sut_err *set_all(struct work *work, enum sut_trace_state state)
{
	return each(work, may_be_active, set_one, &state);
}

static struct sut_err *switch_back(struct work *work, struct sut_switch *s)
{
	struct sut_switch_story story;
	struct sut_err *err = set_all(work, SUT_TRACE_REVERTING);

	if (!err)
		err = sut_target_switch(&work->target, s, work->revert->timeout, &story);
	if (err)
		return err;
	err = set_all(work, story.is_done ? SUT_TRACE_REVERTED : SUT_TRACE_APPLIED);
	return err ? err : sut_target_tell(&work->target, &story, &work->row);
}

static struct sut_err *revert_active(struct work *work)
{
	_cleanup_(sut_switch_deinit) struct sut_switch s = { 0 };
	// Some kernels let only a tracer write through protection.
	struct sut_err *err = sut_target_seize(&work->target);

	if (!err)
		err = each(work, may_be_active, add_one, &s);
	if (err)
		return err;
	// Half applied, and not one redirect stands: only the state is wrong.
	if (s.n_changes == 0)
		return set_all(work, SUT_TRACE_REVERTED);
	return switch_back(work, &s);
}

static struct sut_err *revert_target(struct work *work)
{
	size_t n_active = 0, n_leftover = 0;
	struct sut_err *err = each(work, may_be_active, count_one, &n_active);

	if (!err)
		err = each(work, is_leftover, count_one, &n_leftover);
	if (err)
		return err;
	work->row.outcome = SUT_OUTCOME_ALREADY;
	if (n_active + n_leftover == 0)
		return NULL;
	work->row.outcome = work->revert->is_dry_run ? SUT_OUTCOME_READY : SUT_OUTCOME_REVERTED;
	if (work->revert->is_dry_run)
		return NULL;
	err = sut_target_clear(&work->target);
	if (!err && n_active)
		err = revert_active(work);
	work->row.place = work->target.place_time;
	return err;
}

json_t *sut_revert_work(pid_t pid, void *context)
{
	struct work work = { .revert = context, .row.pid = pid };
	uint64_t deadline = sut_now() + work.revert->timeout;
	struct sut_err *err =
		sut_target_open(pid, !work.revert->is_dry_run, deadline, &work.target);
	bool is_open = !err;

	if (is_open) {
		work.row.name = strdup(work.target.now.process.comm);
		work.row.hotpatches = sut_select_join(&work.revert->select, &work.target.traces);
		err = sut_select_check(&work.revert->select, &work.target.traces);
		if (!err)
			err = revert_target(&work);
		sut_target_settle(&work.target);
		if (err)
			err = sut_target_blame(&work.target, err);
	}
	if (err && work.revert->select.is_found &&
	    (!sut_select_concerns(&work.revert->select, pid) ||
	     (is_open && !sut_snapshot_is_current(&work.target.now))))
		err = sut_row_moved_on(err);
	sut_row_fail(&work.row, err);
	json_t *answer = sut_row_to_json(&work.row);
	sut_row_deinit(&work.row);
	if (is_open)
		sut_target_close(&work.target);
	return answer;
}
