// SPDX-License-Identifier: Apache-2.0
#include "process/maps.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

#include "base/buf.h"
#include "base/cleanup.h"

/** A line that is being read. */
struct cursor {
	const char *at, *end;
};

static bool read_hex(struct cursor *c, uint64_t *ret)
{
	uint64_t value = 0;
	const char *start = c->at;

	for (; c->at < c->end; c->at++) {
		int digit;
		if (*c->at >= '0' && *c->at <= '9')
			digit = *c->at - '0';
		else if (*c->at >= 'a' && *c->at <= 'f')
			digit = *c->at - 'a' + 10;
		else
			break;
		if (value >> 60)
			return false;
		value = value << 4 | digit;
	}
	*ret = value;
	return c->at > start;
}

static bool read_decimal(struct cursor *c, uint64_t *ret)
{
	uint64_t value = 0;
	const char *start = c->at;

	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*c->at - '0'), &value))
			return false;
	*ret = value;
	return c->at > start;
}

static bool skip(struct cursor *c, char expected)
{
	if (c->at >= c->end || *c->at != expected)
		return false;
	c->at++;
	return true;
}

static bool read_flags(struct cursor *c, struct sut_mapping *ret)
{
	if (c->end - c->at < 4)
		return false;
	ret->is_readable = c->at[0] == 'r';
	ret->is_writable = c->at[1] == 'w';
	ret->is_executable = c->at[2] == 'x';
	ret->is_shared = c->at[3] == 's';
	c->at += 4;
	return true;
}

// start-end perms offset major:minor inode      path
static bool read_line(struct cursor c, struct sut_mapping *ret)
{
	uint64_t major_no, minor_no;

	if (!read_hex(&c, &ret->span.start) || !skip(&c, '-') || !read_hex(&c, &ret->span.end) ||
	    !skip(&c, ' ') || !read_flags(&c, ret) || !skip(&c, ' ') || !read_hex(&c, &ret->off) ||
	    !skip(&c, ' ') || !read_hex(&c, &major_no) || !skip(&c, ':') ||
	    !read_hex(&c, &minor_no) || !skip(&c, ' ') || !read_decimal(&c, &ret->inode))
		return false;
	if (ret->span.end <= ret->span.start || major_no > UINT32_MAX || minor_no > UINT32_MAX)
		return false;
	ret->dev = makedev(major_no, minor_no);
	if (c.at < c.end && *c.at != ' ')
		return false;
	while (skip(&c, ' '))
		;
	ret->path = strndup(c.at, c.end - c.at);
	return true;
}

static struct sut_err *add_line(struct sut_maps *maps, struct cursor line)
{
	struct sut_mapping mapping = { 0 };

	if (!read_line(line, &mapping))
		return sut_err(SUT_E_FORMAT, "maps line %zu is malformed", maps->n + 1);
	_cleanup_free_ char *path = mapping.path;
	if (!path)
		return sut_err_nomem();
	// A mapping that changes while the kernel prints the file can be told twice:
	// then the text is no good, and the caller reads it again.
	if (maps->n && mapping.span.start < maps->items[maps->n - 1].span.end)
		return sut_err(SUT_E_BUSY, "maps line %zu overlaps the line before", maps->n + 1);

	struct sut_err *err =
		sut_array_grow(&maps->items, maps->n, &maps->capacity, sizeof(*maps->items));
	if (err)
		return err;
	mapping.path = steal(path);
	maps->items[maps->n++] = mapping;
	return NULL;
}

struct sut_err *sut_maps_parse(struct sut_view text, struct sut_maps *ret)
{
	_cleanup_(sut_maps_deinit) struct sut_maps maps = { 0 };
	const char *at = (const char *)text.data, *end = at + text.size;

	while (at < end) {
		const char *newline = memchr(at, '\n', end - at);
		if (!newline)
			return sut_err(SUT_E_FORMAT, "maps line %zu is cut off", maps.n + 1);
		struct sut_err *err = add_line(&maps, (struct cursor){ at, newline });
		if (err)
			return err;
		at = newline + 1;
	}
	*ret = maps;
	maps = (struct sut_maps){ 0 };
	return NULL;
}

void sut_maps_deinit(struct sut_maps *maps)
{
	for (size_t i = 0; i < maps->n; i++)
		free(maps->items[i].path);
	free(maps->items);
	*maps = (struct sut_maps){ 0 };
}

struct sut_err *sut_maps_add(struct sut_maps *maps, struct sut_span span)
{
	size_t at = 0;
	struct sut_err *err =
		sut_array_grow(&maps->items, maps->n, &maps->capacity, sizeof(*maps->items));
	_cleanup_free_ char *path = strdup("");

	if (err || !path)
		return err ? err : sut_err_nomem();
	while (at < maps->n && maps->items[at].span.start < span.start)
		at++;
	memmove(&maps->items[at + 1], &maps->items[at], (maps->n - at) * sizeof(*maps->items));
	maps->items[at] = (struct sut_mapping){ .span = span, .path = steal(path) };
	maps->n++;
	return NULL;
}

const struct sut_mapping *sut_maps_at(const struct sut_maps *maps, uint64_t at)
{
	size_t low = 0, high = maps->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (maps->items[middle].span.end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < maps->n && sut_span_has(maps->items[low].span, at))
		return &maps->items[low];
	return NULL;
}

const struct sut_mapping *sut_maps_named(const struct sut_maps *maps, const char *path)
{
	for (size_t i = 0; i < maps->n; i++)
		if (strcmp(maps->items[i].path, path) == 0)
			return &maps->items[i];
	return NULL;
}
