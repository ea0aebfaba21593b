// SPDX-License-Identifier: Apache-2.0

/**
 * Signs in data: what a process has held since it started.
 */

#include <elf.h>
#include <stdio.h>

#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/explain.h"
#include "diff/judge.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "diff/signs.h"
#include "elf/image.h"

/** Objects are compared up to this size. */
static const uint64_t max_object = 1 << 20;

// The bytes up to the next thing that anyone refers to, within the section.
static uint64_t extent(const struct sut_program *p, uint64_t vaddr)
{
	const struct sut_section *s = sut_image_section_at(p->image, vaddr);
	uint64_t end = sut_program_next_target(p, vaddr);

	if (!s)
		return 0;
	if (end > s->vaddr + s->size)
		end = s->vaddr + s->size;
	return end - vaddr < max_object ? end - vaddr : max_object;
}

static bool same_pointer(const struct sut_pair *pair, const struct sut_reloc *a,
			 const struct sut_reloc *b)
{
	struct sut_place p = { .reloc = a }, q = { .reloc = b };
	const char *s, *t;

	if (a->type != b->type)
		return false;
	if (a->symbol || b->symbol)
		return sut_place_same_import(pair->old, &p, pair->new, &q);
	if (sut_address_same(pair, a->addend, b->addend))
		return true;
	s = sut_rodata_text(pair->old->image, a->addend);
	t = sut_rodata_text(pair->new->image, b->addend);
	return s && t && sut_text_is_cosmetic(s, t) &&
	       sut_rodata_differs_in_text(pair, a->addend, b->addend);
}

static uint8_t byte_at(const struct sut_image *image, uint64_t vaddr)
{
	struct sut_view byte;

	return sut_image_bytes(image, vaddr, 1, &byte) ? *byte.data : 0;
}

static bool is_text_byte(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

// Bytes of the text around offset `off` in which both objects differ only in a
// version or a build-id, counted from `off`; 0 when there is no such text.
static uint64_t skip_cosmetic(const struct sut_pair *pair, uint64_t from, uint64_t to, uint64_t off)
{
	uint64_t start = off;

	while (start > 0 && is_text_byte(byte_at(pair->old->image, from + start - 1)) &&
	       is_text_byte(byte_at(pair->new->image, to + start - 1)))
		start--;
	const char *s = sut_rodata_text(pair->old->image, from + start);
	const char *t = sut_rodata_text(pair->new->image, to + start);
	if (!s || !t || !sut_text_is_cosmetic(s, t))
		return 0;
	size_t most = strlen(s) > strlen(t) ? strlen(s) : strlen(t);
	return start + most > off ? start + most - off : 0;
}

// The first offset at which both objects differ; size when they do not.
static uint64_t find_difference(const struct sut_pair *pair, uint64_t from, uint64_t to,
				uint64_t size)
{
	const struct sut_image *old = pair->old->image, *new = pair->new->image;

	uint64_t off = 0;
	bool are_addresses;

	while (off < size) {
		const struct sut_reloc *a = sut_image_reloc_at(old, from + off);
		const struct sut_reloc *b = sut_image_reloc_at(new, to + off);
		if (!a != !b)
			return off;
		if (a) {
			if (!same_pointer(pair, a, b))
				return off;
			off += 8;
		} else if (sut_words_same(pair, from + off, to + off, &are_addresses)) {
			off += 8;
		} else {
			uint64_t skip = 1;
			if (byte_at(old, from + off) != byte_at(new, to + off))
				skip = skip_cosmetic(pair, from, to, off);
			if (!skip)
				return off;
			off += skip;
		}
	}
	return size;
}

static struct sut_err *check_object(const struct sut_pair *pair, struct sut_reasons *reasons,
				    const struct sut_map_entry *entry)
{
	struct sut_place place, other;

	sut_place_find(pair->old, entry->from, &place);
	sut_place_find(pair->new, entry->to, &other);
	// The dynamic section tells the linker where tables are: nobody else's data.
	if (place.section && place.section->type == SHT_DYNAMIC)
		return NULL;
	if ((place.kind != SUT_PLACE_DATA && place.kind != SUT_PLACE_RELRO) ||
	    other.kind != place.kind || entry->against >= entry->votes)
		return NULL;
	uint64_t size = extent(pair->old, entry->from), size_new = extent(pair->new, entry->to);
	if (size_new < size)
		size = size_new;
	uint64_t off = find_difference(pair, entry->from, entry->to, size);
	if (off >= size)
		return NULL;

	char name[32];
	snprintf(name, sizeof(name), "data_%lx", (unsigned long)entry->from);
	return sut_reasons_add(
		reasons, SUT_SEVERITY_SIGN, "data", name,
		"%s at 0x%lx (0x%lx in the new build) has another initial value from byte %lu "
		"on: running processes keep the old one until they restart",
		place.kind == SUT_PLACE_DATA ? "the variable" : "the table",
		(unsigned long)entry->from, (unsigned long)entry->to, (unsigned long)off);
}

struct sut_err *sut_signs_variable(const struct sut_pair *pair, struct sut_reasons *reasons,
				   uint64_t from, uint64_t to)
{
	struct sut_map_entry entry = { .from = from, .to = to, .votes = 1 };

	return sut_map_find(&pair->forward, from) ? NULL : check_object(pair, reasons, &entry);
}

// What new threads start with is copied from the old module.
static struct sut_err *check_tls_image(const struct sut_evidence *e)
{
	const struct sut_image *old = e->diff->pair->old->image;
	const struct sut_image *new = e->diff->pair->new->image;

	if (old->tls_file_size != new->tls_file_size ||
	    find_difference(e->diff->pair, old->tls_vaddr, new->tls_vaddr, old->tls_file_size) ==
		    old->tls_file_size)
		return NULL;
	return sut_reasons_add(e->reasons, SUT_SEVERITY_SIGN, "data", NULL,
			       "a thread-local variable has another initial value: threads get the "
			       "old one until the program restarts");
}

static struct sut_err *check_tls(const struct sut_evidence *e)
{
	const struct sut_image *old = e->diff->pair->old->image;
	const struct sut_image *new = e->diff->pair->new->image;

	if (old->tls_mem_size == new->tls_mem_size && old->tls_align == new->tls_align &&
	    old->tls_file_size == new->tls_file_size)
		return NULL;
	return sut_reasons_add(e->reasons, SUT_SEVERITY_REFUSAL, "tls", NULL,
			       "the thread-local variables take %lu bytes instead of %lu: threads "
			       "that run now have the old layout; install the update and restart",
			       (unsigned long)new->tls_mem_size, (unsigned long)old->tls_mem_size);
}

struct sut_err *sut_signs_data(const struct sut_evidence *e)
{
	const struct sut_map *map = &e->diff->pair->forward;
	struct sut_err *err = check_tls(e);

	if (!err)
		err = check_tls_image(e);

	for (size_t i = 0; i < map->n_entries && !err; i++)
		err = check_object(e->diff->pair, e->reasons, &map->entries[i]);
	return err;
}
