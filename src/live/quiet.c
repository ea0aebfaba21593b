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

/** A part of memory that one thread's frames are in. */
struct region {
	struct sut_span span;
	uint64_t last_hit; /**< Highest address of what looks like a return address into
				a range; 0: none. */
};

/** Regions of one thread: more than a stack, an alternate one for signals, and one
 *  that the program has made are not expected. */
enum { MAX_REGIONS = 8 };

/** Where one thread's frames are. */
struct stack {
	struct region regions[MAX_REGIONS]; /**< The first: from the stack pointer on. */
	size_t n;                           /**< 0: the stack pointer is nowhere. */
	struct sut_span own;                /**< The stack that the thread was made with. */
	bool is_tangled; /**< A signal's handler runs on a stack inside of its own. */
	bool is_strange; /**< Some of it cannot be looked at. */
};

// The C libraries put a thread's control block, where fs points, on top of its
// stack; the main thread's stack is named in the maps, and grows.
static struct sut_span own_stack(const struct sut_quiet *quiet, const struct sut_thread *thread,
				 bool is_main)
{
	uint64_t fs = thread->regs.fs_base;
	const struct sut_mapping *m =
		is_main ? sut_maps_named(quiet->maps, "[stack]") : sut_maps_at(quiet->maps, fs);
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

// A region that is longer than anybody's stack is none.
static void add_region(struct stack *stack, struct sut_span span)
{
	if (span.end <= span.start)
		return;
	if (stack->n == MAX_REGIONS || span.end - span.start > max_stack)
		stack->is_strange = true;
	else
		stack->regions[stack->n++].span = span;
}

static struct stack find_stack(const struct sut_quiet *quiet, const struct sut_thread *thread,
			       bool is_main)
{
	uint64_t rsp = thread->regs.rsp;
	struct stack stack = { .own = own_stack(quiet, thread, is_main) };

	if (sut_span_has(stack.own, rsp)) {
		add_region(&stack, (struct sut_span){ rsp, stack.own.end });
		return stack;
	}
	const struct sut_mapping *m = sut_maps_at(quiet->maps, rsp);
	if (!m)
		return stack;
	add_region(&stack, (struct sut_span){ rsp, m->span.end });
	// It is on another stack than its own: its own is in use, who knows how far.
	add_region(&stack, stack.own);
	return stack;
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
};

/** The frame that the kernel writes for a signal's handler: some of its words, by
 *  their distance from that of the segment registers (struct sigcontext of
 *  <asm/sigcontext.h>, behind the five words of struct ucontext). */
enum { UC_FLAGS = -23, UC_LINK = -22, SAVED_RSP = -3, SIGNAL_WORDS = 23 };

/** The segment registers of all 64-bit user code: cs, gs, fs, ss. */
static const uint64_t user_segments = UINT64_C(0x002b000000000033);

// The handler of a signal may be on another stack than what it interrupted: go on
// there. A frame that is stale only makes us look at more.
static void follow_signal(const struct check *check, struct stack *stack, uint64_t rsp)
{
	const struct sut_mapping *m = sut_maps_at(check->quiet->maps, rsp);
	bool is_own = sut_span_has(stack->own, rsp);
	struct sut_span span = { rsp, is_own ? stack->own.end : m ? m->span.end : rsp };

	for (size_t i = 0; i < stack->n; i++) {
		const struct sut_span *other = &stack->regions[i].span;
		if (sut_span_has(*other, rsp))
			return;
		if (other->start > rsp && other->start < span.end)
			span.end = other->start;
	}
	stack->is_tangled |= is_own;
	add_region(stack, span);
}

static void find_signals(const struct check *check, struct stack *stack, const uint64_t *words,
			 size_t n)
{
	for (size_t i = SIGNAL_WORDS; i < n; i++)
		if (words[i] == user_segments && words[i + UC_FLAGS] < 8 && words[i + UC_LINK] == 0)
			follow_signal(check, stack, words[i + SAVED_RSP]);
}

static struct sut_err *scan(struct check *check, pid_t tid, struct stack *stack, size_t index,
			    struct hits *hits)
{
	struct region *region = &stack->regions[index];
	struct sut_span span = { region->span.start & ~UINT64_C(7),
				 region->span.end & ~UINT64_C(7) };

	if (span.end <= span.start)
		return NULL;
	struct sut_err *err = read_stack(check, tid, span);
	if (err)
		return err;
	const uint64_t *words = (const uint64_t *)check->buffer;
	size_t n = (span.end - span.start) / 8;
	for (size_t i = 0; i < n; i++) {
		const struct sut_quiet_range *range = look_at_word(check, words[i]);
		if (!range)
			continue;
		region->last_hit = span.start + 8 * i;
		if (!hits->range)
			hits->range = range;
	}
	find_signals(check, stack, words, n);
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
	blocker->n_frames = walk->n_frames;
}

// Is any frame in a range; and if none, does the walk explain every hit?
static bool judge(const struct check *check, const struct sut_walk *walk, const struct stack *stack,
		  const struct hits *hits, struct sut_blocker *blocker)
{
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
	if (stack->is_tangled && !walk->is_complete)
		return false;
	for (size_t i = 0; i < stack->n; i++) {
		const struct region *r = &stack->regions[i];
		if (r->last_hit && r->last_hit >= sut_walk_explained(walk, r->span))
			return false;
	}
	return true;
}

// Unwind a thread that may be in the way; without an unwinder it is.
static struct sut_err *confirm(const struct check *check, const struct sut_thread *thread,
			       const struct stack *stack, const struct hits *hits, bool *ret,
			       struct sut_blocker *blocker)
{
	struct sut_walk walk;

	*ret = false;
	if (!check->quiet->unwinder)
		return NULL;
	struct sut_err *err = sut_unwind(check->quiet->unwinder, thread->tid, &thread->regs, &walk);
	if (err)
		return err;
	note_walk(blocker, &walk);
	*ret = !blocker->is_inside && judge(check, &walk, stack, hits, blocker);
	sut_walk_deinit(&walk);
	return NULL;
}

static struct sut_err *check_thread(struct check *check, const struct sut_thread *thread,
				    bool is_main, bool *ret, struct sut_blocker *blocker)
{
	struct stack stack = find_stack(check->quiet, thread, is_main);
	struct hits hits = { .range = sut_quiet_find(check->quiet, thread->regs.rip) };
	struct sut_err *err = NULL;

	*ret = false;
	if (hits.range) {
		block(blocker, thread->tid, hits.range->name);
		blocker->is_inside = blocker->is_certain = true;
		blocker->pcs[0] = thread->regs.rip;
		blocker->n_pcs = blocker->n_frames = 1;
		return confirm(check, thread, &stack, &hits, ret, blocker);
	}
	scan_registers(check, &thread->regs, &hits);
	for (size_t i = 0; i < stack.n && !err; i++)
		err = scan(check, thread->tid, &stack, i, &hits);
	if (err)
		return err;
	if (stack.n == 0 || stack.is_strange) {
		block(blocker, thread->tid, "an unknown stack");
		return NULL;
	}
	*ret = !hits.range;
	if (*ret)
		return NULL;
	block(blocker, thread->tid, hits.range->name);
	return confirm(check, thread, &stack, &hits, ret, blocker);
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
