// SPDX-License-Identifier: Apache-2.0
#include "engine/apply.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/row.h"
#include "engine/target.h"
#include "live/plan.h"
#include "live/redirect.h"
#include "live/register.h"
#include "live/switch.h"
#include "patch/patch.h"
#include "process/cgroup.h"
#include "process/find.h"

struct sut_err *sut_apply_check(const struct sut_apply *apply)
{
	for (size_t i = 0; i < apply->n_patches; i++) {
		const struct sut_patch *a = &apply->patches[i];
		for (size_t j = 0; j < i; j++) {
			const struct sut_patch *b = &apply->patches[j];
			if (strcmp(sut_patch_string(a, "old_build_id"),
				   sut_patch_string(b, "old_build_id")) == 0)
				return sut_err(SUT_E_USAGE,
					       "hotpatches %s and %s are for the same build; the "
					       "later one replaces the other",
					       sut_patch_string(b, "name"),
					       sut_patch_string(a, "name"));
		}
	}
	return NULL;
}

// The builds that the hotpatches are for.
static struct sut_err *list_builds(const struct sut_apply *apply, struct sut_build_id **ret)
{
	_cleanup_free_ struct sut_build_id *ids = calloc(apply->n_patches + 1, sizeof(*ids));

	if (!ids)
		return sut_err_nomem();
	for (size_t i = 0; i < apply->n_patches; i++) {
		const char *hex = sut_patch_string(&apply->patches[i], "old_build_id");
		if (!sut_build_id_parse(hex, &ids[i]))
			return sut_err(SUT_E_FORMAT, "hotpatch %s: \"%s\" is no build-id",
				       sut_patch_string(&apply->patches[i], "name"), hex);
	}
	*ret = steal(ids);
	return NULL;
}

struct sut_err *sut_apply_find(const struct sut_apply *apply, pid_t **ret, size_t *n_ret,
			       size_t *n_hidden_ret)
{
	_cleanup_free_ struct sut_build_id *ids = NULL;
	struct sut_found found = { 0 };
	struct sut_err *err = list_builds(apply, &ids);

	if (!err)
		err = sut_find_builds(ids, apply->n_patches, &found);
	if (err)
		return err;
	*ret = found.pids.items;
	*n_ret = found.pids.n;
	*n_hidden_ret = found.n_hidden;
	return NULL;
}

bool sut_apply_concerns(const struct sut_apply *apply, pid_t pid)
{
	_cleanup_free_ struct sut_build_id *ids = NULL;
	struct sut_err *err = list_builds(apply, &ids);

	sut_err_free(err);
	return err || sut_find_has_build(pid, ids, apply->n_patches);
}

/** One process on its way. */
struct work {
	const struct sut_apply *apply;
	struct sut_target target;
	struct sut_plan *plans;
	size_t n_plans, capacity;
	struct sut_row row;
};

static void work_deinit(struct work *work)
{
	for (size_t i = 0; i < work->n_plans; i++)
		sut_plan_deinit(&work->plans[i]);
	free(work->plans);
	sut_target_close(&work->target);
}

static struct sut_err *plan_module(struct work *work, const struct sut_patch *patch,
				   const struct sut_module *module)
{
	struct sut_err *err =
		sut_array_grow(&work->plans, work->n_plans, &work->capacity, sizeof(*work->plans));

	if (!err)
		err = sut_plan_init(&work->target.now, patch, module, &work->target.traces,
				    &work->plans[work->n_plans]);
	if (err)
		return err;
	work->plans[work->n_plans++].is_entry_only =
		work->apply->is_entry_only &&
		json_is_true(json_object_get(patch->meta, "entry_only_safe"));
	return NULL;
}

// A plan for each module that one of the hotpatches is for.
static struct sut_err *plan_all(struct work *work)
{
	const struct sut_modules *modules = &work->target.now.modules;

	for (size_t i = 0; i < work->apply->n_patches; i++) {
		const struct sut_patch *patch = &work->apply->patches[i];
		struct sut_build_id id;
		if (!sut_build_id_parse(sut_patch_string(patch, "old_build_id"), &id))
			continue;
		for (size_t j = 0; j < modules->n; j++) {
			if (!sut_build_id_equal(&modules->items[j].build_id, &id))
				continue;
			struct sut_err *err = plan_module(work, patch, &modules->items[j]);
			if (err)
				return err;
		}
	}
	if (work->n_plans == 0 && work->apply->is_found)
		return sut_err(SUT_E_GONE, SUT_ROW_MOVED_ON);
	if (work->n_plans == 0)
		return sut_err(SUT_E_MISMATCH, "does not map the build");
	return NULL;
}

static bool needs_place(const struct sut_plan *plan)
{
	return !plan->is_standing && !plan->is_mapped;
}

static struct sut_err *resolve_all(struct sut_target *target, struct sut_borrow *borrow,
				   void *context)
{
	struct work *work = context;
	struct sut_err *err = NULL;

	(void)target;
	for (size_t i = 0; i < work->n_plans && !err; i++)
		if (needs_place(&work->plans[i]))
			err = sut_imports_call(&work->plans[i].imports, work->plans[i].patch,
					       borrow);
	return err;
}

static struct sut_err *choose_all(struct work *work)
{
	_cleanup_(sut_maps_deinit) struct sut_maps maps = { 0 };
	struct sut_err *err = sut_process_maps(&work->target.now.process, &maps);

	for (size_t i = 0; i < work->n_plans && !err; i++)
		if (needs_place(&work->plans[i]))
			err = sut_plan_choose(&work->plans[i], &maps);
	return err;
}

static struct sut_err *map_all(struct sut_target *target, struct sut_borrow *borrow, void *context)
{
	struct work *work = context;
	struct sut_err *err = NULL;

	(void)target;
	for (size_t i = 0; i < work->n_plans && !err; i++)
		if (needs_place(&work->plans[i]))
			err = sut_plan_map(&work->plans[i], borrow);
	return err;
}

static struct sut_err *unplace_all(struct sut_target *target, struct sut_borrow *borrow,
				   void *context)
{
	struct work *work = context;
	struct sut_err *first = NULL;

	(void)target;
	for (size_t i = 0; i < work->n_plans; i++) {
		struct sut_plan *plan = &work->plans[i];
		if (!plan->is_mapped)
			continue;
		struct sut_span span = { plan->start,
					 plan->start + sut_layout_size(&plan->layout) };
		struct sut_err *err = sut_place_unmap(borrow, span);
		plan->is_mapped = false;
		if (first)
			sut_err_free(err);
		else
			first = err;
	}
	return first;
}

static size_t count_to_place(const struct work *work, size_t *n_resolvers)
{
	size_t n = 0;

	*n_resolvers = 0;
	for (size_t i = 0; i < work->n_plans; i++) {
		if (!needs_place(&work->plans[i]))
			continue;
		n++;
		*n_resolvers += work->plans[i].imports.n_resolvers;
	}
	return n;
}

static bool has_placed(const struct work *work)
{
	for (size_t i = 0; i < work->n_plans; i++)
		if (work->plans[i].is_mapped)
			return true;
	return false;
}

// What the payloads take, and the pages of code that will be copied, and some more.
static struct sut_err *check_room(const struct work *work)
{
	static const uint64_t some = 64 * 1024;
	uint64_t size = some;

	for (size_t i = 0; i < work->n_plans; i++)
		if (needs_place(&work->plans[i]))
			size += sut_layout_size(&work->plans[i].layout) +
				work->plans[i].patch->n_functions * UINT64_C(4096);
	return sut_cgroup_check_room(&work->target.now.process, size);
}

// A place that somebody takes in between is chosen again.
static struct sut_err *map_somewhere(struct work *work)
{
	enum { MAX_TRIES = 5 };

	for (int tries = 1;; tries++) {
		struct sut_err *err = choose_all(work);
		if (!err)
			err = sut_target_borrow(&work->target, map_all, work);
		if (!err || err->code != SUT_E_BUSY || tries == MAX_TRIES)
			return err;
		sut_err_free(err);
	}
}

// Everything is computed while the target runs; a thread is borrowed only for what
// only it can do.
static struct sut_err *place(struct work *work)
{
	size_t n_resolvers, n = count_to_place(work, &n_resolvers);
	struct sut_err *err = n ? check_room(work) : NULL;

	if (!err && n_resolvers)
		err = sut_target_borrow(&work->target, resolve_all, work);
	if (!err && n)
		err = map_somewhere(work);
	for (size_t i = 0; i < work->n_plans && !err; i++)
		if (!work->plans[i].is_standing)
			err = sut_plan_write(&work->plans[i], &work->target.now.process);
	return err;
}

static struct sut_err *set_replaced(struct work *work, const struct sut_plan *plan,
				    enum sut_trace_state state)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < plan->n_replaced && !err; i++) {
		plan->replaced[i]->is_entry_only &= state != SUT_TRACE_REVERTED;
		err = sut_trace_set_state(&work->target.now.process, plan->replaced[i], state);
	}
	return err;
}

static struct sut_err *set_states(struct work *work, enum sut_trace_state state,
				  enum sut_trace_state state_of_replaced)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < work->n_plans && !err; i++) {
		struct sut_plan *plan = &work->plans[i];
		plan->trace.is_entry_only = plan->leaves_old_code || (state != SUT_TRACE_APPLIED &&
								      plan->trace.is_entry_only);
		err = sut_trace_set_state(&work->target.now.process, &plan->trace, state);
		if (!err)
			err = set_replaced(work, plan, state_of_replaced);
	}
	return err;
}

static struct sut_err *register_some(struct sut_target *target, struct sut_borrow *borrow,
				     void *context)
{
	struct work *work = context;
	struct sut_err *err = NULL;

	for (size_t i = 0; i < work->n_plans && !err; i++) {
		struct sut_register reg;
		err = sut_register_find(&target->now, &work->plans[i], &reg);
		if (err || !reg.is_needed)
			continue;
		// From here on the target's unwinder may know the payload.
		work->plans[i].is_mapped = false;
		work->plans[i].state_before = SUT_TRACE_REVERTED;
		err = sut_register_call(&reg, &work->plans[i], borrow);
	}
	return err;
}

static struct sut_err *register_all(struct work *work)
{
	bool is_needed = false;

	for (size_t i = 0; i < work->n_plans; i++) {
		struct sut_register reg;
		struct sut_err *err = sut_register_find(&work->target.now, &work->plans[i], &reg);
		if (err)
			return err;
		is_needed |= reg.is_needed;
	}
	return is_needed ? sut_target_borrow(&work->target, register_some, work) : NULL;
}

// The states say beforehand what may be there, so that whoever finds the target
// after we died knows.
static struct sut_err *switch_over(struct work *work, struct sut_switch *s)
{
	struct sut_switch_story story;
	struct sut_err *err = set_states(work, SUT_TRACE_APPLYING, SUT_TRACE_REVERTING);

	if (!err)
		err = register_all(work);
	if (!err)
		err = sut_target_switch(&work->target, s, work->apply->timeout, &story);
	if (err)
		return err;
	return sut_target_tell(&work->target, &story, &work->row);
}

// Nothing leads to the new payloads yet: they can go as they came.
static void back_out(struct work *work)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < work->n_plans && !err; i++) {
		struct sut_plan *plan = &work->plans[i];
		plan->trace.is_entry_only = plan->was_entry_only;
		if (!plan->is_mapped && plan->is_standing)
			err = sut_trace_set_state(&work->target.now.process, &plan->trace,
						  plan->state_before);
		if (!err)
			err = set_replaced(work, plan, SUT_TRACE_APPLIED);
	}
	if (!err && has_placed(work))
		err = sut_target_borrow(&work->target, unplace_all, work);
	// The reason why we back out is what counts; what is left says PLACED or
	// APPLYING, and the next run clears it up.
	sut_err_free(err);
}

static struct sut_err *apply_plans(struct work *work)
{
	_cleanup_(sut_switch_deinit) struct sut_switch s = { 0 };
	// Some kernels let only a tracer write through protection.
	struct sut_err *err = sut_target_seize(&work->target);

	if (!err)
		err = sut_target_clear(&work->target);
	if (!err)
		err = place(work);
	for (size_t i = 0; i < work->n_plans && !err; i++)
		err = sut_plan_add(&work->plans[i], &work->target.now.process, &s);
	if (!err && s.n_changes == 0 && s.n_ranges == 0) {
		work->row.outcome = SUT_OUTCOME_ALREADY;
		return set_states(work, SUT_TRACE_APPLIED, SUT_TRACE_REVERTED);
	}
	if (!err)
		err = switch_over(work, &s);
	if (!err)
		return set_states(work, SUT_TRACE_APPLIED, SUT_TRACE_REVERTED);
	if (err->code != SUT_E_GONE)
		back_out(work);
	return err;
}

// Does every hotpatch stand there, whole, and says so?
static struct sut_err *check_applied(struct work *work, bool *ret)
{
	*ret = false;
	for (size_t i = 0; i < work->n_plans; i++) {
		const struct sut_plan *plan = &work->plans[i];
		size_t n = 0;
		if (!plan->is_standing || plan->trace.state != SUT_TRACE_APPLIED)
			return NULL;
		if (plan->n_replaced || (plan->trace.is_entry_only && !plan->is_entry_only))
			return NULL;
		struct sut_err *err = sut_redirect_count(&work->target.traces, &plan->trace,
							 &work->target.now.process, &n);
		if (err || n != plan->trace.n_functions)
			return err;
	}
	*ret = true;
	return NULL;
}

static bool leaves_old_code(const struct work *work)
{
	bool ret = false;

	for (size_t i = 0; i < work->n_plans; i++)
		ret |= work->plans[i].trace.is_entry_only;
	return ret;
}

static struct sut_err *apply_target(struct work *work)
{
	bool is_applied = false;
	struct sut_err *err = plan_all(work);

	if (!err)
		err = check_applied(work, &is_applied);
	if (err)
		return err;
	if (is_applied) {
		work->row.outcome = SUT_OUTCOME_ALREADY;
		return NULL;
	}
	if (work->apply->is_dry_run) {
		work->row.outcome = SUT_OUTCOME_READY;
		return NULL;
	}
	work->row.outcome = SUT_OUTCOME_PATCHED;
	err = apply_plans(work);
	work->row.place = work->target.place_time;
	if (!err && leaves_old_code(work))
		work->row.reason = strdup(SUT_ROW_ENTRY_ONLY);
	return err;
}

static char *join_names(const struct sut_apply *apply)
{
	char *text = NULL;

	for (size_t i = 0; i < apply->n_patches; i++) {
		_cleanup_free_ char *before = text;
		if (asprintf(&text, "%s%s%s", before ? before : "", before ? ", " : "",
			     sut_patch_string(&apply->patches[i], "name")) < 0)
			return NULL;
	}
	return text;
}

// Threads that the calling thread traces already; @p n of them are to stand still.
static struct sut_err *adopt(struct sut_tracer *tracer, const pid_t *tids, size_t n)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < n && !err; i++) {
		err = sut_tracer_adopt(tracer, tids[i]);
		if (err && err->code == SUT_E_GONE) {
			sut_err_free(err);
			err = NULL; // that thread; others may be left
		}
	}
	return err || !n ? err : sut_tracer_inherit(tracer);
}

// Asked in this order: it may run the build again by now, but not as the process that
// was looked at.
static bool has_moved_on(const struct work *work, pid_t pid, bool is_open)
{
	return !sut_apply_concerns(work->apply, pid) ||
	       (is_open && !sut_snapshot_is_current(&work->target.now));
}

// @p again_ret: it became another program before it was touched, which may be the build
// too.
static json_t *apply_process(pid_t pid, const pid_t *tids, size_t n, const struct sut_apply *apply,
			     bool *again_ret)
{
	struct work work = { .apply = apply, .row.pid = pid };
	uint64_t deadline = sut_now() + work.apply->timeout;
	struct sut_err *err = sut_target_open(pid, !work.apply->is_dry_run, deadline, &work.target);
	bool is_open = !err;

	if (is_open) {
		// One that is held is worked on again by this worker.
		work.target.keeps_lock &= !tids;
		work.row.name = strdup(work.target.now.process.comm);
		err = adopt(&work.target.tracer, tids, n);
		if (!err)
			err = apply_target(&work);
		sut_target_settle(&work.target);
		if (err)
			err = sut_target_blame(&work.target, err);
	}
	if (err && apply->is_found && has_moved_on(&work, pid, is_open))
		err = sut_row_moved_on(err);
	*again_ret = err && err->code == SUT_E_GONE && !(is_open && work.target.tracer.n_threads);
	sut_row_fail(&work.row, err);
	work.row.hotpatches = join_names(work.apply);
	json_t *answer = sut_row_to_json(&work.row);
	sut_row_deinit(&work.row);
	if (is_open)
		work_deinit(&work);
	return answer;
}

json_t *sut_apply_work(pid_t pid, void *apply)
{
	enum { MAX_TRIES = 5 };

	for (int tries = 1;; tries++) {
		bool again;
		json_t *answer = apply_process(pid, NULL, 0, apply, &again);
		if (!again || tries == MAX_TRIES)
			return answer;
		json_decref(answer);
	}
}

json_t *sut_apply_held(pid_t pid, const pid_t *tids, size_t n, const struct sut_apply *apply)
{
	bool ignored;

	return apply_process(pid, tids, n, apply, &ignored);
}
