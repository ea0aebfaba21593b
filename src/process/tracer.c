// SPDX-License-Identifier: Apache-2.0
#include "process/tracer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "process/boost.h"
#include "process/filter.h"
#include "process/process.h"
#include "process/restart.h"
#include "process/roster.h"

uint64_t sut_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void sut_tracer_init(struct sut_process *process, struct sut_tracer *ret)
{
	*ret = (struct sut_tracer){ .process = process };
}

void sut_tracer_deinit(struct sut_tracer *tracer)
{
	sut_tracer_go(tracer);
	for (size_t i = 0; i < tracer->n_sharers; i++)
		sut_process_close(&tracer->sharers[i]);
	for (size_t i = 0; i < tracer->n_guests; i++)
		sut_process_close(&tracer->guests[i]);
	sut_clocks_deinit(&tracer->clocks);
	free(tracer->sharers);
	free(tracer->guests);
	free(tracer->threads);
	*tracer = (struct sut_tracer){ 0 };
}

size_t sut_tracer_count(const struct sut_tracer *tracer)
{
	size_t n = 0;

	for (size_t i = 0; i < tracer->n_threads; i++)
		n += tracer->threads[i].state == SUT_THREAD_RUNNING ||
		     tracer->threads[i].state == SUT_THREAD_STOPPED;
	return n;
}

static void set_regs(struct sut_thread *thread)
{
	// It fails only when the thread has been killed; the wait tells so.
	ptrace(PTRACE_SETREGS, thread->tid, NULL, &thread->regs);
}

static bool get_regs(struct sut_thread *thread)
{
	return ptrace(PTRACE_GETREGS, thread->tid, NULL, &thread->regs) == 0;
}

// The kernel would make a call that the thread's own filter forbids.
static bool is_restart_forbidden(struct sut_thread *thread)
{
	if (!sut_restart_is_by_call(&thread->regs))
		return false;
	if (thread->restart_law == SUT_RESTART_UNKNOWN)
		thread->restart_law = sut_filter_allows_restart(thread->tid)
					      ? SUT_RESTART_ALLOWED
					      : SUT_RESTART_FORBIDDEN;
	return thread->restart_law == SUT_RESTART_FORBIDDEN;
}

static void rewind_if_needed(struct sut_thread *thread)
{
	if (!sut_restart_is_needed(&thread->regs) && !is_restart_forbidden(thread))
		return;
	sut_restart_rewind(&thread->regs);
	set_regs(thread);
	thread->is_rewound = true;
}

// A thread that was on its way back into its call, by the kernel's own doing, stands again where
// it had left it, so that a signal ends the call.
static void leave_call_again(struct sut_thread *thread, const struct user_regs_struct *before)
{
	if (!sut_restart_is_owed(before, &thread->regs))
		return;
	thread->regs = *before;
	set_regs(thread);
}

static void note_stop(struct sut_thread *thread, int sig)
{
	thread->is_interrupted = false;
	thread->is_group_stopped = sig != SIGTRAP;
	thread->state = SUT_THREAD_STOPPED;
	thread->has_regs = false;
}

// The registers of a thread that has just stopped; false when it has been killed
// meanwhile, which is reported next.
static bool read_stop(struct sut_tracer *tracer, struct sut_thread *thread)
{
	struct user_regs_struct rewound = thread->regs;

	thread->has_regs = get_regs(thread);
	if (!thread->has_regs) {
		thread->state = SUT_THREAD_RUNNING;
		return false;
	}
	leave_call_again(thread, &rewound);
	// It may not have run since the last stop.
	thread->is_rewound = thread->is_rewound && sut_restart_is_pending(&rewound, &thread->regs);
	rewind_if_needed(thread);
	sut_timeout_note(tracer, thread);
	return true;
}

// While threads stand still, nobody else's work may come before ours: a tracer
// that waits for a processor lengthens the pause. Without the right to it, it goes
// without.
static void hurry(bool is_on)
{
	const struct sched_param param = { .sched_priority = is_on ? 1 : 0 };

	sched_setscheduler(0, is_on ? SCHED_FIFO : SCHED_OTHER, &param);
}

void sut_tracer_hurry(struct sut_tracer *tracer)
{
	tracer->is_hurried = true;
	hurry(true);
}

static void let_go(struct sut_thread *thread, int sig)
{
	// A thread that job control holds must listen, not run: it wakes when the
	// process is continued.
	long request = thread->is_group_stopped && !sig  ? PTRACE_LISTEN
		       : sut_timeout_needs_steps(thread) ? PTRACE_SYSCALL
							 : PTRACE_CONT;

	ptrace(request, thread->tid, NULL, (long)sig);
	thread->state = SUT_THREAD_RUNNING;
	thread->has_settled = false;
}

uint64_t sut_tracer_go(struct sut_tracer *tracer)
{
	for (size_t i = 0; i < tracer->n_threads; i++)
		sut_tracer_go_one(tracer, &tracer->threads[i]);
	uint64_t now = sut_now();
	sut_alarm_end(&tracer->alarm);
	sut_boost_end(&tracer->boost);
	if (tracer->is_hurried) {
		tracer->is_hurried = false;
		hurry(false);
	}
	return now;
}

void sut_tracer_go_one(struct sut_tracer *tracer, struct sut_thread *thread)
{
	if (thread->state != SUT_THREAD_STOPPED || thread->is_held)
		return;
	if (sut_boost_has(tracer->boost, thread->tid))
		sut_boost_end(&tracer->boost);
	let_go(thread, 0);
}

// Would the target not notice @p sig? Untraced, the kernel drops such a signal
// when it is sent and wakes nobody; traced, it comes to us first.
static bool is_signal_ignored(const struct sut_tracer *tracer, int sig)
{
	struct sut_process_facts facts;
	struct sut_err *err = sut_process_facts(tracer->process, &facts);
	uint64_t bit = UINT64_C(1) << (sig - 1);

	if (err) {
		sut_err_free(err);
		return false;
	}
	if (facts.ignored & bit)
		return true;
	return !(facts.caught & bit) &&
	       (sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH);
}

// A signal is about to be delivered to @p thread. Pass it on; see to it that the
// call which the thread was in returns EINTR if and only if it would have.
static void pass_signal(const struct sut_tracer *tracer, struct sut_thread *thread, int sig)
{
	struct user_regs_struct rewound = thread->regs;

	if (get_regs(thread)) {
		leave_call_again(thread, &rewound);
		bool is_pending =
			thread->is_rewound && sut_restart_is_pending(&rewound, &thread->regs);
		bool is_ignored = (is_pending || sut_restart_is_needed(&thread->regs)) &&
				  is_signal_ignored(tracer, sig);
		thread->is_rewound = is_pending && is_ignored;
		if (is_pending && !is_ignored) {
			sut_restart_give_up(&thread->regs);
			set_regs(thread);
		} else if (!is_pending && is_ignored) {
			rewind_if_needed(thread);
		}
	}
	if (!thread->is_rewound)
		thread->timeout.due = 0;
	thread->is_group_stopped = false;
	let_go(thread, sig);
}

// A report from a thread that was running. Returns true when it is at the stop that
// was asked for; its registers are still to be read.
static bool take_report(struct sut_tracer *tracer, struct sut_thread *thread, int status)
{
	if (!WIFSTOPPED(status)) {
		thread->state = SUT_THREAD_GONE;
		return false;
	}
	int sig = WSTOPSIG(status), event = status >> 16;
	if (event == PTRACE_EVENT_STOP) {
		bool was_asked = thread->is_interrupted;
		note_stop(thread, sig);
		if (!was_asked && read_stop(tracer, thread))
			let_go(thread, 0);
		return was_asked;
	}
	if (event == PTRACE_EVENT_EXEC && sut_roster_is_sharer(tracer, thread->tid)) {
		sut_roster_leave(tracer, thread);
		return false;
	}
	if (event == PTRACE_EVENT_EXEC)
		tracer->has_execed = true;
	if (sig == (SIGTRAP | 0x80))
		sut_timeout_step(thread);
	// Any stop takes off an interrupt that was pending (kernel/signal.c, ptrace_stop).
	if (thread->is_interrupted)
		ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
	if (event || sig == (SIGTRAP | 0x80))
		let_go(thread, 0);
	else
		pass_signal(tracer, thread, sig);
	return false;
}

bool sut_tracer_wait(uint64_t until)
{
	uint64_t now = sut_now();
	sigset_t set;

	if (now >= until)
		return false;
	uint64_t left = until - now;
	struct timespec timeout = { left / 1000000000, left % 1000000000 };
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &timeout);
	return true;
}

bool sut_tracer_await(struct sut_tracer *tracer, pid_t tid, uint64_t since, uint64_t until)
{
	static const uint64_t at_once = 2000000; // ns
	uint64_t soon = since + at_once, now = sut_now();

	if (now >= until)
		return false;
	if (now < soon && soon < until)
		return sut_tracer_wait(soon);
	sut_boost_begin(&tracer->boost, tid);
	return sut_tracer_wait(until);
}

// Wait for one thread that was interrupted. With an alarm set for the deadline the
// kernel wakes us for no other thread's report. A lone thread stops on another
// processor sooner than this one falls asleep and wakes; the first of many does not.
static bool collect(struct sut_tracer *tracer, struct sut_thread *thread, uint64_t deadline)
{
	static const uint64_t at_once = 30000; // ns
	bool is_alone = tracer->n_threads == 1;
	uint64_t begin = is_alone || !tracer->alarm.is_set ? sut_now() : 0;

	while (thread->state == SUT_THREAD_RUNNING) {
		bool spins = is_alone && sut_now() - begin < at_once;
		bool sleeps = tracer->alarm.is_set && !spins;
		int status;
		pid_t pid = waitpid(thread->tid, &status, __WALL | (sleeps ? 0 : WNOHANG));
		if (pid < 0 && errno == EINTR) {
			if (sut_now() < deadline)
				continue;
			sut_alarm_end(&tracer->alarm); // no more sleep, for no thread
			return false;
		}
		if (pid < 0) {
			thread->state = SUT_THREAD_GONE;
			break;
		}
		if (pid == 0) {
			if (!spins && !sut_tracer_await(tracer, thread->tid, begin, deadline))
				return false;
			continue;
		}
		if (take_report(tracer, thread, status))
			return true;
	}
	return thread->state == SUT_THREAD_STOPPED;
}

static void interrupt(struct sut_thread *thread)
{
	if (thread->state != SUT_THREAD_RUNNING || thread->is_interrupted)
		return;
	if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) == 0)
		thread->is_interrupted = true;
	// Otherwise it is dying, and its exit is reported.
}

// Is every thread that the kernel counts known and stopped (or no user thread)?
static bool is_all_stopped(const struct sut_tracer *tracer)
{
	size_t n = 0;

	for (size_t i = 0; i < tracer->n_threads; i++)
		n += tracer->threads[i].state == SUT_THREAD_STOPPED ||
		     tracer->threads[i].state == SUT_THREAD_KERNEL;
	return n == sut_roster_count(tracer);
}

// Interrupt all first, then collect: on busy machines this is faster by orders
// of magnitude than one after another, because all of them stop meanwhile. The last
// one first: when it has stopped, most others have, and are had without a sleep.
static bool stop_known(struct sut_tracer *tracer, uint64_t deadline, pid_t *straggler)
{
	bool is_complete = true;

	for (size_t i = 0; i < tracer->n_threads; i++)
		interrupt(&tracer->threads[i]);
	for (size_t i = tracer->n_threads; i-- > 0;)
		collect(tracer, &tracer->threads[i], deadline);
	for (size_t i = 0; i < tracer->n_threads; i++) {
		struct sut_thread *thread = &tracer->threads[i];
		if (thread->state == SUT_THREAD_STOPPED && !thread->has_regs &&
		    !read_stop(tracer, thread))
			collect(tracer, thread, deadline); // it was killed: its end
		if (thread->state != SUT_THREAD_RUNNING)
			continue;
		// The end of a first thread is reported after that of all others.
		if (sut_roster_is_dead(tracer, thread->tid)) {
			thread->state = SUT_THREAD_GONE;
			continue;
		}
		*straggler = thread->tid;
		is_complete = false;
	}
	return is_complete;
}

static struct sut_err *stop_all(struct sut_tracer *tracer, uint64_t deadline, struct sut_stop *stop)
{
	while (stop_known(tracer, deadline, &stop->straggler) && !tracer->has_execed) {
		size_t n_known = tracer->n_threads;
		if (sut_tracer_count(tracer) == 0)
			return sut_err(SUT_E_GONE, "process %d has exited", tracer->process->pid);
		if (is_all_stopped(tracer)) {
			stop->is_complete = true;
			break;
		}
		// A thread was created before its creator stopped, or a dead one is
		// not cleaned up yet.
		struct sut_err *err = sut_tracer_seize(tracer);
		if (err)
			return err;
		if (tracer->n_threads == n_known) {
			stop->is_complete = true;
			break;
		}
	}
	return NULL;
}

// The kernel looks at each thread, and says that it is not stopped: what it has to look
// at again in a moment is in the processor's caches then.
static void rehearse(const struct sut_tracer *tracer)
{
	struct user_regs_struct regs;

	for (size_t i = 0; i < tracer->n_threads; i++)
		if (tracer->threads[i].state == SUT_THREAD_RUNNING)
			ptrace(PTRACE_GETREGS, tracer->threads[i].tid, NULL, &regs);
}

struct sut_err *sut_tracer_ready(struct sut_tracer *tracer)
{
	struct sut_err *err = sut_tracer_seize(tracer);

	for (size_t i = 0; i < tracer->n_threads && !err; i++)
		sut_timeout_look(tracer, &tracer->threads[i]);
	return err;
}

struct sut_err *sut_tracer_stop(struct sut_tracer *tracer, uint64_t deadline, struct sut_stop *ret)
{
	size_t n_ready = tracer->n_threads;
	struct sut_err *err = sut_tracer_seize(tracer);

	if (err)
		return err;
	uint64_t before = sut_now();
	for (size_t i = n_ready; i < tracer->n_threads; i++)
		sut_timeout_look(tracer, &tracer->threads[i]);
	deadline += sut_now() - before; // the stop has not begun yet
	sut_alarm_begin(deadline, &tracer->alarm);
	sut_tracer_hurry(tracer);
	rehearse(tracer);
	struct sut_stop stop = { .begin = sut_now() };
	err = stop_all(tracer, deadline, &stop);
	if (!err)
		*ret = stop;
	return err;
}

struct sut_err *sut_tracer_stop_one(struct sut_tracer *tracer, struct sut_thread *thread,
				    uint64_t deadline, bool *ret)
{
	sut_timeout_look(tracer, thread);
	interrupt(thread);
	bool is_stopped = collect(tracer, thread, deadline);
	while (is_stopped && !read_stop(tracer, thread))
		is_stopped = collect(tracer, thread, deadline);
	if (tracer->has_execed || sut_tracer_count(tracer) == 0)
		return sut_err(SUT_E_GONE, "process %d has exited", tracer->process->pid);
	*ret = is_stopped;
	return NULL;
}

struct sut_err *sut_tracer_adopt(struct sut_tracer *tracer, pid_t tid)
{
	static const uint64_t patience = 1000000000; // ns
	struct sut_err *err = sut_roster_add(tracer, tid, SUT_THREAD_RUNNING);

	if (err)
		return err;
	struct sut_thread *thread = &tracer->threads[tracer->n_threads - 1];
	thread->is_held = true;
	interrupt(thread);
	ptrace(PTRACE_CONT, tid, NULL, NULL);
	if (collect(tracer, thread, sut_now() + patience) && read_stop(tracer, thread))
		return NULL;
	if (thread->state == SUT_THREAD_GONE)
		return sut_err(SUT_E_GONE, "thread %d has exited", tid);
	return sut_err(SUT_E_BUSY, "thread %d does not stop", tid);
}

// A thread that sleeps in a call has made it again: on its way there it was running.
// "-1" is a thread that is stopped outside of any call, by a signal that we are about
// to be told of.
static bool has_settled(const struct sut_tracer *tracer, const struct sut_thread *thread)
{
	char text[256];

	sut_roster_read(tracer, thread->tid, "syscall", text, sizeof(text));
	return text[0] == 0 || (text[0] >= '0' && text[0] <= '9');
}

/** What a tracer waits for before it may end. */
enum waits_for { WAITS_FOR_NOTHING, WAITS_FOR_TIMEOUT, WAITS_FOR_THREAD };

// Is it on its way into a call that the kernel makes again? Without us a signal would begin the
// call anew that it should end.
static bool owes_call(const struct sut_tracer *tracer, struct sut_thread *thread)
{
	if (thread->has_settled || !sut_restart_is_by_kernel(&thread->regs))
		return false;
	thread->has_settled = has_settled(tracer, thread);
	return !thread->has_settled;
}

// With @p is_early also for calls that the kernel makes again: that is done in no time, and who
// runs later has done it and does something else.
static enum waits_for waits_for(struct sut_tracer *tracer, uint64_t until, bool is_early)
{
	enum waits_for answer = WAITS_FOR_NOTHING;

	for (size_t i = 0; i < tracer->n_threads; i++) {
		struct sut_thread *thread = &tracer->threads[i];
		if (thread->state != SUT_THREAD_RUNNING)
			continue;
		// One that stops at the entry of its call must be let go there: the
		// kernel would wake it from the call if we ended before.
		if (thread->is_rewound && !sut_timeout_needs_steps(thread) &&
		    has_settled(tracer, thread))
			thread->is_rewound = false;
		if (thread->is_rewound || (is_early && owes_call(tracer, thread)))
			return WAITS_FOR_THREAD;
		if (thread->timeout.due && thread->timeout.due <= until)
			answer = WAITS_FOR_TIMEOUT;
	}
	return answer;
}

uint64_t sut_tracer_last_due(const struct sut_tracer *tracer, uint64_t span)
{
	uint64_t limit = sut_now() + span, last = 0;

	for (size_t i = 0; i < tracer->n_threads; i++) {
		const struct sut_thread *thread = &tracer->threads[i];
		if (thread->state == SUT_THREAD_RUNNING && thread->timeout.due > last &&
		    thread->timeout.due <= limit)
			last = thread->timeout.due;
	}
	return last;
}

// Interrupt threads whose calls' time is over, so that these end. Returns when the
// next one is due, at the latest @p until.
static uint64_t end_calls(struct sut_tracer *tracer, uint64_t until)
{
	uint64_t now = sut_now();

	for (size_t i = 0; i < tracer->n_threads; i++) {
		struct sut_thread *thread = &tracer->threads[i];
		if (sut_timeout_is_over(thread, now))
			interrupt(thread);
		else if (thread->state == SUT_THREAD_RUNNING && thread->timeout.is_inside &&
			 thread->timeout.due < until)
			until = thread->timeout.due;
	}
	return until;
}

void sut_tracer_pass_on(pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (!WIFSTOPPED(status))
		return;
	if (event == PTRACE_EVENT_STOP && sig != SIGTRAP)
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
	else
		ptrace(PTRACE_CONT, tid, NULL, (long)(event || sig == (SIGTRAP | 0x80) ? 0 : sig));
}

void sut_tracer_attend(struct sut_tracer *tracer, uint64_t until, bool settle)
{
	static const uint64_t poll_interval = 200000, early = 2000000; // ns
	uint64_t begin = sut_now();

	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
		struct sut_thread *thread = tid > 0 ? sut_roster_find(tracer, tid) : NULL;
		if (thread) {
			// A stop that was asked for and came too late: go on.
			if (take_report(tracer, thread, status) && read_stop(tracer, thread))
				let_go(thread, 0);
			continue;
		}
		if (tid > 0) {
			// It took the tid of a leader that was dead: an exec. Or it is the
			// end of one that is known to be dead.
			tracer->has_execed |= WIFSTOPPED(status);
			sut_tracer_pass_on(tid, status);
			continue;
		}
		enum waits_for what = WAITS_FOR_TIMEOUT;
		if (settle)
			what = waits_for(tracer, until, sut_now() - begin < early);
		if (tid < 0 || what == WAITS_FOR_NOTHING)
			return;
		uint64_t now = sut_now(), next = now + poll_interval;
		uint64_t wake = end_calls(tracer, until);
		if (now >= until)
			return;
		sut_tracer_wait(what == WAITS_FOR_THREAD && next < wake ? next : wake);
	}
}
