// SPDX-License-Identifier: Apache-2.0
#include "engine/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "engine/apply.h"
#include "engine/scan.h"
#include "engine/start.h"
#include "process/follow.h"
#include "process/tracer.h"
#include "process/worker.h"

/** How many workers there are at most; beyond, openers wait in the kernel's queue.
 *  Some are kept free of ordinary work. */
enum { MAX_JOBS = 64, MAX_APPLIES = 16 };

static const uint64_t millisecond = 1000000; // ns

/** Nobody waits for the guard longer than this, whatever happens. */
static const uint64_t max_wait = UINT64_C(3000000000); // ns

enum job_kind { JOB_NONE, JOB_SCAN, JOB_APPLY, JOB_START };

/** A worker that is under way. */
struct job {
	enum job_kind kind;
	struct sut_worker worker;
	pid_t pid;   /**< The process that it works on. */
	int channel; /**< JOB_START: the socket; else -1. */
	struct sut_opening opening; /**< JOB_START: its fd is -1 once it is allowed. */
	uint64_t since;             /**< sut_now() when that began to wait. */
};

/** An opener of a process that is being followed already. */
struct held {
	struct sut_opening opening; /**< fd -1: a free place. */
	pid_t pid;
	uint64_t since;
};

/** A run. All JSON is owned. */
struct run {
	const struct sut_watch *watch;
	struct sut_guard guard;
	struct job jobs[MAX_JOBS];
	struct held held[MAX_JOBS];
	json_t *guarded; /**< Object: files that are guarded, by device and inode. */
	json_t *judged, *paths; /**< For scans. */
	json_t *queue;   /**< Array: pids that wait to be patched. */
	json_t *reasons; /**< Object: by pid, why it is not patched, as told. */
	size_t n_scans;
	uint64_t next_scan; /**< sut_now() time. */
};

static void tell(const struct run *run, json_t *event)
{
	if (event)
		run->watch->tell(event, run->watch->context);
	json_decref(event);
}

// What a worker found out about a process, unless there is nothing to say.
static void tell_row(struct run *run, const json_t *row, const char *cause, bool is_late)
{
	const char *outcome, *reason;
	int pid;
	char key[16];

	if (json_unpack((json_t *)row, "{s:s, s:s, s:i}", "outcome", &outcome, "reason", &reason,
			"pid", &pid) < 0 ||
	    strcmp(outcome, "already") == 0 || strcmp(outcome, "gone") == 0)
		return;
	snprintf(key, sizeof(key), "%d", pid);
	const char *before = json_string_value(json_object_get(run->reasons, key));
	if (*reason && before && strcmp(before, reason) == 0)
		return; // every scan tries again
	json_object_set_new(run->reasons, key, json_string(reason));
	json_t *event = json_deep_copy(row);
	json_object_set_new(event, "event", json_string(outcome));
	json_object_set_new(event, "cause", json_string(cause));
	json_object_set_new(event, "late", json_boolean(is_late));
	tell(run, event);
}

static void scan_soon(struct run *run)
{
	uint64_t soon = sut_now() + 200 * millisecond;

	if (run->next_scan > soon)
		run->next_scan = soon;
}

static void missed(struct run *run, pid_t pid, const char *reason)
{
	tell(run, json_pack("{s:s, s:i, s:s}", "event", "missed", "pid", (int)pid, "reason",
			    reason));
	scan_soon(run);
}

static struct job *find_job(struct run *run, enum job_kind kind, pid_t pid)
{
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (run->jobs[i].kind == kind && (!pid || run->jobs[i].pid == pid))
			return &run->jobs[i];
	return NULL;
}

static size_t count_jobs(const struct run *run, enum job_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < MAX_JOBS; i++)
		n += run->jobs[i].kind == kind;
	return n;
}

static struct sut_err *allow(struct run *run, struct sut_opening *opening)
{
	return sut_guard_allow(&run->guard, opening);
}

static struct sut_err *start_following(struct run *run, const struct sut_opening *opening,
				       pid_t pid, uint64_t since)
{
	struct job *job = find_job(run, JOB_NONE, 0);
	int ends[2];

	*job = (struct job){ .pid = pid, .opening = *opening, .since = since };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		missed(run, pid, strerror(errno));
		return allow(run, &job->opening);
	}
	struct sut_start start = { .apply = run->watch->apply,
				   .guard = run->guard,
				   .opening = *opening,
				   .channel = ends[1] };
	struct sut_err *err = sut_worker_start(sut_start_work, &start, &job->worker);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		missed(run, pid, err->msg);
		sut_err_free(err);
		return allow(run, &job->opening);
	}
	job->kind = JOB_START;
	job->channel = ends[0];
	return NULL;
}

// One more file for a process that is being followed. Its thread's is told to the
// follower. Another thread's must not wait: while it does, nobody can stop it, and the
// follower needs to stop them all.
static struct sut_err *hold(struct run *run, const struct job *job,
			    const struct sut_opening *opening)
{
	static const char more = SUT_START_MORE;
	struct sut_opening copy = *opening;

	if (opening->tid != job->opening.tid && opening->tid != job->pid) {
		missed(run, job->pid, "two of its threads open watched files at once");
		return allow(run, &copy);
	}
	for (size_t i = 0; i < MAX_JOBS; i++) {
		if (run->held[i].opening.fd >= 0)
			continue;
		run->held[i] = (struct held){ *opening, job->pid, sut_now() };
		send(job->channel, &more, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		kill(job->worker.pid, SIGCHLD);
		return NULL;
	}
	missed(run, job->pid, "too many processes load files at once");
	return allow(run, &copy);
}

// Is it one of our own workers? They only read, and must not wait for each other.
static bool is_ours(const struct run *run, pid_t pid)
{
	bool is_ours = pid == getpid();

	for (size_t i = 0; i < MAX_JOBS && !is_ours; i++)
		is_ours = run->jobs[i].kind != JOB_NONE && run->jobs[i].worker.pid == pid;
	return is_ours;
}

static struct sut_err *take_opening(struct run *run, struct sut_opening *opening)
{
	struct sut_follow who;

	if (opening->tid == 0) {
		missed(run, 0, "a process in a PID namespace that is not visible");
		return allow(run, opening);
	}
	struct sut_err *err = sut_follow_init(opening->tid, &who);
	if (err) {
		sut_err_free(err);
		return allow(run, opening); // killed while it waited
	}
	if (is_ours(run, who.pid))
		return allow(run, opening);
	struct job *job = find_job(run, JOB_START, who.pid);
	if (job)
		return hold(run, job, opening);
	return start_following(run, opening, who.pid, sut_now());
}

static struct sut_err *take_openings(struct run *run)
{
	struct sut_err *err = NULL;
	bool is_found = true;

	while (!err && is_found && find_job(run, JOB_NONE, 0)) {
		struct sut_opening opening;
		err = sut_guard_next(&run->guard, &is_found, &opening);
		if (!err && is_found)
			err = take_opening(run, &opening);
	}
	return err;
}

// The thread @p job follows is traced now, or will be as soon as the kernel lets us.
static struct sut_err *hear(struct run *run, struct job *job)
{
	char byte = 0;

	if (recv(job->channel, &byte, 1, MSG_DONTWAIT) != 1)
		return NULL;
	if (byte != SUT_START_TAKEN)
		return allow(run, &job->opening);
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (run->held[i].opening.fd >= 0 && run->held[i].pid == job->pid &&
		    (run->held[i].opening.tid == job->opening.tid ||
		     run->held[i].opening.tid == job->pid))
			return allow(run, &run->held[i].opening);
	return NULL;
}

// Openers that wait too long, and those whose follower the kernel keeps waiting
// until they are allowed.
static struct sut_err *tend(struct run *run)
{
	struct sut_err *err = NULL;
	uint64_t now = sut_now();

	for (size_t i = 0; i < MAX_JOBS && !err; i++) {
		struct job *job = &run->jobs[i];
		struct held *held = &run->held[i];
		if (held->opening.fd >= 0 && now - held->since > max_wait) {
			missed(run, held->pid, "its follower took too long");
			err = allow(run, &held->opening);
		}
		if (err || job->kind != JOB_START || job->opening.fd < 0)
			continue;
		pid_t follower = sut_worker_thread(&job->worker);
		if (now - job->since > max_wait) {
			missed(run, job->pid, "it could not be seized in time");
			err = allow(run, &job->opening);
		} else if (now - job->since > millisecond && follower &&
			   sut_follow_is_blocked(follower)) {
			sut_follow_hasten(follower, job->opening.tid);
			err = allow(run, &job->opening);
		}
	}
	return err;
}

// Guard what @p fd, opened with O_PATH, is. @p path is for people.
static void guard_file(struct run *run, int fd, const char *path)
{
	char key[64], link[32];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	snprintf(key, sizeof(key), "%lx:%lx", (long)st.st_dev, (long)st.st_ino);
	if (json_object_get(run->guarded, key))
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	struct sut_err *err = sut_guard_mark(&run->guard, link);
	// Told once, guarded or not.
	json_object_set_new(run->guarded, key, json_boolean(!err));
	if (err)
		tell(run, json_pack("{s:s, s:s, s:s}", "event", "unguarded", "path", path, "reason",
				    err->msg));
	else
		tell(run, json_pack("{s:s, s:s}", "event", "guarded", "path", path));
	sut_err_free(err);
}

static void guard_files(struct run *run, const json_t *mapped, const json_t *named)
{
	const json_t *item;
	size_t i;

	json_array_foreach(mapped, i, item) {
		const char *link = json_string_value(item);
		char path[4096];
		_cleanup_close_ int fd = link ? open(link, O_PATH | O_CLOEXEC) : -1;
		ssize_t size = fd < 0 ? -1 : readlink(link, path, sizeof(path) - 1);
		if (size < 0)
			continue; // the process has exited
		path[size] = 0;
		guard_file(run, fd, path);
	}
	json_array_foreach(named, i, item) {
		const char *path;
		int pid;
		if (json_unpack((json_t *)item, "{s:i, s:s}", "pid", &pid, "path", &path) < 0)
			continue;
		_cleanup_close_ int fd = sut_scan_open(pid, path, O_PATH);
		if (fd >= 0)
			guard_file(run, fd, path);
	}
}

static size_t count_guarded(const struct run *run)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(run->guarded, key, value)
		n += json_is_true(value);
	return n;
}

static struct sut_err *take_scan(struct run *run, const json_t *answer)
{
	json_t *unpatched, *mapped, *named, *judged, *paths;
	const char *error;

	if (json_unpack((json_t *)answer, "{s:o, s:o, s:o, s:o, s:o, s:s}", "unpatched",
			&unpatched, "mapped", &mapped, "named", &named, "judged", &judged, "paths",
			&paths, "error", &error) < 0)
		return sut_err(SUT_E_FORMAT, "a scan's answer is malformed");
	if (*error)
		return sut_err(SUT_E_OS, "%s", error);
	guard_files(run, mapped, named);
	json_decref(run->judged);
	json_decref(run->paths);
	run->judged = json_incref(judged);
	run->paths = json_incref(paths);
	run->n_scans++;
	// What starts between this scan and the guard is found by the second one.
	run->next_scan = run->n_scans == 1 ? 0 : sut_now() + run->watch->interval;
	if (run->n_scans == 1)
		return NULL;
	json_array_clear(run->queue);
	json_array_extend(run->queue, unpatched);
	if (run->n_scans == 2)
		tell(run, json_pack("{s:s, s:I}", "event", "watching", "files",
				    (json_int_t)count_guarded(run)));
	return NULL;
}

static void take_start(struct run *run, const struct job *job, const json_t *answer,
		       const struct sut_err *error)
{
	const char *cause, *outcome = NULL;
	json_t *row;
	int is_late;

	if (error || json_unpack((json_t *)answer, "{s:o, s:s, s:b}", "row", &row, "cause", &cause,
				 "late", &is_late) < 0) {
		missed(run, job->pid, error ? error->msg : "its follower's answer is malformed");
		return;
	}
	if (json_is_null(row))
		return;
	tell_row(run, row, cause, is_late);
	if (json_unpack(row, "{s:s}", "outcome", &outcome) < 0 ||
	    (strcmp(outcome, "patched") != 0 && strcmp(outcome, "already") != 0))
		scan_soon(run);
}

// Openers that waited for @p pid's follower get one of their own.
static struct sut_err *take_held(struct run *run, pid_t pid)
{
	for (size_t i = 0; i < MAX_JOBS; i++) {
		struct held *held = &run->held[i];
		if (held->opening.fd < 0 || held->pid != pid)
			continue;
		struct sut_opening opening = held->opening;
		held->opening.fd = -1;
		return start_following(run, &opening, pid, held->since);
	}
	return NULL;
}

static struct sut_err *finish(struct run *run, struct job *job)
{
	struct job done = *job;
	json_t *answer = NULL;
	struct sut_err *error = sut_worker_finish(&done.worker, &answer), *err = NULL;

	job->kind = JOB_NONE;
	if (done.kind == JOB_START) {
		close(done.channel);
		err = allow(run, &done.opening); // nothing, usually: it is allowed
		take_start(run, &done, answer, error);
		if (!err)
			err = take_held(run, done.pid);
	} else if (done.kind == JOB_APPLY && answer) {
		bool is_first = run->n_scans <= 2;
		tell_row(run, answer, is_first ? "running" : "scan", !is_first);
	} else if (done.kind == JOB_SCAN && answer) {
		err = take_scan(run, answer);
	} else if (done.kind == JOB_SCAN) {
		run->next_scan = sut_now() + run->watch->interval;
	}
	json_decref(answer);
	sut_err_free(error);
	return err;
}

/** What an applying worker is told. */
struct task {
	const struct sut_apply *apply;
	struct sut_guard guard;
	pid_t pid;
};

static json_t *apply_work(void *context)
{
	struct task *task = context;

	sut_guard_close(&task->guard);
	return sut_apply_work(task->pid, (void *)task->apply);
}

static struct sut_err *start_scan(struct run *run)
{
	struct sut_scan scan = { .apply = run->watch->apply,
				 .guard = run->guard,
				 .takes_any = run->n_scans >= 2,
				 .judged = run->judged,
				 .paths = run->paths };
	struct job *job = find_job(run, JOB_NONE, 0);

	*job = (struct job){ .channel = -1, .opening.fd = -1 };
	struct sut_err *err = sut_worker_start(sut_scan_work, &scan, &job->worker);
	if (!err)
		job->kind = JOB_SCAN;
	return err;
}

static struct sut_err *start_apply(struct run *run)
{
	struct task task = { run->watch->apply, run->guard,
			     json_integer_value(json_array_get(run->queue, 0)) };
	struct job *job = find_job(run, JOB_NONE, 0);

	json_array_remove(run->queue, 0);
	if (find_job(run, JOB_START, task.pid) || find_job(run, JOB_APPLY, task.pid))
		return NULL;
	*job = (struct job){ .pid = task.pid, .channel = -1, .opening.fd = -1 };
	struct sut_err *err = sut_worker_start(apply_work, &task, &job->worker);
	if (!err)
		job->kind = JOB_APPLY;
	return err;
}

static struct sut_err *start_work(struct run *run)
{
	struct sut_err *err = NULL;

	while (!err && json_array_size(run->queue) && count_jobs(run, JOB_APPLY) < MAX_APPLIES &&
	       count_jobs(run, JOB_NONE) > MAX_JOBS / 4)
		err = start_apply(run);
	if (!err && sut_now() >= run->next_scan && !find_job(run, JOB_SCAN, 0) &&
	    find_job(run, JOB_NONE, 0))
		err = start_scan(run);
	return err;
}

// Milliseconds until somebody must be looked after.
static int next_tick(const struct run *run)
{
	uint64_t now = sut_now();
	uint64_t left = run->next_scan > now ? (run->next_scan - now) / millisecond + 1 : 0;
	int tick = left < 500 ? left : 500;

	for (size_t i = 0; i < MAX_JOBS; i++) {
		if (run->jobs[i].kind == JOB_SCAN && tick == 0)
			tick = 100; // it has begun
		if (run->held[i].opening.fd >= 0 && tick > 10)
			tick = 10;
	}
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (run->jobs[i].kind == JOB_START && run->jobs[i].opening.fd >= 0)
			return 1;
	return tick;
}

static struct sut_err *step(struct run *run)
{
	struct pollfd fds[1 + 2 * MAX_JOBS];
	bool has_room = find_job(run, JOB_NONE, 0);

	fds[0] = (struct pollfd){ .fd = has_room ? run->guard.fd : -1, .events = POLLIN };
	for (size_t i = 0; i < MAX_JOBS; i++) {
		const struct job *job = &run->jobs[i];
		fds[1 + i] = (struct pollfd){ .fd = job->kind ? job->worker.pipe : -1,
					      .events = POLLIN };
		fds[1 + MAX_JOBS + i] = (struct pollfd){
			.fd = job->kind == JOB_START ? job->channel : -1, .events = POLLIN
		};
	}
	if (poll(fds, 1 + 2 * MAX_JOBS, next_tick(run)) < 0)
		return errno == EINTR ? NULL : sut_err_os(errno, "poll");
	struct sut_err *err = NULL;
	for (size_t i = 0; i < MAX_JOBS && !err; i++) {
		if (fds[1 + MAX_JOBS + i].revents && fds[1 + MAX_JOBS + i].fd >= 0)
			err = hear(run, &run->jobs[i]);
		if (!err && fds[1 + i].revents && fds[1 + i].fd >= 0)
			err = finish(run, &run->jobs[i]);
	}
	if (!err && fds[0].revents)
		err = take_openings(run);
	return err ? err : tend(run);
}

// Nobody waits for us from here on. Workers end by themselves; they are waited for,
// so that the end means that it is over.
static void end(struct run *run)
{
	sut_guard_close(&run->guard);
	for (size_t i = 0; i < MAX_JOBS; i++) {
		struct job *job = &run->jobs[i];
		json_t *answer = NULL;
		if (job->kind == JOB_NONE)
			continue;
		if (job->kind == JOB_APPLY)
			sut_worker_cancel(&job->worker);
		struct sut_err *err = sut_worker_finish(&job->worker, &answer);
		if (job->kind == JOB_START)
			close(job->channel);
		sut_err_free(err);
		json_decref(answer);
	}
	json_decref(run->guarded);
	json_decref(run->judged);
	json_decref(run->paths);
	json_decref(run->queue);
	json_decref(run->reasons);
}

struct sut_err *sut_watch_run(const struct sut_watch *watch)
{
	struct run run = {
		.watch = watch,
		.guarded = json_object(),
		.judged = json_object(),
		.paths = json_object(),
		.queue = json_array(),
		.reasons = json_object(),
	};
	struct sut_err *err = sut_guard_open(&run.guard);

	for (size_t i = 0; i < MAX_JOBS; i++)
		run.held[i].opening.fd = -1;
	for (size_t i = 0; i < watch->n_files; i++)
		json_object_set_new(run.paths, watch->files[i], json_true());
	while (!err && !*watch->cancel) {
		err = start_work(&run);
		if (!err)
			err = step(&run);
	}
	end(&run);
	return err;
}
