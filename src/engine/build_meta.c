// SPDX-License-Identifier: Apache-2.0
#include "engine/build_meta.h"

#include <elf.h>

#include "base/cleanup.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/judge.h"
#include "diff/pair.h"
#include "engine/build.h"
#include "engine/compose.h"
#include "engine/entry_only.h"
#include "patch/patch.h"

static void drop_json(json_t **value)
{
	json_decref(*value);
}

static json_t *conditions(const struct sut_reasons *reasons)
{
	json_t *list = json_array();

	for (size_t i = 0; i < reasons->n; i++) {
		const struct sut_reason *r = &reasons->list[i];
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "code", r->code,
						      "function", r->function, "detail", r->detail,
						      "accepted", r->accepted ? r->accepted : ""));
	}
	return list;
}

static json_t *advisories(const struct sut_build_options *options)
{
	json_t *list = json_array();

	for (size_t i = 0; i < options->n_advisories; i++)
		json_array_append_new(list, json_string(options->advisories[i]));
	return list;
}

// Carried functions that replace none: they are new.
static json_t *added(const struct sut_patch *patch)
{
	json_t *list = json_array();

	for (size_t i = 0; i < patch->n_symbols; i++) {
		const struct sut_patch_symbol *s = &patch->symbols[i];
		bool is_replacement = false;
		if (s->where != SUT_WHERE_PART || s->type != STT_FUNC)
			continue;
		for (size_t f = 0; f < patch->n_functions; f++)
			is_replacement |= patch->functions[f].symbol == i;
		if (!is_replacement)
			json_array_append_new(list, json_pack("{s:s, s:I}", "name", s->name, "size",
							      (json_int_t)s->size));
	}
	return list;
}

static json_t *cosmetic(const struct sut_build_meta *facts)
{
	const struct sut_program *old = facts->diff->pair->old;
	json_t *list = json_array();

	for (size_t u = 0; u < old->n_units; u++) {
		if (!facts->judgement->cosmetic[u])
			continue;
		uint32_t first = old->members[old->units[u].first_member];
		json_array_append_new(list, json_string(sut_frag_name(&old->frags[first]).text));
	}
	return list;
}

static json_t *after(const struct sut_judgement *judgement)
{
	json_t *list = json_array();

	if (judgement->needs_reload)
		json_array_append_new(list, json_string("reload"));
	return list;
}

struct sut_err *sut_build_meta_new(const struct sut_build_meta *facts,
				   const struct sut_patch *patch, json_t **ret)
{
	const struct sut_build *b = facts->build;
	const char *base = strrchr(b->path, '/');
	bool is_package = *facts->old->package;
	bool was_reviewed = false;

	for (size_t i = 0; i < b->reasons.n; i++)
		was_reviewed |= b->reasons.list[i].severity == SUT_SEVERITY_SIGN;
	json_t *counts = json_pack("{s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)b->n_functions,
				   "identical", (json_int_t)b->n_identical, "changed",
				   (json_int_t)b->n_changed, "added", (json_int_t)b->n_added,
				   "cosmetic", (json_int_t)b->n_cosmetic);
	_cleanup_(drop_json) json_t *meta =
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "name",
			  b->name, "file", is_package || !base ? b->path : base + 1, "old_build_id",
			  b->old_build_id, "new_build_id", b->new_build_id, "old_image_span",
			  (json_int_t)(facts->old_image->high - facts->old_image->low), "package",
			  facts->old->package, "old_version", facts->old->version, "new_version",
			  facts->new->version, "architecture", facts->old->architecture, "verdict",
			  was_reviewed ? "review" : "hotpatch", "entry_only_safe",
			  sut_entry_only_prove(facts->diff, facts->judgement, &b->reasons, patch),
			  "builder", SUTURE_VERSION);
	if (!meta || !counts)
		return sut_err_nomem();
	if (json_object_set_new(meta, "counts", counts) ||
	    json_object_set_new(meta, "advisories", advisories(facts->options)) ||
	    json_object_set_new(meta, "conditions", conditions(&b->reasons)) ||
	    json_object_set_new(meta, "added", added(patch)) ||
	    json_object_set_new(meta, "cosmetic", cosmetic(facts)) ||
	    json_object_set_new(meta, "after", after(facts->judgement)))
		return sut_err_nomem();
	*ret = steal(meta);
	return NULL;
}
