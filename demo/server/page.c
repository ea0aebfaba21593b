// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void page_bytes(struct page *page, const char *bytes, size_t size)
{
	size_t room = sizeof(page->text) - page->size;

	if (size > room)
		size = room;
	memcpy(page->text + page->size, bytes, size);
	page->size += size;
}

void page_print(struct page *page, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	int size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (size < 0)
		return;
	page_bytes(page, text,
		   (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
}

long query_number(const char *query, const char *name, long otherwise)
{
	size_t size = strlen(name);

	for (const char *at = query; at; at = strchr(at, '&')) {
		at += *at == '&' || *at == '?';
		if (strncmp(at, name, size) == 0 && at[size] == '=')
			return strtol(at + size + 1, NULL, 10);
	}
	return otherwise;
}
