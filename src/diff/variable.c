// SPDX-License-Identifier: Apache-2.0
#include "diff/variable.h"

#include <elf.h>

#include "code/place.h"
#include "code/program.h"
#include "diff/pair.h"
#include "diff/resolve.h"

/** What lies between two mapped neighbours of a variable, on both sides. The ends of
 *  a section count as neighbours. */
struct gap {
	uint64_t old_low, old_high; /**< Old addresses, high exclusive. */
	uint64_t new_low, new_high; /**< New addresses, high exclusive. */
};

static const struct sut_section *find_like(const struct sut_image *image,
					   const struct sut_section *s)
{
	return *s->name ? sut_image_section(image, s->name) : NULL;
}

static bool find_gap(const struct sut_pair *pair, uint64_t vaddr, struct gap *ret)
{
	const struct sut_map *map = &pair->backward;
	const struct sut_section *s = sut_image_section_at(pair->new->image, vaddr);
	const struct sut_section *t = s ? find_like(pair->old->image, s) : NULL;
	size_t below = sut_map_below(map, vaddr);
	size_t above = below == map->n_entries ? 0 : below + 1;

	if (!t)
		return false;
	*ret = (struct gap){ t->vaddr, t->vaddr + t->size, s->vaddr, s->vaddr + s->size };
	if (below != map->n_entries && map->entries[below].from >= s->vaddr) {
		ret->new_low = map->entries[below].from;
		ret->old_low = map->entries[below].to;
	}
	if (above < map->n_entries && map->entries[above].from < s->vaddr + s->size) {
		ret->new_high = map->entries[above].from;
		ret->old_high = map->entries[above].to;
	}
	return ret->old_low >= t->vaddr && ret->old_low <= ret->old_high &&
	       ret->old_high <= t->vaddr + t->size;
}

// Do most of the changed bodies, by more than two to one, say so?
static bool is_clear(const struct sut_map_entry *entry)
{
	return entry->votes > 2 * entry->against;
}

// What changed bodies agree on in both directions: vaddr was ret, which no unchanged
// body knows by another address.
static bool find_weak(const struct sut_pair *pair, uint64_t vaddr, uint64_t *ret)
{
	const struct sut_map_entry *back = sut_map_find(&pair->weak_backward, vaddr);
	const struct sut_map_entry *forth =
		back ? sut_map_find(&pair->weak_forward, back->to) : NULL;

	if (!forth || !is_clear(back) || !is_clear(forth) || forth->to != vaddr ||
	    sut_map_find(&pair->forward, back->to))
		return false;
	*ret = back->to;
	return true;
}

// Has everything that the old program refers to in the gap a known successor?
static bool is_accounted_for(const struct sut_pair *pair, const struct gap *gap)
{
	uint64_t at = gap->old_low;

	for (;;) {
		at = sut_program_next_target(pair->old, at);
		if (at >= gap->old_high)
			return true;
		const struct sut_map_entry *weak = sut_map_find(&pair->weak_forward, at);
		if (!sut_map_find(&pair->forward, at) && (!weak || !is_clear(weak)))
			return false;
	}
}

// Does the new program refer to something in the gap that was not there before? Then
// that is what made the gap grow, and not an object of the old program.
static bool has_newcomer(const struct sut_pair *pair, const struct gap *gap)
{
	uint64_t at = gap->new_low, old;

	for (;;) {
		at = sut_program_next_target(pair->new, at);
		if (at >= gap->new_high)
			return false;
		if (!sut_map_find(&pair->backward, at) && !find_weak(pair, at, &old))
			return true;
	}
}

// A variable that no unchanged code knows: one that only changed functions use, or a
// new one. New ones make the gap between the mapped neighbours grow.
static void resolve_unmapped(const struct sut_pair *pair, uint64_t vaddr, enum sut_place_kind kind,
			     struct sut_link *ret)
{
	struct sut_place other;
	struct gap gap;
	uint64_t old;

	if (!find_gap(pair, vaddr, &gap)) {
		sut_link_set_none(ret, "a variable in memory that the old build does not have");
		return;
	}
	bool is_weak = find_weak(pair, vaddr, &old);
	if (!is_weak && gap.new_high - gap.new_low == gap.old_high - gap.old_low) {
		old = vaddr - gap.new_low + gap.old_low;
		is_weak = true;
	}
	if (is_weak) {
		sut_place_find(pair->old, old, &other);
		if (old < gap.old_low || old >= gap.old_high || other.kind != kind)
			sut_link_set_none(ret,
					  "a variable that changed functions use in another order");
		else if (gap.new_high - gap.new_low > gap.old_high - gap.old_low &&
			 !has_newcomer(pair, &gap))
			sut_link_set_none(ret, "a variable that seems to have grown");
		else
			sut_link_set_old(ret, old);
		ret->is_between = true;
		return;
	}
	if (gap.new_high - gap.new_low > gap.old_high - gap.old_low && is_accounted_for(pair, &gap))
		*ret = (struct sut_link){ .kind = SUT_LINK_VARIABLE, .value = vaddr };
	else
		sut_link_set_none(
			ret, "a variable that may be new, or one that only changed functions use");
}

static bool has_symbol(const struct sut_image *image, const char *name)
{
	for (size_t i = 0; i < image->n_dynsyms; i++)
		if (strcmp(image->dynsyms[i].name, name) == 0)
			return true;
	return false;
}

// An exported variable that has no name which the old build exports too.
static bool is_new_export(const struct sut_pair *pair, uint64_t vaddr)
{
	const struct sut_image *new = pair->new->image;
	bool is_new = false;

	for (size_t i = 0; i < new->n_dynsyms; i++) {
		const struct sut_symbol *s = &new->dynsyms[i];
		if (s->vaddr != vaddr || s->type != STT_OBJECT || s->section == SHN_UNDEF ||
		    s->section >= SHN_LORESERVE)
			continue;
		if (has_symbol(pair->old->image, s->name))
			return false;
		is_new = true;
	}
	return is_new;
}

static void resolve_place(const struct sut_pair *pair, uint64_t vaddr, struct sut_link *ret)
{
	const struct sut_map_entry *entry = sut_map_find(&pair->backward, vaddr);
	enum sut_map_quality quality;
	uint64_t mapped;
	struct sut_place place, other;

	sut_place_find(pair->new, vaddr, &place);
	if (entry && entry->against >= entry->votes) {
		sut_link_set_none(ret, "unchanged functions disagree about this variable");
		return;
	}
	if (!entry && is_new_export(pair, vaddr)) {
		*ret = (struct sut_link){ .kind = SUT_LINK_VARIABLE, .value = vaddr };
		return;
	}
	quality = sut_map_look_up(&pair->backward, vaddr, &mapped);
	if (quality == SUT_MAP_NONE) {
		resolve_unmapped(pair, vaddr, place.kind, ret);
		return;
	}
	sut_place_find(pair->old, mapped, &other);
	if (other.kind != place.kind) {
		sut_link_set_none(ret, "a variable that moved to another kind of memory");
		return;
	}
	sut_link_set_old(ret, mapped);
	ret->is_between = quality == SUT_MAP_BETWEEN;
}

// Is what stands next, behind the `access` bytes at `old`, at the same distance in both?
// Then nothing between has grown or come.
static bool is_rigid(const struct sut_pair *pair, uint64_t vaddr, uint32_t access, uint64_t old)
{
	const struct sut_map *map = &pair->forward;
	const struct sut_section *s = sut_image_section_at(pair->old->image, old);
	const struct sut_section *t = sut_image_section_at(pair->new->image, vaddr);
	size_t at = sut_map_below(map, old + access - 1);

	at = at == map->n_entries ? 0 : at + 1;
	if (!s || !t)
		return false;
	if (at < map->n_entries && map->entries[at].from < s->vaddr + s->size)
		return map->entries[at].to - map->entries[at].from == vaddr - old;
	return s->vaddr + s->size - old == t->vaddr + t->size - vaddr;
}

// Is each variable that new code refers to in the `access` bytes behind `vaddr` where
// `link` puts these bytes?
static bool has_same_new(const struct sut_pair *pair, uint64_t vaddr, uint32_t access,
			 const struct sut_link *link)
{
	for (uint64_t at = sut_program_next_target(pair->new, vaddr); at - vaddr < access;
	     at = sut_program_next_target(pair->new, at)) {
		struct sut_link other = { .kind = SUT_LINK_NONE };
		resolve_place(pair, at, &other);
		if (other.kind != link->kind || other.value - link->value != at - vaddr)
			return false;
	}
	return true;
}

// And each one that old code refers to there?
static bool has_same_old(const struct sut_pair *pair, uint64_t vaddr, uint32_t access, uint64_t old)
{
	for (uint64_t at = sut_program_next_target(pair->old, old); at - old < access;
	     at = sut_program_next_target(pair->old, at)) {
		const struct sut_map_entry *weak = sut_map_find(&pair->weak_forward, at);
		uint64_t to = weak ? weak->to : 0;
		if (sut_map_look_up(&pair->forward, at, &to) == SUT_MAP_NONE && !weak)
			return false;
		if (to - vaddr != at - old)
			return false;
	}
	return true;
}

// Up to the next address that anything refers to, within the section.
static uint64_t room_of(const struct sut_program *p, uint64_t vaddr, uint64_t *next)
{
	const struct sut_section *s = sut_image_section_at(p->image, vaddr);
	uint64_t end = s ? s->vaddr + s->size : vaddr;

	*next = sut_program_next_target(p, vaddr);
	if (*next > end)
		*next = end;
	return *next - vaddr;
}

// Is there more room in the new image than the next object's alignment explains? Then
// the object has grown, and in the old image its end is another's beginning.
static bool has_grown(const struct sut_pair *pair, uint64_t vaddr, uint64_t old)
{
	/** What compilers align to, at most. */
	static const uint64_t most = 64;
	uint64_t old_next, new_next, align = 1;
	uint64_t room = room_of(pair->old, old, &old_next);

	if (room_of(pair->new, vaddr, &new_next) <= room)
		return false;
	while (align < most && !(old_next % (2 * align)) && !(new_next % (2 * align)))
		align *= 2;
	return new_next > ((vaddr + room + align - 1) & -align);
}

void sut_resolve_variable(const struct sut_pair *pair, uint64_t vaddr, uint32_t access,
			  struct sut_link *ret)
{
	resolve_place(pair, vaddr, ret);
	if (ret->kind == SUT_LINK_NONE)
		return;
	if (ret->kind == SUT_LINK_OLD && !access && has_grown(pair, vaddr, ret->value))
		sut_link_set_none(ret, "a variable that seems to have grown");
	if (!access || (ret->kind == SUT_LINK_OLD && is_rigid(pair, vaddr, access, ret->value)))
		return;
	// A variable that became wider, or an access to several at once.
	if (!has_same_new(pair, vaddr, access, ret) ||
	    (ret->kind == SUT_LINK_OLD && !has_same_old(pair, vaddr, access, ret->value)))
		sut_link_set_none(
			ret, "it is accessed together with memory that is another variable's in "
			     "the old build");
}
