// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"
#include "diff/resolve.h"

#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"
#include "diff/variable.h"

static int by_hash(const void *a, const void *b)
{
	const struct sut_text *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

struct sut_err *sut_resolver_init(const struct sut_diff *diff, struct sut_resolver *ret)
{
	const struct sut_program *old = diff->pair->old;
	struct sut_text *texts = malloc((old->n_targets + 1) * sizeof(*texts));
	size_t n = 0;

	if (!texts)
		return sut_err_nomem();
	for (size_t i = 0; i < old->n_targets; i++) {
		struct sut_place place;
		sut_place_find(old, old->targets[i], &place);
		if (place.kind != SUT_PLACE_RODATA)
			continue;
		const char *text = sut_rodata_text(old->image, old->targets[i]);
		if (text)
			texts[n++] = (struct sut_text){
				sut_hash(SUT_HASH_SEED, text, strlen(text)),
				old->targets[i],
			};
	}
	sut_array_sort(texts, n, sizeof(*texts), by_hash);
	*ret = (struct sut_resolver){ diff, texts, n };
	return NULL;
}

void sut_resolver_deinit(struct sut_resolver *resolver)
{
	free(resolver->texts);
	*resolver = (struct sut_resolver){ 0 };
}

void sut_link_set_old(struct sut_link *ret, uint64_t vaddr)
{
	ret->kind = SUT_LINK_OLD;
	ret->value = vaddr;
}

void sut_link_set_none(struct sut_link *ret, const char *why)
{
	ret->kind = SUT_LINK_NONE;
	ret->why = why;
}

static void resolve_code(const struct sut_resolver *r, const struct sut_place *place,
			 uint64_t vaddr, struct sut_user user, struct sut_link *ret)
{
	const struct sut_pair *pair = r->diff->pair;
	uint32_t n = place->frag - pair->new->frags;
	uint32_t o = pair->to_old[n];
	bool is_own = place->frag->unit == user.unit;

	if (is_own && (place->kind != SUT_PLACE_FUNCTION || !place->frag->is_called)) {
		*ret = (struct sut_link){ SUT_LINK_FRAG, vaddr, n };
		return;
	}
	if (place->kind == SUT_PLACE_FUNCTION) {
		// Pointers to functions must stay equal: the old entry, which jumps
		// to the new code where there is any.
		if (o != SUT_NO_MATCH && pair->old->frags[o].is_called)
			sut_link_set_old(ret, pair->old->frags[o].start);
		else
			*ret = (struct sut_link){ SUT_LINK_FRAG, vaddr, n };
		return;
	}
	if (o != SUT_NO_MATCH &&
	    r->diff->old_units[pair->old->frags[o].unit].change == SUT_CHANGE_NONE)
		sut_link_set_old(ret, pair->old->frags[o].start + (vaddr - place->frag->start));
	else if (user.unit == SUT_NO_MATCH)
		*ret = (struct sut_link){ SUT_LINK_FRAG, vaddr, n };
	else
		sut_link_set_none(ret, "points into the middle of another changed function");
}

static bool same_symbol(const struct sut_symbol *a, const struct sut_symbol *b)
{
	if (strcmp(a->name, b->name) != 0)
		return false;
	if (!a->version || !b->version)
		return a->version == b->version;
	return strcmp(a->version, b->version) == 0;
}

// Find a slot of the old image that the dynamic linker fills like `wanted`.
static const struct sut_reloc *find_slot(const struct sut_resolver *r,
					 const struct sut_reloc *wanted, uint32_t type)
{
	const struct sut_program *old = r->diff->pair->old, *new = r->diff->pair->new;
	const struct sut_symbol *symbol = sut_place_symbol(new, wanted);

	for (size_t i = 0; i < old->image->n_relocs; i++) {
		const struct sut_reloc *reloc = &old->image->relocs[i];
		const struct sut_symbol *other = sut_place_symbol(old, reloc);
		if (reloc->type != type || !symbol != !other || reloc->addend != wanted->addend)
			continue;
		if (type == R_X86_64_64) {
			// Only a word of the GOT is surely never written again.
			struct sut_place place;
			sut_place_find(old, reloc->vaddr, &place);
			if (place.kind != SUT_PLACE_SLOT)
				continue;
		}
		if (symbol ? same_symbol(symbol, other)
			   : sut_place_same_offset(old, reloc, new, wanted))
			return reloc;
	}
	return NULL;
}

static const struct sut_plt_slot *find_old_stub(const struct sut_resolver *r, uint64_t slot)
{
	const struct sut_program *old = r->diff->pair->old;

	for (size_t i = 0; i < old->n_plt; i++)
		if (old->plt[i].slot == slot)
			return &old->plt[i];
	return NULL;
}

static void resolve_import(const struct sut_resolver *r, const struct sut_place *place,
			   struct sut_link *ret)
{
	static const uint32_t types[] = { R_X86_64_JUMP_SLOT, R_X86_64_GLOB_DAT };
	const struct sut_symbol *symbol = sut_place_symbol(r->diff->pair->new, place->reloc);

	if (!symbol) {
		sut_link_set_none(ret, "a stub without a symbol");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		const struct sut_reloc *slot = find_slot(r, place->reloc, types[i]);
		const struct sut_plt_slot *stub = slot ? find_old_stub(r, slot->vaddr) : NULL;
		if (stub) {
			sut_link_set_old(ret, stub->stub);
			return;
		}
		if (slot) {
			*ret = (struct sut_link){ .kind = SUT_LINK_STUB,
						  .value = slot->vaddr,
						  .reloc = place->reloc };
			return;
		}
	}
	*ret = (struct sut_link){ .kind = SUT_LINK_STUB, .reloc = place->reloc };
}

static void resolve_ifunc(const struct sut_resolver *r, const struct sut_place *place,
			  struct sut_link *ret)
{
	const struct sut_pair *pair = r->diff->pair;

	for (size_t i = 0; i < pair->old->n_plt; i++) {
		const struct sut_reloc *slot =
			sut_image_reloc_at(pair->old->image, pair->old->plt[i].slot);
		if (slot && slot->type == R_X86_64_IRELATIVE &&
		    sut_address_same(pair, slot->addend, place->reloc->addend)) {
			sut_link_set_old(ret, pair->old->plt[i].stub);
			return;
		}
	}
	sut_link_set_none(ret, "an indirect function that the old build does not have");
}

// A word of the payload that points to new address `vaddr`, if that resolves itself.
static void set_pointer(const struct sut_resolver *r, uint64_t vaddr, struct sut_link *ret)
{
	sut_resolve(r, vaddr, (struct sut_user){ SUT_NO_MATCH, 0 }, ret);
	if (ret->kind != SUT_LINK_NONE)
		*ret = (struct sut_link){ .kind = SUT_LINK_POINTER, .value = vaddr };
}

static void resolve_relative_slot(const struct sut_resolver *r, const struct sut_place *place,
				  struct sut_link *ret)
{
	const struct sut_image *old = r->diff->pair->old->image;
	struct sut_link pointee;

	sut_resolve(r, place->reloc->addend, (struct sut_user){ SUT_NO_MATCH, 0 }, &pointee);
	if (pointee.kind == SUT_LINK_NONE) {
		*ret = pointee;
		return;
	}
	for (size_t i = 0; i < old->n_relocs && pointee.kind == SUT_LINK_OLD; i++) {
		const struct sut_reloc *reloc = &old->relocs[i];
		struct sut_place other;
		if (reloc->type != place->reloc->type || (uint64_t)reloc->addend != pointee.value)
			continue;
		sut_place_find(r->diff->pair->old, reloc->vaddr, &other);
		if (other.kind == SUT_PLACE_SLOT) {
			sut_link_set_old(ret, reloc->vaddr);
			return;
		}
	}
	*ret = (struct sut_link){ .kind = SUT_LINK_POINTER, .value = place->reloc->addend };
}

static void resolve_slot(const struct sut_resolver *r, const struct sut_place *place,
			 struct sut_link *ret)
{
	const struct sut_reloc *slot = find_slot(r, place->reloc, place->reloc->type);
	const struct sut_symbol *symbol = sut_place_symbol(r->diff->pair->new, place->reloc);

	if (place->reloc->type == R_X86_64_RELATIVE) {
		resolve_relative_slot(r, place, ret);
		return;
	}
	if (slot) {
		sut_link_set_old(ret, slot->vaddr);
		return;
	}
	switch (place->reloc->type) {
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
	case R_X86_64_64:
		if (symbol && symbol->section == SHN_UNDEF)
			*ret = (struct sut_link){ .kind = SUT_LINK_SLOT, .reloc = place->reloc };
		else if (symbol)
			set_pointer(r, symbol->vaddr + place->reloc->addend, ret);
		else
			sut_link_set_none(ret, "a slot without a symbol");
		return;
	case R_X86_64_IRELATIVE:
		sut_link_set_none(ret, "a new slot of an indirect function");
		return;
	default:
		sut_link_set_none(ret,
				  "a thread-local variable that the old build does not use so");
	}
}

static bool find_text(const struct sut_resolver *r, const char *text, uint64_t *ret)
{
	uint64_t hash = sut_hash(SUT_HASH_SEED, text, strlen(text));
	size_t low = 0, high = r->n_texts;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (r->texts[mid].hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < r->n_texts && r->texts[low].hash == hash; low++) {
		const char *other = sut_rodata_text(r->diff->pair->old->image, r->texts[low].vaddr);
		if (other && strcmp(other, text) == 0) {
			*ret = r->texts[low].vaddr;
			return true;
		}
	}
	return false;
}

static void resolve_rodata(const struct sut_resolver *r, uint64_t vaddr, struct sut_user user,
			   struct sut_link *ret)
{
	const struct sut_pair *pair = r->diff->pair;
	enum sut_map_quality quality;
	uint64_t mapped;
	struct sut_place place;

	quality = sut_map_look_up(&pair->backward, vaddr, &mapped);
	if (quality != SUT_MAP_NONE) {
		sut_place_find(pair->old, mapped, &place);
		if (place.kind == SUT_PLACE_RODATA &&
		    sut_rodata_same(pair, mapped, vaddr, user.access)) {
			sut_link_set_old(ret, mapped);
			ret->is_between = quality == SUT_MAP_BETWEEN;
			return;
		}
	}
	const char *text = sut_rodata_text(pair->new->image, vaddr);
	if (!user.access && text && find_text(r, text, &mapped) &&
	    sut_rodata_same(pair, mapped, vaddr, 0)) {
		sut_link_set_old(ret, mapped);
		return;
	}
	*ret = (struct sut_link){ .kind = SUT_LINK_COPY, .value = vaddr };
}

// A pointer into the middle of a function that changed leads to old code.
static bool leads_into_change(const struct sut_diff *diff, uint64_t from)
{
	struct sut_place place;

	sut_place_find(diff->pair->old, from, &place);
	return place.kind == SUT_PLACE_INSIDE &&
	       diff->old_units[place.frag->unit].change != SUT_CHANGE_NONE;
}

static bool same_pointer(const struct sut_diff *diff, const struct sut_reloc *a,
			 const struct sut_reloc *b)
{
	struct sut_place p = { .reloc = a }, q = { .reloc = b };

	if (a->type != b->type)
		return false;
	if (a->symbol || b->symbol)
		return sut_place_same_import(diff->pair->old, &p, diff->pair->new, &q);
	return sut_address_same(diff->pair, a->addend, b->addend) &&
	       !leads_into_change(diff, a->addend);
}

// Bytes that the object at `vaddr` may have.
static uint64_t extent(const struct sut_program *p, uint64_t vaddr)
{
	return sut_object_end(p, vaddr) - vaddr;
}

bool sut_object_same(const struct sut_diff *diff, uint64_t from, uint64_t to)
{
	const struct sut_pair *pair = diff->pair;
	const struct sut_image *old = pair->old->image, *new = pair->new->image;
	uint64_t size = extent(pair->new, to);

	if (!size || !sut_image_section_at(old, from) ||
	    sut_image_section_at(old, from) != sut_image_section_at(old, from + size - 1))
		return false;
	for (uint64_t off = 0; off < size;) {
		const struct sut_reloc *a = sut_image_reloc_at(old, from + off);
		const struct sut_reloc *b = sut_image_reloc_at(new, to + off);
		struct sut_view x, y;
		bool are_addresses = false;

		if (!a != !b || (a && !same_pointer(diff, a, b)))
			return false;
		if (!a && !sut_words_same(pair, from + off, to + off, &are_addresses) &&
		    are_addresses)
			return false;
		if (a || are_addresses) {
			off += 8;
			continue;
		}
		bool has_x = sut_image_bytes(old, from + off, 1, &x);
		bool has_y = sut_image_bytes(new, to + off, 1, &y);
		if ((has_x ? *x.data : 0) != (has_y ? *y.data : 0))
			return false;
		off++;
	}
	return true;
}

static void resolve_relro(const struct sut_resolver *r, uint64_t vaddr, struct sut_link *ret)
{
	const struct sut_pair *pair = r->diff->pair;
	enum sut_map_quality quality;
	uint64_t mapped;
	struct sut_place place;

	quality = sut_map_look_up(&pair->backward, vaddr, &mapped);
	if (quality != SUT_MAP_NONE) {
		sut_place_find(pair->old, mapped, &place);
		if (place.kind == SUT_PLACE_RELRO && sut_object_same(r->diff, mapped, vaddr)) {
			sut_link_set_old(ret, mapped);
			ret->is_between = quality == SUT_MAP_BETWEEN;
			return;
		}
	}
	*ret = (struct sut_link){ .kind = SUT_LINK_COPY, .value = vaddr };
}

// One past the end of a section (__stop_X, _end): the same edge of the old one.
static void resolve_edge(const struct sut_resolver *r, uint64_t vaddr, struct sut_link *ret)
{
	const struct sut_pair *pair = r->diff->pair;
	uint64_t mapped;

	if (sut_map_look_up(&pair->backward, vaddr, &mapped) == SUT_MAP_EXACT) {
		sut_link_set_old(ret, mapped);
		return;
	}
	sut_link_set_none(ret, "the end of a section that no unchanged function refers to");
}

void sut_resolve(const struct sut_resolver *r, uint64_t vaddr, struct sut_user user,
		 struct sut_link *ret)
{
	const struct sut_pair *pair = r->diff->pair;
	const struct sut_jump_table *table;
	struct sut_place place;

	*ret = (struct sut_link){ .kind = SUT_LINK_NONE };
	sut_place_find(pair->new, vaddr, &place);
	switch (place.kind) {
	case SUT_PLACE_FUNCTION:
	case SUT_PLACE_INSIDE:
	case SUT_PLACE_BEHIND:
		resolve_code(r, &place, vaddr, user, ret);
		break;
	case SUT_PLACE_IMPORT:
		resolve_import(r, &place, ret);
		break;
	case SUT_PLACE_IFUNC:
		resolve_ifunc(r, &place, ret);
		break;
	case SUT_PLACE_SLOT:
		resolve_slot(r, &place, ret);
		break;
	case SUT_PLACE_TABLE:
		table = sut_program_table_at(pair->new, vaddr);
		if (table->unit == user.unit)
			*ret = (struct sut_link){ .kind = SUT_LINK_TABLE, .value = vaddr };
		else
			resolve_rodata(r, vaddr, user, ret);
		break;
	case SUT_PLACE_RODATA:
		resolve_rodata(r, vaddr, user, ret);
		break;
	case SUT_PLACE_RELRO:
		resolve_relro(r, vaddr, ret);
		break;
	case SUT_PLACE_DATA:
	case SUT_PLACE_BSS:
		sut_resolve_variable(r->diff->pair, vaddr, user.access, ret);
		break;
	case SUT_PLACE_HEADER:
		sut_link_set_old(ret, vaddr - pair->new->image->low + pair->old->image->low);
		break;
	case SUT_PLACE_EDGE:
		resolve_edge(r, vaddr, ret);
		break;
	case SUT_PLACE_NONE:
		sut_link_set_none(ret, "an address outside of the file's memory");
		break;
	}
}
