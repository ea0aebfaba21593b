// SPDX-License-Identifier: Apache-2.0

/**
 * Comparing read-only data
 *
 * Nothing in a stripped binary says how long an object is. A load sees as many
 * bytes as it accesses; a text ends with its NUL; everything else reaches to the
 * next address that anything refers to, unless that is a place in its own first
 * elements: `lea table+8(%rip)` is how a loop over a table begins at a field.
 */

#include <elf.h>

#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"

/** Objects are compared up to this size. */
static const uint64_t max_extent = 1 << 20;

/** Compilers align objects of this size and more to it. */
static const uint64_t object_align = 32;

/** References into an object's first elements are found up to here. */
static const uint64_t first_elements = 64;

/** Zeros that end a list. */
static const size_t list_end = 4;

/** A shorter text may as well be a number. */
static const size_t sure_text = 4;

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

static bool is_surely_text(const struct sut_image *image, uint64_t vaddr)
{
	const char *text = sut_rodata_text(image, vaddr);

	return text && strlen(text) >= sure_text;
}

uint64_t sut_object_end(const struct sut_program *p, uint64_t vaddr)
{
	const struct sut_section *s = sut_image_section_at(p->image, vaddr);
	uint64_t limit = s ? s->vaddr + s->size : vaddr;
	uint64_t end = sut_program_next_target(p, vaddr);

	if (!is_surely_text(p->image, vaddr))
		while (end < limit && end < vaddr + first_elements && end % object_align &&
		       !is_surely_text(p->image, end) && !sut_program_table_at(p, end))
			end = sut_program_next_target(p, end);
	return end < limit ? end : limit;
}

static struct sut_view extent(const struct sut_program *p, uint64_t vaddr)
{
	uint64_t end = sut_object_end(p, vaddr);
	struct sut_view bytes = { 0 };

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

bool sut_rodata_is_text_only(const struct sut_program *p, uint64_t vaddr)
{
	const char *text = sut_rodata_text(p->image, vaddr);
	struct sut_view all = extent(p, vaddr);
	size_t size = text ? strlen(text) + 1 : 0;
	uint64_t padding = -(vaddr + size) & (object_align - 1);

	// What nobody refers to may follow, where the next object would begin.
	return text && (all.size <= size ||
			(size > sure_text && padding && all.size >= size + padding &&
			 is_zero(all.data + size, padding)) ||
			is_zero(all.data + size, all.size - size));
}

bool sut_rodata_differs_in_text(const struct sut_pair *pair, uint64_t a, uint64_t b)
{
	const char *s = sut_rodata_text(pair->old->image, a);
	const char *t = sut_rodata_text(pair->new->image, b);
	struct sut_view x = extent(pair->old, a), y = extent(pair->new, b);
	size_t size = s ? strlen(s) : 0;

	if (!s || !t)
		return false;
	if (sut_rodata_is_text_only(pair->old, a) && sut_rodata_is_text_only(pair->new, b))
		return true;
	// Others stand behind the text; none of them has changed.
	return size == strlen(t) && x.size == y.size && x.size > size &&
	       memcmp(x.data + size, y.data + size, x.size - size) == 0;
}

static bool is_address(const struct sut_program *p, uint64_t word)
{
	return word >= p->image->low && word < p->image->high;
}

// Do two words of images that are not relocated point to the same? Without looking at
// what stands there, which may point back.
static bool same_word(const struct sut_pair *pair, uint64_t from, uint64_t to)
{
	const char *s = sut_rodata_text(pair->old->image, from);
	const char *t = sut_rodata_text(pair->new->image, to);
	struct sut_place place;
	uint64_t mapped;

	if (s && t && strcmp(s, t) == 0)
		return true;
	sut_place_find(pair->old, from, &place);
	if (place.kind != SUT_PLACE_RODATA && place.kind != SUT_PLACE_TABLE)
		return sut_address_same(pair, from, to);
	return sut_map_look_up(&pair->forward, from, &mapped) != SUT_MAP_NONE && mapped == to;
}

bool sut_words_same(const struct sut_pair *pair, uint64_t a, uint64_t b, bool *are_addresses)
{
	struct sut_view x, y;
	uint64_t from, to;

	*are_addresses = pair->old->image->type == ET_EXEC && a % 8 == 0 && b % 8 == 0 &&
			 sut_image_bytes(pair->old->image, a, 8, &x) &&
			 sut_image_bytes(pair->new->image, b, 8, &y);
	if (!*are_addresses)
		return false;
	memcpy(&from, x.data, sizeof(from));
	memcpy(&to, y.data, sizeof(to));
	*are_addresses = is_address(pair->old, from) && is_address(pair->new, to);
	return *are_addresses && same_word(pair, from, to);
}

// Are `size` bytes the same in both, pointers by meaning?
static bool same_bytes(const struct sut_pair *pair, uint64_t a, uint64_t b, size_t size)
{
	struct sut_view x, y;
	bool are_addresses;

	if (!sut_image_bytes(pair->old->image, a, size, &x) ||
	    !sut_image_bytes(pair->new->image, b, size, &y))
		return false;
	if (pair->old->image->type != ET_EXEC || a % 8 != b % 8)
		return sut_view_equal(x, y);
	for (size_t at = 0; at < size;) {
		bool is_same = sut_words_same(pair, a + at, b + at, &are_addresses);
		if (are_addresses && at + 8 <= size) {
			if (!is_same)
				return false;
			at += 8;
		} else {
			if (x.data[at] != y.data[at])
				return false;
			at++;
		}
	}
	return true;
}

// Is what stands behind the first `least` bytes only padding?
static bool is_padding(struct sut_view bytes, size_t least)
{
	return bytes.size > least && bytes.size - least < object_align &&
	       is_zero(bytes.data + least, bytes.size - least);
}

// Equal as far as both go. What the old one has more may be padding; what the new one
// has more may be new elements, so it must stand in the old image too, unless both end
// with zeros as texts of wide characters and lists do.
static bool same_extents(const struct sut_pair *pair, uint64_t a, uint64_t b)
{
	struct sut_view x = extent(pair->old, a), y = extent(pair->new, b);
	size_t least = x.size < y.size ? x.size : y.size;
	size_t most = x.size > y.size ? x.size : y.size;

	if (!least || !same_bytes(pair, a, b, least))
		return false;
	if (is_padding(x, least) ||
	    (is_padding(y, least) && (b + most) % object_align == 0 && least > list_end &&
	     is_zero(x.data + least - list_end, list_end)))
		return true;
	return same_bytes(pair, a, b, most);
}

// Does something else begin right behind a text?
static bool is_filled(const struct sut_program *p, uint64_t vaddr, const char *text)
{
	return sut_program_next_target(p, vaddr) <= vaddr + strlen(text) + 1;
}

bool sut_rodata_same(const struct sut_pair *pair, uint64_t a, uint64_t b, uint32_t access)
{
	if (access)
		return same_bytes(pair, a, b, access);

	const char *s = sut_rodata_text(pair->old->image, a);
	const char *t = sut_rodata_text(pair->new->image, b);
	if (s && t && strcmp(s, t) != 0)
		return false;
	if (s && t && (is_filled(pair->old, a, s) || is_filled(pair->new, b, t)))
		return true;
	if (s && t && sut_rodata_is_text_only(pair->old, a) &&
	    sut_rodata_is_text_only(pair->new, b))
		return true;
	return same_extents(pair, a, b);
}
