// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Commands that the agent runs for others
 *
 * Lives in the main process, which reads nothing foreign: health probes, with the
 * rights of the user that the configuration names, and the package manager. What is
 * run stands in the configuration, or in a file of the patching process; a message
 * only says which.
 */

#include <stdint.h>
#include <sys/types.h>

#include "agent/config.h"

enum { SUT_MAX_RUNS = SUT_MAX_PROBES + 1 };

/** A command that runs. */
struct sut_run_one {
	pid_t pid; /**< 0: none. It leads a session. */
	uint32_t index;
	int64_t deadline; /**< sut_clock() time; 0: none. */
};

/** The runner. */
struct sut_runner {
	const struct sut_config *config;
	struct sut_run_one runs[SUT_MAX_RUNS];
	int channel; /**< To the patching process. */
};

/** Seconds of a clock that nobody sets. */
int64_t sut_clock(void);

/** Start what message RUN with @p index asks for. One that runs already is not started
 *  again. */
void sut_runner_start(struct sut_runner *runner, uint32_t index);

/** Process @p pid has ended with @p status: if it is ours, tell. */
void sut_runner_ended(struct sut_runner *runner, pid_t pid, int status);

/** End what takes too long. Returns the seconds until that is due again, -1: never. */
int sut_runner_tend(struct sut_runner *runner);

/** End all probes. The package manager is left to end by itself. */
void sut_runner_stop(struct sut_runner *runner);
