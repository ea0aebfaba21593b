// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Baselines
 *
 * A baseline is a named, dated set of packages with exact versions, and the builds in
 * them. Devices reach it through their package manager; hotpatches are made for its
 * builds. As a document it is the target `baselines/NAME.json`.
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/view.h"

/** An ELF file of a package. Owns its texts. */
struct sut_baseline_build {
	char *path;     /**< Absolute: "/usr/sbin/server". */
	char *build_id; /**< Hex. */
};

/** A package. Owns everything. */
struct sut_baseline_package {
	char *name, *version, *architecture;
	char *source; /**< Name of the source package. */
	struct sut_baseline_build *builds;
	size_t n_builds;
};

/** A baseline. Owns everything. All zero is a valid empty one. */
struct sut_baseline {
	char *name;      /**< "2026.10" */
	char *product;   /**< What it is a baseline of: "debian-12". */
	int64_t date;    /**< The day that it was published. */
	bool is_planned; /**< Of the calendar, not in place of a month's hotpatches. */
	struct sut_baseline_package *packages;
	size_t n_packages;
};

/** Read a document. SUT_E_FORMAT says which member is wrong; also a package that is
 *  there twice (for one architecture), or a path that is not absolute. */
sut_check struct sut_err *sut_baseline_read(struct sut_view bytes, struct sut_baseline *ret);
void sut_baseline_deinit(struct sut_baseline *baseline);

/** The document as JSON, a new reference; NULL when out of memory. */
json_t *sut_baseline_write(const struct sut_baseline *baseline);

/** Find the package that holds build @p build_id, or NULL. @p build_ret: the build in
 *  it; may be NULL. Borrowed. */
const struct sut_baseline_package *sut_baseline_find(const struct sut_baseline *baseline,
						     const char *build_id,
						     const struct sut_baseline_build **build_ret);
