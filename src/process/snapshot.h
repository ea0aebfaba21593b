// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Snapshots
 *
 * What can be read of a process without touching it, at one moment: the handle,
 * what its status says, its memory map and the modules in it.
 */

#include "process/maps.h"
#include "process/module.h"
#include "process/process.h"

/** A snapshot. Owns everything in it. */
struct sut_snapshot {
	struct sut_process process;
	struct sut_process_facts facts;
	struct sut_maps maps;
	struct sut_modules modules;
	uint64_t image; /**< Tells the program that it ran from others; private. */
};

/** Open process @p pid and read its status, not yet its map. A zombie, or a process that
 *  has given its memory back on its way there, is SUT_E_GONE; a kernel thread, or a thread that is
 * no process, is SUT_E_UNSUPPORTED. */
sut_check struct sut_err *sut_snapshot_open(pid_t pid, struct sut_snapshot *ret);
void sut_snapshot_close(struct sut_snapshot *snapshot);

/** Read its map and modules, again if they were read before. All are of one program: one
 *  that executes another meanwhile is waited for, a second at most, then it is SUT_E_BUSY. */
sut_check struct sut_err *sut_snapshot_read(struct sut_snapshot *snapshot);

/** Does the process still run the program that was read? */
bool sut_snapshot_is_current(const struct sut_snapshot *snapshot);
