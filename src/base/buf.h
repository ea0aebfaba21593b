// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Growing byte buffers
 *
 * For output that is put together piece by piece. A failed append leaves the
 * buffer as it was.
 */

#include "base/err.h"
#include "base/view.h"

/** Bytes that grow. Owns them. All zero is a valid empty buffer. */
struct sut_buf {
	uint8_t *data;
	size_t size;     /**< Bytes in use. */
	size_t capacity; /**< Bytes allocated. */
};

void sut_buf_deinit(struct sut_buf *buf);

/** Append @p size bytes from @p data. */
sut_check struct sut_err *sut_buf_add(struct sut_buf *buf, const void *data,
				      size_t size);

/** Append @p size zero bytes. */
sut_check struct sut_err *sut_buf_zeros(struct sut_buf *buf, size_t size);

/** Append @p fill until the size is a multiple of @p align (a power of 2). */
sut_check struct sut_err *sut_buf_align(struct sut_buf *buf, size_t align,
					uint8_t fill);

/** The bytes. Borrowed; valid until the next append. */
static inline struct sut_view sut_buf_view(const struct sut_buf *buf)
{
	return (struct sut_view){ buf->data, buf->size };
}

/** Make room for one more element in an array that grows by doubling:
 *  @p items points to the array's pointer, @p n is how many are in use,
 *  @p capacity how many fit. */
sut_check struct sut_err *sut_array_grow(void *items, size_t n,
					 size_t *capacity, size_t item_size);

/** qsort(3), which must not be called with NULL even for 0 elements. */
void sut_array_sort(void *items, size_t n, size_t item_size,
		    int (*compare)(const void *, const void *));
