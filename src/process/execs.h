// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * News of programs that are executed
 *
 * The kernel tells of each execve on the machine when it has succeeded (the proc
 * connector, a netlink socket). To root in the first PID, user and network namespace
 * only, on kernels with CONFIG_PROC_EVENTS; there is no other way to learn of it
 * without making each execve wait.
 *
 * The kernel drops what is not fetched in time, and says so.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/** The news. Owns its descriptor, which can be polled. */
struct sut_execs {
	int fd; /**< -1: closed. */
};

/** Subscribe. SUT_E_UNSUPPORTED where the kernel does not tell, SUT_E_DENIED without
 *  CAP_NET_ADMIN. */
sut_check struct sut_err *sut_execs_open(struct sut_execs *ret);
void sut_execs_close(struct sut_execs *execs);

/** What sut_execs_next() found. */
enum sut_execs_news {
	SUT_EXECS_NONE, /**< Nothing for now. */
	SUT_EXECS_ONE,  /**< A process has executed a program. */
	SUT_EXECS_LOST, /**< Some were dropped. */
};

/** Take the next one. @p ret is the process. */
enum sut_execs_news sut_execs_next(const struct sut_execs *execs, pid_t *ret);
