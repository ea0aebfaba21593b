// SPDX-License-Identifier: Apache-2.0

/**
 * Signs of when code runs: for ever, only at the start, or only through pointers
 * that somebody must store first.
 */

#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/explain.h"
#include "diff/judge.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "diff/signs.h"
#include "elf/image.h"

static uint32_t unit_at(const struct sut_program *p, uint64_t vaddr)
{
	const struct sut_frag *frag = sut_program_frag_at(p, vaddr);

	return frag && frag->start == vaddr ? frag->unit : SUT_NO_MATCH;
}

// Did the function at old address `from` become the one at new address `to`?
static bool is_successor(const struct sut_evidence *e, uint64_t from, uint64_t to)
{
	uint32_t o = unit_at(e->diff->pair->old, from), n = unit_at(e->diff->pair->new, to);

	return o != SUT_NO_MATCH && n != SUT_NO_MATCH && e->diff->old_units[o].other == n;
}

static bool only_texts(const struct sut_explanation *why)
{
	return why->is_same_skeleton && !why->n_masks && !why->n_sizes && !why->n_arguments &&
	       !why->n_constants && !why->n_offsets && !why->n_threads;
}

// A function that is always on some stack can never be replaced: it stays.
static struct sut_err *check_endless(const struct sut_evidence *e, uint32_t u)
{
	const struct sut_program *old = e->diff->pair->old;
	bool is_main = old->main && unit_at(old, old->main) == u;
	bool is_harmless = only_texts(&e->why[u]);
	char name[128];

	if (!e->judgement->replaced[u] || (!is_main && !old->units[u].never_returns))
		return NULL;
	e->judgement->replaced[u] = false;
	return sut_reasons_add(
		e->reasons, is_harmless ? SUT_SEVERITY_NOTE : SUT_SEVERITY_SIGN, "never-returns",
		sut_unit_name(old, u, name, sizeof(name)),
		"%s, so it cannot be replaced while the program runs; it stays as it is%s",
		is_main ? "main() runs as long as the program" : "the function loops for ever",
		is_harmless ? " (only texts or references differ in it)"
			    : ", and what changed in it takes effect at the next restart");
}

/** Who calls a unit. */
enum callers {
	CALLERS_NONE,
	CALLERS_STARTUP, /**< Only start-up code. */
	CALLERS_OTHERS,
};

// One step from what is start-up code to what only that refers to. True when it added some.
static bool spread(const struct sut_program *p, bool *is_startup, uint8_t *callers)
{
	bool has_more = false;

	for (size_t u = 0; u < p->n_units; u++)
		if (callers[u] != CALLERS_OTHERS)
			callers[u] = CALLERS_NONE;
	for (size_t i = 0; i < p->n_frags; i++) {
		const struct sut_frag *frag = &p->frags[i];
		for (size_t r = 0; r < frag->n_refs; r++) {
			uint32_t to = unit_at(p, p->refs[frag->first_ref + r].target);
			if (to == SUT_NO_MATCH || to == frag->unit)
				continue;
			if (!is_startup[frag->unit])
				callers[to] = CALLERS_OTHERS;
			else if (callers[to] == CALLERS_NONE)
				callers[to] = CALLERS_STARTUP;
		}
	}
	for (size_t u = 0; u < p->n_units; u++) {
		if (callers[u] == CALLERS_STARTUP && !is_startup[u]) {
			is_startup[u] = true;
			has_more = true;
		}
	}
	return has_more;
}

// Mark what constructors, and functions that only they call, are.
static struct sut_err *find_startup(const struct sut_program *p, bool **ret)
{
	const struct sut_image *image = p->image;
	bool *is_startup = calloc(p->n_units + 1, sizeof(*is_startup));
	uint8_t *callers = calloc(p->n_units + 1, sizeof(*callers));

	if (!is_startup || !callers) {
		free(is_startup);
		free(callers);
		return sut_err_nomem();
	}
	for (size_t i = 0; i < image->n_relocs; i++) {
		const struct sut_reloc *r = &image->relocs[i];
		uint32_t u = r->symbol ? SUT_NO_MATCH : unit_at(p, r->addend);
		if (u == SUT_NO_MATCH)
			continue;
		if (r->vaddr >= image->init_array &&
		    r->vaddr < image->init_array + image->init_array_size)
			is_startup[u] = true;
		else
			callers[u] = CALLERS_OTHERS;
	}
	for (size_t i = 0; i < p->n_frags; i++)
		if (p->frags[i].is_named)
			callers[p->frags[i].unit] = CALLERS_OTHERS;
	for (size_t u = 0; u < p->n_units; u++)
		if (callers[u] == CALLERS_OTHERS)
			is_startup[u] = false;
	for (int round = 0; round < 16 && spread(p, is_startup, callers); round++)
		;
	free(callers);
	*ret = is_startup;
	return NULL;
}

static struct sut_err *check_startup(const struct sut_evidence *e, const bool *is_startup,
				     uint32_t u)
{
	char name[128];

	if (!e->judgement->replaced[u] || !is_startup[u])
		return NULL;
	return sut_reasons_add(
		e->reasons, SUT_SEVERITY_SIGN, "startup",
		sut_unit_name(e->diff->pair->old, u, name, sizeof(name)),
		"only start-up code runs this function, and it has run: what the old "
		"one prepared stays until the program restarts");
}

// Lists of constructors: each of the new build must have its like in the old one.
static struct sut_err *check_constructors(const struct sut_evidence *e)
{
	const struct sut_pair *pair = e->diff->pair;
	const struct sut_image *old = pair->old->image, *new = pair->new->image;
	size_t n_new = 0;

	for (size_t i = sut_image_reloc_from(new, new->init_array);
	     i < new->n_relocs &&new->relocs[i].vaddr < new->init_array + new->init_array_size;
	     i++) {
		bool has_like = false;
		for (size_t k = sut_image_reloc_from(old, old->init_array);
		     k < old->n_relocs &&
		     old->relocs[k].vaddr < old->init_array + old->init_array_size;
		     k++)
			has_like |= sut_address_same(pair, old->relocs[k].addend,
						     new->relocs[i].addend) ||
				    is_successor(e, old->relocs[k].addend, new->relocs[i].addend);
		n_new += !has_like;
	}
	if (!n_new && new->init_array_size == old->init_array_size)
		return NULL;
	return sut_reasons_add(e->reasons, SUT_SEVERITY_SIGN, "startup", NULL,
			       "the new build has other constructors (%zu new ones): programs that "
			       "run now have not called them",
			       n_new);
}

// A resolver has run when the module was loaded, or at the first call.
static struct sut_err *check_resolvers(const struct sut_evidence *e)
{
	const struct sut_program *old = e->diff->pair->old;
	struct sut_err *err = NULL;
	char name[128];

	for (size_t i = 0; i < old->image->n_relocs && !err; i++) {
		const struct sut_reloc *r = &old->image->relocs[i];
		const struct sut_symbol *s = sut_place_symbol(old, r);
		bool is_ifunc = s && s->type == STT_GNU_IFUNC && s->section != SHN_UNDEF;
		uint32_t u = r->type == R_X86_64_IRELATIVE ? unit_at(old, r->addend)
			     : is_ifunc                    ? unit_at(old, s->vaddr)
							   : SUT_NO_MATCH;
		if (u != SUT_NO_MATCH && e->judgement->replaced[u])
			err = sut_reasons_add(
				e->reasons, SUT_SEVERITY_SIGN, "startup",
				sut_unit_name(old, u, name, sizeof(name)),
				"this function chose an implementation when the module was loaded, "
				"and the choice stays until the program restarts");
	}
	return err;
}

// Is new unit n entered by stored pointers only, which changed code hands out?
static bool is_handed_out(const struct sut_program *new, const struct sut_frag *entry)
{
	bool is_taken = false;

	for (size_t i = 0; i < new->n_frags; i++) {
		const struct sut_frag *frag = &new->frags[i];
		for (size_t r = 0; r < frag->n_refs; r++) {
			const struct sut_ref *ref = &new->refs[frag->first_ref + r];
			if (ref->target != entry->start)
				continue;
			if (ref->kind != SUT_REF_MEMORY)
				return false;
			is_taken = true;
		}
	}
	return is_taken;
}

static struct sut_err *check_handed_out(const struct sut_evidence *e, uint32_t n)
{
	const struct sut_program *new = e->diff->pair->new;
	const struct sut_frag *entry = &new->frags[new->members[new->units[n].first_member]];
	char name[128];

	if (e->diff->new_units[n] != SUT_NO_MATCH || entry->is_plt || !entry->is_called ||
	    !is_handed_out(new, entry))
		return NULL;
	e->judgement->needs_reload = true;
	return sut_reasons_add(
		e->reasons, SUT_SEVERITY_NOTE, "reload", sut_unit_name(new, n, name, sizeof(name)),
		"this new function is entered only through pointers that other code stores; lists "
		"prepared before the patch do not hold it. If the program can reload its "
		"configuration, reload it after applying");
}

struct sut_err *sut_signs_life(const struct sut_evidence *e)
{
	const struct sut_pair *pair = e->diff->pair;
	_cleanup_free_ bool *is_startup = NULL;
	struct sut_err *err = find_startup(pair->old, &is_startup);

	for (uint32_t u = 0; u < pair->old->n_units && !err; u++) {
		err = check_endless(e, u);
		if (!err)
			err = check_startup(e, is_startup, u);
	}
	if (!err)
		err = check_constructors(e);
	if (!err)
		err = check_resolvers(e);
	for (uint32_t n = 0; n < pair->new->n_units && !err; n++)
		err = check_handed_out(e, n);
	return err;
}
