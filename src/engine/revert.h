// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The recipe `revert`
 *
 * Puts the original entries of the replaced functions back, in one stop. The
 * payload stays mapped: the program may have stored addresses of its strings,
 * tables and functions, and nobody can find them all. Its trace says REVERTED,
 * and the next `apply` of the same hotpatch uses it again.
 */

#include <jansson.h>
#include <stdint.h>

#include "engine/select.h"

/** What to revert, and how. */
struct sut_revert {
	struct sut_select select;
	uint64_t timeout; /**< How long to try each process, ns. */
	bool is_dry_run;
};

/** Revert in process @p pid (a sut_crew_fn). The context is a struct sut_revert. */
json_t *sut_revert_work(pid_t pid, void *revert);
