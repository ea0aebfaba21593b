// SPDX-License-Identifier: Apache-2.0
#include "engine/compose_parts.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "code/place.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "engine/compose.h"

/** Fragments of one unit that are not further apart stay at their distance. */
static const uint64_t run_gap = 64;

/** A cache line; code keeps its place in it. */
static const uint64_t line_size = 64;

struct sut_frag_name sut_frag_name(const struct sut_frag *frag)
{
	struct sut_frag_name name;

	if (frag->name && strlen(frag->name) < sizeof(name.text))
		snprintf(name.text, sizeof(name.text), "%s", frag->name);
	else
		snprintf(name.text, sizeof(name.text), "fn_%lx", (unsigned long)frag->start);
	return name;
}

void sut_composer_queue(struct sut_composer *c, uint32_t unit)
{
	if (c->is_queued[unit])
		return;
	c->is_queued[unit] = true;
	c->queue[c->n_queue++] = unit;
}

static uint32_t access_size(const struct sut_program *p, const struct sut_frag *frag,
			    const struct sut_ref *ref)
{
	const struct sut_insn *insn = &p->insns[frag->first_insn + ref->insn];
	struct sut_view code;

	if (ref->kind != SUT_REF_MEMORY || ref->is_lea ||
	    !sut_view_cut(frag->code, insn->off, insn->size, &code))
		return 0;
	return sut_insn_access_size(code);
}

// A one-byte branch out of the unit does not reach once the code has moved: lead it
// to a long jump behind the fragment, and let that one take the relocation.
static struct sut_err *add_island(struct sut_composer *c, const struct sut_frag *frag,
				  struct sut_site *site)
{
	static const uint8_t jump[5] = { 0xe9 };
	struct sut_buf *text = &c->parts[SUT_PART_TEXT];
	uint64_t from = c->frag_off[frag - c->new->frags];
	uint64_t island = text->size - from;
	int64_t distance = island - (site->off + 1 + site->tail);
	struct sut_err *err;

	if (distance > INT8_MAX)
		return NULL; // Stays a short branch, which is refused.
	err = sut_buf_add(text, jump, sizeof(jump));
	if (err)
		return err;
	text->data[from + site->off] = distance;
	site->off = island + 1;
	site->size = 4;
	site->tail = 0;
	return NULL;
}

static bool leaves_unit(const struct sut_composer *c, const struct sut_frag *frag,
			const struct sut_ref *ref)
{
	const struct sut_frag *to = sut_program_frag_at(c->new, ref->target);

	return !to || to->unit != frag->unit;
}

static struct sut_err *carry_refs(struct sut_composer *c, const struct sut_frag *frag)
{
	struct sut_frag_name name = sut_frag_name(frag);
	struct sut_err *err = NULL;

	for (size_t i = 0; i < frag->n_refs; i++) {
		const struct sut_ref *ref = &c->new->refs[frag->first_ref + i];
		struct sut_site site = {
			.part = SUT_PART_TEXT,
			.owner = frag - c->new->frags,
			.off = ref->off,
			.size = ref->size,
			.tail = ref->tail,
			.is_relative = ref->kind != SUT_REF_ABSOLUTE,
			.vaddr = ref->target,
		};
		struct sut_user user = { frag->unit, access_size(c->new, frag, ref) };
		if (ref->size == 1 && leaves_unit(c, frag, ref))
			err = add_island(c, frag, &site);
		if (!err)
			err = sut_composer_refer(c, site, user, name.text);
		if (!err && ref->kind == SUT_REF_ABSOLUTE && ref->is_lea)
			err = sut_composer_check_number(c, ref->target, name.text);
		struct sut_link link;
		sut_resolve(c->resolver, ref->target, user, &link);
		if (!err)
			err = sut_composer_check_compared(c, frag, ref, &link);
		if (err)
			return err;
	}
	return NULL;
}

// Where a fragment goes in .text. Fragments of a unit that are close together stay
// at their distance, so that one-byte branches between them still reach, and all
// keep their place in a cache line.
static struct sut_err *place_frag(struct sut_composer *c, const struct sut_frag *before,
				  const struct sut_frag *frag)
{
	struct sut_buf *text = &c->parts[SUT_PART_TEXT];
	uint64_t gap = UINT64_MAX;

	if (before && frag->start - before->end <= run_gap)
		gap = c->frag_off[before - c->new->frags] + frag->start - before->start -
		      text->size;
	// Too far away, or a long jump stands where it should be.
	if (gap > run_gap)
		gap = (frag->start - text->size) & (line_size - 1);
	while (gap--) {
		struct sut_err *err = sut_buf_add(text, "\x90", 1);
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *carry_frag(struct sut_composer *c, const struct sut_frag *before, uint32_t n)
{
	struct sut_buf *text = &c->parts[SUT_PART_TEXT];
	const struct sut_frag *frag = &c->new->frags[n];
	struct sut_err *err = NULL;

	if (frag->is_opaque)
		err = sut_reasons_add(c->reasons, SUT_SEVERITY_REFUSAL, "opaque",
				      sut_frag_name(frag).text,
				      "the new code does not decode as instructions; install the "
				      "update and restart");
	if (!err)
		err = place_frag(c, before, frag);
	if (err)
		return err;
	c->frag_off[n] = text->size;
	err = sut_buf_add(text, frag->code.data, frag->code.size);
	if (!err)
		err = carry_refs(c, frag);
	return err ? err : sut_composer_need_frame(c, frag);
}

static struct sut_err *carry_unit(struct sut_composer *c, uint32_t u)
{
	const struct sut_unit *unit = &c->new->units[u];
	const struct sut_frag *before = NULL;
	struct sut_err *err = NULL;

	for (size_t m = 0; m < unit->n_members && !err; m++) {
		uint32_t n = c->new->members[unit->first_member + m];
		err = carry_frag(c, before, n);
		before = &c->new->frags[n];
	}
	if (!err && unit->has_unknown_jump)
		err = sut_reasons_add(
			c->reasons, SUT_SEVERITY_REFUSAL, "jump-table",
			sut_frag_name(&c->new->frags[c->new->members[unit->first_member]]).text,
			"an indirect jump goes through a table that was not recognised, so "
			"the function cannot be moved; install the update and restart");
	return err;
}

static struct sut_err *queue_replaced(struct sut_composer *c)
{
	const struct sut_diff *diff = c->resolver->diff;

	for (size_t u = 0; u < c->old->n_units; u++) {
		const struct sut_unit *unit = &c->old->units[u];
		if (!c->replaced[u])
			continue;
		sut_composer_queue(c, diff->old_units[u].other);
		for (size_t m = 0; m < unit->n_members; m++) {
			uint32_t o = c->old->members[unit->first_member + m];
			uint32_t n = diff->pair->to_new[o];
			if (c->old->frags[o].is_called && n != SUT_NO_MATCH)
				sut_composer_queue(c, c->new->frags[n].unit);
		}
	}
	return NULL;
}

static struct sut_err *compose(struct sut_composer *c)
{
	size_t n_replaced;
	struct sut_err *err = sut_composer_find_lsdas(c);

	if (!err)
		err = queue_replaced(c);
	n_replaced = c->n_queue;
	for (size_t i = 0; i < c->n_queue && !err; i++)
		err = carry_unit(c, c->queue[i]);
	if (!err)
		err = sut_composer_place(c);
	if (!err)
		err = sut_composer_emit(c);
	if (!err)
		err = sut_composer_entries(c);
	c->stats->n_added = c->n_queue - n_replaced;
	return err;
}

static void composer_deinit(struct sut_composer *c)
{
	free(c->frag_off);
	free(c->frame_off);
	free(c->queue);
	free(c->is_queued);
	free(c->sites);
	free(c->blocks);
	free(c->tables);
	free(c->words);
	free(c->stubs);
	free(c->lsdas);
	sut_index_deinit(&c->word_site_index);
	sut_index_deinit(&c->block_index);
	sut_index_deinit(&c->table_index);
	sut_index_deinit(&c->word_index);
	sut_index_deinit(&c->stub_index);
	sut_index_deinit(&c->symbol_index);
	sut_index_deinit(&c->cie_index);
	sut_index_deinit(&c->variable_index);
	for (size_t i = 0; i < SUT_N_PARTS; i++)
		sut_buf_deinit(&c->parts[i]);
	sut_patch_deinit(&c->patch);
}

struct sut_err *sut_compose(const struct sut_resolver *resolver, const bool *replaced,
			    struct sut_reasons *reasons, struct sut_compose_stats *stats,
			    struct sut_patch *ret)
{
	const struct sut_program *new = resolver->diff->pair->new;
	_cleanup_(composer_deinit) struct sut_composer c = {
		.resolver = resolver,
		.old = resolver->diff->pair->old,
		.new = new,
		.replaced = replaced,
		.reasons = reasons,
		.stats = stats,
		.frag_off = malloc((new->n_frags + 1) * sizeof(*c.frag_off)),
		.frame_off = calloc(new->n_frags + 1, sizeof(*c.frame_off)),
		.queue = malloc((new->n_units + 1) * sizeof(*c.queue)),
		.is_queued = calloc(new->n_units + 1, sizeof(*c.is_queued)),
	};

	*stats = (struct sut_compose_stats){ 0 };
	if (!c.frag_off || !c.frame_off || !c.queue || !c.is_queued)
		return sut_err_nomem();
	for (size_t i = 0; i < new->n_frags; i++)
		c.frag_off[i] = SUT_NOWHERE;
	struct sut_err *err = compose(&c);
	if (err)
		return err;
	*ret = c.patch;
	c.patch = (struct sut_patch){ 0 };
	return NULL;
}
