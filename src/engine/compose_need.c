// SPDX-License-Identifier: Apache-2.0

/**
 * What must travel: blocks of data and what they point to, jump tables, words
 * and stubs for imports.
 */

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "engine/compose.h"
#include "engine/compose_parts.h"

/** Read-only objects whose length nothing tells are copied with what follows, up
 *  to this size: a table may be longer than up to the next address in use. */
static const uint64_t generous_size = 1024;

static uint64_t section_end(const struct sut_composer *c, uint64_t vaddr)
{
	const struct sut_section *s = sut_image_section_at(c->new->image, vaddr);

	return s ? s->vaddr + s->size : vaddr;
}

// How much of the data at vaddr must travel.
static uint64_t block_end(const struct sut_composer *c, uint64_t vaddr, enum sut_payload_part part,
			  struct sut_user user)
{
	uint64_t limit = section_end(c, vaddr);
	uint64_t end = sut_program_next_target(c->new, vaddr);
	const char *text;

	if (end > limit)
		end = limit;
	if (part != SUT_PART_RODATA)
		return end;
	if (user.access)
		return vaddr + user.access < limit ? vaddr + user.access : limit;
	text = sut_rodata_text(c->new->image, vaddr);
	uint64_t least = text ? strlen(text) + 1 : generous_size;
	if (text && end > vaddr + generous_size)
		end = vaddr + generous_size;
	if (end < vaddr + least)
		end = vaddr + least;
	return end < limit ? end : limit;
}

// Note [start, end). Blocks that overlap or touch are merged when all are known.
static struct sut_err *add_block(struct sut_composer *c, struct sut_block block, bool *is_new)
{
	struct sut_err *err;

	*is_new = false;
	for (size_t i = sut_index_first(&c->block_index, block.start); i != SUT_INDEX_END;
	     i = sut_index_next(&c->block_index, i)) {
		const struct sut_block *b = &c->blocks[c->block_index.entries[i].value];
		if (b->part == block.part && b->end >= block.end)
			return NULL;
	}
	*is_new = true;
	err = sut_array_grow(&c->blocks, c->n_blocks, &c->blocks_capacity, sizeof(block));
	if (!err)
		err = sut_index_add(&c->block_index, block.start, c->n_blocks);
	if (!err)
		c->blocks[c->n_blocks++] = block;
	return err;
}

static struct sut_err *add_site(struct sut_composer *c, struct sut_site site)
{
	struct sut_err *err =
		sut_array_grow(&c->sites, c->n_sites, &c->sites_capacity, sizeof(site));

	if (!err)
		c->sites[c->n_sites++] = site;
	return err;
}

static bool is_imported(const struct sut_image *image, const struct sut_reloc *r)
{
	return r->symbol && image->dynsyms[r->symbol].section == SHN_UNDEF;
}

// Let the word at relocation `r` of a block get its value.
static struct sut_err *follow_word(struct sut_composer *c, enum sut_payload_part part,
				   const struct sut_reloc *r)
{
	const struct sut_image *image = c->new->image;
	struct sut_site site = { .part = part, .off = r->vaddr, .size = 8, .vaddr = r->addend };
	char name[32];

	snprintf(name, sizeof(name), "data_%lx", (unsigned long)r->vaddr);
	if (r->type == R_X86_64_64 && is_imported(image, r)) {
		c->stats->n_references++;
		site.link = (struct sut_link){ .kind = SUT_LINK_IMPORT, .reloc = r };
		return add_site(c, site);
	}
	if (r->type == R_X86_64_64 && r->symbol)
		site.vaddr += image->dynsyms[r->symbol].vaddr;
	else if (r->type != R_X86_64_RELATIVE) {
		c->stats->n_unresolved++;
		return sut_reasons_add(
			c->reasons, SUT_SEVERITY_REFUSAL, "unresolved", name,
			"new data at 0x%lx needs relocation type %u, which a hotpatch does not "
			"carry; install the update and restart",
			(unsigned long)r->vaddr, r->type);
	}
	return sut_composer_refer(c, site, (struct sut_user){ SUT_NO_MATCH, 0 }, name);
}

// Collect the pointers in a block, but for those that another block brought.
static struct sut_err *follow(struct sut_composer *c, const struct sut_block *block)
{
	const struct sut_image *image = c->new->image;
	struct sut_err *err = NULL;

	for (size_t i = sut_image_reloc_from(image, block->start);
	     i < image->n_relocs && image->relocs[i].vaddr < block->end && !err; i++) {
		const struct sut_reloc *r = &image->relocs[i];
		if (sut_index_first(&c->word_site_index, r->vaddr) != SUT_INDEX_END)
			continue;
		err = sut_index_add(&c->word_site_index, r->vaddr, 0);
		if (!err)
			err = follow_word(c, block->part, r);
	}
	return err;
}

static struct sut_err *need_block(struct sut_composer *c, uint64_t vaddr, struct sut_user user)
{
	struct sut_place place;
	struct sut_block block = { .start = vaddr };
	bool is_new;

	sut_place_find(c->new, vaddr, &place);
	block.part = place.kind == SUT_PLACE_RELRO  ? SUT_PART_RELRO
		     : place.kind == SUT_PLACE_DATA ? SUT_PART_DATA
		     : place.kind == SUT_PLACE_BSS  ? SUT_PART_BSS
						    : SUT_PART_RODATA;
	block.end = block_end(c, vaddr, block.part, user);
	struct sut_err *err = add_block(c, block, &is_new);
	if (err || !is_new || block.part == SUT_PART_RODATA || block.part == SUT_PART_BSS)
		return err;
	return follow(c, &block);
}

static struct sut_err *need_table(struct sut_composer *c, uint64_t vaddr)
{
	if (sut_index_first(&c->table_index, vaddr) != SUT_INDEX_END)
		return NULL;
	struct sut_err *err =
		sut_array_grow(&c->tables, c->n_tables, &c->tables_capacity, sizeof(*c->tables));
	if (!err)
		err = sut_index_add(&c->table_index, vaddr, c->n_tables);
	if (!err)
		c->tables[c->n_tables++] = (struct sut_carried_table){
			.table = sut_program_table_at(c->new, vaddr),
		};
	return err;
}

// An import counts by its symbol and addend, anything else by its address.
static uint64_t word_key(const struct sut_reloc *import, uint64_t vaddr)
{
	return import ? (uint64_t)import->symbol << 32 ^ (uint64_t)import->addend : vaddr;
}

size_t sut_composer_word(const struct sut_composer *c, const struct sut_reloc *import,
			 uint64_t vaddr)
{
	uint64_t key = word_key(import, vaddr);

	for (size_t i = sut_index_first(&c->word_index, key); i != SUT_INDEX_END;
	     i = sut_index_next(&c->word_index, i)) {
		size_t word = c->word_index.entries[i].value;
		const struct sut_got_word *w = &c->words[word];
		if (import ? w->import && w->import->symbol == import->symbol &&
				     w->import->addend == import->addend
			   : !w->import && w->vaddr == vaddr)
			return word;
	}
	return SUT_NO_WORD;
}

static struct sut_err *need_word(struct sut_composer *c, const struct sut_reloc *import,
				 uint64_t vaddr, size_t *ret)
{
	*ret = sut_composer_word(c, import, vaddr);
	if (*ret != SUT_NO_WORD)
		return NULL;
	struct sut_err *err =
		sut_array_grow(&c->words, c->n_words, &c->words_capacity, sizeof(*c->words));
	if (!err)
		err = sut_index_add(&c->word_index, word_key(import, vaddr), c->n_words);
	if (err)
		return err;
	*ret = c->n_words;
	c->words[c->n_words++] = (struct sut_got_word){ import, vaddr };
	return NULL;
}

const struct sut_carried_stub *sut_composer_stub(const struct sut_composer *c,
						 const struct sut_link *link)
{
	size_t word = link->value ? 0 : sut_composer_word(c, link->reloc, 0);

	for (size_t i = sut_index_first(&c->stub_index, link->value ^ word); i != SUT_INDEX_END;
	     i = sut_index_next(&c->stub_index, i)) {
		const struct sut_carried_stub *s = &c->stubs[c->stub_index.entries[i].value];
		if (s->old_slot == link->value && s->word == word)
			return s;
	}
	return NULL;
}

static struct sut_err *need_stub(struct sut_composer *c, const struct sut_link *link)
{
	struct sut_carried_stub stub = { .old_slot = link->value };
	struct sut_err *err = NULL;

	if (!stub.old_slot)
		err = need_word(c, link->reloc, 0, &stub.word);
	if (err || sut_composer_stub(c, link))
		return err;
	err = sut_array_grow(&c->stubs, c->n_stubs, &c->stubs_capacity, sizeof(stub));
	if (!err)
		err = sut_index_add(&c->stub_index, stub.old_slot ^ stub.word, c->n_stubs);
	if (!err)
		c->stubs[c->n_stubs++] = stub;
	return err;
}

static struct sut_err *need(struct sut_composer *c, const struct sut_link *link,
			    struct sut_user user)
{
	size_t word;

	switch (link->kind) {
	case SUT_LINK_NONE:
	case SUT_LINK_OLD:
	case SUT_LINK_IMPORT:
		return NULL;
	case SUT_LINK_FRAG:
		sut_composer_queue(c, c->new->frags[link->index].unit);
		return NULL;
	case SUT_LINK_TABLE:
		return need_table(c, link->value);
	case SUT_LINK_COPY:
	case SUT_LINK_VARIABLE:
		return need_block(c, link->value, user);
	case SUT_LINK_SLOT:
		return need_word(c, link->reloc, 0, &word);
	case SUT_LINK_POINTER: {
		struct sut_link pointee;
		struct sut_err *err = need_word(c, NULL, link->value, &word);
		if (err)
			return err;
		sut_resolve(c->resolver, link->value, (struct sut_user){ SUT_NO_MATCH, 0 },
			    &pointee);
		return need(c, &pointee, (struct sut_user){ SUT_NO_MATCH, 0 });
	}
	case SUT_LINK_STUB:
		return need_stub(c, link);
	}
	return NULL;
}

struct sut_err *sut_composer_need(struct sut_composer *c, const struct sut_link *link)
{
	return need(c, link, (struct sut_user){ SUT_NO_MATCH, 0 });
}

struct sut_err *sut_composer_refer(struct sut_composer *c, struct sut_site site,
				   struct sut_user user, const char *name)
{
	c->stats->n_references++;
	sut_resolve(c->resolver, site.vaddr, user, &site.link);
	if (site.link.kind == SUT_LINK_NONE) {
		c->stats->n_unresolved++;
		return sut_reasons_add(
			c->reasons, SUT_SEVERITY_REFUSAL, "unresolved", name,
			"the new code refers to 0x%lx, and the old build has nothing "
			"that is surely the same: %s; install the update and restart",
			(unsigned long)site.vaddr, site.link.why);
	}
	struct sut_err *err = add_site(c, site);
	return err ? err : need(c, &site.link, user);
}
