// SPDX-License-Identifier: Apache-2.0

/**
 * Unwind data of a payload
 *
 * Each carried fragment brings its FDE and CIE, and with them the exception table
 * (LSDA) and what that points to: the personality routine and the types that are
 * caught. Both stand behind slots that the dynamic linker fills; the old module
 * has most of them.
 *
 *     .eh_frame   CIE ──► personality slot         (LSB 5.0, 10.6.1)
 *                 FDE ──► code, LSDA
 *     LSDA        header, call sites, actions, types ──► type slots
 *                                                   (Itanium C++ ABI, level II)
 */

#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "diff/resolve.h"
#include "elf/image.h"
#include "engine/compose.h"
#include "engine/compose_parts.h"
#include "patch/patch.h"

enum {
	PE_PCREL_SDATA4 = 0x1b,
	PE_INDIRECT = 0x80,
	PE_OMIT = 0xff,
};

/** A cursor in foreign bytes that remembers whether it ran out of them. */
struct cursor {
	struct sut_view bytes;
	uint64_t at;
	bool is_short;
};

static uint8_t read_byte(struct cursor *c)
{
	if (c->at >= c->bytes.size) {
		c->is_short = true;
		return 0;
	}
	return c->bytes.data[c->at++];
}

static uint64_t read_uleb(struct cursor *c)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = read_byte(c);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

static int64_t read_sleb(struct cursor *c)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = read_byte(c);
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && shift < 64);
	if (byte & 0x40 && shift < 64)
		value |= UINT64_MAX << shift;
	return (int64_t)value;
}

/** An exception table, as far as moving it needs. */
struct lsda {
	struct sut_view bytes; /**< From its start to the next one's. */
	uint64_t types;        /**< Offset behind the first type; 0: no types. */
	uint64_t n_types;      /**< Entries below that offset, 4 bytes each. */
	bool is_known;         /**< In a form that can be moved. */
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct sut_err *sut_composer_find_lsdas(struct sut_composer *c)
{
	const struct sut_image *image = c->new->image;

	c->lsdas = malloc((image->n_fdes + 1) * sizeof(*c->lsdas));
	if (!c->lsdas)
		return sut_err_nomem();
	for (size_t i = 0; i < image->n_fdes; i++)
		if (image->fdes[i].lsda)
			c->lsdas[c->n_lsdas++] = image->fdes[i].lsda;
	sut_array_sort(c->lsdas, c->n_lsdas, sizeof(*c->lsdas), by_value);
	return NULL;
}

// Tables stand one behind the other: the next one's start, or the section's end.
static uint64_t lsda_end(const struct sut_composer *c, uint64_t start)
{
	const struct sut_section *s = sut_image_section_at(c->new->image, start);
	uint64_t end = s ? s->vaddr + s->size : start;
	size_t low = 0, high = c->n_lsdas;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (c->lsdas[mid] <= start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->n_lsdas && c->lsdas[low] < end ? c->lsdas[low] : end;
}

// The highest type in the list of an exception specification, which stands behind the
// types: indices up to a 0.
static uint64_t count_listed(struct cursor list)
{
	uint64_t most = 0, type;

	while ((type = read_uleb(&list)) != 0 && !list.is_short)
		if (type > most)
			most = type;
	return list.is_short ? UINT32_MAX : most;
}

// The highest type that the actions from offset `at` on mention.
static uint64_t count_types(struct cursor *c, uint64_t actions, uint64_t first, uint64_t types)
{
	uint64_t most = 0;

	c->at = actions + first - 1;
	for (int steps = 0; steps < 1000 && !c->is_short; steps++) {
		int64_t filter = read_sleb(c);
		uint64_t field = c->at;
		int64_t next = read_sleb(c);
		if (filter > 0 && (uint64_t)filter > most)
			most = filter;
		if (filter < 0) {
			struct cursor list = { c->bytes, types - 1 - filter, false };
			uint64_t n = count_listed(list);
			most = n > most ? n : most;
		}
		if (next == 0)
			break;
		c->at = field + next;
	}
	return most;
}

static void read_lsda(const struct sut_composer *composer, uint64_t start, struct lsda *ret)
{
	struct cursor c = { 0 };

	*ret = (struct lsda){ 0 };
	if (!sut_image_bytes(composer->new->image, start, lsda_end(composer, start) - start,
			     &c.bytes))
		return;
	ret->bytes = c.bytes;
	// A landing pad base of its own is written nowhere by compilers for x86-64.
	if (read_byte(&c) != PE_OMIT)
		return;
	uint8_t type_encoding = read_byte(&c);
	if (type_encoding != PE_OMIT) {
		uint64_t distance = read_uleb(&c);
		ret->types = c.at + distance;
	}
	uint8_t site_encoding = read_byte(&c);
	uint64_t sites_size = read_uleb(&c);
	uint64_t sites_end = c.at + sites_size;
	while (c.at < sites_end && !c.is_short && site_encoding == 1) {
		read_uleb(&c);
		read_uleb(&c);
		read_uleb(&c);
		uint64_t action = read_uleb(&c);
		uint64_t after = c.at;
		uint64_t n = action ? count_types(&c, sites_end, action, ret->types) : 0;
		if (n > ret->n_types)
			ret->n_types = n;
		c.at = after;
	}
	ret->is_known = !c.is_short && site_encoding == 1 &&
			(type_encoding == PE_OMIT ||
			 (type_encoding | PE_INDIRECT) == (PE_PCREL_SDATA4 | PE_INDIRECT)) &&
			ret->types <= ret->bytes.size && ret->n_types * 4 <= ret->types;
}

// Find a word of the old image that the dynamic linker fills like the one at new
// address `slot`, and that belongs to unwind data too: nobody writes those.
static uint64_t find_old_slot(const struct sut_composer *c, uint64_t slot)
{
	const struct sut_image *old = c->old->image;
	const struct sut_reloc *wanted = sut_image_reloc_at(c->new->image, slot);
	struct sut_place place = { .reloc = wanted };

	for (size_t i = 0; i < old->n_fdes && wanted; i++) {
		struct sut_place other = { 0 };
		if (!old->fdes[i].is_personality_indirect)
			continue;
		other.reloc = sut_image_reloc_at(old, old->fdes[i].personality);
		if (other.reloc && sut_place_same_import(c->old, &other, c->new, &place))
			return old->fdes[i].personality;
	}
	return 0;
}

// What stands for the slot at new address `slot` in a process.
static struct sut_link slot_link(const struct sut_composer *c, uint64_t slot)
{
	const struct sut_reloc *reloc = sut_image_reloc_at(c->new->image, slot);
	const struct sut_symbol *symbol = sut_place_symbol(c->new, reloc);
	uint64_t old = find_old_slot(c, slot);

	if (old)
		return (struct sut_link){ .kind = SUT_LINK_OLD, .value = old };
	if (symbol && symbol->section == SHN_UNDEF)
		return (struct sut_link){ .kind = SUT_LINK_SLOT, .reloc = reloc };
	struct sut_link none = { .kind = SUT_LINK_NONE, .why = "an unwind slot" }, pointee;
	if (!reloc || (!symbol && reloc->type != R_X86_64_RELATIVE))
		return none;
	uint64_t vaddr = reloc->addend + (symbol ? symbol->vaddr : 0);
	sut_resolve(c->resolver, vaddr, (struct sut_user){ SUT_NO_MATCH, 0 }, &pointee);
	if (pointee.kind == SUT_LINK_NONE)
		return none;
	return (struct sut_link){ .kind = SUT_LINK_POINTER, .value = vaddr };
}

// The slot of type i, counted from 0; 0 when it catches everything.
static uint64_t type_slot(uint64_t start, const struct lsda *lsda, uint64_t i)
{
	uint64_t off = lsda->types - 4 * (i + 1);
	int32_t distance;

	memcpy(&distance, lsda->bytes.data + off, sizeof(distance));
	return distance ? start + off + distance : 0;
}

static struct sut_err *need_slot(struct sut_composer *c, uint64_t slot, const char *name)
{
	struct sut_link link = slot_link(c, slot);

	c->stats->n_references++;
	if (link.kind == SUT_LINK_NONE) {
		c->stats->n_unresolved++;
		return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "unresolved", name,
				       "its exception data refers to 0x%lx, which nothing in the "
				       "old build stands for; install the update and restart",
				       (unsigned long)slot);
	}
	return sut_composer_need(c, &link);
}

struct sut_err *sut_composer_need_frame(struct sut_composer *c, const struct sut_frag *frag)
{
	struct sut_frag_name name = sut_frag_name(frag);
	struct sut_err *err = NULL;
	struct lsda lsda;

	if (!frag->fde)
		return NULL;
	if (frag->fde->is_personality_indirect)
		err = need_slot(c, frag->fde->personality, name.text);
	if (err || !frag->fde->lsda)
		return err;
	read_lsda(c, frag->fde->lsda, &lsda);
	if (!lsda.is_known || frag->fde->lsda_encoding != PE_PCREL_SDATA4 ||
	    !frag->fde->is_personality_indirect)
		return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "exceptions", name.text,
				       "its exception table has a form that cannot be moved; "
				       "install the update and restart");
	for (uint64_t i = 0; i < lsda.n_types && !err; i++) {
		uint64_t slot = type_slot(frag->fde->lsda, &lsda, i);
		if (slot)
			err = need_slot(c, slot, name.text);
	}
	return err;
}

// A 4-byte place that holds the distance to what `link` stands for.
static struct sut_err *add_distance(struct sut_composer *c, enum sut_payload_part part,
				    uint64_t off, const struct sut_link *link)
{
	struct sut_patch_reloc reloc = {
		.part = c->part_index[part],
		.off = off,
		.type = R_X86_64_PC32,
	};
	struct sut_err *err = sut_composer_link_symbol(c, link, &reloc.symbol, &reloc.addend);

	return err ? err : sut_composer_reloc(c, reloc);
}

static bool has_frame(const struct sut_composer *c, size_t n)
{
	const struct sut_fde *fde = c->new->frags[n].fde;

	return fde && c->frag_off[n] != SUT_NOWHERE && fde->pointer_encoding == PE_PCREL_SDATA4;
}

static struct sut_err *place_cie(struct sut_composer *c, size_t n)
{
	const struct sut_fde *fde = c->new->frags[n].fde;
	struct sut_buf *frames = &c->parts[SUT_PART_FRAME];

	size_t known = sut_index_first(&c->cie_index, fde->cie_off);

	if (known != SUT_INDEX_END) {
		c->frame_off[n].cie = c->frame_off[c->cie_index.entries[known].value].cie;
		return NULL;
	}
	c->frame_off[n].cie = frames->size;
	c->frame_off[n].owns_cie = true;
	struct sut_err *err = sut_index_add(&c->cie_index, fde->cie_off, n);
	if (err)
		return err;
	return sut_buf_add(frames, c->new->image->eh_frame.data + fde->cie_off, fde->cie_size);
}

static struct sut_err *place_fde(struct sut_composer *c, size_t n)
{
	const struct sut_fde *fde = c->new->frags[n].fde;
	struct sut_buf *frames = &c->parts[SUT_PART_FRAME];
	uint64_t at = frames->size;
	uint32_t back = at + 4 - c->frame_off[n].cie;
	struct sut_err *err =
		sut_buf_add(frames, c->new->image->eh_frame.data + fde->off, fde->size);

	if (err)
		return err;
	c->frame_off[n].fde = at;
	memcpy(frames->data + at + 4, &back, sizeof(back));
	return NULL;
}

static struct sut_err *place_lsda(struct sut_composer *c, size_t n)
{
	struct sut_buf *tables = &c->parts[SUT_PART_EXCEPT];
	struct sut_err *err = sut_buf_align(tables, 4, 0);
	struct lsda lsda;

	if (err)
		return err;
	c->frame_off[n].lsda = tables->size;
	read_lsda(c, c->new->frags[n].fde->lsda, &lsda);
	return sut_buf_add(tables, lsda.bytes.data, lsda.bytes.size);
}

struct sut_err *sut_composer_place_frames(struct sut_composer *c)
{
	struct sut_err *err = NULL;
	bool has_any = false;

	for (size_t n = 0; n < c->new->n_frags && !err; n++) {
		c->frame_off[n] = (struct sut_frame_off){ .fde = SUT_NOWHERE };
		if (!has_frame(c, n))
			continue;
		has_any = true;
		err = place_cie(c, n);
		if (!err)
			err = place_fde(c, n);
		if (!err && c->new->frags[n].fde->lsda)
			err = place_lsda(c, n);
	}
	// The list ends with a length of 0.
	return err || !has_any ? err : sut_buf_zeros(&c->parts[SUT_PART_FRAME], 4);
}

static struct sut_err *emit_lsda(struct sut_composer *c, size_t n)
{
	const struct sut_fde *fde = c->new->frags[n].fde;
	struct sut_err *err = NULL;
	struct lsda lsda;

	read_lsda(c, fde->lsda, &lsda);
	for (uint64_t i = 0; i < lsda.n_types && !err; i++) {
		uint64_t slot = type_slot(fde->lsda, &lsda, i);
		struct sut_link link;
		if (!slot)
			continue;
		link = slot_link(c, slot);
		err = add_distance(c, SUT_PART_EXCEPT,
				   c->frame_off[n].lsda + lsda.types - 4 * (i + 1), &link);
	}
	return err;
}

static struct sut_err *emit_frame(struct sut_composer *c, size_t n)
{
	const struct sut_frag *frag = &c->new->frags[n];
	const struct sut_fde *fde = frag->fde;
	const struct sut_frame_off *at = &c->frame_off[n];
	struct sut_link code = { SUT_LINK_FRAG, frag->start, n };
	struct sut_err *err = add_distance(c, SUT_PART_FRAME, at->fde + 8, &code);

	if (!err && at->owns_cie && fde->is_personality_indirect) {
		struct sut_link slot = slot_link(c, fde->personality);
		err = add_distance(c, SUT_PART_FRAME,
				   at->cie + fde->personality_field - fde->cie_off, &slot);
	}
	if (err || !fde->lsda)
		return err;
	struct sut_patch_reloc reloc = {
		.part = c->part_index[SUT_PART_FRAME],
		.off = at->fde + fde->lsda_field - fde->off,
		.type = R_X86_64_PC32,
		.addend = at->lsda,
	};
	err = sut_composer_part_symbol(c, SUT_PART_EXCEPT, &reloc.symbol);
	if (!err)
		err = sut_composer_reloc(c, reloc);
	return err ? err : emit_lsda(c, n);
}

struct sut_err *sut_composer_emit_frames(struct sut_composer *c)
{
	struct sut_err *err = NULL;

	for (size_t n = 0; n < c->new->n_frags && !err; n++)
		if (c->frame_off[n].fde != SUT_NOWHERE)
			err = emit_frame(c, n);
	return err;
}
