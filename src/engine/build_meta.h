// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The metadata of a hotpatch that is being built (see patch/patch.h).
 */

#include <jansson.h>

#include "base/err.h"

struct sut_build;
struct sut_build_options;
struct sut_build_side;
struct sut_image;
struct sut_judgement;
struct sut_diff;
struct sut_patch;

/** What the metadata says. All borrowed. */
struct sut_build_meta {
	const struct sut_build_side *old, *new;
	const struct sut_image *old_image;
	const struct sut_build_options *options;
	const struct sut_judgement *judgement;
	const struct sut_diff *diff;
	const struct sut_build *build;
};

/** Make the metadata for @p patch, whose other members are complete. */
sut_check struct sut_err *sut_build_meta_new(const struct sut_build_meta *facts,
					     const struct sut_patch *patch, json_t **ret);
