// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Processes
 *
 * A handle on one process, for reading: what /proc says of it, and its memory.
 * Everything goes through descriptors that the kernel binds to this process, so
 * that a process that took over its pid is never read or changed by mistake.
 * The files are those of one live thread (/proc/PID/task/TID), because those of
 * a thread-group leader that has exited are empty.
 */

#include <sys/types.h>

#include "base/err.h"
#include "base/view.h"
#include "process/addr.h"

struct sut_file;
struct sut_maps;

/** A process. Owns its descriptors. */
struct sut_process {
	pid_t pid;
	pid_t tid;  /**< The thread by which it is read; usually pid. */
	int dir;    /**< /proc/PID. */
	int thread; /**< /proc/PID/task/TID. */
	int memory; /**< .../mem, opened at the first use; -1 before. */
	char comm[32]; /**< Its name, with control characters replaced by '?'. */
};

/** What /proc/PID/status says. */
struct sut_process_facts {
	pid_t leader;        /**< Tgid: the pid of the process that the thread belongs to. */
	char state;          /**< Of the thread by which it is read: R, S, D, T, t, Z, X, I. */
	pid_t tracer;        /**< TracerPid; 0: none. */
	uid_t uid;           /**< Effective. */
	bool is_kernel;      /**< A kernel thread. */
	bool has_memory;     /**< Neither has a kernel thread nor a process that is exiting. */
	int seccomp;         /**< 0 none, 1 strict, 2 filter. */
	size_t n_threads;
	uint64_t ignored, caught; /**< Signal sets: bit n-1 is signal n. */
	bool has_shadow_stack; /**< CET shadow stacks are on for the thread. */
};

/** Flags of a thread (include/linux/sched.h: PF_EXITING, PF_KTHREAD). */
enum { SUT_STAT_EXITING = 0x4, SUT_STAT_KERNEL_THREAD = 0x200000 };

/** State letter and flags of a thread: fields 3 and 9 of its file "stat" (proc(5)). False
 *  when @p text is no such file's. */
bool sut_stat_parse(const char *text, char *state_ret, unsigned long *flags_ret);

/** Does /proc show processes under the pids by which we can trace them? SUT_E_UNSUPPORTED
 *  when it was mounted in another PID namespace, where pids are other processes'. */
sut_check struct sut_err *sut_process_check_proc(void);

/** Open process @p pid. A process that is not there is SUT_E_GONE. */
sut_check struct sut_err *sut_process_open(pid_t pid, struct sut_process *ret);
void sut_process_close(struct sut_process *process);

/** Read its status. */
sut_check struct sut_err *sut_process_facts(const struct sut_process *process,
					    struct sut_process_facts *ret);

/** Read file @p name of the thread's directory ("maps", "auxv"). A process that
 *  has exited is SUT_E_GONE. */
sut_check struct sut_err *sut_process_read(const struct sut_process *process, const char *name,
					   struct sut_file *ret);

/** Read its memory map. */
sut_check struct sut_err *sut_process_maps(const struct sut_process *process,
					   struct sut_maps *ret);

/** Open its memory now, and so the image that it runs now: once it executes another
 *  program, peek and poke say SUT_E_GONE. */
sut_check struct sut_err *sut_process_hold(struct sut_process *process);

/** Close its memory; the next use opens what it has then. */
void sut_process_release(struct sut_process *process);

/** Copy @p size bytes at @p from out of the process's memory. All or an error:
 *  SUT_E_GONE when it has exited, SUT_E_FORMAT when not all of it is mapped. */
sut_check struct sut_err *sut_process_peek(struct sut_process *process, struct sut_addr from,
					   void *to, size_t size);

/** Copy @p bytes into the process's memory at @p to, through write protection
 *  (private mappings get pages of their own). All or an error; an error may
 *  leave a part written. */
sut_check struct sut_err *sut_process_poke(struct sut_process *process, struct sut_addr to,
					   struct sut_view bytes);

/** Has the process a page of its own at @p at, as whatever was written to has,
 *  rather than one of a file? False also when the kernel does not tell. */
bool sut_process_has_own_page(const struct sut_process *process, struct sut_addr at);

/** Another of its threads stands for it when the one that did has ended. False when none
 *  of them runs any more: it has exited, is exiting, or is a zombie. */
bool sut_process_renew(struct sut_process *process);

/** Does @p process, or one that took its pid, still run? False also for one that is
 *  exiting, or a zombie. */
bool sut_process_is_alive(const struct sut_process *process);
