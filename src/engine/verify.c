// SPDX-License-Identifier: Apache-2.0
#include "engine/verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/apply.h"
#include "engine/row.h"
#include "engine/target.h"
#include "live/life.h"
#include "live/plan.h"
#include "live/redirect.h"
#include "patch/patch.h"

static struct sut_err *differs(const char *what, uint64_t at)
{
	return sut_err(SUT_E_MISMATCH, "%s at 0x%lx differs", what, (unsigned long)at);
}

static struct sut_err *verify_mapping(const struct sut_target *target, struct sut_span span,
				      bool is_writable, bool is_executable)
{
	if (span.start == span.end)
		return NULL;
	const struct sut_mapping *m = sut_maps_at(&target->now.maps, span.start);
	if (!m || m->span.end < span.end || m->is_writable != is_writable ||
	    m->is_executable != is_executable)
		return sut_err(SUT_E_MISMATCH, "the mapping at 0x%lx is not as it was made",
			       (unsigned long)span.start);
	return NULL;
}

static struct sut_err *verify_part(struct sut_process *process, const struct sut_trace_part *part)
{
	_cleanup_free_ uint8_t *bytes = malloc(part->size + 1);
	struct sut_sha256 digest;

	if (part->is_writable)
		return NULL;
	if (!bytes)
		return sut_err_nomem();
	struct sut_err *err =
		sut_process_peek(process, (struct sut_addr){ part->at }, bytes, part->size);
	if (!err)
		err = sut_sha256((struct sut_view){ bytes, part->size }, &digest);
	if (!err && memcmp(digest.bytes, part->digest.bytes, sizeof(digest.bytes)) != 0)
		err = differs(part->name, part->at);
	return err;
}

// What the trace alone tells: mappings, redirects, digests of the payload.
static struct sut_err *verify_trace(struct sut_target *target, const struct sut_trace *trace)
{
	enum sut_life life;
	size_t n = 0;
	struct sut_err *err = sut_life_find(&target->now, trace, &life);

	if (!err && life != SUT_LIFE_SAME)
		err = sut_err(SUT_E_MISMATCH, "the file that %s was applied to has been unloaded%s",
			      trace->name,
			      life == SUT_LIFE_RELOADED ? ", and loaded again as it was" : "");
	if (!err)
		err = sut_redirect_count(&target->traces, trace, &target->now.process, &n);
	if (err)
		return err;
	if (trace->state != SUT_TRACE_APPLIED || n != trace->n_functions)
		return sut_err(SUT_E_MISMATCH, "%s is %s: %zu of %zu functions are redirected",
			       trace->name, sut_trace_state_name(trace->state), n,
			       trace->n_functions);
	err = verify_mapping(target, trace->ro, false, false);
	if (!err)
		err = verify_mapping(target, trace->rx, false, true);
	if (!err)
		err = verify_mapping(target, trace->rw, true, false);
	for (size_t i = 0; i < trace->n_parts && !err; i++)
		err = verify_part(&target->now.process, &trace->parts[i]);
	return err;
}

static struct sut_err *verify_module(struct sut_target *target, const struct sut_patch *patch,
				     const struct sut_module *module)
{
	_cleanup_(sut_plan_deinit) struct sut_plan plan = { 0 };
	// A plan reads the module's functions and compares them with the file.
	struct sut_err *err = sut_plan_init(&target->now, patch, module, &target->traces, &plan);

	if (!err && !plan.is_standing)
		err = sut_err(SUT_E_MISMATCH, "%s is not applied", sut_patch_string(patch, "name"));
	if (!err)
		err = verify_trace(target, &plan.trace);
	if (!err)
		err = sut_plan_verify(&plan, &target->now);
	return err;
}

static struct sut_err *verify_patch(struct sut_target *target, const struct sut_patch *patch,
				    size_t *n_modules)
{
	struct sut_build_id id;
	struct sut_err *err = NULL;

	if (!sut_build_id_parse(sut_patch_string(patch, "old_build_id"), &id))
		return sut_err(SUT_E_FORMAT, "the hotpatch names no build");
	for (size_t i = 0; i < target->now.modules.n && !err; i++) {
		if (!sut_build_id_equal(&target->now.modules.items[i].build_id, &id))
			continue;
		err = verify_module(target, patch, &target->now.modules.items[i]);
		++*n_modules;
	}
	return err;
}

static struct sut_err *verify_target(struct sut_target *target, const struct sut_select *select,
				     bool *leaves_old_code)
{
	struct sut_err *err = NULL;
	size_t n = 0;

	for (size_t i = 0; i < select->n_patches && !err; i++)
		err = verify_patch(target, &select->patches[i], &n);
	for (size_t i = 0; i < target->traces.n && !err && !select->n_patches; i++) {
		if (!sut_select_has(select, &target->traces.items[i]))
			continue;
		err = verify_trace(target, &target->traces.items[i]);
		n++;
	}
	for (size_t i = 0; i < target->traces.n; i++)
		if (sut_select_has(select, &target->traces.items[i]))
			*leaves_old_code |= target->traces.items[i].is_entry_only;
	if (!err && n == 0 && select->is_found)
		err = sut_err(SUT_E_GONE, SUT_ROW_MOVED_ON);
	if (!err && n == 0)
		err = sut_err(SUT_E_MISMATCH, select->n_patches ? "does not map the build"
								: "carries no such hotpatch");
	return err;
}

// With files, a search finds what maps their builds; without, what carries hotpatches.
static bool is_still_there(const struct sut_select *select, pid_t pid)
{
	const struct sut_apply apply = { .patches = select->patches,
					 .n_patches = select->n_patches };

	return select->n_patches ? sut_apply_concerns(&apply, pid)
				 : sut_select_concerns(select, pid);
}

json_t *sut_verify_work(pid_t pid, void *context)
{
	const struct sut_select *select = context;
	struct sut_row row = { .pid = pid, .outcome = SUT_OUTCOME_VERIFIED };
	struct sut_target target;
	bool leaves_old_code = false;
	struct sut_err *err = sut_target_open(pid, false, 0, &target);

	if (!err) {
		row.name = strdup(target.now.process.comm);
		row.hotpatches = sut_select_join(select, &target.traces);
		err = verify_target(&target, select, &leaves_old_code);
		if (err)
			err = sut_target_blame(&target, err);
		if (err && select->is_found &&
		    (!is_still_there(select, pid) || !sut_snapshot_is_current(&target.now)))
			err = sut_row_moved_on(err);
		sut_target_close(&target);
	} else if (select->is_found && !is_still_there(select, pid)) {
		err = sut_row_moved_on(err);
	}
	if (!err && leaves_old_code)
		row.reason = strdup(SUT_ROW_ENTRY_ONLY);
	bool is_difference = err && err->code == SUT_E_MISMATCH;
	sut_row_fail(&row, err);
	if (is_difference)
		row.outcome = SUT_OUTCOME_DIFFERS;
	json_t *answer = sut_row_to_json(&row);
	sut_row_deinit(&row);
	return answer;
}
