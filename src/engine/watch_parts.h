// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The parts of `watch`, private to it
 *
 *     watch.c           the loop, workers and what they answer
 *     watch_openings.c  openers: each is given a follower, and allowed
 *     watch_files.c     which files are guarded
 *     watch_news.c      programs that are executed anywhere: the safety net
 */

#include "engine/start.h"
#include "process/execs.h"
#include "process/worker.h"

struct sut_watch;

/** How many workers there are at most, of which some are kept for other work than
 *  following; how many openers wait for one; how many new processes are remembered. */
enum { MAX_JOBS = 96, SPARE_JOBS = 8, MAX_APPLIES = 16, MAX_WAITERS = 512, MAX_FRESH = 4096 };

enum sut_job_kind { JOB_NONE, JOB_SCAN, JOB_LOOK, JOB_APPLY, JOB_START };

/** A worker that is under way. */
struct sut_job {
	enum sut_job_kind kind;
	struct sut_worker worker;
	pid_t pid;                  /**< The process that it works on. */
	int channel;                /**< JOB_START: the socket; else -1. */
	struct sut_opening opening; /**< JOB_START: its fd is -1 once it is allowed. */
	uint64_t since;             /**< sut_now() when that began to wait, or a scan began. */
	unsigned generation;        /**< The run's, when it began. */
	bool is_late;               /**< JOB_APPLY: it may have run what is vulnerable. */
	bool is_cancelled;          /**< JOB_APPLY: a follower takes over. */
	bool is_owed; /**< JOB_START: the process is to be looked at when it is over. */
};

/** An opener that waits, for a follower or for its process's follower. */
struct sut_waiter {
	struct sut_opening opening; /**< fd -1: a free place. */
	pid_t pid;
	uint64_t since; /**< sut_now(). */
};

/** A process that has just executed a program. */
struct sut_fresh {
	pid_t pid;
	uint64_t due;    /**< When it is to be looked at, sut_now() time. */
	bool is_settled; /**< For the last time. */
};

/** A run. All JSON is owned. */
struct sut_run {
	const struct sut_watch *watch;
	const struct sut_apply *apply; /**< Borrowed. */
	struct sut_guard guard;
	struct sut_execs execs; /**< Its fd is -1 where the kernel does not tell. */
	struct sut_job jobs[MAX_JOBS];
	struct sut_waiter waiters[MAX_WAITERS];
	struct sut_fresh fresh[MAX_FRESH];
	size_t n_fresh;
	uint64_t next_look; /**< Not before, sut_now() time. */
	json_t *guarded;    /**< Object: files that are guarded, by device and inode. */
	json_t *judged, *paths, *namespaces; /**< For scans. */
	json_t *queue;   /**< Array: [pid, is late], processes that wait to be patched. */
	json_t *reasons; /**< Object: by pid, why it is not patched, as told. */
	size_t n_scans;
	uint64_t next_scan;  /**< sut_now() time. */
	uint64_t rested;     /**< No scan before, sut_now() time. */
	bool is_rest_due;    /**< Something has happened since `rest` was called. */
	uint64_t next_rest;  /**< Not before, sut_now() time. */
	unsigned generation; /**< Grows with each other `apply`. */
};

/** Tell @p event, which is consumed. */
void sut_run_tell(const struct sut_run *run, json_t *event);

/** Tell what a worker found out about a process, unless there is nothing to say. */
void sut_run_tell_row(struct sut_run *run, const json_t *row, const char *cause, bool is_late);

/** Tell that process @p pid was let go on unfollowed, and have it scanned. */
void sut_run_missed(struct sut_run *run, pid_t pid, const char *reason);

/** Have process @p pid patched when its turn comes. */
void sut_run_queue(struct sut_run *run, pid_t pid, bool is_late);

/** Let a scan come soon. */
void sut_run_scan_soon(struct sut_run *run);

/** Find a job of a kind, for process @p pid or, if that is 0, for any; or NULL. */
struct sut_job *sut_run_job(struct sut_run *run, enum sut_job_kind kind, pid_t pid);
size_t sut_run_count(const struct sut_run *run, enum sut_job_kind kind);

/** Start a worker, if there is room for one. */
void sut_run_start_job(struct sut_run *run, enum sut_job_kind kind, pid_t pid, sut_worker_fn work,
		       void *context);

/** Take openers that wait for the guard. */
sut_check struct sut_err *sut_run_take_openings(struct sut_run *run);

/** Take what @p job's follower says. */
sut_check struct sut_err *sut_run_hear(struct sut_run *run, struct sut_job *job);

/** Take the end of @p job, a JOB_START that is in the table no more. */
sut_check struct sut_err *sut_run_take_start(struct sut_run *run, struct sut_job *job,
					     const json_t *answer, const struct sut_err *error);

/** Look after openers that wait. Returns in how many milliseconds that is due again. */
sut_check struct sut_err *sut_run_tend(struct sut_run *run, int *tick_ret);

/** Guard what a scan found: "mapped" and "named" of its answer. */
void sut_run_guard_files(struct sut_run *run, const json_t *mapped, const json_t *named);
size_t sut_run_count_guarded(const struct sut_run *run);

/** May the news be read now? Reading them leads to work, which is limited. */
bool sut_run_wants_news(struct sut_run *run);
void sut_run_take_news(struct sut_run *run);

/** Start looking at new processes, if there is one to look at and it is time. */
void sut_run_start_look(struct sut_run *run);

/** When that is, sut_now() time; UINT64_MAX: never. */
uint64_t sut_run_look_due(const struct sut_run *run);

/** @p job, a look, is over. */
void sut_run_rest(struct sut_run *run, const struct sut_job *job);
