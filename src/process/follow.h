// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Followed threads
 *
 * Threads of one process that are about to load files, followed from system call to
 * system call until somebody has seen enough. Only system calls stop it, never a trap in
 * its code or a debug register: those outlive a tracer that is killed, and would
 * then kill the thread (docs/safety.md).
 *
 *     open or execve waits for the guard
 *       │ seize, interrupt (it still waits)
 *       ▼ the guard allows it
 *     stop at the exit of that call ──► stop at the exit of the next call ──► …
 *
 * Like all tracing, in a process of its own (process/worker.h). When that process
 * ends, the kernel lets the thread go on where it is.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "base/err.h"

/** A followed thread. */
struct sut_follow {
	pid_t tid;       /**< An execve by another thread than the leader changes it; 0: gone. */
	pid_t pid;       /**< Its process. */
	bool is_exec;    /**< It waited in execve, not in open. */
	bool is_stopped; /**< At an event that sut_follow_next() told of, or gathered. */
	bool is_free;    /**< Released: nothing that it does is told. */
	bool has_execed; /**< An execve has succeeded since sut_follow_init(). */
	long call;       /**< Number of the system call at whose exit it stopped. */
	int64_t result;  /**< What that returned. */
	bool is_interrupted;             /**< Private: asked to stop, and has not. */
	int pending_signal;              /**< Private: passed on when it goes on. */
	bool is_rewound;                 /**< Private: as in struct sut_thread. */
	struct user_regs_struct rewound; /**< Private. */
	struct user_regs_struct left;    /**< Private: at the last stop, before rewinding. */
};

/** What following came to. */
enum sut_follow_event {
	SUT_FOLLOW_CALL,    /**< A thread stopped at the exit of a system call. */
	SUT_FOLLOW_STOPPED, /**< A thread stopped elsewhere, as it was asked to. */
	SUT_FOLLOW_GONE,    /**< A thread has exited. */
	SUT_FOLLOW_AWAKE,   /**< Nothing: somebody sent us SIGCHLD, or it is too late. */
	SUT_FOLLOW_ENDED,   /**< No traced thread is left. */
};

/** Learn what thread @p tid waits for in the kernel. SUT_E_GONE when it has exited. */
sut_check struct sut_err *sut_follow_init(pid_t tid, struct sut_follow *ret);

/** Seize it, and have it stop at the exit of the call it is in. Another run of this
 *  program that traces it is waited for, a moment; whoever else does is not: SUT_E_BUSY.
 *  One that we trace already is taken as it is. On kernels whose execve holds a lock
 *  while it waits for the guard, this returns only when the new program is set up: see
 *  sut_follow_hasten(). */
sut_check struct sut_err *sut_follow_seize(struct sut_follow *follow);

/** Let the stopped ones of the @p n threads go on. */
void sut_follow_go(struct sut_follow *threads, size_t n);

/** Wait for the next event of one of the @p n threads, until @p deadline. @p ret_which
 *  says whose it is. */
enum sut_follow_event sut_follow_next(struct sut_follow *threads, size_t n, uint64_t deadline,
				      size_t *ret_which);

/** Have a running thread stop wherever it is, which is told as any other stop. */
void sut_follow_interrupt(struct sut_follow *follow);

/** Let it go on unobserved. It stays traced until this process ends, or is observed
 *  again after another sut_follow_seize(). */
void sut_follow_release(struct sut_follow *follow);

/** Does it sleep, and not wait for a processor? */
bool sut_follow_is_asleep(const struct sut_follow *follow);

/** Which file is its descriptor @p fd? False: none. */
bool sut_follow_identify(const struct sut_follow *follow, int fd, uint64_t *dev, uint64_t *inode);

/** Does the process still have the file @p dev, @p inode open as descriptor @p fd? */
bool sut_follow_has_open(const struct sut_follow *follow, int fd, uint64_t dev, uint64_t inode);

/** In the process that answers the guard: does thread @p worker sleep in
 *  sut_follow_seize() of thread @p tid, because of that lock? */
bool sut_follow_is_blocked(pid_t worker, pid_t tid);

/** Then, before the answer: see to it that @p worker gets to run as soon as the
 *  lock is free, before @p tid runs its new program's first instruction. Both are
 *  put onto one processor, the worker with real-time priority; the seizing undoes
 *  it. */
void sut_follow_hasten(pid_t worker, pid_t tid);
