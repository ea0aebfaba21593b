// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Probes
 *
 * Tries out, on a child of our own that does nothing, what the live part needs
 * from the kernel: what is forbidden by a policy shows only by trying.
 */

#include "base/err.h"

/** Results: 0, or the errno with which it failed. */
struct sut_probe {
	int trace;           /**< Seize, interrupt, continue. */
	int read_memory;     /**< process_vm_readv(2). */
	int write_memory;    /**< Write to memory of the child that it may write itself. */
	int write_code;      /**< Write to its code, through the protection. */
	int poke_code;       /**< The same with PTRACE_POKEDATA. */
	int suspend_seccomp; /**< PTRACE_O_SUSPEND_SECCOMP. */
	int signal_mask;     /**< PTRACE_SETSIGMASK. */
	int map_files;       /**< Open a file of /proc/PID/map_files. */
	int name_memory;     /**< PR_SET_VMA_ANON_NAME, on ourselves. */
	int hurry;           /**< SCHED_FIFO, for ourselves. */
	int fanotify;        /**< fanotify_init(2) with permission events. */
};

/** Try everything. Must run in a process of its own (process/worker.h). */
sut_check struct sut_err *sut_probe_run(struct sut_probe *ret);
