// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static uint64_t n_said[4];

static const char *const level_names[] = { "debug", "info", "warning", "error" };

void *must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		fprintf(stderr, "out of memory for %zu bytes\n", size);
		abort();
	}
	return p;
}

const char *level_name(enum level level)
{
	if (level < LEVEL_DEBUG || level > LEVEL_ERROR)
		return "?";
	return level_names[level];
}

void say(enum level level, const char *format, ...)
{
	va_list args;

	n_said[level & 3]++;
	if ((int)level < settings.level)
		return;
	fprintf(stderr, "%s: ", level_name(level));
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

uint64_t count_said(enum level level)
{
	uint64_t n = 0;

	for (int i = level; i < 4; i++)
		n += n_said[i];
	return n;
}

uint32_t hash_bytes(const char *data, size_t size)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < size; i++) {
		hash ^= (unsigned char)data[i];
		hash *= 16777619u;
	}
	return hash;
}

int parse_long(const char *text, long *ret)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text)
		return -1;
	switch (*end) {
	case 'k':
		value *= 1024;
		end++;
		break;
	case 'm':
		value *= 1024 * 1024;
		end++;
		break;
	}
	if (*end)
		return -1;
	*ret = value;
	return 0;
}

char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = 0;
	return text;
}

time_t now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t))
		return 0;
	return t.tv_sec;
}
