// SPDX-License-Identifier: Apache-2.0
#include "live/plan.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "live/link.h"
#include "live/switch.h"
#include "patch/patch.h"
#include "process/snapshot.h"

void sut_plan_deinit(struct sut_plan *plan)
{
	sut_layout_deinit(&plan->layout);
	sut_imports_deinit(&plan->imports);
	sut_trace_deinit(&plan->trace);
	*plan = (struct sut_plan){ 0 };
}


// Put the old bytes over redirects of ours that stand in @p bytes, so that they
// are compared as they were in the file.
static void unredirect(const struct sut_traces *traces, uint64_t at, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < traces->n; i++) {
		for (size_t j = 0; j < traces->items[i].n_functions; j++) {
			const struct sut_trace_function *f = &traces->items[i].functions[j];
			if (f->at < at || f->at + SUT_REDIRECT_SIZE > at + size)
				continue;
			uint8_t *place = bytes + (f->at - at);
			if (memcmp(place, f->after, SUT_REDIRECT_SIZE) == 0)
				memcpy(place, f->before, SUT_REDIRECT_SIZE);
		}
	}
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

static struct sut_err *check_range(struct sut_process *process, const struct sut_patch *patch,
				   const struct sut_patch_range *range, uint64_t base,
				   const struct sut_traces *traces)
{
	const struct sut_patch_function *f = &patch->functions[range->function];
	uint64_t at = base + range->vaddr;
	_cleanup_free_ uint8_t *bytes = malloc(range->size + 8);
	struct sut_sha256 digest;
	struct sut_err *err;

	if (!bytes)
		return sut_err_nomem();
	memset(bytes + range->size, 0, 8);
	err = sut_process_peek(process, (struct sut_addr){ at }, bytes, range->size);
	if (err)
		return sut_err_wrap(err, "function %s", f->name);
	unredirect(traces, at, bytes, range->size);
	err = sut_sha256((struct sut_view){ bytes, range->size }, &digest);
	if (err)
		return err;
	if (memcmp(digest.bytes, range->digest.bytes, sizeof(digest.bytes)) == 0)
		return NULL;
	return sut_err(SUT_E_MISMATCH,
		       "function %s at 0x%lx is not what the hotpatch was made for%s", f->name,
		       (unsigned long)at, guess_intruder(bytes));
}

static struct sut_err *check_ranges(const struct sut_plan *plan, struct sut_process *process,
				    const struct sut_traces *traces)
{
	for (size_t i = 0; i < plan->patch->n_ranges; i++) {
		struct sut_err *err = check_range(process, plan->patch, &plan->patch->ranges[i],
						  plan->module.base, traces);
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

// A trace that names this module but another hotpatch, of which redirects stand.
static struct sut_err *check_others(const struct sut_plan *plan, struct sut_process *process,
				    const struct sut_traces *traces)
{
	for (size_t i = 0; i < traces->n; i++) {
		const struct sut_trace *trace = &traces->items[i];
		size_t n = 0;
		if (!is_same_module(trace, &plan->module) ||
		    memcmp(trace->digest.bytes, plan->patch->digest.bytes, SUT_SHA256_SIZE) == 0)
			continue;
		struct sut_err *err = sut_trace_count(trace, process, &n);
		if (err)
			return err;
		if (n)
			return sut_err(SUT_E_UNSUPPORTED,
				       "hotpatch %s is applied to the same build; revert it first",
				       trace->name);
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
static struct sut_err *take_up(struct sut_plan *plan, const struct sut_traces *traces)
{
	for (size_t i = 0; i < traces->n; i++) {
		const struct sut_trace *trace = &traces->items[i];
		if (!is_same_module(trace, &plan->module) || trace->state == SUT_TRACE_PLACED ||
		    memcmp(trace->digest.bytes, plan->patch->digest.bytes, SUT_SHA256_SIZE) != 0)
			continue;
		struct sut_err *err = copy_trace(trace, &plan->trace);
		plan->is_standing = !err;
		plan->start = trace->ro.start;
		plan->state_before = trace->state;
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

	json_array_foreach(json_object_get(patch->meta, "advisories"), i, advisory) {
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
	}
	return NULL;
}

static struct sut_err *init_fresh(struct sut_plan *plan, struct sut_process *process)
{
	struct sut_err *err = draft_trace(plan->patch, &plan->module, &plan->trace);

	return err ? err : read_old_entries(plan, process);
}

struct sut_err *sut_plan_init(struct sut_snapshot *snapshot, const struct sut_patch *patch,
			      const struct sut_module *module, const struct sut_traces *traces,
			      struct sut_plan *ret)
{
	struct sut_process *process = &snapshot->process;
	_cleanup_(sut_plan_deinit) struct sut_plan plan = { .patch = patch, .module = *module };
	struct sut_err *err = check_ranges(&plan, process, traces);

	if (!err)
		err = check_others(&plan, process, traces);
	if (!err)
		err = take_up(&plan, traces);
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

struct sut_err *sut_plan_place(struct sut_plan *plan, const struct sut_maps *maps,
			       struct sut_borrow *borrow)
{
	uint64_t start;

	if (!sut_place_choose(maps, plan->module.span, &plan->layout, &start))
		return sut_err(SUT_E_UNSUPPORTED,
			       "no free %lu bytes of address space within 2 GiB of %s",
			       (unsigned long)sut_layout_size(&plan->layout), plan->module.path);
	struct sut_err *err = sut_place_map(borrow, start, &plan->layout, plan->trace.name);
	if (err)
		return err;
	plan->start = start;
	plan->is_mapped = true;
	return sut_imports_call(&plan->imports, plan->patch, borrow);
}

static void make_redirect(struct sut_trace_function *f)
{
	int32_t distance = f->target - (f->at + SUT_REDIRECT_SIZE);

	f->after[0] = 0xe9; // jmp rel32
	memcpy(f->after + 1, &distance, sizeof(distance));
}

// Now that the place is known: addresses, redirects and digests.
static struct sut_err *finish_trace(struct sut_plan *plan, struct sut_view payload)
{
	const struct sut_layout *l = &plan->layout;
	struct sut_trace *trace = &plan->trace;

	trace->ro = (struct sut_span){ plan->start, plan->start + l->ro };
	trace->rx = (struct sut_span){ trace->ro.end, trace->ro.end + l->rx };
	trace->rw = (struct sut_span){ trace->rx.end, trace->rx.end + l->rw };
	for (size_t i = 0; i < trace->n_functions; i++) {
		trace->functions[i].target =
			sut_link_address(plan->patch, l, plan->start, plan->module.base,
					 plan->imports.at, plan->patch->functions[i].symbol);
		make_redirect(&trace->functions[i]);
	}
	for (size_t i = 0; i < trace->n_parts; i++) {
		struct sut_trace_part *part = &trace->parts[i];
		struct sut_view bytes = { payload.data + l->parts[i], part->size };
		part->at = plan->start + l->parts[i];
		struct sut_err *err =
			part->is_writable ? NULL : sut_sha256(bytes, &part->digest);
		if (err)
			return err;
	}
	return NULL;
}

struct sut_err *sut_plan_write(struct sut_plan *plan, struct sut_process *process)
{
	_cleanup_(sut_buf_deinit) struct sut_buf payload = { 0 };
	_cleanup_(sut_buf_deinit) struct sut_buf trace = { 0 };
	struct sut_err *err = sut_link(plan->patch, &plan->layout, plan->start, plan->module.base,
				       plan->imports.at, &payload);

	if (!err)
		err = finish_trace(plan, sut_buf_view(&payload));
	if (!err)
		err = sut_trace_write(&plan->trace, &trace);
	if (err)
		return err;
	memcpy(payload.data, trace.data, trace.size);
	// The trace goes first: from then on the payload can be found and removed.
	err = sut_process_poke(process, (struct sut_addr){ plan->start }, sut_buf_view(&payload));
	plan->is_standing = !err;
	return err;
}

static struct sut_err *compare_part(const struct sut_trace_part *part, const uint8_t *expected,
				    struct sut_process *process)
{
	_cleanup_free_ uint8_t *bytes = malloc(part->size + 1);

	if (!bytes)
		return sut_err_nomem();
	struct sut_err *err =
		sut_process_peek(process, (struct sut_addr){ part->at }, bytes, part->size);
	for (size_t i = 0; !err && i < part->size; i++)
		if (bytes[i] != expected[i])
			err = sut_err(SUT_E_MISMATCH, "%s at 0x%lx differs from the file", part->name,
				      (unsigned long)(part->at + i));
	return err;
}

// Only the target can tell where an IFUNC leads, and it was asked when the payload
// was placed. Its word stands in the payload; the code it names must be in the
// library that defines it.
static struct sut_err *read_resolved(struct sut_plan *plan, struct sut_snapshot *snapshot)
{
	for (size_t i = 0; i < plan->patch->n_relocs; i++) {
		const struct sut_patch_reloc *r = &plan->patch->relocs[i];
		uint64_t value, at = plan->start + plan->layout.parts[r->part] + r->off;
		if (!plan->imports.is_resolver[r->symbol] || r->type != R_X86_64_64)
			continue;
		struct sut_err *err = sut_process_peek(&snapshot->process, (struct sut_addr){ at },
						       &value, sizeof(value));
		if (err)
			return err;
		const struct sut_module *module =
			sut_modules_at(&snapshot->modules, plan->imports.at[r->symbol]);
		value -= r->addend;
		if (!module || !sut_span_has(module->span, value))
			return sut_err(SUT_E_MISMATCH, "%s at 0x%lx does not lead to its library",
				       plan->patch->symbols[r->symbol].name, (unsigned long)at);
		plan->imports.at[r->symbol] = value;
	}
	return NULL;
}

struct sut_err *sut_plan_verify(struct sut_plan *plan, struct sut_snapshot *snapshot)
{
	_cleanup_(sut_buf_deinit) struct sut_buf payload = { 0 };
	const struct sut_layout *l = &plan->layout;

	if (plan->trace.n_parts != plan->patch->n_parts ||
	    plan->trace.rw.end - plan->trace.ro.start != sut_layout_size(l))
		return sut_err(SUT_E_MISMATCH, "the trace is not of this hotpatch");
	struct sut_err *err = read_resolved(plan, snapshot);
	if (!err)
		err = sut_link(plan->patch, l, plan->start, plan->module.base,
			       plan->imports.at, &payload);
	for (size_t i = 0; i < plan->trace.n_parts && !err; i++)
		if (!plan->trace.parts[i].is_writable)
			err = compare_part(&plan->trace.parts[i], payload.data + l->parts[i],
					   &snapshot->process);
	return err;
}

/** What stands at a function's entry. */
enum entry { ENTRY_OLD, ENTRY_REDIRECTED };

static struct sut_err *look_at_entry(const struct sut_trace_function *f,
				     struct sut_process *process, enum entry *ret)
{
	uint8_t now[SUT_REDIRECT_SIZE];
	struct sut_err *err =
		sut_process_peek(process, (struct sut_addr){ f->at }, now, sizeof(now));

	if (err)
		return err;
	if (memcmp(now, f->after, sizeof(now)) == 0)
		*ret = ENTRY_REDIRECTED;
	else if (memcmp(now, f->before, sizeof(now)) == 0)
		*ret = ENTRY_OLD;
	else
		return sut_err(SUT_E_MISMATCH,
			       "somebody else has changed the entry of %s at 0x%lx", f->name,
			       (unsigned long)f->at);
	return NULL;
}

struct sut_err *sut_trace_count(const struct sut_trace *trace, struct sut_process *process,
				size_t *ret)
{
	enum entry entry;
	size_t n = 0;

	for (size_t i = 0; i < trace->n_functions; i++) {
		struct sut_err *err = look_at_entry(&trace->functions[i], process, &entry);
		if (err)
			return err;
		n += entry == ENTRY_REDIRECTED;
	}
	*ret = n;
	return NULL;
}

static struct sut_err *add_redirect(const struct sut_trace_function *f, bool is_forward,
				    struct sut_process *process, struct sut_switch *s)
{
	struct sut_change change = { .at = f->at };
	enum entry entry;
	struct sut_err *err = look_at_entry(f, process, &entry);

	if (err || (entry == ENTRY_REDIRECTED) == is_forward)
		return err;
	memcpy(change.before, is_forward ? f->before : f->after, sizeof(change.before));
	memcpy(change.after, is_forward ? f->after : f->before, sizeof(change.after));
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

struct sut_err *sut_plan_add(const struct sut_plan *plan, struct sut_process *process,
			     struct sut_switch *s)
{
	struct sut_err *err = NULL;
	size_t n_before = s->n_changes;

	for (size_t i = 0; i < plan->trace.n_functions && !err; i++)
		err = add_redirect(&plan->trace.functions[i], true, process, s);
	if (s->n_changes == n_before)
		return err;
	for (size_t i = 0; i < plan->patch->n_ranges && !err; i++)
		err = add_old_range(plan, &plan->patch->ranges[i], s);
	return err;
}

struct sut_err *sut_trace_add_revert(const struct sut_trace *trace, struct sut_process *process,
				     struct sut_switch *s)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < trace->n_functions && !err; i++)
		err = add_redirect(&trace->functions[i], false, process, s);
	if (!err && trace->rx.start < trace->rx.end)
		err = sut_switch_add_range(s, (struct sut_quiet_range){
						      .span = trace->rx,
						      .entry_last = trace->rx.start - 1,
						      .name = trace->name,
					      });
	return err;
}
