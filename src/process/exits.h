// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * News of processes that crash
 *
 * The kernel tells of each end on the machine (the proc connector, process/execs.h), of
 * which a filter lets through only those by a signal that means a fault of the program.
 * Where it does not tell (in another namespace), single processes can be followed: since
 * Linux 6.15 it keeps how a process has ended for whoever has a descriptor of it
 * (PIDFD_GET_INFO); before, nobody but the parent learns it.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/** The news. Owns its descriptor, which can be polled. */
struct sut_exits {
	int fd; /**< -1: closed. */
};

/** Subscribe. Errors as of sut_execs_open(). */
sut_check struct sut_err *sut_exits_open(struct sut_exits *ret);
void sut_exits_close(struct sut_exits *exits);

/** Take the next crash: process @p pid_ret by signal @p signal_ret. False when there is
 *  none for now. */
bool sut_exits_next(const struct sut_exits *exits, pid_t *pid_ret, int *signal_ret);

/** Does ending by @p signal mean a fault of the program? */
bool sut_exits_is_crash(int signal);

/** A descriptor that becomes readable when process @p pid ends; -1 with errno. */
int sut_exits_follow(pid_t pid);

/** How has the process ended that descriptor @p fd is of? */
enum sut_exit_news {
	SUT_EXIT_UNKNOWN, /**< The kernel does not tell. */
	SUT_EXIT_NOT_YET, /**< It runs, or its parent has not asked yet. */
	SUT_EXIT_KNOWN,   /**< @p signal_ret: 0 when it has ended by itself. */
};
enum sut_exit_news sut_exits_ask(int fd, int *signal_ret);
