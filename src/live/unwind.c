// SPDX-License-Identifier: Apache-2.0
#include "live/unwind.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "live/cfi.h"
#include "live/trace.h"
#include "process/snapshot.h"

/** The tables of one module. Owns the bytes. */
struct table {
	struct sut_span code; /**< Addresses that it may know. */
	struct sut_cfi cfi;
	uint8_t *hdr, *eh_frame;
};

struct sut_unwinder {
	struct table *tables;
	size_t n, capacity;
};

/** No table of one module is longer. */
static const uint64_t max_table = UINT64_C(256) << 20;
/** No stack has more frames. */
enum { MAX_FRAMES = 1 << 20 };

static struct sut_err *read_bytes(struct sut_process *process, uint64_t at, uint64_t size,
				  uint8_t **ret)
{
	_cleanup_free_ uint8_t *bytes = NULL;

	if (size > max_table)
		return sut_err(SUT_E_FORMAT, "unwind table of %lu bytes", (unsigned long)size);
	bytes = malloc(size + 1);
	if (!bytes)
		return sut_err_nomem();
	struct sut_err *err = sut_process_peek(process, (struct sut_addr){ at }, bytes, size);
	if (!err)
		*ret = steal(bytes);
	return err;
}

static void table_deinit(struct table *table)
{
	free(table->hdr);
	free(table->eh_frame);
	*table = (struct table){ 0 };
}

// .eh_frame ends somewhere in its mapping; what follows is not looked at, since a
// record of length 0 ends it.
static struct sut_err *read_module(struct sut_snapshot *s, const struct sut_module *m,
				   struct table *table)
{
	uint64_t eh_frame_at;
	struct sut_err *err =
		read_bytes(&s->process, m->eh_frame_hdr, m->eh_frame_hdr_size, &table->hdr);

	if (err)
		return err;
	struct sut_view hdr = { table->hdr, m->eh_frame_hdr_size };
	if (!sut_cfi_init(hdr, m->eh_frame_hdr, &table->cfi, &eh_frame_at))
		return sut_err(SUT_E_FORMAT, "%s: unwind table", m->path);
	const struct sut_mapping *mapping = sut_maps_at(&s->maps, eh_frame_at);
	if (!mapping)
		return sut_err(SUT_E_FORMAT, "%s: no .eh_frame", m->path);
	uint64_t size = mapping->span.end - eh_frame_at;
	err = read_bytes(&s->process, eh_frame_at, size, &table->eh_frame);
	table->cfi.eh_frame = (struct sut_view){ table->eh_frame, size };
	table->cfi.eh_frame_at = eh_frame_at;
	table->code = m->span;
	return err;
}

static struct sut_err *read_payload(struct sut_snapshot *s, const struct sut_trace *trace,
				    struct table *table)
{
	for (size_t i = 0; i < trace->n_parts; i++) {
		const struct sut_trace_part *part = &trace->parts[i];
		if (strcmp(part->name, ".eh_frame") != 0)
			continue;
		struct sut_err *err =
			read_bytes(&s->process, part->at, part->size, &table->eh_frame);
		table->cfi.eh_frame = (struct sut_view){ table->eh_frame, part->size };
		table->cfi.eh_frame_at = part->at;
		table->code = trace->rx;
		return err;
	}
	return sut_err(SUT_E_FORMAT, "%s has no unwind table", trace->name);
}

// A table that cannot be read leaves its code unknown, and no more.
static struct sut_err *add_table(struct sut_unwinder *u, struct table *table, struct sut_err *err)
{
	bool is_fatal = err && err->code == SUT_E_NOMEM;

	if (!err)
		err = sut_array_grow(&u->tables, u->n, &u->capacity, sizeof(*u->tables));
	if (!err) {
		u->tables[u->n++] = *table;
		return NULL;
	}
	table_deinit(table);
	if (is_fatal)
		return err;
	sut_err_free(err);
	return NULL;
}

struct sut_err *sut_unwinder_new(struct sut_snapshot *snapshot, const struct sut_traces *traces,
				 struct sut_unwinder **ret)
{
	struct sut_unwinder *u = calloc(1, sizeof(*u));
	struct sut_err *err = u ? NULL : sut_err_nomem();

	for (size_t i = 0; i < snapshot->modules.n && !err; i++) {
		struct table table = { 0 };
		if (!snapshot->modules.items[i].eh_frame_hdr)
			continue;
		err = read_module(snapshot, &snapshot->modules.items[i], &table);
		err = add_table(u, &table, err);
	}
	for (size_t i = 0; i < traces->n && !err; i++) {
		struct table table = { 0 };
		err = read_payload(snapshot, &traces->items[i], &table);
		err = add_table(u, &table, err);
	}
	if (err)
		sut_unwinder_free(u);
	else
		*ret = u;
	return err;
}

void sut_unwinder_free(struct sut_unwinder *unwinder)
{
	if (!unwinder)
		return;
	for (size_t i = 0; i < unwinder->n; i++)
		table_deinit(&unwinder->tables[i]);
	free(unwinder->tables);
	free(unwinder);
}

/** A thread that is being walked. */
struct walker {
	const struct sut_unwinder *unwinder;
	pid_t tid;
	uint64_t regs[SUT_CFI_N_REGS];
	uint64_t window_at; /**< Address of what is in the window. */
	size_t window_size;
	uint8_t window[4096];
};

// Words of the stack are read a window at a time: frames lie close together.
static bool read_word(void *context, uint64_t at, uint64_t *ret)
{
	struct walker *w = context;

	if (at < w->window_at || at + 8 > w->window_at + w->window_size || at + 8 < at) {
		size_t size = sizeof(w->window) - (at & 4095);
		struct iovec local = { w->window, size }, remote = { (void *)(uintptr_t)at, size };
		if (size < 8)
			local.iov_len = remote.iov_len = 8; // over the page's end
		ssize_t done = process_vm_readv(w->tid, &local, 1, &remote, 1, 0);
		w->window_at = at;
		w->window_size = done > 0 ? done : 0;
		if (done < 8)
			return false;
	}
	memcpy(ret, w->window + (at - w->window_at), 8);
	return true;
}

static bool find_row(const struct sut_unwinder *u, uint64_t pc, struct sut_cfi_row *ret)
{
	for (size_t i = 0; i < u->n; i++)
		if (sut_span_has(u->tables[i].code, pc))
			return sut_cfi_find(&u->tables[i].cfi, pc, ret);
	return false;
}

static bool find_cfa(struct walker *w, const struct sut_cfi_row *row, uint64_t *ret)
{
	if (row->cfa.kind == SUT_CFI_VALUE_EXPR)
		return sut_cfi_evaluate(row->cfa.expr, w->regs, NULL, read_word, w, ret);
	*ret = w->regs[row->cfa.value] + row->cfa_off;
	return true;
}

static bool restore(struct walker *w, const struct sut_cfi_rule *rule, uint64_t cfa, int reg,
		    uint64_t *ret)
{
	uint64_t at;

	switch (rule->kind) {
	case SUT_CFI_SAME:
	case SUT_CFI_UNDEFINED:
		*ret = w->regs[reg];
		return true;
	case SUT_CFI_AT:
		return read_word(w, cfa + rule->value, ret);
	case SUT_CFI_VALUE:
		*ret = cfa + rule->value;
		return true;
	case SUT_CFI_REGISTER:
		*ret = rule->value < SUT_CFI_N_REGS ? w->regs[rule->value] : 0;
		return rule->value < SUT_CFI_N_REGS;
	case SUT_CFI_AT_EXPR:
		return sut_cfi_evaluate(rule->expr, w->regs, &cfa, read_word, w, &at) &&
		       read_word(w, at, ret);
	default:
		return sut_cfi_evaluate(rule->expr, w->regs, &cfa, read_word, w, ret);
	}
}

/** How a step ended. */
enum step { STEP_ON, STEP_OUTERMOST, STEP_LOST };

// From the frame in w->regs to its caller's. @p frame gets its CFA.
static enum step step(struct walker *w, struct sut_frame *frame, bool *is_signal_frame)
{
	// A return address may be the first byte of the next function.
	uint64_t pc = frame->is_interrupted ? frame->pc : frame->pc - 1;
	uint64_t next[SUT_CFI_N_REGS], cfa;
	struct sut_cfi_row row;

	if (!find_row(w->unwinder, pc, &row) || !find_cfa(w, &row, &cfa))
		return STEP_LOST;
	if (row.regs[SUT_CFI_RA].kind == SUT_CFI_UNDEFINED) {
		frame->cfa = cfa;
		return STEP_OUTERMOST;
	}
	if (row.regs[SUT_CFI_RA].kind == SUT_CFI_SAME)
		return STEP_LOST;
	for (int i = 0; i < SUT_CFI_N_REGS; i++)
		if (!restore(w, &row.regs[i], cfa, i, &next[i]))
			return STEP_LOST;
	// The CFA is the caller's rsp, unless a signal frame says otherwise.
	if (row.regs[SUT_CFI_RSP].kind == SUT_CFI_SAME)
		next[SUT_CFI_RSP] = cfa;
	// A stack grows down; only a signal's handler may be on another one, and only
	// the innermost function may keep its return address off the stack.
	uint64_t least = w->regs[SUT_CFI_RSP] + (frame->is_interrupted ? 0 : 1);
	if (!row.is_signal_frame && next[SUT_CFI_RSP] < least)
		return STEP_LOST;
	frame->cfa = row.is_signal_frame ? next[SUT_CFI_RSP] : cfa;
	*is_signal_frame = row.is_signal_frame;
	memcpy(w->regs, next, sizeof(next));
	return next[SUT_CFI_RA] ? STEP_ON : STEP_OUTERMOST;
}

static void set_regs(struct walker *w, const struct user_regs_struct *r)
{
	const uint64_t regs[SUT_CFI_N_REGS] = { r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi,
						r->rbp, r->rsp, r->r8,	r->r9,	r->r10, r->r11,
						r->r12, r->r13, r->r14, r->r15, r->rip };

	memcpy(w->regs, regs, sizeof(regs));
}

struct sut_err *sut_unwind(struct sut_unwinder *unwinder, pid_t tid,
			   const struct user_regs_struct *regs, struct sut_walk *ret)
{
	_cleanup_(sut_walk_deinit) struct sut_walk walk = { 0 };
	struct walker w = { .unwinder = unwinder, .tid = tid };
	bool is_interrupted = true;
	enum step result = STEP_ON;

	set_regs(&w, regs);
	while (result == STEP_ON && walk.n_frames < MAX_FRAMES) {
		struct sut_err *err = sut_array_grow(&walk.frames, walk.n_frames, &walk.capacity,
						     sizeof(*walk.frames));
		if (err)
			return err;
		struct sut_frame *frame = &walk.frames[walk.n_frames++];
		*frame = (struct sut_frame){ .pc = w.regs[SUT_CFI_RA],
					     .sp = w.regs[SUT_CFI_RSP],
					     .is_interrupted = is_interrupted };
		result = step(&w, frame, &is_interrupted);
	}
	walk.is_complete = result == STEP_OUTERMOST;
	*ret = walk;
	walk = (struct sut_walk){ 0 };
	return NULL;
}

void sut_walk_deinit(struct sut_walk *walk)
{
	free(walk->frames);
	*walk = (struct sut_walk){ 0 };
}

uint64_t sut_walk_explained(const struct sut_walk *walk, struct sut_span region)
{
	uint64_t explained = region.start;

	for (size_t i = 0; i < walk->n_frames; i++) {
		const struct sut_frame *f = &walk->frames[i];
		bool is_last = i + 1 == walk->n_frames;
		if (!sut_span_has(region, f->sp))
			continue;
		// Nothing returns beyond the first function, nor beyond the frame by
		// which a signal's handler leaves its own stack.
		if (is_last && walk->is_complete)
			return region.end;
		if (f->cfa && !sut_span_has(region, f->cfa))
			return region.end;
		if (f->cfa > explained)
			explained = f->cfa;
	}
	return explained;
}
