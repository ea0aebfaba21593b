// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <stdlib.h>

void sut_buf_deinit(struct sut_buf *buf)
{
	free(buf->data);
	*buf = (struct sut_buf){ 0 };
}

static struct sut_err *reserve(struct sut_buf *buf, size_t more)
{
	size_t capacity = buf->capacity ? buf->capacity : 256;

	if (more > SIZE_MAX / 4 - buf->size)
		return sut_err_nomem();
	while (capacity < buf->size + more)
		capacity *= 2;
	if (capacity == buf->capacity)
		return NULL;

	uint8_t *data = realloc(buf->data, capacity);
	if (!data)
		return sut_err_nomem();
	buf->data = data;
	buf->capacity = capacity;
	return NULL;
}

struct sut_err *sut_buf_add(struct sut_buf *buf, const void *data, size_t size)
{
	struct sut_err *err = reserve(buf, size);

	if (err)
		return err;
	if (size)
		memcpy(buf->data + buf->size, data, size);
	buf->size += size;
	return NULL;
}

static struct sut_err *fill(struct sut_buf *buf, size_t size, uint8_t byte)
{
	struct sut_err *err = reserve(buf, size);

	if (err)
		return err;
	memset(buf->data + buf->size, byte, size);
	buf->size += size;
	return NULL;
}

struct sut_err *sut_buf_zeros(struct sut_buf *buf, size_t size)
{
	return fill(buf, size, 0);
}

struct sut_err *sut_buf_align(struct sut_buf *buf, size_t align, uint8_t byte)
{
	return fill(buf, -buf->size & (align - 1), byte);
}

struct sut_err *sut_array_grow(void *items, size_t n, size_t *capacity,
			       size_t item_size)
{
	if (n < *capacity)
		return NULL;

	size_t more = *capacity ? *capacity * 2 : 16;
	void *grown = reallocarray(*(void **)items, more, item_size);
	if (!grown)
		return sut_err_nomem();
	*(void **)items = grown;
	*capacity = more;
	return NULL;
}

void sut_array_sort(void *items, size_t n, size_t item_size,
		    int (*compare)(const void *, const void *))
{
	if (n > 1)
		qsort(items, n, item_size, compare);
}
