// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Guarded files
 *
 * The kernel asks before it opens one of these files, to execute or to read
 * (fanotify(7), FAN_OPEN_PERM): the opener waits, killable, until it is allowed.
 * Marks are on single inodes, so that no other file costs anything.
 *
 * When the descriptor is closed, by a death too, the kernel lets every opener
 * that waits go on. So nobody but the process that answers may keep it: a forked
 * child closes it at once (sut_guard_close()).
 *
 * Whoever answers must not open a guarded file: nobody would answer it. Marks are
 * set by path, which opens nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/** The guard over some files. Owns its descriptor, which can be polled. */
struct sut_guard {
	int fd;
};

/** An opener that waits. */
struct sut_opening {
	int fd;              /**< The file, open; -1: none. Closed by the answer. */
	pid_t tid;           /**< The thread; 0: in no PID namespace that we see. */
	uint64_t dev, inode; /**< Of the file, as stat(2) tells them. */
};

/** Start guarding, no file yet. SUT_E_DENIED without CAP_SYS_ADMIN,
 *  SUT_E_UNSUPPORTED on a kernel without it. */
sut_check struct sut_err *sut_guard_open(struct sut_guard *ret);
void sut_guard_close(struct sut_guard *guard);

/** Let this process have @p n descriptors, as far as that is its own to decide. The
 *  kernel turns an opener away for whom it finds no free one. */
sut_check struct sut_err *sut_guard_reserve(size_t n);

/** Guard the file that @p path leads to. Marking one twice is harmless. */
sut_check struct sut_err *sut_guard_mark(const struct sut_guard *guard, const char *path);

/** Take the next opener that waits; @p found is false when none does. SUT_E_BUSY when
 *  the kernel could not hand over the file, and has turned the opener away. */
sut_check struct sut_err *sut_guard_next(const struct sut_guard *guard, bool *found,
					 struct sut_opening *ret);

/** Let the opener go on. */
sut_check struct sut_err *sut_guard_allow(const struct sut_guard *guard,
					  struct sut_opening *opening);
