// SPDX-License-Identifier: Apache-2.0
#include "engine/target.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/frames.h"
#include "engine/row.h"
#include "live/life.h"
#include "live/place.h"
#include "live/redirect.h"
#include "live/switch.h"
#include "live/unwind.h"
#include "process/borrow.h"
#include "process/worker.h"

static const uint64_t millisecond = 1000000; // ns

static void pause_for(uint64_t ns)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&time, NULL);
}

// Runs of this program on one process take turns. The lock is on its directory
// in /proc, which is the same for all who see it, and vanishes with either.
static struct sut_err *lock_one(const struct sut_process *process, uint64_t deadline)
{
	while (flock(process->dir, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return sut_err_os(errno, "lock process %d", process->pid);
		if (sut_now() > deadline || sut_worker_is_cancelled())
			return sut_err(SUT_E_BUSY, "another run of suture works on it");
		pause_for(2 * millisecond);
	}
	return NULL;
}

// The one of @p n processes, or @p best, that has the least pid above @p pid.
static const struct sut_process *next_after(pid_t pid, const struct sut_process *processes,
					    size_t n, const struct sut_process *best)
{
	for (size_t i = 0; i < n; i++)
		if (processes[i].pid > pid && (!best || processes[i].pid < best->pid))
			best = &processes[i];
	return best;
}

// Processes that share memory are locked together: whoever works on one changes all.
// In the order of their pids, so that two runs cannot wait for each other.
static struct sut_err *lock(struct sut_target *t, uint64_t deadline)
{
	const struct sut_tracer *tracer = &t->tracer;
	struct sut_err *err = sut_tracer_find_sharers(&t->tracer, true);
	const struct sut_process *next = &t->now.process;

	for (pid_t last = 0; !err; last = next->pid) {
		next = next_after(last, &t->now.process, 1, NULL);
		next = next_after(last, tracer->sharers, tracer->n_sharers, next);
		next = next_after(last, tracer->guests, tracer->n_guests, next);
		if (!next)
			return NULL;
		err = lock_one(next, deadline);
	}
	return err;
}

// It may be at the start of a program for long where files come slowly.
static struct sut_err *read_in_time(struct sut_snapshot *now, uint64_t deadline)
{
	for (;;) {
		struct sut_err *err = sut_snapshot_read(now);
		if (!err || err->code != SUT_E_BUSY || sut_now() > deadline ||
		    sut_worker_is_cancelled())
			return err;
		sut_err_free(err);
	}
}

struct sut_err *sut_target_open(pid_t pid, bool is_exclusive, uint64_t deadline,
				struct sut_target *ret)
{
	*ret = (struct sut_target){ .deadline = deadline };
	struct sut_err *err = sut_snapshot_open(pid, &ret->now);

	if (err)
		return err;
	sut_tracer_init(&ret->now.process, &ret->tracer);
	ret->keeps_lock = is_exclusive;
	if (is_exclusive)
		err = lock(ret, deadline);
	if (!err)
		err = read_in_time(&ret->now, deadline);
	if (!err)
		err = sut_traces_read(&ret->now.process, &ret->now.maps, &ret->traces);
	if (err)
		sut_target_close(ret);
	return err;
}

// Running threads stay traced until this worker ends. Whoever locked it before that would
// find them traced.
static void leave_lock(struct sut_target *target)
{
	if (target->keeps_lock && target->tracer.n_threads)
		target->now.process.dir = -1;
}

void sut_target_close(struct sut_target *target)
{
	leave_lock(target);
	sut_tracer_deinit(&target->tracer);
	sut_traces_deinit(&target->traces);
	sut_snapshot_close(&target->now);
}

// A child of vfork(2) that executes a program leaves the memory that was opened to its
// parent: there, reading and writing would go on as if nothing had happened.
struct sut_err *sut_target_seize(struct sut_target *t)
{
	struct sut_err *err = sut_tracer_seize(&t->tracer);

	if (err || t->is_seized)
		return err;
	if (!sut_snapshot_is_current(&t->now))
		return sut_err(SUT_E_GONE, SUT_ROW_MOVED_ON);
	t->is_seized = true;
	return NULL;
}

// Stop one thread and keep it if it suits better than the best so far.
static struct sut_err *try_thread(struct sut_target *t, struct sut_thread *thread,
				  struct sut_thread **best, int *best_fitness)
{
	bool is_stopped = false;
	struct sut_err *err =
		sut_tracer_stop_one(&t->tracer, thread, sut_now() + 100 * millisecond, &is_stopped);

	// Signals of the others, and whoever stopped too late, must not wait.
	if (!err)
		sut_tracer_attend(&t->tracer, sut_now(), false);
	if (err || !is_stopped)
		return err;
	int fitness = sut_borrow_fitness(thread, &t->now.process, &t->now.maps);
	if (fitness <= *best_fitness) {
		sut_tracer_go_one(&t->tracer, thread);
		return NULL;
	}
	if (*best)
		sut_tracer_go_one(&t->tracer, *best);
	*best = thread;
	*best_fitness = fitness;
	return NULL;
}

// Stop threads one after another until one suits well. After a few, any that has a
// safe stack must do; and at the end, any.
static struct sut_err *choose_thread(struct sut_target *t, struct sut_thread **ret)
{
	static const size_t n_choosy = 8;
	struct sut_tracer *tracer = &t->tracer;
	struct sut_thread *best = NULL;
	int best_fitness = SUT_FITNESS_NONE;

	for (size_t i = 0; i < tracer->n_threads; i++) {
		int wanted = i < n_choosy ? SUT_FITNESS_BEST : SUT_FITNESS_SAFE;
		if (best_fitness >= wanted)
			break;
		if (tracer->threads[i].state != SUT_THREAD_RUNNING &&
		    tracer->threads[i].state != SUT_THREAD_STOPPED)
			continue;
		struct sut_err *err = try_thread(t, &tracer->threads[i], &best, &best_fitness);
		if (err)
			return err;
	}
	if (!best && sut_tracer_count(tracer) == 0)
		return sut_err(SUT_E_GONE, "process %d has exited", t->now.process.pid);
	if (!best)
		return sut_err(SUT_E_BUSY, "no thread can be stopped");
	*ret = best;
	return NULL;
}

// All threads may be where they cannot be stopped for a while, or get no processor.
static struct sut_err *choose_in_time(struct sut_target *t, struct sut_thread **ret)
{
	for (;;) {
		struct sut_err *err = choose_thread(t, ret);
		if (!err || err->code != SUT_E_BUSY || sut_now() > t->deadline ||
		    sut_worker_is_cancelled())
			return err;
		sut_err_free(err);
		sut_tracer_attend(&t->tracer, sut_now() + 10 * millisecond, false);
	}
}

struct sut_err *sut_target_borrow(struct sut_target *t, sut_borrowed_fn work, void *context)
{
	struct sut_gadgets gadgets;
	struct sut_borrow borrow;
	struct sut_thread *thread;
	struct sut_err *err = sut_gadgets_find(&t->now.process, &t->now.maps, &gadgets);

	if (!err)
		err = sut_target_seize(t);
	if (err)
		return err;
	uint64_t begin = sut_now();
	sut_tracer_hurry(&t->tracer);
	err = choose_in_time(t, &thread);
	if (!err)
		err = sut_borrow_begin(&t->tracer, thread, &gadgets, &t->now.maps, &borrow);
	if (!err) {
		err = work(t, &borrow, context);
		sut_borrow_end(&borrow);
	}
	t->place_time += sut_tracer_go(&t->tracer) - begin;
	sut_tracer_attend(&t->tracer, sut_now(), false);
	return err;
}

static bool is_leftover(const struct sut_trace *trace)
{
	return trace->state == SUT_TRACE_PLACED;
}

static struct sut_err *unmap_leftovers(struct sut_target *t, struct sut_borrow *borrow,
				       void *context)
{
	struct sut_err *err = NULL;

	(void)context;
	for (size_t i = 0; i < t->traces.n && !err; i++) {
		const struct sut_trace *trace = &t->traces.items[i];
		if (is_leftover(trace))
			err = sut_place_unmap(borrow,
					      (struct sut_span){ trace->ro.start, trace->rw.end });
	}
	return err;
}

// The state is written by whoever can write the target's memory. If it lies, the
// entries do not.
static struct sut_err *check_leftovers(struct sut_target *t, size_t *n_leftovers)
{
	*n_leftovers = 0;
	for (size_t i = 0; i < t->traces.n; i++) {
		const struct sut_trace *trace = &t->traces.items[i];
		enum sut_life life;
		size_t n = 0;
		if (!is_leftover(trace))
			continue;
		struct sut_err *err = sut_life_find(&t->now, trace, &life);
		if (!err && life == SUT_LIFE_SAME)
			err = sut_redirect_count(&t->traces, trace, &t->now.process, &n);
		if (err)
			return err;
		if (n)
			return sut_err(SUT_E_FORMAT,
				       "the trace of %s says that nothing leads to it, but "
				       "redirects do",
				       trace->name);
		++*n_leftovers;
	}
	return NULL;
}

struct sut_err *sut_target_clear(struct sut_target *t)
{
	size_t n;
	struct sut_err *err = check_leftovers(t, &n);

	return err || !n ? err : sut_target_borrow(t, unmap_leftovers, NULL);
}

// How long threads may take to stop. Twice what busy threads need on one processor
// (a hundred need 19 ms on two), and more with each try; one thread that sleeps
// uninterruptibly must not hold up all others for long.
static uint64_t stop_limit(size_t n_threads, size_t n_tries)
{
	uint64_t limit = (10 * millisecond + n_threads * millisecond / 2)
			 << (n_tries < 6 ? n_tries : 6);

	return limit < 500 * millisecond ? limit : 500 * millisecond;
}

// Tries come quickly at first: most threads leave a function at once. Later the
// target deserves its rest.
static uint64_t next_wait(uint64_t wait)
{
	return wait < 100 * millisecond ? wait * 2 : wait;
}

// Until when to try. However long it took to get ready, on a machine that has much else to
// do, half of the time is for trying.
static uint64_t switch_deadline(const struct sut_target *t, uint64_t timeout)
{
	uint64_t least = sut_now() + timeout / 2;

	return least > t->deadline ? least : t->deadline;
}

// One try; what came of it goes into @p story.
static struct sut_err *try_once(struct sut_target *t, struct sut_switch *s,
				struct sut_quiet_room *room, struct sut_unwinder *unwinder,
				struct sut_switch_story *story)
{
	// Stacks may have come and gone since the last time.
	_cleanup_(sut_maps_deinit) struct sut_maps maps = { 0 };
	const struct sut_quiet quiet = { .room = room,
					 .ranges = s->ranges,
					 .n_ranges = s->n_ranges,
					 .maps = &maps,
					 .unwinder = unwinder };
	struct sut_switch_result result;
	sut_process_renew(&t->now.process);
	struct sut_err *err = sut_process_maps(&t->now.process, &maps);

	if (!err)
		err = sut_tracer_find_sharers(&t->tracer, false);
	if (!err)
		err = sut_switch_try(s, &t->tracer, &quiet,
				     stop_limit(t->now.facts.n_threads, story->n_tries), &result);
	if (err)
		return err;
	story->n_tries++;
	if (result.pause > story->pause)
		story->pause = result.pause;
	story->is_done = result.is_done;
	story->is_stopped = result.is_stopped;
	story->blocker = result.blocker;
	story->n_threads = result.n_threads;
	story->is_cancelled = sut_worker_is_cancelled();
	return NULL;
}

struct sut_err *sut_target_switch(struct sut_target *t, struct sut_switch *s, uint64_t timeout,
				  struct sut_switch_story *ret)
{
	struct sut_switch_story story = { 0 };
	struct sut_err *err = sut_switch_prepare(s, &t->now.process);
	_cleanup_(sut_unwinder_freep) struct sut_unwinder *unwinder = NULL;
	_cleanup_(sut_quiet_room_freep) struct sut_quiet_room *room = NULL;
	uint64_t wait = millisecond, deadline = switch_deadline(t, timeout);

	if (!err)
		err = sut_quiet_room_new(&room);
	while (!err && !story.is_done) {
		err = try_once(t, s, room, unwinder, &story);
		if (err)
			break;
		uint64_t until = sut_now() + wait;
		// However short the time: one try with frames unwound, which tell a stale
		// word from a return address, and whose they are.
		bool is_told = unwinder || !story.is_stopped;
		if (story.is_done || story.is_cancelled || (until > deadline && is_told))
			break;
		sut_tracer_attend(&t->tracer, until, false);
		wait = next_wait(wait);
		// What looked like a return address may be stale; from now on the
		// frames tell. Most targets never need it.
		if (story.is_stopped && !unwinder)
			err = sut_unwinder_new(&t->now, &t->traces, &unwinder);
	}
	if (err)
		return err;
	*ret = story;
	return NULL;
}

struct sut_err *sut_target_blame(struct sut_target *target, struct sut_err *err)
{
	pid_t pid = target->now.process.pid;

	if (err->code == SUT_E_GONE || sut_process_renew(&target->now.process))
		return err;
	sut_err_free(err);
	return sut_err(SUT_E_GONE, "process %d has exited", pid);
}

void sut_target_settle(struct sut_target *target)
{
	static const uint64_t settle_limit = 200000000, patience = 1000000000; // ns

	sut_tracer_attend(&target->tracer, sut_now() + settle_limit, true);
	// Calls that are about to end do so in time; the others begin anew when we go.
	uint64_t last = sut_tracer_last_due(&target->tracer, patience);
	if (last)
		sut_tracer_attend(&target->tracer, last + settle_limit, true);
}

struct sut_err *sut_target_tell(struct sut_target *target, const struct sut_switch_story *story,
				struct sut_row *row)
{
	row->n_tries = story->n_tries;
	row->n_threads = story->n_threads;
	row->pause = story->pause;
	if (story->is_done)
		return NULL;
	struct sut_err *err = NULL;
	if (story->blocker.tid)
		err = sut_blocker_describe(&target->now, &target->traces, &story->blocker,
					   &row->blocker);
	return err ? err : sut_switch_story_error(story);
}
