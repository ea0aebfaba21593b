// SPDX-License-Identifier: Apache-2.0
#include "live/plan.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "live/life.h"
#include "live/redirect.h"
#include "live/switch.h"
#include "patch/patch.h"
#include "process/snapshot.h"
#include "process/symbols.h"

void sut_plan_deinit(struct sut_plan *plan)
{
	sut_layout_deinit(&plan->layout);
	sut_imports_deinit(&plan->imports);
	sut_trace_deinit(&plan->trace);
	free((void *)plan->payload.data);
	free(plan->replaced);
	*plan = (struct sut_plan){ 0 };
}

// What may have put other bytes there, told by their look.
static const char *guess_intruder(const uint8_t *bytes)
{
	if (bytes[0] == 0xcc)
		return " (a breakpoint or uprobe stands at its entry)";
	if (bytes[0] == 0xe9 || bytes[0] == 0xeb || (bytes[0] == 0xff && bytes[1] == 0x25))
		return " (a jump stands at its entry: another patcher?)";
	return "";
}

static struct sut_err *check_range(const struct sut_plan *plan, struct sut_process *process,
				   const struct sut_patch_range *range)
{
	const struct sut_patch_function *f = &plan->patch->functions[range->function];
	uint64_t at = plan->module.base + range->vaddr;
	_cleanup_free_ uint8_t *bytes = malloc(range->size + 8);
	struct sut_sha256 digest;
	struct sut_err *err;

	if (!bytes)
		return sut_err_nomem();
	memset(bytes + range->size, 0, 8);
	err = sut_process_peek(process, (struct sut_addr){ at }, bytes, range->size);
	if (err)
		return sut_err_wrap(err, "function %s", f->name);
	sut_redirect_undo(plan->traces, at, bytes, range->size);
	err = sut_sha256((struct sut_view){ bytes, range->size }, &digest);
	if (err)
		return err;
	if (memcmp(digest.bytes, range->digest.bytes, sizeof(digest.bytes)) == 0)
		return NULL;
	return sut_err(SUT_E_MISMATCH,
		       "function %s at 0x%lx is not what the hotpatch was made for%s", f->name,
		       (unsigned long)at, guess_intruder(bytes));
}

static struct sut_err *check_ranges(struct sut_plan *plan, struct sut_process *process)
{
	for (size_t i = 0; i < plan->patch->n_ranges; i++) {
		struct sut_err *err = check_range(plan, process, &plan->patch->ranges[i]);
		if (err)
			return err;
	}
	return NULL;
}

static bool is_same_module(const struct sut_trace *trace, const struct sut_module *module)
{
	return trace->base == module->base &&
	       sut_build_id_equal(&trace->build_id, &module->build_id);
}

static bool is_of_patch(const struct sut_trace *trace, const struct sut_patch *patch)
{
	return memcmp(trace->digest.bytes, patch->digest.bytes, SUT_SHA256_SIZE) == 0;
}

// Other hotpatches of this module of which redirects stand: they go when ours come.
// Those of a former life of the module are marked as such.
static struct sut_err *find_replaced(struct sut_plan *plan, struct sut_snapshot *snapshot)
{
	plan->replaced = calloc(plan->traces->n + 1, sizeof(struct sut_trace *));
	if (!plan->replaced)
		return sut_err_nomem();
	for (size_t i = 0; i < plan->traces->n; i++) {
		struct sut_trace *trace = &plan->traces->items[i];
		enum sut_life life;
		size_t n = 0;
		if (!is_same_module(trace, &plan->module) || trace->state == SUT_TRACE_PLACED)
			continue;
		struct sut_err *err = sut_life_find(snapshot, trace, &life);
		if (!err && life == SUT_LIFE_SAME && is_of_patch(trace, plan->patch))
			continue;
		if (!err)
			err = sut_redirect_count(plan->traces, trace, &snapshot->process, &n);
		if (err)
			return err;
		bool is_news = life == SUT_LIFE_RELOADED && !trace->is_lost;
		trace->is_lost |= is_news;
		if (n || is_news)
			plan->replaced[plan->n_replaced++] = trace;
	}
	return NULL;
}

static struct sut_err *copy_trace(const struct sut_trace *from, struct sut_trace *ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };
	struct sut_err *err = sut_trace_write(from, &bytes);

	return err ? err : sut_trace_read(sut_buf_view(&bytes), from->ro.start, ret);
}

// A payload of the same hotpatch that stands complete in the target.
static struct sut_err *take_up(struct sut_plan *plan)
{
	for (size_t i = 0; i < plan->traces->n; i++) {
		const struct sut_trace *trace = &plan->traces->items[i];
		if (!is_same_module(trace, &plan->module) || trace->state == SUT_TRACE_PLACED ||
		    trace->is_lost || !is_of_patch(trace, plan->patch))
			continue;
		struct sut_err *err = copy_trace(trace, &plan->trace);
		plan->is_standing = !err;
		plan->start = trace->ro.start;
		plan->state_before = trace->state;
		plan->was_entry_only = trace->is_entry_only;
		return err;
	}
	return NULL;
}

static char *join_advisories(const struct sut_patch *patch)
{
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	struct sut_err *err = NULL;
	size_t i;
	json_t *advisory;

	json_array_foreach(json_object_get(patch->meta, "advisories"), i, advisory)
	{
		const char *id = json_string_value(advisory);
		if (!err && i)
			err = sut_buf_add(&text, ", ", 2);
		if (!err && id)
			err = sut_buf_add(&text, id, strlen(id));
	}
	if (!err)
		err = sut_buf_zeros(&text, 1);
	if (err) {
		sut_err_free(err);
		return NULL;
	}
	return (char *)steal(text.data);
}

// The trace with everything but addresses, which are not known before the place.
static struct sut_err *draft_trace(const struct sut_patch *patch, const struct sut_module *module,
				   struct sut_trace *trace)
{
	*trace = (struct sut_trace){
		.state = SUT_TRACE_PLACED,
		.digest = patch->digest,
		.name = strdup(sut_patch_string(patch, "name")),
		.advisories = join_advisories(patch),
		.build_id = module->build_id,
		.base = module->base,
		.module = module->span,
		.time = time(NULL),
		.functions = calloc(patch->n_functions + 1, sizeof(*trace->functions)),
		.parts = calloc(patch->n_parts + 1, sizeof(*trace->parts)),
	};
	if (!trace->name || !trace->advisories || !trace->functions || !trace->parts)
		return sut_err_nomem();
	for (size_t i = 0; i < patch->n_functions; i++) {
		const struct sut_patch_function *f = &patch->functions[i];
		trace->functions[i] = (struct sut_trace_function){
			.name = strdup(f->name),
			.entry = module->base + f->vaddr,
			.at = module->base + f->vaddr + f->entry_skip,
			.old_size = f->old_size,
			.new_size = f->new_size,
		};
		if (!trace->functions[i].name)
			return sut_err_nomem();
		trace->n_functions++;
	}
	for (size_t i = 0; i < patch->n_parts; i++) {
		trace->parts[i] = (struct sut_trace_part){
			.name = strdup(patch->parts[i].name),
			.size = patch->parts[i].size,
			.is_writable = patch->parts[i].flags & SHF_WRITE,
			.is_executable = patch->parts[i].flags & SHF_EXECINSTR,
		};
		if (!trace->parts[i].name)
			return sut_err_nomem();
		trace->n_parts++;
	}
	return NULL;
}

static struct sut_err *read_old_entries(struct sut_plan *plan, struct sut_process *process)
{
	for (size_t i = 0; i < plan->trace.n_functions; i++) {
		struct sut_trace_function *f = &plan->trace.functions[i];
		struct sut_err *err = sut_process_peek(process, (struct sut_addr){ f->at },
						       f->before, sizeof(f->before));
		if (err)
			return err;
		sut_redirect_undo(plan->traces, f->at, f->before, sizeof(f->before));
	}
	return NULL;
}

static struct sut_err *init_fresh(struct sut_plan *plan, struct sut_process *process)
{
	struct sut_err *err = draft_trace(plan->patch, &plan->module, &plan->trace);

	return err ? err : read_old_entries(plan, process);
}

static bool is_program(const struct sut_process *process, const struct sut_module *module)
{
	struct sut_file file;
	uint64_t pair[2];
	bool is_found = false;
	struct sut_err *err = sut_process_read(process, "auxv", &file);

	if (err) {
		sut_err_free(err);
		return false;
	}
	for (size_t at = 0; sut_view_copy(file.view, at, pair, sizeof(pair)); at += sizeof(pair))
		is_found |= pair[0] == AT_ENTRY && sut_span_has(module->span, pair[1]);
	sut_file_deinit(&file);
	return is_found;
}

// Of a library the dynamic linker's list tells; in doubt it may go.
static bool find_lasting(struct sut_snapshot *snapshot, const struct sut_module *module)
{
	struct sut_scope scope;
	bool is_lasting;

	if (is_program(&snapshot->process, module))
		return true;
	struct sut_err *err = sut_scope_init(snapshot, module, &scope);
	if (err) {
		sut_err_free(err);
		return false;
	}
	is_lasting = sut_scope_has_initial(&scope, module);
	sut_scope_deinit(&scope);
	return is_lasting;
}

struct sut_err *sut_plan_init(struct sut_snapshot *snapshot, const struct sut_patch *patch,
			      const struct sut_module *module, const struct sut_traces *traces,
			      struct sut_plan *ret)
{
	struct sut_process *process = &snapshot->process;
	_cleanup_(sut_plan_deinit) struct sut_plan plan = {
		.patch = patch,
		.module = *module,
		.traces = traces,
		.is_lasting = find_lasting(snapshot, module),
	};
	struct sut_err *err = check_ranges(&plan, process);

	if (!err)
		err = find_replaced(&plan, snapshot);
	if (!err)
		err = take_up(&plan);
	if (!err && !plan.is_standing)
		err = init_fresh(&plan, process);
	if (!err)
		err = sut_layout_init(patch, sut_trace_size(&plan.trace), &plan.layout);
	if (!err)
		err = sut_imports_init(snapshot, module, patch, &plan.imports);
	if (err)
		return err;
	*ret = plan;
	plan = (struct sut_plan){ 0 };
	return NULL;
}

static struct sut_err *add_redirect(const struct sut_plan *plan, const struct sut_trace_function *f,
				    struct sut_process *process, struct sut_switch *s)
{
	struct sut_change change = { .at = f->at, .is_lasting = plan->is_lasting };
	enum sut_entry entry;
	struct sut_err *err = sut_redirect_look(plan->traces, f, process, &entry, change.before);

	if (err || entry == SUT_ENTRY_REDIRECTED)
		return err;
	memcpy(change.after, f->after, sizeof(change.after));
	return sut_switch_add_change(s, change);
}

static struct sut_err *add_old_range(const struct sut_plan *plan,
				     const struct sut_patch_range *range, struct sut_switch *s)
{
	const struct sut_patch_function *f = &plan->patch->functions[range->function];
	uint64_t start = plan->module.base + range->vaddr;
	bool is_entry = range->vaddr == f->vaddr;

	return sut_switch_add_range(
		s, (struct sut_quiet_range){
			   .span = { start, start + range->size },
			   .entry_last = is_entry ? start + f->entry_skip : start - 1,
			   .name = f->name,
		   });
}

// Only the bytes that the redirect covers; at its first byte a thread may stand.
static struct sut_err *add_entry_range(const struct sut_trace_function *f, struct sut_switch *s)
{
	return sut_switch_add_range(s, (struct sut_quiet_range){
					       .span = { f->at, f->at + SUT_REDIRECT_SIZE },
					       .entry_last = f->at,
					       .name = f->name,
				       });
}

static struct sut_err *add_old_ranges(const struct sut_plan *plan, struct sut_switch *s)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < plan->trace.n_functions && plan->is_entry_only && !err; i++)
		err = add_entry_range(&plan->trace.functions[i], s);
	for (size_t i = 0; i < plan->patch->n_ranges && !plan->is_entry_only && !err; i++)
		err = add_old_range(plan, &plan->patch->ranges[i], s);
	return err;
}

struct sut_err *sut_plan_add(struct sut_plan *plan, struct sut_process *process,
			     struct sut_switch *s)
{
	struct sut_err *err = NULL;
	size_t n_before = s->n_changes;

	for (size_t i = 0; i < plan->trace.n_functions && !err; i++)
		err = add_redirect(plan, &plan->trace.functions[i], process, s);
	// After ours, so that only what ours do not cover goes back to the original.
	for (size_t i = 0; i < plan->n_replaced && !err; i++)
		err = sut_redirect_revert(plan->traces, plan->replaced[i], process, s);
	bool is_changed = s->n_changes > n_before;
	plan->leaves_old_code = plan->is_entry_only && (is_changed || plan->trace.is_entry_only);
	if (!is_changed && (!plan->trace.is_entry_only || plan->is_entry_only))
		return err;
	if (!err)
		err = sut_switch_add_check(s, (struct sut_switch_check){ plan->module.build_id_at,
									 plan->module.build_id });
	return err ? err : add_old_ranges(plan, s);
}
