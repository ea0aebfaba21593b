// SPDX-License-Identifier: Apache-2.0

/**
 * Places, symbols and relocations of a payload.
 */

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "engine/compose.h"
#include "engine/compose_parts.h"

/** Blocks keep their addresses' remainder of this, the largest alignment that
 *  compilers give to data. */
static const uint64_t block_align = 64;

static const struct {
	const char *name;
	uint64_t flags;
	uint64_t align;
} parts[SUT_N_PARTS] = {
	[SUT_PART_TEXT] = { ".text", SHF_ALLOC | SHF_EXECINSTR, 64 },
	[SUT_PART_RODATA] = { ".rodata", SHF_ALLOC, 64 },
	[SUT_PART_RELRO] = { ".data.rel.ro", SHF_ALLOC, 64 },
	[SUT_PART_GOT] = { ".got", SHF_ALLOC, 8 },
	[SUT_PART_DATA] = { ".data", SHF_ALLOC | SHF_WRITE, 64 },
	[SUT_PART_BSS] = { ".bss", SHF_ALLOC | SHF_WRITE, 64 },
	[SUT_PART_EXCEPT] = { ".gcc_except_table", SHF_ALLOC, 4 },
	[SUT_PART_FRAME] = { ".eh_frame", SHF_ALLOC, 8 },
};

static int by_start(const void *a, const void *b)
{
	const struct sut_block *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->part < y->part ? -1 : x->part > y->part;
}

// Blocks that overlap or touch become one, so that distances inside one object stay
// as they are. No two parts share an address.
static void merge_blocks(struct sut_composer *c)
{
	size_t n = 0;

	sut_array_sort(c->blocks, c->n_blocks, sizeof(*c->blocks), by_start);
	for (size_t i = 0; i < c->n_blocks; i++) {
		struct sut_block *last = n ? &c->blocks[n - 1] : NULL;
		if (!last || last->part != c->blocks[i].part || last->end < c->blocks[i].start)
			c->blocks[n++] = c->blocks[i];
		else if (last->end < c->blocks[i].end)
			last->end = c->blocks[i].end;
	}
	c->n_blocks = n;
}

const struct sut_block *sut_composer_block_at(const struct sut_composer *c, uint64_t vaddr)
{
	size_t low = 0, high = c->n_blocks;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (c->blocks[mid].start <= vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low && vaddr <= c->blocks[low - 1].end)
		return &c->blocks[low - 1];
	return NULL;
}

static struct sut_err *place_block(struct sut_composer *c, struct sut_block *block)
{
	struct sut_buf *part = &c->parts[block->part];
	uint64_t pad = (block->start - part->size) & (block_align - 1);
	struct sut_err *err = sut_buf_zeros(part, pad);

	block->off = part->size;
	for (uint64_t at = block->start; at < block->end && !err; at++) {
		struct sut_view byte;
		if (sut_image_bytes(c->new->image, at, 1, &byte))
			err = sut_buf_add(part, byte.data, 1);
		else
			err = sut_buf_zeros(part, 1);
	}
	return err;
}

struct sut_err *sut_composer_place(struct sut_composer *c)
{
	static const uint8_t jump[8] = { 0xff, 0x25, 0, 0, 0, 0, 0x66, 0x90 };
	struct sut_buf *text = &c->parts[SUT_PART_TEXT];
	struct sut_err *err = NULL;

	merge_blocks(c);
	for (size_t i = 0; i < c->n_blocks && !err; i++)
		err = place_block(c, &c->blocks[i]);
	for (size_t i = 0; i < c->n_tables && !err; i++) {
		struct sut_carried_table *t = &c->tables[i];
		err = sut_buf_align(&c->parts[SUT_PART_RODATA], 8, 0);
		t->off = c->parts[SUT_PART_RODATA].size;
		if (!err)
			err = sut_buf_zeros(&c->parts[SUT_PART_RODATA],
					    (size_t)t->table->n_entries * t->table->entry_size);
	}
	if (!err)
		err = sut_buf_zeros(&c->parts[SUT_PART_GOT], 8 * c->n_words);
	if (!err)
		err = sut_buf_align(text, 16, 0x90);
	for (size_t i = 0; i < c->n_stubs && !err; i++) {
		c->stubs[i].off = text->size;
		err = sut_buf_add(text, jump, sizeof(jump));
	}
	return err ? err : sut_composer_place_frames(c);
}

static char *copy_text(const char *text)
{
	return text ? strdup(text) : NULL;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_symbol(const struct sut_patch_symbol *a, const struct sut_patch_symbol *b)
{
	return a->where == b->where && a->part == b->part && a->value == b->value &&
	       a->type == b->type && strcmp(a->name, b->name) == 0 &&
	       same_text(a->version, b->version);
}

static uint64_t symbol_key(const struct sut_patch_symbol *s)
{
	uint64_t numbers[] = { s->where, s->part, s->value, s->type };
	uint64_t key = sut_hash(SUT_HASH_SEED, numbers, sizeof(numbers));

	return sut_hash(key, s->name, strlen(s->name));
}

struct sut_err *sut_composer_symbol(struct sut_composer *c, struct sut_patch_symbol wanted,
				    uint32_t *ret)
{
	uint64_t key = symbol_key(&wanted);

	for (size_t i = sut_index_first(&c->symbol_index, key); i != SUT_INDEX_END;
	     i = sut_index_next(&c->symbol_index, i)) {
		uint32_t at = c->symbol_index.entries[i].value;
		if (same_symbol(&c->patch.symbols[at], &wanted)) {
			*ret = at;
			return NULL;
		}
	}
	struct sut_err *err = sut_array_grow(&c->patch.symbols, c->patch.n_symbols,
					     &c->n_symbols_capacity, sizeof(wanted));
	if (!err)
		err = sut_index_add(&c->symbol_index, key, c->patch.n_symbols);
	if (err)
		return err;
	bool has_version = wanted.version;
	wanted.name = copy_text(wanted.name);
	wanted.version = copy_text(wanted.version);
	if (!wanted.name || (has_version && !wanted.version)) {
		free(wanted.name);
		free(wanted.version);
		return sut_err_nomem();
	}
	*ret = c->patch.n_symbols;
	c->patch.symbols[c->patch.n_symbols++] = wanted;
	return NULL;
}

struct sut_err *sut_composer_reloc(struct sut_composer *c, struct sut_patch_reloc reloc)
{
	struct sut_err *err = sut_array_grow(&c->patch.relocs, c->patch.n_relocs,
					     &c->n_relocs_capacity, sizeof(reloc));

	if (!err)
		c->patch.relocs[c->patch.n_relocs++] = reloc;
	return err;
}

struct sut_err *sut_composer_part_symbol(struct sut_composer *c, enum sut_payload_part part,
					 uint32_t *ret)
{
	char name[] = "";

	return sut_composer_symbol(c,
				   (struct sut_patch_symbol){
					   .name = name,
					   .where = SUT_WHERE_PART,
					   .part = c->part_index[part],
				   },
				   ret);
}

static struct sut_err *old_symbol(struct sut_composer *c, uint64_t vaddr, uint32_t *ret)
{
	struct sut_patch_symbol symbol = { .where = SUT_WHERE_OLD, .value = vaddr };
	struct sut_frag_name name;
	struct sut_place place;

	sut_place_find(c->old, vaddr, &place);
	const struct sut_symbol *import = sut_place_symbol(c->old, place.reloc);
	switch (place.kind) {
	case SUT_PLACE_FUNCTION:
		name = sut_frag_name(place.frag);
		symbol.type = STT_FUNC;
		symbol.size = place.frag->code.size;
		break;
	case SUT_PLACE_IMPORT:
		snprintf(name.text, sizeof(name.text), "%.100s@plt", import ? import->name : "?");
		symbol.type = STT_FUNC;
		break;
	case SUT_PLACE_SLOT:
		snprintf(name.text, sizeof(name.text), "%.100s@got",
			 import ? import->name : "local");
		symbol.type = STT_OBJECT;
		break;
	case SUT_PLACE_INSIDE:
	case SUT_PLACE_BEHIND:
		snprintf(name.text, sizeof(name.text), "code_%lx", (unsigned long)vaddr);
		break;
	default:
		snprintf(name.text, sizeof(name.text), "data_%lx", (unsigned long)vaddr);
		symbol.type = STT_OBJECT;
	}
	symbol.name = name.text;
	return sut_composer_symbol(c, symbol, ret);
}

static struct sut_err *import_symbol(struct sut_composer *c, const struct sut_reloc *reloc,
				     uint32_t *ret)
{
	const struct sut_symbol *s = sut_place_symbol(c->new, reloc);

	return sut_composer_symbol(c,
				   (struct sut_patch_symbol){
					   .name = (char *)s->name,
					   .version = (char *)s->version,
					   .where = SUT_WHERE_IMPORT,
					   .type = STT_NOTYPE,
					   .is_weak = s->bind == STB_WEAK,
				   },
				   ret);
}

struct sut_err *sut_composer_link_symbol(struct sut_composer *c, const struct sut_link *link,
					 uint32_t *symbol, int64_t *addend)
{
	const struct sut_block *block;
	size_t at;

	*addend = 0;
	switch (link->kind) {
	case SUT_LINK_OLD:
		return old_symbol(c, link->value, symbol);
	case SUT_LINK_FRAG:
		*addend = c->frag_off[link->index] + link->value - c->new->frags[link->index].start;
		return sut_composer_part_symbol(c, SUT_PART_TEXT, symbol);
	case SUT_LINK_TABLE:
		at = sut_index_first(&c->table_index, link->value);
		*addend = c->tables[c->table_index.entries[at].value].off;
		return sut_composer_part_symbol(c, SUT_PART_RODATA, symbol);
	case SUT_LINK_COPY:
	case SUT_LINK_VARIABLE:
		block = sut_composer_block_at(c, link->value);
		*addend = block->off + (link->value - block->start);
		return sut_composer_part_symbol(c, block->part, symbol);
	case SUT_LINK_SLOT:
		*addend = 8 * sut_composer_word(c, link->reloc, 0);
		return sut_composer_part_symbol(c, SUT_PART_GOT, symbol);
	case SUT_LINK_POINTER:
		*addend = 8 * sut_composer_word(c, NULL, link->value);
		return sut_composer_part_symbol(c, SUT_PART_GOT, symbol);
	case SUT_LINK_STUB:
		*addend = sut_composer_stub(c, link)->off;
		return sut_composer_part_symbol(c, SUT_PART_TEXT, symbol);
	case SUT_LINK_IMPORT:
		*addend = link->reloc->addend;
		return import_symbol(c, link->reloc, symbol);
	case SUT_LINK_NONE:
		break;
	}
	return sut_err(SUT_E_UNSUPPORTED, "reference to 0x%lx does not resolve",
		       (unsigned long)link->value);
}

// A one-byte branch cannot take a relocation: it must lead into the same run of
// fragments, at the same distance as before.
static struct sut_err *check_short(struct sut_composer *c, const struct sut_site *site)
{
	const struct sut_frag *from = &c->new->frags[site->owner];
	const struct sut_frag *to = &c->new->frags[site->link.index];

	if (site->link.kind == SUT_LINK_FRAG &&
	    c->frag_off[site->link.index] - c->frag_off[site->owner] == to->start - from->start)
		return NULL;
	c->stats->n_unresolved++;
	return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "short-branch",
			       sut_frag_name(from).text,
			       "a one-byte branch leads out of the function to 0x%lx, too far "
			       "once the function has moved; install the update and restart",
			       (unsigned long)site->vaddr);
}

static struct sut_err *emit_site(struct sut_composer *c, const struct sut_site *site)
{
	struct sut_patch_reloc reloc = { .part = c->part_index[site->part] };
	struct sut_err *err;

	if (site->size == 1)
		return check_short(c, site);
	err = sut_composer_link_symbol(c, &site->link, &reloc.symbol, &reloc.addend);
	if (err)
		return err;
	if (site->part == SUT_PART_TEXT) {
		reloc.off = c->frag_off[site->owner] + site->off;
	} else {
		const struct sut_block *block = sut_composer_block_at(c, site->off);
		reloc.off = block->off + (site->off - block->start);
	}
	if (site->is_relative) {
		reloc.type = R_X86_64_PC32;
		reloc.addend -= 4 + site->tail;
	} else {
		reloc.type = site->size == 8 ? R_X86_64_64 : R_X86_64_32S;
	}
	return sut_composer_reloc(c, reloc);
}

static struct sut_err *emit_table(struct sut_composer *c, const struct sut_carried_table *t)
{
	uint32_t symbol;
	struct sut_err *err = sut_composer_part_symbol(c, SUT_PART_TEXT, &symbol);

	for (uint32_t i = 0; i < t->table->n_entries && !err; i++) {
		uint64_t to = sut_jump_table_entry(c->new, t->table, i);
		const struct sut_frag *frag = sut_program_frag_at(c->new, to);
		int64_t off = c->frag_off[frag - c->new->frags] + (to - frag->start);
		struct sut_patch_reloc reloc = {
			.part = c->part_index[SUT_PART_RODATA],
			.off = t->off + (uint64_t)i * t->table->entry_size,
			.symbol = symbol,
			.type = R_X86_64_64,
			.addend = off,
		};
		// An entry counts from the table's start, a PC32 from its own place.
		if (t->table->entry_size == 4) {
			reloc.type = R_X86_64_PC32;
			reloc.addend += (int64_t)i * 4;
		}
		err = sut_composer_reloc(c, reloc);
	}
	return err;
}

static struct sut_err *emit_word(struct sut_composer *c, size_t i)
{
	const struct sut_got_word *w = &c->words[i];
	struct sut_patch_reloc reloc = {
		.part = c->part_index[SUT_PART_GOT],
		.off = 8 * i,
		.type = R_X86_64_64,
	};
	struct sut_err *err;

	if (w->import) {
		err = import_symbol(c, w->import, &reloc.symbol);
		reloc.addend = w->import->addend;
	} else {
		struct sut_link link;
		sut_resolve(c->resolver, w->vaddr, (struct sut_user){ SUT_NO_MATCH, 0 }, &link);
		err = sut_composer_link_symbol(c, &link, &reloc.symbol, &reloc.addend);
	}
	return err ? err : sut_composer_reloc(c, reloc);
}

static struct sut_err *emit_stub(struct sut_composer *c, const struct sut_carried_stub *s)
{
	struct sut_patch_reloc reloc = {
		.part = c->part_index[SUT_PART_TEXT],
		.off = s->off + 2,
		.type = R_X86_64_PC32,
		.addend = -4,
	};
	struct sut_err *err;

	if (s->old_slot) {
		err = old_symbol(c, s->old_slot, &reloc.symbol);
	} else {
		err = sut_composer_part_symbol(c, SUT_PART_GOT, &reloc.symbol);
		reloc.addend += 8 * s->word;
	}
	return err ? err : sut_composer_reloc(c, reloc);
}

static struct sut_err *emit_parts(struct sut_composer *c)
{
	c->patch.parts = calloc(SUT_N_PARTS, sizeof(*c->patch.parts));
	if (!c->patch.parts)
		return sut_err_nomem();
	for (size_t i = 0; i < SUT_N_PARTS; i++) {
		struct sut_buf *buf = &c->parts[i];
		struct sut_part part = {
			.name = strdup(parts[i].name),
			.flags = parts[i].flags,
			.size = buf->size,
			.align = parts[i].align,
		};
		c->part_index[i] = UINT32_MAX;
		if (!part.name)
			return sut_err_nomem();
		if (!buf->size) {
			free(part.name);
			continue;
		}
		if (i != SUT_PART_BSS)
			part.bytes = steal(buf->data);
		c->part_index[i] = c->patch.n_parts;
		c->patch.parts[c->patch.n_parts++] = part;
	}
	return NULL;
}

// Each carried fragment gets a symbol, so that tools show its name.
static struct sut_err *emit_names(struct sut_composer *c)
{
	struct sut_err *err = NULL;

	for (size_t n = 0; n < c->new->n_frags && !err; n++) {
		const struct sut_frag *frag = &c->new->frags[n];
		uint32_t o = c->resolver->diff->pair->to_old[n], symbol;
		struct sut_frag_name name =
			sut_frag_name(o == SUT_NO_MATCH || frag->name ? frag : &c->old->frags[o]);
		if (c->frag_off[n] == SUT_NOWHERE)
			continue;
		err = sut_composer_symbol(c,
					  (struct sut_patch_symbol){
						  .name = name.text,
						  .where = SUT_WHERE_PART,
						  .part = c->part_index[SUT_PART_TEXT],
						  .value = c->frag_off[n],
						  .size = frag->code.size,
						  .type = STT_FUNC,
					  },
					  &symbol);
	}
	return err;
}

static int by_place(const void *a, const void *b)
{
	const struct sut_patch_reloc *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return x->off < y->off ? -1 : x->off > y->off;
}

// The fields that get a relocation are cleared: the file must not depend on
// where the new build had put things.
static void clear_fields(struct sut_composer *c)
{
	for (size_t i = 0; i < c->patch.n_relocs; i++) {
		const struct sut_patch_reloc *r = &c->patch.relocs[i];
		size_t width = r->type == R_X86_64_64 || r->type == R_X86_64_PC64 ? 8 : 4;
		memset(c->patch.parts[r->part].bytes + r->off, 0, width);
	}
}

struct sut_err *sut_composer_emit(struct sut_composer *c)
{
	struct sut_err *err;

	// A refused payload is not written, its places may lead nowhere.
	if (sut_reasons_refuse(c->reasons))
		return NULL;
	err = emit_parts(c);
	if (!err)
		err = emit_names(c);
	for (size_t i = 0; i < c->n_sites && !err; i++)
		err = emit_site(c, &c->sites[i]);
	for (size_t i = 0; i < c->n_tables && !err; i++)
		err = emit_table(c, &c->tables[i]);
	for (size_t i = 0; i < c->n_words && !err; i++)
		err = emit_word(c, i);
	for (size_t i = 0; i < c->n_stubs && !err; i++)
		err = emit_stub(c, &c->stubs[i]);
	if (!err)
		err = sut_composer_emit_frames(c);
	if (err)
		return err;
	if (c->patch.n_relocs)
		sut_array_sort(c->patch.relocs, c->patch.n_relocs, sizeof(*c->patch.relocs),
			       by_place);
	clear_fields(c);
	return NULL;
}
