// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/watch_parts.h"
#include "process/follow.h"
#include "process/tracer.h"

static const uint64_t millisecond = 1000000; // ns

/** Nobody waits for the guard longer than this, whatever happens. */
static const uint64_t max_wait = UINT64_C(10000000000); // ns

static struct sut_err *allow(struct sut_run *run, struct sut_opening *opening)
{
	return sut_guard_allow(&run->guard, opening);
}

// Let go on an opener that nobody follows.
static struct sut_err *let_go(struct sut_run *run, pid_t pid, struct sut_opening *opening,
			      const char *reason)
{
	sut_run_missed(run, pid, reason);
	return allow(run, opening);
}

static void ask_follower(const struct sut_job *job, pid_t tid)
{
	struct sut_start_message more = { SUT_START_MORE, tid };

	// A follower that is at its end does not take it; then the opener gets another.
	ssize_t ignored = send(job->channel, &more, sizeof(more), MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)ignored;
	kill(job->worker.pid, SIGCHLD);
}

static struct sut_err *start_following(struct sut_run *run, struct sut_job *job, pid_t pid,
				       const struct sut_opening *opening, uint64_t since)
{
	int ends[2];

	*job = (struct sut_job){ .pid = pid, .opening = *opening, .since = since };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return let_go(run, pid, &job->opening, strerror(errno));
	struct sut_start start = {
		.apply = run->apply, .guard = run->guard, .opening = *opening, .channel = ends[1]
	};
	struct sut_err *err = sut_worker_start(sut_start_work, &start, &job->worker);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		struct sut_err *failed = let_go(run, pid, &job->opening, err->msg);
		sut_err_free(err);
		return failed;
	}
	job->kind = JOB_START;
	job->channel = ends[0];
	// They had asked the one before it, who was at its end.
	for (size_t i = 0; i < MAX_WAITERS; i++)
		if (run->waiters[i].opening.fd >= 0 && run->waiters[i].pid == pid)
			ask_follower(job, run->waiters[i].opening.tid);
	return NULL;
}

// A free job for a follower, or NULL.
static struct sut_job *find_room(struct sut_run *run)
{
	return sut_run_count(run, JOB_NONE) > SPARE_JOBS ? sut_run_job(run, JOB_NONE, 0) : NULL;
}

// Is it one of our own workers? They only read, and must not wait for each other.
static bool is_ours(const struct sut_run *run, pid_t pid)
{
	bool is_ours = pid == getpid();

	for (size_t i = 0; i < MAX_JOBS && !is_ours; i++)
		is_ours = run->jobs[i].kind != JOB_NONE && run->jobs[i].worker.pid == pid;
	return is_ours;
}

static struct sut_waiter *find_place(struct sut_run *run)
{
	for (size_t i = 0; i < MAX_WAITERS; i++)
		if (run->waiters[i].opening.fd < 0)
			return &run->waiters[i];
	return NULL;
}

static struct sut_err *take_opening(struct sut_run *run, struct sut_waiter *place,
				    struct sut_opening *opening)
{
	struct sut_follow who;

	if (opening->tid == 0)
		return let_go(run, 0, opening, "a process in a PID namespace that is not visible");
	struct sut_err *err = sut_follow_init(opening->tid, &who);
	if (err) {
		sut_err_free(err);
		return allow(run, opening); // killed while it waited
	}
	if (is_ours(run, who.pid))
		return allow(run, opening);
	// It cannot stop a thread that waits for the guard.
	struct sut_job *job = sut_run_job(run, JOB_APPLY, who.pid);
	if (job && !job->is_cancelled)
		sut_worker_cancel(&job->worker);
	if (job)
		job->is_cancelled = true;
	struct sut_job *follower = sut_run_job(run, JOB_START, who.pid), *room = find_room(run);
	if (!follower && room) {
		err = start_following(run, room, who.pid, opening, sut_now());
		room->is_owed = job;
		return err;
	}
	*place = (struct sut_waiter){ *opening, who.pid, sut_now() };
	if (follower)
		ask_follower(follower, opening->tid);
	return NULL;
}

struct sut_err *sut_run_take_openings(struct sut_run *run)
{
	for (;;) {
		struct sut_waiter *place = find_place(run);
		struct sut_opening opening;
		bool is_found = false;
		if (!place)
			return NULL;
		struct sut_err *err = sut_guard_next(&run->guard, &is_found, &opening);
		if (err && err->code == SUT_E_BUSY) {
			sut_run_missed(run, 0, err->msg);
			sut_err_free(err);
			return NULL;
		}
		if (err || !is_found)
			return err;
		err = take_opening(run, place, &opening);
		if (err)
			return err;
	}
}

// A thread that it follows is traced now; the others it cannot have.
struct sut_err *sut_run_hear(struct sut_run *run, struct sut_job *job)
{
	struct sut_start_message message;

	if (recv(job->channel, &message, sizeof(message), MSG_DONTWAIT) != sizeof(message))
		return NULL;
	if (job->opening.fd >= 0 && message.tid == job->opening.tid)
		return allow(run, &job->opening); // a failure is in its answer
	for (size_t i = 0; i < MAX_WAITERS; i++) {
		struct sut_waiter *waiter = &run->waiters[i];
		if (waiter->opening.fd < 0 || waiter->pid != job->pid ||
		    waiter->opening.tid != message.tid)
			continue;
		if (message.what == SUT_START_TAKEN)
			return allow(run, &waiter->opening);
		return let_go(run, job->pid, &waiter->opening, "this thread could not be seized");
	}
	return NULL;
}

struct sut_err *sut_run_take_start(struct sut_run *run, struct sut_job *job, const json_t *answer,
				   const struct sut_err *error)
{
	const char *cause, *outcome = NULL;
	json_t *row;
	int is_late, is_lost;
	struct sut_err *err = allow(run, &job->opening); // nothing, usually: it is allowed

	close(job->channel);
	if (job->is_owed)
		sut_run_queue(run, job->pid, true);
	if (error || json_unpack((json_t *)answer, "{s:o, s:s, s:b, s:b}", "row", &row, "cause",
				 &cause, "late", &is_late, "lost", &is_lost) < 0) {
		sut_run_missed(run, job->pid,
			       error ? error->msg : "its follower's answer is malformed");
		return err;
	}
	if (is_lost)
		sut_run_missed(run, job->pid, "it did not come to where it can be patched");
	if (json_is_null(row))
		return err;
	sut_run_tell_row(run, row, cause, is_late);
	if (json_unpack(row, "{s:s}", "outcome", &outcome) < 0 ||
	    (strcmp(outcome, "patched") != 0 && strcmp(outcome, "already") != 0))
		sut_run_scan_soon(run);
	return err;
}

// One whose process is not followed gets a follower, the one that waits longest first.
static struct sut_err *start_waiting(struct sut_run *run)
{
	for (;;) {
		struct sut_job *room = find_room(run);
		struct sut_waiter *first = NULL;
		for (size_t i = 0; i < MAX_WAITERS && room; i++) {
			struct sut_waiter *w = &run->waiters[i];
			if (w->opening.fd >= 0 && (!first || w->since < first->since) &&
			    !sut_run_job(run, JOB_START, w->pid))
				first = w;
		}
		if (!first)
			return NULL;
		struct sut_waiter one = *first;
		first->opening.fd = -1;
		struct sut_err *err = start_following(run, room, one.pid, &one.opening, one.since);
		if (err)
			return err;
	}
}

// A follower whom the kernel keeps waiting until the opener that it is to seize is
// allowed (process/follow.h).
static struct sut_err *hasten(struct sut_run *run, const struct sut_job *job,
			      struct sut_opening *opening)
{
	pid_t follower = sut_worker_thread(&job->worker);

	if (!follower || !sut_follow_is_blocked(follower, opening->tid))
		return NULL;
	sut_follow_hasten(follower, opening->tid);
	return allow(run, opening);
}

static struct sut_err *tend_waiter(struct sut_run *run, struct sut_waiter *waiter, int *tick)
{
	uint64_t age = sut_now() - waiter->since;

	if (age > max_wait)
		return let_go(run, waiter->pid, &waiter->opening,
			      "it would have waited for too long");
	const struct sut_job *job = sut_run_job(run, JOB_START, waiter->pid);
	*tick = *tick < 5 ? *tick : 5;
	return job && age > millisecond ? hasten(run, job, &waiter->opening) : NULL;
}

static struct sut_err *tend_job(struct sut_run *run, struct sut_job *job, int *tick)
{
	uint64_t age = sut_now() - job->since;

	if (age > max_wait)
		return let_go(run, job->pid, &job->opening, "it could not be seized in time");
	*tick = 1;
	return age > millisecond ? hasten(run, job, &job->opening) : NULL;
}

struct sut_err *sut_run_tend(struct sut_run *run, int *tick_ret)
{
	struct sut_err *err = start_waiting(run);
	int tick = 500;

	for (size_t i = 0; i < MAX_WAITERS && !err; i++)
		if (run->waiters[i].opening.fd >= 0)
			err = tend_waiter(run, &run->waiters[i], &tick);
	for (size_t i = 0; i < MAX_JOBS && !err; i++)
		if (run->jobs[i].kind == JOB_START && run->jobs[i].opening.fd >= 0)
			err = tend_job(run, &run->jobs[i], &tick);
	*tick_ret = tick;
	return err;
}
