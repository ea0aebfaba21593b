// SPDX-License-Identifier: Apache-2.0
#include "engine/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/apply.h"
#include "engine/scan.h"
#include "engine/watch_parts.h"
#include "process/tracer.h"

static const uint64_t millisecond = 1000000; // ns

/** Between two times that memory is given back, ns. */
static const uint64_t rest_interval = UINT64_C(5000000000);

/** Scans take at most a tenth of one processor's time, whatever calls for them. */
enum { SCAN_REST = 9, MAX_REASONS = 4096 };

void sut_run_tell(const struct sut_run *run, json_t *event)
{
	if (event)
		run->watch->tell(event, run->watch->context);
	json_decref(event);
}

void sut_run_tell_row(struct sut_run *run, const json_t *row, const char *cause, bool is_late)
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
	if (json_object_size(run->reasons) >= MAX_REASONS)
		json_object_clear(run->reasons); // of processes long gone, mostly
	json_object_set_new(run->reasons, key, json_string(reason));
	json_t *event = json_deep_copy(row);
	json_object_set_new(event, "event", json_string(outcome));
	json_object_set_new(event, "cause", json_string(cause));
	json_object_set_new(event, "late", json_boolean(is_late));
	sut_run_tell(run, event);
}

void sut_run_scan_soon(struct sut_run *run)
{
	uint64_t soon = sut_now() + 200 * millisecond;

	if (soon < run->rested)
		soon = run->rested;
	if (run->next_scan > soon)
		run->next_scan = soon;
}

void sut_run_missed(struct sut_run *run, pid_t pid, const char *reason)
{
	sut_run_tell(run, json_pack("{s:s, s:i, s:s}", "event", "missed", "pid", (int)pid, "reason",
				    reason));
	sut_run_scan_soon(run);
}

struct sut_job *sut_run_job(struct sut_run *run, enum sut_job_kind kind, pid_t pid)
{
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (run->jobs[i].kind == kind && (!pid || run->jobs[i].pid == pid))
			return &run->jobs[i];
	return NULL;
}

size_t sut_run_count(const struct sut_run *run, enum sut_job_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < MAX_JOBS; i++)
		n += run->jobs[i].kind == kind;
	return n;
}

static void keep(json_t **place, json_t *value)
{
	json_decref(*place);
	*place = json_incref(value);
}

static void plan_next_scan(struct sut_run *run, uint64_t began)
{
	uint64_t now = sut_now();

	run->rested = now + SCAN_REST * (now - began);
	run->next_scan = now + run->watch->interval;
	if (run->next_scan < run->rested)
		run->next_scan = run->rested;
}

void sut_run_queue(struct sut_run *run, pid_t pid, bool is_late)
{
	json_array_append_new(run->queue, json_pack("[i, b]", (int)pid, is_late));
}

static void queue_all(struct sut_run *run, const json_t *pids, bool is_late)
{
	const json_t *pid;
	size_t i;

	json_array_foreach(pids, i, pid) sut_run_queue(run, json_integer_value(pid), is_late);
}

// A scan has seen everything; a look adds to that.
static struct sut_err *take_scan(struct sut_run *run, const struct sut_job *job,
				 const json_t *answer)
{
	json_t *unpatched, *mapped, *named, *judged, *paths, *namespaces;
	const char *error;

	if (json_unpack((json_t *)answer, "{s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "unpatched",
			&unpatched, "mapped", &mapped, "named", &named, "judged", &judged, "paths",
			&paths, "namespaces", &namespaces, "error", &error) < 0)
		return sut_err(SUT_E_FORMAT, "a scan's answer is malformed");
	if (*error)
		return sut_err(SUT_E_OS, "%s", error);
	sut_run_guard_files(run, mapped, named);
	keep(&run->paths, paths);
	keep(&run->namespaces, namespaces);
	if (job->kind == JOB_LOOK) {
		json_object_update(run->judged, judged);
		queue_all(run, unpatched, true);
		return NULL;
	}
	keep(&run->judged, judged);
	run->n_scans++;
	plan_next_scan(run, job->since);
	// What starts between this scan and the guard is found by the second one.
	if (run->n_scans == 1) {
		run->next_scan = 0;
		return NULL;
	}
	json_array_clear(run->queue);
	queue_all(run, unpatched, run->n_scans > 2);
	if (run->n_scans == 2)
		sut_run_tell(run, json_pack("{s:s, s:I, s:b}", "event", "watching", "files",
					    (json_int_t)sut_run_count_guarded(run), "net",
					    run->execs.fd >= 0));
	return NULL;
}

static struct sut_err *finish(struct sut_run *run, struct sut_job *job)
{
	struct sut_job done = *job;
	json_t *answer = NULL;
	struct sut_err *error = sut_worker_finish(&done.worker, &answer), *err = NULL;
	bool is_current = done.generation == run->generation;

	job->kind = JOB_NONE;
	if (done.kind == JOB_LOOK)
		sut_run_rest(run, &done);
	if (done.kind == JOB_START) {
		err = sut_run_take_start(run, &done, answer, error);
	} else if (done.kind == JOB_APPLY && answer && !done.is_cancelled) {
		sut_run_tell_row(run, answer, done.is_late ? "scan" : "running", done.is_late);
	} else if ((done.kind == JOB_SCAN || done.kind == JOB_LOOK) && answer && is_current) {
		err = take_scan(run, &done, answer);
	} else if (done.kind == JOB_SCAN && is_current) {
		plan_next_scan(run, done.since);
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
	struct sut_apply apply = *task->apply;

	apply.is_found = true;
	sut_guard_close(&task->guard);
	return sut_apply_work(task->pid, &apply);
}

// A machine that has no room for a worker now has some later: never an end.
void sut_run_start_job(struct sut_run *run, enum sut_job_kind kind, pid_t pid, sut_worker_fn work,
		       void *context)
{
	struct sut_job *job = sut_run_job(run, JOB_NONE, 0);

	if (!job)
		return;
	*job = (struct sut_job){ .pid = pid,
				 .channel = -1,
				 .opening.fd = -1,
				 .since = sut_now(),
				 .generation = run->generation };
	struct sut_err *err = sut_worker_start(work, context, &job->worker);
	if (!err)
		job->kind = kind;
	else if (kind == JOB_SCAN)
		plan_next_scan(run, sut_now() - 100 * millisecond);
	sut_err_free(err);
}

static void start_scan(struct sut_run *run)
{
	struct sut_scan scan = { .apply = run->apply,
				 .guard = run->guard,
				 .takes_any = run->n_scans >= 2,
				 .judged = run->judged,
				 .paths = run->paths };

	sut_run_start_job(run, JOB_SCAN, 0, sut_scan_work, &scan);
}

static void start_apply(struct sut_run *run)
{
	const json_t *first = json_array_get(run->queue, 0);
	struct task task = { run->apply, run->guard, json_integer_value(json_array_get(first, 0)) };
	bool is_late = json_is_true(json_array_get(first, 1));
	struct sut_job *follower = sut_run_job(run, JOB_START, task.pid);

	json_array_remove(run->queue, 0);
	if (follower)
		follower->is_owed = true;
	else if (!sut_run_job(run, JOB_APPLY, task.pid))
		sut_run_start_job(run, JOB_APPLY, task.pid, apply_work, &task);
	struct sut_job *job = sut_run_job(run, JOB_APPLY, task.pid);
	if (job)
		job->is_late |= is_late;
}

static void start_work(struct sut_run *run)
{
	while (json_array_size(run->queue) && sut_run_count(run, JOB_APPLY) < MAX_APPLIES &&
	       sut_run_count(run, JOB_NONE) > SPARE_JOBS)
		start_apply(run);
	if (sut_now() >= run->next_scan && !sut_run_job(run, JOB_SCAN, 0))
		start_scan(run);
	sut_run_start_look(run);
}

// Milliseconds until there is something to begin.
static int next_tick(struct sut_run *run)
{
	uint64_t now = sut_now(), next = sut_run_look_due(run);
	bool is_scanning = sut_run_job(run, JOB_SCAN, 0);

	if (!is_scanning && run->next_scan < next)
		next = run->next_scan;
	// While a look is under way, its end wakes us.
	if (sut_run_job(run, JOB_LOOK, 0) && next < now + 100 * millisecond)
		next = now + 100 * millisecond;
	// News wait in their socket meanwhile.
	if (run->execs.fd >= 0 && run->next_look > now && run->next_look < next)
		next = run->next_look;
	if (next <= now)
		return 0;
	return next - now < 500 * millisecond ? (next - now) / millisecond + 1 : 500;
}

enum {
	FD_GUARD,
	FD_NEWS,
	FD_PIPES,
	FD_CHANNELS = FD_PIPES + MAX_JOBS,
	N_FDS = FD_CHANNELS + MAX_JOBS
};

static void list_fds(struct sut_run *run, struct pollfd fds[N_FDS])
{
	int news = sut_run_wants_news(run) ? run->execs.fd : -1;

	fds[FD_GUARD] = (struct pollfd){ .fd = run->guard.fd, .events = POLLIN };
	fds[FD_NEWS] = (struct pollfd){ .fd = news, .events = POLLIN };
	for (size_t i = 0; i < MAX_JOBS; i++) {
		const struct sut_job *job = &run->jobs[i];
		int pipe = job->kind != JOB_NONE ? job->worker.pipe : -1;
		int channel = job->kind == JOB_START ? job->channel : -1;
		fds[FD_PIPES + i] = (struct pollfd){ .fd = pipe, .events = POLLIN };
		fds[FD_CHANNELS + i] = (struct pollfd){ .fd = channel, .events = POLLIN };
	}
}

static bool is_ready(const struct pollfd *fd)
{
	return fd->fd >= 0 && fd->revents;
}

// Also where programs are executed all the time, but not soon after somebody has waited for us.
// Returns in how many milliseconds it is due.
static int tend_rest(struct sut_run *run)
{
	uint64_t now = sut_now();

	if (!run->watch->rest || !run->is_rest_due)
		return INT_MAX;
	if (!run->next_rest)
		run->next_rest = now + rest_interval;
	if (now < run->next_rest)
		return (run->next_rest - now) / millisecond + 1;
	run->is_rest_due = false;
	run->next_rest = now + rest_interval;
	run->watch->rest(run->watch->context);
	return INT_MAX;
}

static struct sut_err *step(struct sut_run *run)
{
	struct pollfd fds[N_FDS];
	int tick;
	struct sut_err *err = sut_run_tend(run, &tick);
	int next = next_tick(run);

	if (err)
		return err;
	int rest = tend_rest(run);
	next = next < tick ? next : tick;
	list_fds(run, fds);
	int n_ready = poll(fds, N_FDS, rest < next ? rest : next);
	if (n_ready < 0)
		return errno == EINTR ? NULL : sut_err_os(errno, "poll");
	run->is_rest_due |= n_ready > 0;
	for (size_t i = 0; i < MAX_JOBS && !err; i++) {
		if (is_ready(&fds[FD_CHANNELS + i]))
			err = sut_run_hear(run, &run->jobs[i]);
		if (!err && is_ready(&fds[FD_PIPES + i]))
			err = finish(run, &run->jobs[i]);
	}
	if (is_ready(&fds[FD_NEWS]))
		sut_run_take_news(run);
	if (!err && is_ready(&fds[FD_GUARD])) {
		run->next_rest = sut_now() + rest_interval;
		err = sut_run_take_openings(run);
	}
	return err;
}

// What a worker has done that ended after us is told too.
static void tell_last(struct sut_run *run, const struct sut_job *job, const json_t *answer)
{
	const char *cause;
	json_t *row;
	int is_late;

	if (job->kind == JOB_APPLY && answer && !job->is_cancelled)
		sut_run_tell_row(run, answer, job->is_late ? "scan" : "running", job->is_late);
	if (job->kind == JOB_START && answer &&
	    json_unpack((json_t *)answer, "{s:o, s:s, s:b}", "row", &row, "cause", &cause, "late",
			&is_late) == 0 &&
	    !json_is_null(row))
		sut_run_tell_row(run, row, cause, is_late);
}

// Nobody waits for us from here on. Workers end by themselves; they are waited for,
// so that the end means that it is over.
static void end(struct sut_run *run)
{
	json_t *owned[] = { run->guarded,    run->judged, run->paths,
			    run->namespaces, run->queue,  run->reasons };

	sut_guard_close(&run->guard);
	sut_execs_close(&run->execs);
	for (size_t i = 0; i < MAX_JOBS; i++) {
		struct sut_job *job = &run->jobs[i];
		json_t *answer = NULL;
		if (job->kind == JOB_NONE)
			continue;
		if (job->kind == JOB_APPLY)
			sut_worker_cancel(&job->worker);
		struct sut_err *err = sut_worker_finish(&job->worker, &answer);
		if (job->kind == JOB_START)
			close(job->channel);
		tell_last(run, job, answer);
		sut_err_free(err);
		json_decref(answer);
	}
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		json_decref(owned[i]);
	for (size_t i = 0; i < MAX_WAITERS; i++)
		if (run->waiters[i].opening.fd >= 0)
			close(run->waiters[i].opening.fd);
}

// Other hotpatches than before: all begins anew, but for what is guarded.
static void refresh(struct sut_run *run)
{
	const struct sut_watch *watch = run->watch;
	const struct sut_apply *apply =
		watch->current ? watch->current(watch->context) : watch->apply;

	if (apply == run->apply)
		return;
	run->apply = apply;
	run->generation++;
	run->n_scans = 0;
	run->next_scan = 0;
	json_object_clear(run->judged);
	json_object_clear(run->reasons);
	json_array_clear(run->queue);
}

static struct sut_err *begin(struct sut_run *run)
{
	// For each worker there is a pipe, a socket and a file, for each waiter a file.
	static const size_t n_others = 128;
	struct sut_err *err = sut_guard_reserve(3 * MAX_JOBS + MAX_WAITERS + n_others);

	for (size_t i = 0; i < MAX_WAITERS; i++)
		run->waiters[i].opening.fd = -1;
	for (size_t i = 0; i < run->watch->n_files; i++)
		json_object_set_new(run->paths, run->watch->files[i], json_true());
	if (!err)
		err = sut_guard_open(&run->guard);
	if (err)
		return err;
	// Where the kernel does not tell, scans find what this would have found.
	err = run->watch->has_net ? sut_execs_open(&run->execs) : NULL;
	sut_err_free(err);
	return NULL;
}

struct sut_err *sut_watch_run(const struct sut_watch *watch)
{
	struct sut_run *run = calloc(1, sizeof(*run));

	if (!run)
		return sut_err_nomem();
	*run = (struct sut_run){
		.watch = watch,
		.guard.fd = -1,
		.execs.fd = -1,
		.guarded = json_object(),
		.judged = json_object(),
		.paths = json_object(),
		.namespaces = json_object(),
		.queue = json_array(),
		.reasons = json_object(),
	};
	struct sut_err *err = begin(run);
	while (!err && !*watch->cancel) {
		refresh(run);
		start_work(run);
		err = step(run);
	}
	end(run);
	free(run);
	return err;
}
