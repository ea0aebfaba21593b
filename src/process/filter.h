// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Seccomp filters of a thread
 *
 * The kernel resumes a sleep with a timeout by a system call of its own,
 * restart_syscall(2), and a filter judges that one too. A program whose filter does
 * not allow it would be killed because it was stopped. So we ask the filter first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct seccomp_data;
struct sock_filter;

/** What the filter of @p n instructions answers to @p data: SECCOMP_RET_*. A program
 *  that the kernel would not have taken answers SECCOMP_RET_KILL_PROCESS. */
unsigned sut_filter_run(const struct sock_filter *code, size_t n, const struct seccomp_data *data);

/** May thread @p tid, which is stopped by us, make the call restart_syscall? False also
 *  when it has filters that we are not allowed to see. */
bool sut_filter_allows_restart(pid_t tid);

/** Does seccomp judge the calls of thread @p tid? */
bool sut_filter_is_on(pid_t tid);
