// SPDX-License-Identifier: Apache-2.0

/**
 * Comparing read-only data
 *
 * Nothing in a stripped binary says how long an object is. A load sees as many
 * bytes as it accesses; a text ends with its NUL; everything else reaches to the
 * next address that anything refers to.
 */

#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"

/** Objects are compared up to this size. */
static const uint64_t max_extent = 1 << 20;

static bool is_printable(uint8_t c)
{
	return (c >= 0x20 && c != 0x7f) || (c >= 7 && c <= 13) || c == 0x1b;
}

const char *sut_rodata_text(const struct sut_image *image, uint64_t vaddr)
{
	const struct sut_section *s = sut_image_section_at(image, vaddr);
	struct sut_view rest;

	if (!s || !sut_image_bytes(image, vaddr, s->vaddr + s->size - vaddr, &rest))
		return NULL;
	for (size_t i = 0; i < rest.size; i++) {
		if (rest.data[i] == 0)
			return i ? (const char *)rest.data : NULL;
		if (!is_printable(rest.data[i]))
			return NULL;
	}
	return NULL;
}

// Bytes from vaddr to the next target, within the section.
static struct sut_view extent(const struct sut_program *p, uint64_t vaddr)
{
	const struct sut_section *s = sut_image_section_at(p->image, vaddr);
	uint64_t end = sut_program_next_target(p, vaddr);
	struct sut_view bytes = { 0 };

	if (s && s->vaddr + s->size < end)
		end = s->vaddr + s->size;
	if (end - vaddr > max_extent)
		end = vaddr + max_extent;
	if (!sut_image_bytes(p->image, vaddr, end - vaddr, &bytes))
		bytes.size = 0;
	return bytes;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

// Equal as far as both go; what one has more is padding or stands in the other
// image behind another target.
static bool same_extents(const struct sut_pair *pair, uint64_t a, uint64_t b)
{
	struct sut_view x = extent(pair->old, a), y = extent(pair->new, b);
	size_t least = x.size < y.size ? x.size : y.size;
	size_t most = x.size > y.size ? x.size : y.size;

	if (!least || memcmp(x.data, y.data, least) != 0)
		return false;
	if (x.size == y.size || is_zero(x.data + least, x.size - least) ||
	    is_zero(y.data + least, y.size - least))
		return most - least < 64 ||
		       is_zero((x.size > y.size ? x : y).data + least, most - least);
	return sut_image_bytes(pair->old->image, a, most, &x) &&
	       sut_image_bytes(pair->new->image, b, most, &y) && sut_view_equal(x, y);
}

bool sut_rodata_same(const struct sut_pair *pair, uint64_t a, uint64_t b, uint32_t access)
{
	struct sut_view x, y;

	if (access)
		return sut_image_bytes(pair->old->image, a, access, &x) &&
		       sut_image_bytes(pair->new->image, b, access, &y) &&
		       sut_view_equal(x, y);

	const char *s = sut_rodata_text(pair->old->image, a);
	const char *t = sut_rodata_text(pair->new->image, b);
	if (s && t && strcmp(s, t) != 0)
		return false;
	if (s && t && extent(pair->old, a).size <= strlen(s) + 1)
		return true;
	if (s && t && extent(pair->new, b).size <= strlen(t) + 1)
		return true;
	return same_extents(pair, a, b);
}
