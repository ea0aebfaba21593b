// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void buf_reserve(struct buf *buf, size_t more)
{
	size_t capacity = buf->capacity ? buf->capacity : 64;
	char *data;

	while (capacity - buf->size < more)
		capacity *= 2;
	if (capacity == buf->capacity)
		return;
	data = realloc(buf->data, capacity);
	if (!data) {
		say(LEVEL_ERROR, "no memory for a buffer of %zu bytes", capacity);
		abort();
	}
	buf->data = data;
	buf->capacity = capacity;
}

void buf_add(struct buf *buf, const char *data, size_t size)
{
	assert(data || size == 0);
	buf_reserve(buf, size);
	memcpy(buf->data + buf->size, data, size);
	buf->size += size;
}

void buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_print(struct buf *buf, const char *format, ...)
{
	va_list args;
	char line[256];
	int size;

	va_start(args, format);
	size = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (size < 0)
		return;
	if ((size_t)size >= sizeof(line))
		size = sizeof(line) - 1;
	buf_add(buf, line, size);
}

static char hex_digit(unsigned int value)
{
	return value < 10 ? '0' + value : 'a' + value - 10;
}

void buf_escape(struct buf *buf, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = data[i];
		char escaped[4];

		switch (c) {
		case '\n':
			buf_add(buf, "\\n", 2);
			break;
		case '\r':
			buf_add(buf, "\\r", 2);
			break;
		case '\t':
			buf_add(buf, "\\t", 2);
			break;
		case '\\':
			buf_add(buf, "\\\\", 2);
			break;
		case '"':
			buf_add(buf, "\\\"", 2);
			break;
		default:
			if (c >= 32 && c < 127) {
				buf_add(buf, data + i, 1);
				break;
			}
			escaped[0] = '\\';
			escaped[1] = 'x';
			escaped[2] = hex_digit(c >> 4);
			escaped[3] = hex_digit(c & 15);
			buf_add(buf, escaped, 4);
		}
	}
}

size_t buf_find(const struct buf *buf, char c)
{
	const char *at = buf->size ? memchr(buf->data, c, buf->size) : NULL;

	return at ? (size_t)(at - buf->data) : buf->size;
}

void buf_drop(struct buf *buf, size_t size)
{
	assert(size <= buf->size);
	memmove(buf->data, buf->data + size, buf->size - size);
	buf->size -= size;
	if (buf->size == 0 && buf->capacity > 65536)
		buf_free(buf);
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	memset(buf, 0, sizeof(*buf));
}
