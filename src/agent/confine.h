// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the agent's processes may do
 *
 * Each process gives up what it does not need before it reads the first foreign byte.
 * What a kernel does not have (Landlock before 5.13) is left out and told; what it has
 * must work.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/** A folder or file that may be used. */
struct sut_allowed {
	const char *path; /**< NULL, or not there: left out. */
	bool is_writable; /**< Files in it may be made, changed and removed. */
};

/** End when @p parent ends, which has just forked us. */
sut_check struct sut_err *sut_confine_to_parent(int parent);

/** Become user @p name, with its group and no other, and no capability, for ever. */
sut_check struct sut_err *sut_confine_user(const char *name);

/** Keep only the capabilities that the engine needs, for ever. */
sut_check struct sut_err *sut_confine_capabilities(void);

/** Landlock: of all files only these may be used. @p is_there_ret: the kernel has it. */
sut_check struct sut_err *sut_confine_files(const struct sut_allowed *allowed, size_t n,
					    bool *is_there_ret);

/** Seccomp, for the network process: only system calls from a list. No new process,
 *  no other process's memory, no mounts. */
sut_check struct sut_err *sut_confine_fetch(void);

/** Seccomp, for the process that patches and all that it starts: no network. Sockets of
 *  AF_UNIX and AF_NETLINK only, no io_uring, only 64-bit system calls. */
sut_check struct sut_err *sut_confine_patch(void);
