// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Tracing: the threads of one process, stopped and let go
 *
 *             seize            stop                       go
 *     unknown ─────► RUNNING ────────► STOPPED ─────────────────► RUNNING
 *                       │                 │ registers are read
 *                       └── exits ──► GONE ◄── is killed
 *
 * What it guarantees to the target:
 *   - no signal is lost, made up or delivered twice: a signal that arrives while
 *     the threads are traced is passed on unchanged;
 *   - no system call returns EINTR because of us (process/restart.h);
 *   - a process that was stopped (SIGSTOP, job control) stays so;
 *   - there is no final stop: when the tracing process ends, the kernel lets go
 *     of running threads where they are, and of stopped ones with the registers
 *     that they have. A thread's registers are rewound at the stop, not at the
 *     go, so that even a tracing process that is killed leaves no EINTR.
 *
 * It must run in a process of its own, in one thread of it, with SIGCHLD blocked
 * (process/worker.h): ptrace ties tracees to the thread that seized them, and the
 * waits here are for SIGCHLD, SIGALRM ends some of them. Boosts have a helper thread
 * and SIGUSR1. While threads are traced and not stopped,
 * sut_tracer_attend() must be called all the time, because a signal for one of
 * them waits for us to pass it on.
 */

#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "process/alarm.h"
#include "process/timeout.h"

struct sut_boost;
struct sut_process;

/** The options that every thread is seized with. */
enum { SUT_TRACE_OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC };

enum sut_thread_state {
	SUT_THREAD_RUNNING, /**< Seized, not stopped. */
	SUT_THREAD_STOPPED, /**< At the stop that we asked for; regs are valid. */
	SUT_THREAD_GONE,    /**< Has exited. */
	SUT_THREAD_KERNEL,  /**< A kernel helper of the process (io_uring): it runs no
				 user code and cannot be traced. */
};

/** May the kernel restart a thread's sleep by itself? */
enum sut_restart_law {
	SUT_RESTART_UNKNOWN,
	SUT_RESTART_ALLOWED,
	SUT_RESTART_FORBIDDEN, /**< A seccomp filter does not allow it (process/filter.h). */
};

/** A thread of the target. */
struct sut_thread {
	pid_t tid;
	enum sut_thread_state state;
	bool has_regs;                    /**< Private: STOPPED, and regs are those of this stop. */
	bool is_interrupted;              /**< Asked to stop, and that stop has not come yet. */
	bool is_group_stopped;            /**< STOPPED or RUNNING: job control holds it. */
	bool is_held;                     /**< Adopted: not let go with the others. */
	bool is_rewound;                  /**< regs were rewound, and the thread is not yet seen
					       to have made its call again. */
	bool has_settled;                 /**< Private: it is in a call, or has exited, since it
					       was let go. */
	enum sut_restart_law restart_law; /**< Private. */
	struct sut_timeout timeout;       /**< Private: of the call it was rewound into. */
	struct user_regs_struct regs;     /**< At the last stop, as they will be resumed. */
};

/** The traced threads of a process. Owns the table; borrows the process. */
struct sut_tracer {
	struct sut_process *process;
	struct sut_thread *threads;
	size_t n_threads;
	size_t capacity; /**< Private. */
	/** Processes that share its memory without being of its thread group: their
	 *  threads are in the table too. Owned. */
	struct sut_process *sharers;
	size_t n_sharers;
	/** Children that shared it by vfork(2) when that was asked: not stopped with it.
	 *  Owned. */
	struct sut_process *guests;
	size_t n_guests;
	struct sut_clocks clocks; /**< Private. */
	bool is_hurried;          /**< Private: we run with real-time priority. */
	struct sut_boost *boost;  /**< Private: of the thread waited for; NULL: none. */
	struct sut_alarm alarm;   /**< Private: set from a stop of all to the go. */
	bool has_execed;          /**< The process has become another program. */
};

void sut_tracer_init(struct sut_process *process, struct sut_tracer *ret);

/** Let go of threads that are stopped. Running ones stay traced until the
 *  calling process ends. */
void sut_tracer_deinit(struct sut_tracer *tracer);

/** How a stop ended. */
struct sut_stop {
	bool is_complete; /**< Every thread is stopped. */
	uint64_t begin;   /**< sut_now() before the first interrupt. */
	pid_t straggler;  /**< When not complete: a thread that did not stop. */
};

/** Monotonic time in nanoseconds. */
uint64_t sut_now(void);

/** Look for other processes that share the process's memory; with @p and_guests, also for
 *  those that do so for a moment. */
sut_check struct sut_err *sut_tracer_find_sharers(struct sut_tracer *tracer, bool and_guests);

/** Seize every thread of the process that is not seized yet. SUT_E_DENIED without
 *  permission; SUT_E_UNSUPPORTED when somebody else traces a thread. */
sut_check struct sut_err *sut_tracer_seize(struct sut_tracer *tracer);

/** Take over thread @p tid, which the caller has seized with SUT_TRACE_OPTIONS and
 *  which is at a ptrace-stop. It comes to the stop that an interrupt gives without
 *  running an instruction, and stays there, whatever becomes of the other threads,
 *  also after the deinit. SUT_E_GONE when it has exited, SUT_E_BUSY when it does not
 *  come to that stop. */
sut_check struct sut_err *sut_tracer_adopt(struct sut_tracer *tracer, pid_t tid);

/** Take over the threads that the calling thread traces and this tracer does not know,
 *  from a tracer before it. They may run. Before the first seize. */
sut_check struct sut_err *sut_tracer_inherit(struct sut_tracer *tracer);

/** Seize them, and look at what they do (process/timeout.h). To be done before a stop,
 *  which does so only for those that have come since. */
sut_check struct sut_err *sut_tracer_ready(struct sut_tracer *tracer);

/** Stop every thread, also those that are created meanwhile, and read their
 *  registers. Gives up at @p deadline (sut_now() time) or when the process
 *  execs; then some are stopped, and sut_tracer_go() lets them run. SUT_E_GONE
 *  when no thread is left. */
sut_check struct sut_err *sut_tracer_stop(struct sut_tracer *tracer, uint64_t deadline,
					  struct sut_stop *ret);

/** Stop one seized thread only. @p ret says whether it stopped in time. */
sut_check struct sut_err *sut_tracer_stop_one(struct sut_tracer *tracer, struct sut_thread *thread,
					      uint64_t deadline, bool *ret);

/** Come before all others until sut_tracer_go(): real-time priority, where we may.
 *  A stop of all threads does so by itself. */
void sut_tracer_hurry(struct sut_tracer *tracer);

/** Let every stopped thread go on. Returns sut_now() after the last one was
 *  continued, before this program gives up its own priority. */
uint64_t sut_tracer_go(struct sut_tracer *tracer);

/** Let one stopped thread go on. */
void sut_tracer_go_one(struct sut_tracer *tracer, struct sut_thread *thread);

/** Pass on the signals of running threads and watch them until @p until.
 *  Returns early when @p settle is set and every rewound thread is seen to have
 *  made its call again. */
void sut_tracer_attend(struct sut_tracer *tracer, uint64_t until, bool settle);

/** Thread @p tid, of which waitpid told @p status, is no business of ours: it goes on, and is not
 *  to notice. */
void sut_tracer_pass_on(pid_t tid, int status);

/** When the last call that is to end within @p span is due (process/timeout.h), in
 *  sut_now() time; 0: none. Until then sut_tracer_attend() has something to do. */
uint64_t sut_tracer_last_due(const struct sut_tracer *tracer, uint64_t span);

/** Sleep until a traced thread reports something or @p until has passed; false
 *  when it has. For waits of borrowed threads. */
bool sut_tracer_wait(uint64_t until);

/** Likewise, for thread @p tid that we have needed since @p since: when it does not
 *  report at once it is boosted (process/boost.h) until it, or all, are let go. */
bool sut_tracer_await(struct sut_tracer *tracer, pid_t tid, uint64_t since, uint64_t until);

/** How many threads run user code and are not gone. */
size_t sut_tracer_count(const struct sut_tracer *tracer);
