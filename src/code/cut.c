// SPDX-License-Identifier: Apache-2.0

/**
 * Cutting code into fragments: FDEs first, then what lies between them.
 */

#include "base/buf.h"
#include "base/cleanup.h"
#include "code/parts.h"
#include "code/program.h"

#include <elf.h>
#include <stdlib.h>


/** Where a named function starts. */
struct start {
	uint64_t vaddr;
	const char *name; /**< Borrowed from the image. */
};

/** The state of one cut. Owns frags and starts until they are handed over. */
struct cutter {
	const struct sut_image *image;
	struct sut_frag *frags;
	size_t n_frags, capacity;
	struct start *starts; /**< Sorted by address. */
	size_t n_starts;
};

static void cutter_deinit(struct cutter *c)
{
	free(c->frags);
	free(c->starts);
}

static int by_vaddr(const void *a, const void *b)
{
	const struct start *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	return strcmp(x->name, y->name);
}

static bool is_function(const struct sut_symbol *s)
{
	return (s->type == STT_FUNC || s->type == STT_GNU_IFUNC) &&
	       s->section != SHN_UNDEF && s->name[0];
}

static struct sut_err *read_starts(struct cutter *c)
{
	const struct sut_image *image = c->image;
	size_t n = image->n_dynsyms + image->n_symbols;

	c->starts = calloc(n + 1, sizeof(*c->starts));
	if (!c->starts)
		return sut_err_nomem();
	for (size_t i = 0; i < n; i++) {
		const struct sut_symbol *s = i < image->n_dynsyms ?
						     &image->dynsyms[i] :
						     &image->symbols[i - image->n_dynsyms];
		if (is_function(s))
			c->starts[c->n_starts++] = (struct start){ s->vaddr, s->name };
	}
	sut_array_sort(c->starts, c->n_starts, sizeof(*c->starts), by_vaddr);
	return NULL;
}

// Index of the first start at or after vaddr.
static size_t start_from(const struct cutter *c, uint64_t vaddr)
{
	size_t low = 0, high = c->n_starts;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (c->starts[mid].vaddr < vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct sut_err *add_frag(struct cutter *c, uint64_t from, uint64_t to,
				const struct sut_fde *fde)
{
	struct sut_err *err = sut_array_grow(&c->frags, c->n_frags, &c->capacity,
					     sizeof(*c->frags));
	struct sut_frag frag = { .start = from, .end = to, .fde = fde };

	if (err)
		return err;
	if (!sut_image_bytes(c->image, from, to - from, &frag.code))
		return sut_err(SUT_E_FORMAT, "code at 0x%lx is not in the file",
			       (unsigned long)from);
	size_t at = start_from(c, from);
	if (at < c->n_starts && c->starts[at].vaddr == from) {
		frag.name = c->starts[at].name;
		frag.is_named = true;
	}
	c->frags[c->n_frags++] = frag;
	return NULL;
}

// Linkers fill with zeros, compilers with int3 or nops of any length.
static uint64_t skip_padding(const struct sut_image *image, uint64_t from, uint64_t to)
{
	while (from < to) {
		struct sut_view rest;
		struct sut_insn insn;
		struct sut_ref ref;
		bool has_ref;

		if (!sut_image_bytes(image, from, to - from, &rest))
			return to;
		if (rest.data[0] == 0 || rest.data[0] == 0xcc) {
			from++;
			continue;
		}
		if (!sut_insn_decode(rest, from, (struct sut_span){ 0 }, &insn, &ref,
				     &has_ref) ||
		    insn.flow != SUT_FLOW_NOP)
			break;
		from += insn.size;
	}
	return from;
}

// Where padding that reaches up to `to` begins, at the earliest at `from`.
static uint64_t before_padding(const struct sut_image *image, uint64_t from, uint64_t to)
{
	uint64_t end = from, at = from;

	while (at < to) {
		struct sut_view rest;
		struct sut_insn insn;
		struct sut_ref ref;
		bool has_ref;

		if (!sut_image_bytes(image, at, to - at, &rest) ||
		    !sut_insn_decode(rest, at, (struct sut_span){ 0 }, &insn, &ref,
				     &has_ref))
			return to;
		at += insn.size;
		if (insn.flow != SUT_FLOW_NOP && insn.mnemonic != 0 &&
		    !(rest.data[0] == 0 || rest.data[0] == 0xcc))
			end = at;
	}
	return end < to ? end : to;
}

// Code between FDEs, cut where symbols say that functions start.
static struct sut_err *cut_gap(struct cutter *c, uint64_t from, uint64_t to)
{
	struct sut_err *err;

	from = skip_padding(c->image, from, to);
	for (size_t i = start_from(c, from + 1); from < to; i++) {
		uint64_t until = to;
		if (i < c->n_starts && c->starts[i].vaddr < to)
			until = c->starts[i].vaddr;
		if (until <= from)
			continue;
		uint64_t end = before_padding(c->image, from, until);
		if (end > from) {
			err = add_frag(c, from, end, NULL);
			if (err)
				return err;
		}
		from = skip_padding(c->image, until, to);
	}
	return NULL;
}

static struct sut_err *cut_span(struct cutter *c, uint64_t from, uint64_t to)
{
	const struct sut_image *image = c->image;
	struct sut_err *err;
	uint64_t at = from;

	for (size_t i = 0; i < image->n_fdes; i++) {
		const struct sut_fde *fde = &image->fdes[i];
		if (fde->start < at || fde->end > to)
			continue;
		err = cut_gap(c, at, fde->start);
		if (!err)
			err = add_frag(c, fde->start, fde->end, fde);
		if (err)
			return err;
		at = fde->end;
	}
	return cut_gap(c, at, to);
}

static struct sut_err *cut_plt(struct cutter *c, const struct sut_section *s)
{
	struct sut_err *err = add_frag(c, s->vaddr, s->vaddr + s->size, NULL);

	if (!err)
		c->frags[c->n_frags - 1].is_plt = true;
	return err;
}

static bool is_plt_name(const char *name)
{
	return strncmp(name, ".plt", 4) == 0 || strcmp(name, ".iplt") == 0;
}

static struct sut_err *cut_image(struct cutter *c)
{
	const struct sut_image *image = c->image;
	struct sut_err *err = NULL;
	bool has_code = false;

	for (size_t i = 0; i < image->n_sections && !err; i++) {
		const struct sut_section *s = &image->sections[i];
		if (!(s->flags & SHF_EXECINSTR) || s->type == SHT_NOBITS || !s->size)
			continue;
		has_code = true;
		if (is_plt_name(s->name))
			err = cut_plt(c, s);
		else
			err = cut_span(c, s->vaddr, s->vaddr + s->size);
	}
	for (size_t i = 0; i < image->n_segments && !has_code && !err; i++) {
		const struct sut_segment *s = &image->segments[i];
		if (s->type == PT_LOAD && s->flags & PF_X)
			err = cut_span(c, s->vaddr, s->vaddr + s->file_size);
	}
	return err;
}

static int by_start(const void *a, const void *b)
{
	const struct sut_frag *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void measure_rooms(struct cutter *c)
{
	for (size_t i = 0; i < c->n_frags; i++) {
		struct sut_frag *frag = &c->frags[i];
		const struct sut_section *s =
			sut_image_section_at(c->image, frag->start);
		frag->room = s ? s->vaddr + s->size : frag->end;
		if (i + 1 < c->n_frags && c->frags[i + 1].start < frag->room)
			frag->room = c->frags[i + 1].start;
		if (frag->room < frag->end)
			frag->room = frag->end;
	}
}

struct sut_err *sut_parts_cut(struct sut_program *p)
{
	_cleanup_(cutter_deinit) struct cutter c = { .image = p->image };
	struct sut_err *err = read_starts(&c);

	if (!err)
		err = cut_image(&c);
	if (err)
		return err;
	sut_array_sort(c.frags, c.n_frags, sizeof(*c.frags), by_start);
	for (size_t i = 1; i < c.n_frags; i++)
		if (c.frags[i].start < c.frags[i - 1].end)
			return sut_err(SUT_E_FORMAT, "code overlaps at 0x%lx",
				       (unsigned long)c.frags[i].start);
	measure_rooms(&c);
	p->n_frags = c.n_frags;
	p->frags = steal(c.frags);
	return NULL;
}
