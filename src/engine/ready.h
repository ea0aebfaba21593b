// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Is a process ready to be patched, so early in its life?
 *
 *     NOTHING ──a build is mapped──► NOT_YET ──► NOW ──apply──► DONE
 *
 * Ready is, while nothing of the module has run:
 *   - a module when the program's own C library is there, so that a borrowed thread
 *     survives our death (process/borrow.h);
 *   - one whose hotpatch has imports when it has been relocated besides: then all
 *     libraries are there too.
 *
 * The dynamic linkers make the read-only part of each module read-only (a system
 * call) when they have relocated it, and run constructors only after that.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct sut_apply;

/** How ready a process is. */
enum sut_readiness {
	SUT_READY_NOTHING, /**< No module of ours is there. */
	SUT_READY_DONE,    /**< They are, and carry their hotpatches. */
	SUT_READY_NOT_YET, /**< One of them is not ready. They go together. */
	SUT_READY_NOW,
};

/** Look at process @p pid. With @p takes_any, any hotpatch for the build will do. */
sut_check struct sut_err *sut_ready_check(pid_t pid, const struct sut_apply *apply, bool takes_any,
					  enum sut_readiness *ret);
