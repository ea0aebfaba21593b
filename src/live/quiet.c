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

/** What of one thread looks like a return address into a range. */
struct hits {
	const struct sut_quiet_range *range; /**< Of the first; NULL: none. */
	bool is_in_register;
};

/** A thread whose stack is going to be looked at. */
struct suspect {
	const struct sut_thread *thread;
	struct stack stack;
	size_t n_queued; /**< How many of its regions are, or have been, a piece. */
	struct hits hits;
};

enum { MAX_SUSPECTS = 256, MAX_PIECES = 2 * MAX_SUSPECTS, BUFFER_SIZE = 512 * 1024 };

/** A part of a stack that is read together with others'. */
struct piece {
	struct suspect *suspect;
	size_t index;         /**< Of the region. */
	struct sut_span span; /**< What of it, in whole words. */
};

struct sut_quiet_room {
	uint64_t words[BUFFER_SIZE / sizeof(uint64_t)]; /**< Of the pieces. */
	struct suspect suspects[MAX_SUSPECTS];
	struct piece pieces[MAX_PIECES];
	struct iovec remote[MAX_PIECES];
};

struct sut_err *sut_quiet_room_new(struct sut_quiet_room **ret)
{
	struct sut_quiet_room *room = malloc(sizeof(*room));

	if (!room)
		return sut_err_nomem();
	// Not calloc(3): its pages would be there only when they are touched.
	memset(room, 0xff, sizeof(*room));
	*ret = room;
	return NULL;
}

void sut_quiet_room_free(struct sut_quiet_room *room)
{
	free(room);
}

/** One check over all threads. */
struct check {
	const struct sut_quiet *quiet;
	struct sut_quiet_room *room;       /**< The quiet's. */
	struct sut_span hull;              /**< From the first to the last range. */
	size_t n_suspects, n_pieces, size; /**< In the room; bytes of the pieces. */
};

static const struct sut_quiet_range *look_at_word(const struct check *check, uint64_t word)
{
	if (word - check->hull.start >= check->hull.end - check->hull.start)
		return NULL;
	return sut_quiet_find(check->quiet, word);
}

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

static void scan(const struct check *check, const struct piece *piece, const uint64_t *words)
{
	struct hits *hits = &piece->suspect->hits;
	struct stack *stack = &piece->suspect->stack;
	size_t n = (piece->span.end - piece->span.start) / 8;

	for (size_t i = 0; i < n; i++) {
		const struct sut_quiet_range *range = look_at_word(check, words[i]);
		if (!range)
			continue;
		stack->regions[piece->index].last_hit = piece->span.start + 8 * i;
		if (!hits->range)
			hits->range = range;
	}
	find_signals(check, stack, words, n);
}

static struct sut_err *read_words(struct check *check, pid_t tid, struct sut_span span)
{
	size_t size = span.end - span.start;
	struct iovec local = { check->room->words, size };
	struct iovec remote = { (void *)(uintptr_t)span.start, size };
	ssize_t done = process_vm_readv(tid, &local, 1, &remote, 1, 0);

	if (done < 0)
		return sut_err_os(errno, "read stack of thread %d", tid);
	if (done != (ssize_t)size)
		return sut_err(SUT_E_BUSY, "the stack of thread %d has changed", tid);
	return NULL;
}

// A piece by itself: one that is larger than the buffer, or that could not be read
// with the others.
static struct sut_err *scan_alone(struct check *check, const struct piece *piece)
{
	struct piece part = *piece;
	struct sut_err *err = NULL;

	for (part.span.end = 0; part.span.end < piece->span.end && !err;) {
		uint64_t left = piece->span.end - part.span.start;
		part.span.end = part.span.start + (left < BUFFER_SIZE ? left : BUFFER_SIZE);
		err = read_words(check, piece->suspect->thread->tid, part.span);
		if (!err)
			scan(check, &part, check->room->words);
		// A signal's frame may lie across.
		part.span.start = part.span.end - 8 * (SIGNAL_WORDS + 1);
	}
	return err;
}

// All threads have one memory: whoever of them is named, the same is read. If
// anything of it cannot be, each piece tells for itself.
static struct sut_err *scan_pieces(struct check *check)
{
	struct sut_quiet_room *room = check->room;
	struct iovec local = { room->words, check->size };
	const uint64_t *words = room->words;
	struct sut_err *err = NULL;

	if (!check->n_pieces)
		return NULL;
	ssize_t done = process_vm_readv(room->pieces[0].suspect->thread->tid, &local, 1,
					room->remote, check->n_pieces, 0);
	for (size_t i = 0; i < check->n_pieces && !err; i++) {
		const struct piece *piece = &room->pieces[i];
		if (done != (ssize_t)check->size)
			err = scan_alone(check, piece);
		else
			scan(check, piece, words);
		words += (piece->span.end - piece->span.start) / 8;
	}
	check->n_pieces = check->size = 0;
	return err;
}

// Of a region nothing is left when it is no whole word.
static struct sut_err *add_piece(struct check *check, struct suspect *suspect, size_t index,
				 struct sut_span span)
{
	struct sut_quiet_room *room = check->room;

	span.start &= ~UINT64_C(7);
	span.end &= ~UINT64_C(7);
	if (span.end <= span.start)
		return NULL;
	struct piece piece = { suspect, index, span };
	size_t size = span.end - span.start;
	if (check->n_pieces == MAX_PIECES || check->size + size > BUFFER_SIZE) {
		struct sut_err *err = scan_pieces(check);
		if (err)
			return err;
	}
	if (size > BUFFER_SIZE)
		return scan_alone(check, &piece);
	room->remote[check->n_pieces] = (struct iovec){ (void *)(uintptr_t)span.start, size };
	room->pieces[check->n_pieces++] = piece;
	check->size += size;
	return NULL;
}

// Regions may be found while others are looked at.
static struct sut_err *add_regions(struct check *check, struct suspect *s)
{
	struct sut_err *err = NULL;

	while (s->n_queued < s->stack.n && !err) {
		size_t index = s->n_queued++;
		err = add_piece(check, s, index, s->stack.regions[index].span);
	}
	return err;
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

// Look at everything that is queued, and at what that leads to.
static struct sut_err *scan_suspects(struct check *check)
{
	struct sut_err *err = NULL;

	do {
		err = scan_pieces(check);
		for (size_t i = 0; i < check->n_suspects && !err; i++)
			err = add_regions(check, &check->room->suspects[i]);
	} while (check->n_pieces && !err);
	return err;
}

// The stacks of all suspects are looked at: who is in the way?
static struct sut_err *judge_suspects(struct check *check, bool *ret, struct sut_blocker *blocker)
{
	struct sut_err *err = scan_suspects(check);

	for (size_t i = 0; i < check->n_suspects && !err && *ret; i++) {
		const struct suspect *s = &check->room->suspects[i];
		if (s->stack.n == 0 || s->stack.is_strange) {
			block(blocker, s->thread->tid, "an unknown stack");
			*ret = false;
		} else if (s->hits.range) {
			block(blocker, s->thread->tid, s->hits.range->name);
			err = confirm(check, s->thread, &s->stack, &s->hits, ret, blocker);
		}
	}
	check->n_suspects = 0;
	return err;
}

// What the registers alone tell; the stack is looked at together with others'.
static struct sut_err *check_thread(struct check *check, const struct sut_thread *thread,
				    bool is_main, bool *ret, struct sut_blocker *blocker)
{
	const struct sut_quiet_range *range = sut_quiet_find(check->quiet, thread->regs.rip);
	struct suspect *s = &check->room->suspects[check->n_suspects++];

	*s = (struct suspect){ .thread = thread,
			       .stack = find_stack(check->quiet, thread, is_main) };
	if (range) {
		block(blocker, thread->tid, range->name);
		blocker->is_inside = blocker->is_certain = true;
		blocker->pcs[0] = thread->regs.rip;
		blocker->n_pcs = blocker->n_frames = 1;
		return confirm(check, thread, &s->stack, &s->hits, ret, blocker);
	}
	scan_registers(check, &thread->regs, &s->hits);
	struct sut_err *err = add_regions(check, s);
	if (!err && check->n_suspects == MAX_SUSPECTS)
		err = judge_suspects(check, ret, blocker);
	return err;
}

struct sut_err *sut_quiet_check(const struct sut_quiet *quiet, const struct sut_tracer *tracer,
				bool *ret, struct sut_blocker *blocker)
{
	struct check check = { .quiet = quiet, .room = quiet->room };
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
	if (!err && is_quiet)
		err = judge_suspects(&check, &is_quiet, blocker);
	if (!err)
		*ret = is_quiet;
	return err;
}

// The C libraries put a page that nobody may touch below each thread's stack, and the
// first frames are at its end.
static struct sut_span guess_stack(const struct sut_maps *maps, size_t i)
{
	static const uint64_t largest = 64 << 20, likely = 6144;
	const struct sut_mapping *m = &maps->items[i];
	bool is_guarded = i && m[-1].span.end == m->span.start && !m[-1].is_readable;
	uint64_t size = m->span.end - m->span.start;

	if (!m->is_writable || m->is_shared || m->inode || size > largest ||
	    (!is_guarded && strcmp(m->path, "[stack]") != 0))
		return (struct sut_span){ 0 };
	return (struct sut_span){ m->span.end - (size < likely ? size : likely), m->span.end };
}

void sut_quiet_rehearse(const struct sut_quiet *quiet, const struct sut_tracer *tracer)
{
	struct sut_thread first = { .tid = tracer->process->tid };
	struct suspect somebody = { .thread = &first };
	struct check check = { .quiet = quiet, .room = quiet->room };
	struct sut_err *err = NULL;

	for (size_t i = 0; i < quiet->maps->n && !err; i++)
		err = add_piece(&check, &somebody, 0, guess_stack(quiet->maps, i));
	if (!err)
		err = scan_pieces(&check);
	sut_err_free(err); // the target may have changed, or be gone
}
