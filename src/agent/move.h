// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Moving to a baseline
 *
 * A baseline is reached by the package manager, not by hotpatches: which packages must
 * move to which exact versions, which units then still run old files, and whether only
 * a reboot does it.
 *
 *     baseline ─┐
 *     dpkg's status ──► plan (trust/move.json) ──► told; carried out only in the window
 *     what runs ─┘
 */

#include <jansson.h>
#include <stdbool.h>

#include "agent/config.h"
#include "base/view.h"

struct sut_baseline;

/** A move. Owns its JSON. */
struct sut_move {
	/** {"baseline", "packages": [{"name", "architecture", "from", "to"}], "units": [names],
	 *  "others": [pids of no unit], "reboot": boolean, "why_reboot": array of texts} */
	json_t *json;
};

/** Is version @p a older (-1), the same (0) or newer (1) than @p b, as dpkg orders them
 *  (deb-version(7))? */
int sut_move_compare(const char *a, const char *b);

/** The packages of @p baseline that are installed here with an older version; @p status is
 *  the text of dpkg's status file. Packages that are newer, or not installed, stay as they
 *  are. @p ret: an array, a new reference. */
sut_check struct sut_err *sut_move_packages(const struct sut_baseline *baseline,
					    struct sut_view status, json_t **ret);

/** Plan the move to @p baseline, with what runs here. */
sut_check struct sut_err *sut_move_plan(const struct sut_baseline *baseline,
					const char *status_path, json_t **ret);

/** Carry trust/move.json out: in the main process's child, as root, with the network.
 *  Returns the exit status: 0 when all is done. */
int sut_move_run(const struct sut_config *config);
