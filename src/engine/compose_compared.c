// SPDX-License-Identifier: Apache-2.0

/**
 * Addresses that are compared
 *
 * `for (p = table; p != table + N; p++)` takes the address of what happens to stand
 * behind the table. If that has moved another way than the table did, the loop would
 * never end. And an object that travels as a copy is never equal to the one that
 * pointers in the process lead to. Where an address that is compared could mean two
 * things, it does not resolve.
 */

#include "code/follow.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "diff/resolve.h"
#include "engine/compose.h"
#include "engine/compose_parts.h"

// The start of the object that ends at `vaddr`, if something refers to it.
static bool find_object_below(const struct sut_program *p, uint64_t vaddr, uint64_t *ret)
{
	size_t low = 0, high = p->n_targets;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (p->targets[mid] < vaddr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || sut_image_section_at(p->image, p->targets[low - 1]) !=
				sut_image_section_at(p->image, vaddr))
		return false;
	*ret = p->targets[low - 1];
	return true;
}

static bool refers_into(const struct sut_program *p, uint32_t u, uint64_t low, uint64_t high)
{
	const struct sut_unit *unit = &p->units[u];

	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *frag = &p->frags[p->members[unit->first_member + m]];
		for (size_t i = 0; i < frag->n_refs; i++) {
			uint64_t target = p->refs[frag->first_ref + i].target;
			if (target >= low && target < high)
				return true;
		}
	}
	return false;
}

/** What an address may be the end of. */
enum end {
	END_OF_NOTHING, /**< Of nothing that this unit uses. */
	END_TOGETHER,   /**< Of an object that moved, or travels, with it. */
	END_TORN,       /**< Of an object that went elsewhere. */
};

static bool is_text(const struct sut_composer *c, uint64_t vaddr)
{
	return sut_rodata_text(c->new->image, vaddr) != NULL;
}

static enum end find_end(const struct sut_composer *c, const struct sut_frag *frag, uint64_t vaddr,
			 const struct sut_link *link)
{
	struct sut_user user = { frag->unit, 0 };
	struct sut_link below;
	uint64_t start;

	// A loop through a text ends at its NUL, not behind it.
	if (!find_object_below(c->new, vaddr, &start) ||
	    !refers_into(c->new, frag->unit, start, vaddr) ||
	    (is_text(c, start) && is_text(c, vaddr)))
		return END_OF_NOTHING;
	sut_resolve(c->resolver, start, user, &below);
	// Copies that touch each other travel as one block.
	if (below.kind != link->kind)
		return END_TORN;
	return link->kind == SUT_LINK_OLD && link->value - below.value != vaddr - start
		       ? END_TORN
		       : END_TOGETHER;
}

static bool is_data(enum sut_place_kind kind)
{
	return kind == SUT_PLACE_RODATA || kind == SUT_PLACE_RELRO || kind == SUT_PLACE_DATA ||
	       kind == SUT_PLACE_BSS;
}

struct sut_err *sut_composer_check_compared(struct sut_composer *c, const struct sut_frag *frag,
					    const struct sut_ref *ref, const struct sut_link *link)
{
	struct sut_place place;
	const char *why = NULL;
	unsigned uses;

	if (!ref->is_lea || (link->kind != SUT_LINK_COPY && link->kind != SUT_LINK_OLD))
		return NULL;
	sut_place_find(c->new, ref->target, &place);
	enum end end = is_data(place.kind) ? find_end(c, frag, ref->target, link) : END_TOGETHER;
	bool may_be_torn = end == END_TORN;
	// Nobody can rely on the identity of a text: compilers and linkers merge them.
	bool may_be_other =
		end == END_OF_NOTHING && link->kind == SUT_LINK_COPY && !is_text(c, ref->target);
	if (!may_be_torn && !may_be_other)
		return NULL;
	struct sut_err *err = sut_follow_value(c->new, frag, ref->insn, &uses);
	if (err)
		return err;
	if (may_be_torn && uses)
		why = "may be the end of one object or the start of the next, and these have moved "
		      "apart";
	if (may_be_other && uses & SUT_USE_COMPARED)
		why = "is a copy in the payload, while pointers in the process lead to the "
		      "original";
	if (!why)
		return NULL;
	c->stats->n_unresolved++;
	return sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "unresolved",
			       sut_frag_name(frag).text,
			       "the new code compares a pointer with the address 0x%lx, which %s; "
			       "install the update and restart",
			       (unsigned long)ref->target, why);
}
