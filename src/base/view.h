// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Views
 *
 * A view is bytes that somebody else owns. Every read out of foreign bytes goes
 * through sut_view_cut(), which checks the bounds without overflow.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Borrowed bytes. */
struct sut_view {
	const uint8_t *data; /**< May be NULL when size is 0. */
	size_t size;         /**< In bytes. */
};

/** Take @p size bytes at @p off out of @p from; false if they are not all
 *  there, and then @p ret is untouched. */
bool sut_view_cut(struct sut_view from, uint64_t off, uint64_t size,
		  struct sut_view *ret);

/** Copy @p size bytes at @p off into @p to; false if they are not all there. */
bool sut_view_copy(struct sut_view from, uint64_t off, void *to, size_t size);

/** Find the NUL-terminated string at @p off, or NULL when it has no end inside
 *  @p from. Borrowed. */
const char *sut_view_string(struct sut_view from, uint64_t off);

/** Are all bytes 0? */
bool sut_view_is_zero(struct sut_view view);

/** Are the bytes of both the same? */
bool sut_view_equal(struct sut_view a, struct sut_view b);
