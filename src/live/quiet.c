// SPDX-License-Identifier: Apache-2.0
#include "live/quiet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "live/unwind.h"
#include "process/maps.h"
#include "process/process.h"
#include "process/tracer.h"

/** No stack is looked at beyond this; a deeper one counts as busy. */
static const uint64_t max_stack = UINT64_C(256) << 20;

const struct sut_quiet_range *sut_quiet_find(const struct sut_quiet *quiet, uint64_t at)
{
	size_t low = 0, high = quiet->n_ranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (quiet->ranges[middle].span.end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == quiet->n_ranges || !sut_span_has(quiet->ranges[low].span, at))
		return NULL;
	// entry_last + 1 cannot wrap, at - entry_last could.
	return at < quiet->ranges[low].entry_last + 1 ? NULL : &quiet->ranges[low];
}

/** Where one thread's frames are. */
struct stack {
	struct sut_span used;     /**< From the stack pointer to the stack's base. */
	struct sut_span ordinary; /**< When the thread is on another stack than its own:
				       all of its own. Else empty. */
	bool is_known;            /**< False: the stack pointer is nowhere. */
};

// The C libraries put a thread's control block, where fs points, on top of its
// stack; the main thread's stack is named in the maps, and grows.
static struct sut_span own_stack(const struct sut_quiet *quiet, const struct sut_thread *thread,
				 bool is_main)
{
	uint64_t fs = thread->regs.fs_base;
	const struct sut_mapping *m = is_main ? sut_maps_named(quiet->maps, "[stack]") :
						sut_maps_at(quiet->maps, fs);
	struct sut_span span = { 0 };

	if (!m)
		return span;
	span = m->span;
	if (!is_main)
		span.end = fs;
	else if (m > quiet->maps->items && thread->regs.rsp < span.start &&
		 thread->regs.rsp >= m[-1].span.end)
		span.start = thread->regs.rsp; // it has grown since the maps were read
	return span;
}

static struct stack find_stack(const struct sut_quiet *quiet, const struct sut_thread *thread,
			       bool is_main)
{
	struct sut_span own = own_stack(quiet, thread, is_main);
	uint64_t rsp = thread->regs.rsp;

	if (sut_span_has(own, rsp))
		return (struct stack){ { rsp, own.end }, { 0 }, true };
	const struct sut_mapping *m = sut_maps_at(quiet->maps, rsp);
	if (!m)
		return (struct stack){ .ordinary = own };
	return (struct stack){ { rsp, m->span.end }, own, true };
}

/** One check over all threads. */
struct check {
	const struct sut_quiet *quiet;
	struct sut_span hull; /**< From the first to the last range. */
	uint8_t *buffer;      /**< Bytes of the stack that is looked at. Owned. */
	size_t capacity;
};

static const struct sut_quiet_range *look_at_word(const struct check *check, uint64_t word)
{
	if (word - check->hull.start >= check->hull.end - check->hull.start)
		return NULL;
	return sut_quiet_find(check->quiet, word);
}

static struct sut_err *read_stack(struct check *check, pid_t tid, struct sut_span span)
{
	size_t size = span.end - span.start;

	if (size > check->capacity) {
		uint8_t *buffer = realloc(check->buffer, size);
		if (!buffer)
			return sut_err_nomem();
		check->buffer = buffer;
		check->capacity = size;
	}
	struct iovec local = { check->buffer, size };
	struct iovec remote = { (void *)(uintptr_t)span.start, size };
	ssize_t done = process_vm_readv(tid, &local, 1, &remote, 1, 0);
	if (done < 0)
		return sut_err_os(errno, "read stack of thread %d", tid);
	if (done != (ssize_t)size)
		return sut_err(SUT_E_BUSY, "the stack of thread %d has changed", tid);
	return NULL;
}

/** What of one thread looks like a return address into a range. */
struct hits {
	const struct sut_quiet_range *range; /**< Of the first; NULL: none. */
	bool is_in_register;
	uint64_t used, ordinary; /**< The highest address of one in that part of the
				      stack; 0: none. */
};

static struct sut_err *scan(struct check *check, pid_t tid, struct sut_span span,
			    struct hits *hits, uint64_t *last)
{
	span.start &= ~UINT64_C(7);
	span.end &= ~UINT64_C(7);
	if (span.end <= span.start)
		return NULL;
	struct sut_err *err = read_stack(check, tid, span);
	if (err)
		return err;
	const uint64_t *words = (const uint64_t *)check->buffer;
	for (size_t i = 0; i < (span.end - span.start) / 8; i++) {
		const struct sut_quiet_range *range = look_at_word(check, words[i]);
		if (!range)
			continue;
		*last = span.start + 8 * i;
		if (!hits->range)
			hits->range = range;
	}
	return NULL;
}

// A return address can be in a register, too: vfork(3) keeps its own there.
static void scan_registers(const struct check *check, const struct user_regs_struct *r,
			   struct hits *hits)
{
	const uint64_t words[] = { r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->r8,
				   r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !hits->range; i++)
		hits->range = look_at_word(check, words[i]);
	hits->is_in_register = hits->range;
}

static void block(struct sut_blocker *blocker, pid_t tid, const char *function)
{
	*blocker = (struct sut_blocker){ .tid = tid };
	snprintf(blocker->function, sizeof(blocker->function), "%s", function);
}

static void note_walk(struct sut_blocker *blocker, const struct sut_walk *walk)
{
	size_t max = sizeof(blocker->pcs) / sizeof(blocker->pcs[0]);

	for (blocker->n_pcs = 0; blocker->n_pcs < walk->n_frames && blocker->n_pcs < max;
	     blocker->n_pcs++)
		blocker->pcs[blocker->n_pcs] = walk->frames[blocker->n_pcs].pc;
}

// Is any frame in a range; and if none, does the walk explain every hit?
static bool judge(const struct check *check, const struct sut_walk *walk,
		  const struct stack *stack, const struct hits *hits, struct sut_blocker *blocker)
{
	note_walk(blocker, walk);
	for (size_t i = 0; i < walk->n_frames; i++) {
		const struct sut_quiet_range *range =
			sut_quiet_find(check->quiet, walk->frames[i].pc);
		if (!range)
			continue;
		snprintf(blocker->function, sizeof(blocker->function), "%s", range->name);
		blocker->is_certain = true;
		return false;
	}
	if (hits->is_in_register && walk->n_frames < 2 && !walk->is_complete)
		return false;
	if (hits->used && hits->used >= sut_walk_explained(walk, stack->used))
		return false;
	return !hits->ordinary || hits->ordinary < sut_walk_explained(walk, stack->ordinary);
}

static struct sut_err *confirm(const struct check *check, const struct sut_thread *thread,
			       const struct stack *stack, const struct hits *hits, bool *ret,
			       struct sut_blocker *blocker)
{
	struct sut_walk walk;

	block(blocker, thread->tid, hits->range->name);
	*ret = false;
	if (!check->quiet->unwinder)
		return NULL;
	struct sut_err *err =
		sut_unwind(check->quiet->unwinder, thread->tid, &thread->regs, &walk);
	if (err)
		return err;
	*ret = judge(check, &walk, stack, hits, blocker);
	sut_walk_deinit(&walk);
	return NULL;
}

static struct sut_err *check_thread(struct check *check, const struct sut_thread *thread,
				    bool is_main, bool *ret, struct sut_blocker *blocker)
{
	struct stack stack = find_stack(check->quiet, thread, is_main);
	struct hits hits = { .range = sut_quiet_find(check->quiet, thread->regs.rip) };

	*ret = false;
	if (hits.range) {
		block(blocker, thread->tid, hits.range->name);
		blocker->is_inside = blocker->is_certain = true;
		blocker->pcs[blocker->n_pcs++] = thread->regs.rip;
		return NULL;
	}
	if (!stack.is_known || stack.used.end - stack.used.start > max_stack) {
		block(blocker, thread->tid, "an unknown stack");
		return NULL;
	}
	scan_registers(check, &thread->regs, &hits);
	struct sut_err *err = scan(check, thread->tid, stack.used, &hits, &hits.used);
	if (!err)
		err = scan(check, thread->tid, stack.ordinary, &hits, &hits.ordinary);
	if (err)
		return err;
	*ret = !hits.range;
	return hits.range ? confirm(check, thread, &stack, &hits, ret, blocker) : NULL;
}

struct sut_err *sut_quiet_check(const struct sut_quiet *quiet, const struct sut_tracer *tracer,
				bool *ret, struct sut_blocker *blocker)
{
	struct check check = { .quiet = quiet };
	struct sut_err *err = NULL;
	bool is_quiet = true;

	if (quiet->n_ranges)
		check.hull = (struct sut_span){ quiet->ranges[0].span.start,
						quiet->ranges[quiet->n_ranges - 1].span.end };
	for (size_t i = 0; i < tracer->n_threads && !err && is_quiet; i++) {
		const struct sut_thread *thread = &tracer->threads[i];
		if (thread->state == SUT_THREAD_STOPPED)
			err = check_thread(&check, thread, thread->tid == tracer->process->pid,
					   &is_quiet, blocker);
	}
	free(check.buffer);
	if (!err)
		*ret = is_quiet;
	return err;
}
