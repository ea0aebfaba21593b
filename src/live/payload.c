// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "live/link.h"
#include "live/plan.h"
#include "patch/patch.h"
#include "process/borrow.h"
#include "process/snapshot.h"
#include "process/tracer.h"

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

static struct sut_err *link_payload(struct sut_plan *plan)
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
	free((void *)plan->payload.data);
	plan->payload = (struct sut_view){ payload.data, payload.size };
	payload.data = NULL;
	return NULL;
}

struct sut_err *sut_plan_choose(struct sut_plan *plan, struct sut_maps *maps)
{
	uint64_t size = sut_layout_size(&plan->layout);

	if (!sut_place_choose(maps, plan->module.span, &plan->layout, &plan->start))
		return sut_err(SUT_E_UNSUPPORTED,
			       "no free %lu bytes of address space within 2 GiB of %s",
			       (unsigned long)size, plan->module.path);
	struct sut_err *err =
		sut_maps_add(maps, (struct sut_span){ plan->start, plan->start + size });
	return err ? err : link_payload(plan);
}

static struct sut_err *write_span(const struct sut_plan *plan, struct sut_process *process,
				  uint64_t off, uint64_t size)
{
	return sut_process_poke(process, (struct sut_addr){ plan->start + off },
				(struct sut_view){ plan->payload.data + off, size });
}

// First all of it read-only, with the trace at once: from then on, whatever happens
// to us, the payload can be found, and all of it is ours to unmap.
struct sut_err *sut_plan_map(struct sut_plan *plan, struct sut_borrow *borrow)
{
	struct sut_process *process = borrow->tracer->process;
	struct sut_err *err = sut_place_reserve(borrow, plan->start, &plan->layout);

	if (err)
		return err;
	plan->is_mapped = true;
	err = write_span(plan, process, 0, plan->layout.ro);
	if (!err)
		err = sut_place_split(borrow, plan->start, &plan->layout);
	if (err)
		return err;
	sut_place_name(borrow, plan->start, &plan->layout, sut_trace_label_at(&plan->trace));
	return NULL;
}

struct sut_err *sut_plan_write(struct sut_plan *plan, struct sut_process *process)
{
	const struct sut_layout *l = &plan->layout;
	struct sut_err *err = write_span(plan, process, l->ro, l->rx);

	// Pages of zeros need not be written.
	if (!err && !sut_view_is_zero((struct sut_view){ plan->payload.data + l->ro + l->rx,
							 l->rw }))
		err = write_span(plan, process, l->ro + l->rx, l->rw);
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
