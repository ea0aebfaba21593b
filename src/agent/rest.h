// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Giving memory back while there is nothing to do
 *
 * Most of what a process of ours has in memory is code and constants of libraries, which
 * only its start, a handshake or a look has used. It is clean and comes back from the page
 * cache, or from disk, when it is used again; so a process that has been quiet for a second
 * lets go of it.
 *
 *     work ──► quiet for a second ──► free heap, and pages of files that nobody changed
 *
 * Only pages are let go of that pagemap says are a file's (proc(5)): what was relocated or
 * written stays, and what a debugger has changed. A hotpatch changes code too, and
 * might do it between the look at a page and its end. It maps its payload before it writes
 * a redirect; so a process that has a payload keeps all its memory, and one in which a
 * payload appears meanwhile must end and be started anew.
 */

#include <stdbool.h>

#include "base/err.h"

/** What is needed for it. */
struct sut_rest {
	int maps, pagemap; /**< /proc/self/maps and pagemap; -1: nothing is given back. */
	bool is_due;       /**< Something was done since it was quiet the last time. */
};

/** Open it, for the calling process: one that was forked has memory of its own. Done before
 *  rights are given up. Where there is no /proc, nothing is given back. */
void sut_rest_open(struct sut_rest *rest);

/** For how long to wait, milliseconds, when there is something to do after @p timeout (-1:
 *  never). */
int sut_rest_timeout(const struct sut_rest *rest, int timeout);

/** After such a wait, in which @p is_quiet nothing happened, @p timeout being what was given to
 *  sut_rest_timeout(). True: a hotpatch has come meanwhile, and this process must end. */
sut_check bool sut_rest_waited(struct sut_rest *rest, int timeout, bool is_quiet);

/** Give back now. True: as above. */
sut_check bool sut_rest_now(struct sut_rest *rest);
