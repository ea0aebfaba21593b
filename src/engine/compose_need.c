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
#include "diff/judge.h"
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

// Do words of the image hold addresses that no relocation marks?
static bool holds_addresses(const struct sut_composer *c)
{
	return c->new->image->type == ET_EXEC;
}

// How much of the data at vaddr must travel.
static uint64_t block_end(const struct sut_composer *c, uint64_t vaddr, enum sut_payload_part part,
			  struct sut_user user)
{
	uint64_t limit = section_end(c, vaddr);
	uint64_t end = part == SUT_PART_RODATA || part == SUT_PART_RELRO
			       ? sut_object_end(c->new, vaddr)
			       : sut_program_next_target(c->new, vaddr);

	if (part == SUT_PART_RODATA && user.access)
		end = vaddr + user.access;
	else if (part == SUT_PART_RODATA && sut_rodata_is_text_only(c->new, vaddr))
		end = vaddr + strlen(sut_rodata_text(c->new->image, vaddr)) + 1;
	else if (part == SUT_PART_RODATA && !holds_addresses(c) && end < vaddr + generous_size)
		end = vaddr + generous_size;
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

// What looks like an address in the data of an image that is not relocated: it may be
// a number, so only what certainly stands there counts.
static struct sut_err *follow_plain(struct sut_composer *c, const struct sut_block *block)
{
	struct sut_err *err = NULL;

	for (uint64_t at = (block->start + 7) & ~UINT64_C(7); at + 8 <= block->end && !err;
	     at += 8) {
		struct sut_site site = { .part = block->part, .off = at, .size = 8 };
		struct sut_view bytes;
		char name[32];

		if (!sut_image_bytes(c->new->image, at, 8, &bytes))
			continue;
		memcpy(&site.vaddr, bytes.data, sizeof(site.vaddr));
		if (site.vaddr < c->new->image->low || site.vaddr >= c->new->image->high ||
		    sut_image_reloc_at(c->new->image, at) ||
		    sut_index_first(&c->word_site_index, at) != SUT_INDEX_END)
			continue;
		snprintf(name, sizeof(name), "data_%lx", (unsigned long)at);
		err = sut_index_add(&c->word_site_index, at, 0);
		if (!err)
			err = sut_composer_refer(c, site, (struct sut_user){ SUT_NO_MATCH, 0 },
						 name);
		if (!err)
			err = sut_composer_check_number(c, site.vaddr, name);
	}
	return err;
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
	if (!err && is_new && holds_addresses(c) && block.part != SUT_PART_BSS)
		err = follow_plain(c, &block);
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

// Does new address `vaddr` certainly stand for what is there? A number that happens to
// lie in the image hardly hits the first byte of something.
static bool is_surely_address(const struct sut_composer *c, uint64_t vaddr)
{
	struct sut_place place;

	sut_place_find(c->new, vaddr, &place);
	switch (place.kind) {
	case SUT_PLACE_FUNCTION:
	case SUT_PLACE_IMPORT:
	case SUT_PLACE_IFUNC:
	case SUT_PLACE_SLOT:
	case SUT_PLACE_TABLE:
		return true;
	case SUT_PLACE_INSIDE:
		return c->is_queued[place.frag->unit];
	case SUT_PLACE_RODATA:
		return sut_rodata_text(c->new->image, vaddr) ||
		       sut_map_find(&c->resolver->diff->pair->backward, vaddr);
	default:
		return sut_map_find(&c->resolver->diff->pair->backward, vaddr) ||
		       sut_map_find(&c->resolver->diff->pair->weak_backward, vaddr);
	}
}

struct sut_err *sut_composer_check_number(struct sut_composer *c, uint64_t vaddr, const char *name)
{
	struct sut_link link;

	if (c->new->image->type != ET_EXEC || is_surely_address(c, vaddr))
		return NULL;
	sut_resolve(c->resolver, vaddr, (struct sut_user){ SUT_NO_MATCH, 0 }, &link);
	if (link.kind == SUT_LINK_OLD && link.value == vaddr)
		return NULL;
	c->stats->n_unresolved++;
	return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "unresolved", name,
			       "0x%lx may be a number or an address, and as an address it would "
			       "be another one in the old build; install the update and restart",
			       (unsigned long)vaddr);
}

struct sut_err *sut_composer_need(struct sut_composer *c, const struct sut_link *link)
{
	return need(c, link, (struct sut_user){ SUT_NO_MATCH, 0 });
}

// A variable that only changed functions use may start with another value.
static struct sut_err *check_first_value(struct sut_composer *c, const struct sut_site *site)
{
	const struct sut_pair *pair = c->resolver->diff->pair;
	struct sut_place place;

	if (site->link.kind != SUT_LINK_OLD)
		return NULL;
	sut_place_find(c->new, site->vaddr, &place);
	if (place.kind != SUT_PLACE_DATA ||
	    sut_index_first(&c->variable_index, site->vaddr) != SUT_INDEX_END)
		return NULL;
	struct sut_err *err = sut_index_add(&c->variable_index, site->vaddr, 0);
	return err ? err : sut_signs_variable(pair, c->reasons, site->link.value, site->vaddr);
}

// Is there a variable that the old version of new unit `n` used, and that has gone?
static bool has_lost_variable(const struct sut_composer *c, uint32_t n)
{
	const struct sut_pair *pair = c->resolver->diff->pair;
	uint32_t u = n == SUT_NO_MATCH ? n : c->resolver->diff->new_units[n];

	if (u == SUT_NO_MATCH)
		return false;
	for (size_t m = 0; m < c->old->units[u].n_members; m++) {
		const struct sut_frag *frag =
			&c->old->frags[c->old->members[c->old->units[u].first_member + m]];
		for (size_t i = 0; i < frag->n_refs; i++) {
			uint64_t target = c->old->refs[frag->first_ref + i].target;
			struct sut_place place;
			sut_place_find(c->old, target, &place);
			if ((place.kind == SUT_PLACE_DATA || place.kind == SUT_PLACE_BSS) &&
			    !sut_map_find(&pair->forward, target) &&
			    !sut_map_find(&pair->weak_forward, target))
				return true;
		}
	}
	return false;
}

struct sut_err *sut_composer_refer(struct sut_composer *c, struct sut_site site,
				   struct sut_user user, const char *name)
{
	c->stats->n_references++;
	sut_resolve(c->resolver, site.vaddr, user, &site.link);
	if (site.link.kind == SUT_LINK_VARIABLE && has_lost_variable(c, user.unit))
		site.link = (struct sut_link){
			.why = "a variable that may be new, or one that the old function used "
			       "in another place",
		};
	if (site.link.kind == SUT_LINK_NONE) {
		c->stats->n_unresolved++;
		return sut_reasons_add(
			c->reasons, SUT_SEVERITY_REFUSAL, "unresolved", name,
			"the new code refers to 0x%lx, and the old build has nothing "
			"that is surely the same: %s; install the update and restart",
			(unsigned long)site.vaddr, site.link.why);
	}
	struct sut_err *err = add_site(c, site);
	if (!err)
		err = check_first_value(c, &site);
	return err ? err : need(c, &site.link, user);
}
