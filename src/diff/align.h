// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Aligning two bodies
 *
 * Walks through two versions of a fragment and stops at each pair of instructions
 * that have the same shape and stand at the same place of the story; what was
 * inserted or removed in between is passed over.
 */

#include <stdbool.h>
#include <stddef.h>

struct sut_frag;
struct sut_program;

/** A walk through two fragments. All borrowed. */
struct sut_body_walk {
	const struct sut_program *old, *new;
	const struct sut_frag *a, *b;
	size_t i, j; /**< The next instructions, by index in their fragments. */
};

/** Find the next pair. False at the end, or where the bodies part for good. On
 *  success @p i and @p j are the indices of its instructions. */
bool sut_body_walk_next(struct sut_body_walk *walk, size_t *i, size_t *j);
