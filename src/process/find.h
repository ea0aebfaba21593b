// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Finding targets
 *
 * Which processes map a build, or carry something of ours. The whole of /proc is
 * looked at, in every container that this machine's /proc shows. A file that
 * many processes map is read once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct sut_build_id;
struct sut_maps;
struct sut_process;

/** A set of pids. Owns them. All zero is a valid empty one. */
struct sut_pids {
	pid_t *items;
	size_t n;
	size_t capacity; /**< Private. */
};

void sut_pids_deinit(struct sut_pids *pids);
sut_check struct sut_err *sut_pids_add(struct sut_pids *pids, pid_t pid);

/** What a search over /proc found. */
struct sut_found {
	struct sut_pids pids; /**< Sorted. */
	/** Processes that could not be looked into for want of permission; they may
	 *  be targets too. */
	size_t n_hidden;
};

/** Find the processes that map one of the @p n builds in @p ids to execute. */
sut_check struct sut_err *sut_find_builds(const struct sut_build_id *ids, size_t n,
					  struct sut_found *ret);

/** Does process @p pid map one of them? True also when that cannot be told. */
bool sut_find_has_build(pid_t pid, const struct sut_build_id *ids, size_t n);

/** Does @p process have what is looked for? */
typedef bool (*sut_find_fn)(struct sut_process *process, const struct sut_maps *maps,
			    void *context);

/** What does @p check say of process @p pid? True also when that cannot be told. */
bool sut_find_has(pid_t pid, sut_find_fn check, void *context);

/** Find the processes that @p check says yes to. */
sut_check struct sut_err *sut_find(sut_find_fn check, void *context, struct sut_found *ret);
