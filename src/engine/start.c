// SPDX-License-Identifier: Apache-2.0
#include "engine/start.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/apply.h"
#include "engine/ready.h"
#include "engine/row.h"
#include "process/follow.h"
#include "process/tracer.h"

static const uint64_t millisecond = 1000000; // ns

/** For how long a stop may be away, and how many there may be, before it is given up
 *  to wait for the right one. A file that is read and not loaded gets less, if its reader
 *  sleeps: one that runs may wait for a processor. */
static const uint64_t patience = UINT64_C(10000000000), read_patience = 2000000000; // ns

/** How long a program that starts is tried, however little time a running one gets. */
static const uint64_t hold_patience = UINT64_C(10000000000); // ns

/** A wait for an event ends after this; so many of them are the time in which nothing has
 *  happened. By the clock we might have had no processor ourselves. */
static const uint64_t interval = 500000000; // ns
enum { MAX_CALLS = 20000, MAX_READS = 200, MAX_THREADS = 32 };

/** What a followed thread is about. */
struct errand {
	bool is_expected;    /**< Its next exit is that of the call which waits. */
	bool is_exec;        /**< The last one that counted was an execve. */
	int fd;              /**< The guarded file in the process; -1: none. */
	uint64_t dev, inode; /**< Which it is. */
	size_t n_calls;
	bool is_done; /**< It is gathered with the others, and not followed otherwise. */
};

/** One start on its way. */
struct work {
	const struct sut_start *start;
	pid_t pid;
	struct sut_follow threads[MAX_THREADS]; /**< Some may be gone or free. */
	struct errand errands[MAX_THREADS];     /**< Each thread's. */
	size_t n;
	bool is_exec; /**< The last thread that came to an end had executed a program. */
	bool is_late, is_lost;
	json_t *row;
};

static void say(const struct work *work, enum sut_start_what what, pid_t tid)
{
	struct sut_start_message message = { what, tid };

	// A watcher that is gone needs no answer.
	ssize_t ignored = send(work->start->channel, &message, sizeof(message), MSG_NOSIGNAL);
	(void)ignored;
}

static size_t find_place(const struct work *work, pid_t tid)
{
	size_t at = 0;

	while (at < work->n && work->threads[at].tid != tid)
		at++;
	if (at < work->n || at < MAX_THREADS)
		return at;
	for (at = 0; at < work->n; at++)
		if (!work->threads[at].tid || work->threads[at].is_free)
			break;
	return at;
}

// Follow the thread @p tid, which waits for the guard.
static struct sut_err *take_opener(struct work *work, pid_t tid)
{
	size_t at = find_place(work, tid);
	struct sut_follow follow;

	if (at == MAX_THREADS)
		return sut_err(SUT_E_BUSY, "too many threads load files at once");
	// On older kernels, to seize again one that is in execve would wait for it.
	if (at < work->n && work->threads[at].tid == tid) {
		if (work->threads[at].is_free)
			sut_follow_interrupt(&work->threads[at]);
		work->threads[at].is_free = false;
		work->errands[at] = (struct errand){ .is_expected = true, .fd = -1 };
		return NULL;
	}
	struct sut_err *err = sut_follow_init(tid, &follow);
	if (!err)
		err = sut_follow_seize(&follow);
	if (err)
		return err;
	work->threads[at] = follow;
	work->errands[at] =
		(struct errand){ .is_expected = true, .is_exec = follow.is_exec, .fd = -1 };
	if (at == work->n)
		work->n++;
	return NULL;
}

// What the watcher has told us since. It sends a signal besides, so that no message
// that comes later is slept over.
static void hear(struct work *work)
{
	struct sut_start_message message;

	while (recv(work->start->channel, &message, sizeof(message), MSG_DONTWAIT) ==
	       sizeof(message)) {
		struct sut_err *err = take_opener(work, message.tid);
		say(work, err ? SUT_START_FAILED : SUT_START_TAKEN, message.tid);
		sut_err_free(err);
	}
}

// The call that waited for the guard is over. False when it has failed.
static bool take_file(const struct sut_follow *f, struct errand *errand)
{
	errand->is_expected = false;
	errand->n_calls = 0;
	if (f->result < 0)
		return false;
	errand->is_exec = f->has_execed;
	errand->fd = errand->is_exec ? -1 : f->result;
	return errand->is_exec || sut_follow_identify(f, errand->fd, &errand->dev, &errand->inode);
}

// Calls after which a loader may have come further. The many others are skipped,
// for a look costs more than they do.
static bool is_step(const struct sut_follow *f, const struct errand *errand)
{
	switch (f->call) {
	case SYS_execve:
	case SYS_execveat:
	case SYS_close:
	case SYS_mprotect:
		return true;
	case SYS_mmap:
	case SYS_read:
	case SYS_pread64:
	case SYS_openat:
	case SYS_newfstatat:
	case SYS_fstat:
	case SYS_lseek:
	case SYS_brk:
	case SYS_access:
		return false;
	default:
		return !errand->is_exec || errand->n_calls > 8;
	}
}

static bool is_followed(const struct work *work, size_t i)
{
	return work->threads[i].tid && !work->threads[i].is_free;
}

static size_t count_followed(const struct work *work)
{
	size_t n = 0;

	for (size_t i = 0; i < work->n; i++)
		n += is_followed(work, i);
	return n;
}

static bool is_all_stopped(const struct work *work)
{
	for (size_t i = 0; i < work->n; i++)
		if (is_followed(work, i) && !work->threads[i].is_stopped)
			return false;
	return true;
}

static void drop(struct work *work, size_t i)
{
	work->is_exec = work->errands[i].is_exec;
	sut_follow_release(&work->threads[i]);
}

// Something happened to thread @p which. False when it needs no more following.
static bool take_event(struct work *work, size_t which, enum sut_follow_event event)
{
	struct sut_follow *f = &work->threads[which];
	struct errand *errand = &work->errands[which];

	if (event == SUT_FOLLOW_GONE)
		work->is_exec = errand->is_exec;
	if (event != SUT_FOLLOW_CALL)
		return event != SUT_FOLLOW_GONE;
	errand->n_calls++;
	if (f->has_execed) {
		// Whatever it had open before is another program's.
		f->has_execed = false;
		*errand = (struct errand){ .is_exec = true, .fd = -1 };
		return true;
	}
	return !errand->is_expected || take_file(f, errand);
}

// Have all known threads stand still, so that none of them loads anything meanwhile or
// waits for the guard, where it cannot be stopped; those too that need no following any
// more. One that is waiting there comes when it is allowed.
static bool gather(struct work *work)
{
	static const uint64_t limit = 200000000; // ns
	uint64_t deadline = sut_now() + limit;

	for (size_t i = 0; i < work->n; i++) {
		work->errands[i].is_done |= work->threads[i].is_free;
		work->threads[i].is_free = false;
		if (work->threads[i].tid && !work->threads[i].is_stopped)
			sut_follow_interrupt(&work->threads[i]);
	}
	while (!is_all_stopped(work)) {
		size_t which;
		hear(work);
		enum sut_follow_event event =
			sut_follow_next(work->threads, work->n, deadline, &which);
		if (event == SUT_FOLLOW_ENDED)
			return true; // found out by whoever applies
		if (event == SUT_FOLLOW_AWAKE && sut_now() >= deadline)
			return false;
		if (event != SUT_FOLLOW_AWAKE && !take_event(work, which, event))
			work->errands[which].is_done = true;
	}
	return true;
}

static void scatter(struct work *work)
{
	for (size_t i = 0; i < work->n; i++)
		if (work->errands[i].is_done && is_followed(work, i))
			sut_follow_release(&work->threads[i]);
}

static bool is_busy(const json_t *row)
{
	const char *outcome = json_string_value(json_object_get(row, "outcome"));

	return outcome && strcmp(outcome, "busy") == 0;
}

// A thread that comes to wait for the guard meanwhile cannot be stopped there. So it
// is tried for a short time, and again with that thread.
static void apply_held(struct work *work)
{
	struct sut_apply brief = *work->start->apply;
	uint64_t limit = brief.timeout > hold_patience ? brief.timeout : hold_patience;
	uint64_t deadline = sut_now() + limit;
	pid_t tids[MAX_THREADS];

	brief.is_found = true;
	brief.timeout = brief.timeout < 50 * millisecond ? brief.timeout : 50 * millisecond;
	do {
		size_t n = 0;
		hear(work);
		if (!gather(work))
			continue;
		for (size_t i = 0; i < work->n; i++)
			if (is_followed(work, i))
				tids[n++] = work->threads[i].tid;
		json_decref(work->row);
		work->row = sut_apply_held(work->pid, tids, n, &brief);
	} while ((!work->row || is_busy(work->row)) && sut_now() < deadline);
	scatter(work);
	work->is_lost |= !work->row;
}

// At a stop of thread @p which: is there anything left that it can tell us?
static bool is_over(struct work *work, size_t which)
{
	const struct sut_follow *f = &work->threads[which];
	const struct errand *errand = &work->errands[which];
	bool is_given_up = errand->n_calls > (errand->is_exec ? MAX_CALLS : MAX_READS);
	enum sut_readiness readiness;

	if (!is_step(f, errand) && !is_given_up)
		return false;
	struct sut_err *err = sut_ready_check(work->pid, work->start->apply, false, &readiness);
	// One that has exited, or runs 32-bit code, needs nothing.
	work->is_lost |= err && err->code != SUT_E_GONE && err->code != SUT_E_UNSUPPORTED;
	sut_err_free(err);
	if (err)
		return true;
	if (readiness == SUT_READY_NOT_YET && is_given_up) {
		work->is_late = true;
		readiness = SUT_READY_NOW;
	}
	if (readiness == SUT_READY_NOW)
		apply_held(work);
	if (readiness == SUT_READY_NOT_YET || errand->is_expected)
		return false;
	// A file that is open still may be loaded yet.
	return is_given_up || errand->fd < 0 ||
	       !sut_follow_has_open(f, errand->fd, errand->dev, errand->inode);
}

// Has nothing happened for long? A program that loads is waited for.
static bool is_idle(const struct work *work, size_t n_intervals)
{
	uint64_t idle = n_intervals * interval;

	if (idle < read_patience)
		return false;
	for (size_t i = 0; i < work->n; i++)
		if (is_followed(work, i) &&
		    (work->errands[i].is_exec || !sut_follow_is_asleep(&work->threads[i])))
			return idle >= patience;
	return true;
}

static void give_up(struct work *work)
{
	enum sut_readiness readiness;
	struct sut_err *err = sut_ready_check(work->pid, work->start->apply, false, &readiness);

	work->is_lost = !err && (readiness == SUT_READY_NOT_YET || readiness == SUT_READY_NOW);
	sut_err_free(err);
}

static void follow(struct work *work)
{
	uint64_t last = sut_now();
	size_t n_intervals = 0;

	for (;;) {
		size_t which;
		hear(work);
		if (count_followed(work) == 0)
			return;
		sut_follow_go(work->threads, work->n);
		enum sut_follow_event event = sut_follow_next(
			work->threads, work->n, sut_now() + interval, &which);
		if (event == SUT_FOLLOW_ENDED)
			return;
		if (event == SUT_FOLLOW_AWAKE) {
			// The watcher wakes us too.
			bool is_whole = sut_now() - last >= interval;
			n_intervals += is_whole;
			last = is_whole ? sut_now() : last;
			if (!is_idle(work, n_intervals))
				continue;
			give_up(work);
			return;
		}
		last = sut_now();
		n_intervals = 0;
		bool is_wanted = take_event(work, which, event);
		if (event != SUT_FOLLOW_GONE &&
		    (!is_wanted || (event == SUT_FOLLOW_CALL && is_over(work, which))))
			drop(work, which);
	}
}

static json_t *answer(struct work *work)
{
	return json_pack("{s:o?, s:s, s:b, s:b}", "row", work->row, "cause",
			 work->is_exec ? "exec" : "open", "late", work->is_late, "lost",
			 work->is_lost);
}

static void fail(struct work *work, struct sut_err *err)
{
	struct sut_row row = { .pid = work->pid };

	sut_row_fail(&row, err);
	work->row = sut_row_to_json(&row);
	sut_row_deinit(&row);
}

json_t *sut_start_work(void *context)
{
	struct sut_start *start = context;
	struct work work = { .start = start };
	struct sut_follow first = { 0 };

	sut_guard_close(&start->guard);
	close(start->opening.fd);
	struct sut_err *err = sut_follow_init(start->opening.tid, &first);
	work.pid = first.pid;
	work.is_exec = first.is_exec;
	if (!err)
		err = take_opener(&work, start->opening.tid);
	say(&work, err ? SUT_START_FAILED : SUT_START_TAKEN, start->opening.tid);
	if (!err)
		follow(&work);
	for (size_t i = 0; i < work.n; i++)
		sut_follow_release(&work.threads[i]);
	// One that has exited loads nothing.
	if (err && err->code != SUT_E_GONE)
		fail(&work, err);
	else
		sut_err_free(err);
	return answer(&work);
}
