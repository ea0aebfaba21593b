// SPDX-License-Identifier: Apache-2.0
#include "engine/build.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/judge.h"
#include "diff/pair.h"
#include "diff/resolve.h"
#include "engine/build_meta.h"
#include "engine/compose.h"
#include "patch/pack.h"
#include "patch/patch.h"

const char *sut_verdict_name(enum sut_verdict verdict)
{
	static const char *const names[] = {
		[SUT_VERDICT_HOTPATCH] = "hotpatch",
		[SUT_VERDICT_REVIEW] = "review",
		[SUT_VERDICT_REFUSED] = "refused",
		[SUT_VERDICT_NOTHING] = "nothing",
	};

	return names[verdict];
}

void sut_build_deinit(struct sut_build *build)
{
	sut_reasons_deinit(&build->reasons);
	free(build->path);
	free(build->name);
	sut_buf_deinit(&build->file);
	*build = (struct sut_build){ 0 };
}

/** Everything known about a pair of images. Owns it, layer by layer. */
struct work {
	struct sut_image images[2];
	struct sut_program programs[2];
	struct sut_pair pair;
	struct sut_diff diff;
	struct sut_resolver resolver;
	struct sut_judgement judgement;
};

static void work_deinit(struct work *w)
{
	sut_judgement_deinit(&w->judgement);
	sut_resolver_deinit(&w->resolver);
	sut_diff_deinit(&w->diff);
	sut_pair_deinit(&w->pair);
	for (size_t i = 0; i < 2; i++) {
		sut_program_deinit(&w->programs[i]);
		sut_image_deinit(&w->images[i]);
	}
}

static struct sut_err *read_side(struct work *w, size_t i, const struct sut_build_side *side)
{
	struct sut_err *err = sut_image_init(side->bytes, &w->images[i]);

	if (!err)
		err = sut_program_init(&w->images[i], &w->programs[i]);
	return err ? sut_err_wrap(err, "%s", side->path) : NULL;
}

static struct sut_err *study(struct work *w)
{
	struct sut_err *err = sut_pair_init(&w->programs[0], &w->programs[1], &w->pair);

	if (!err)
		err = sut_diff_init(&w->pair, &w->diff);
	if (!err)
		err = sut_resolver_init(&w->diff, &w->resolver);
	return err;
}

static void write_build_id(const struct sut_image *image, char ret[129])
{
	struct sut_view id = image->build_id;

	if (id.size > 64)
		id.size = 64;
	sut_hex(id, ret);
}

// What the files as wholes must have in common.
static struct sut_err *check_files(const struct work *w, struct sut_build *build)
{
	const struct sut_image *old = &w->images[0], *new = &w->images[1];
	const char *why = NULL;

	if (!old->build_id.size)
		why = "the old file has no build-id, so no process can be recognised";
	else if (!new->build_id.size)
		why = "the new file has no build-id, so the fixed build has no name";
	else if (sut_view_equal(old->build_id, new->build_id))
		return NULL;
	else if (old->type != new->type)
		why = "one file is position-independent and the other is not";
	else if (old->has_text_relocs || new->has_text_relocs)
		why = "the code itself is relocated when it is loaded (DT_TEXTREL)";
	if (!why)
		return NULL;
	return sut_reasons_add(&build->reasons, SUT_SEVERITY_REFUSAL, "file", NULL,
			       "%s; install the update and restart", why);
}

static struct sut_err *accept_signs(const struct sut_build_options *options,
				    struct sut_build *build)
{
	for (size_t i = 0; i < build->reasons.n; i++) {
		struct sut_reason *reason = &build->reasons.list[i];
		for (size_t k = 0; k < options->n_acceptances; k++) {
			const struct sut_acceptance *a = &options->acceptances[k];
			if (reason->severity != SUT_SEVERITY_SIGN || reason->accepted ||
			    strcmp(a->code, reason->code) != 0 ||
			    (a->function && strcmp(a->function, reason->function) != 0))
				continue;
			reason->accepted = strdup(a->why);
			if (!reason->accepted)
				return sut_err_nomem();
		}
	}
	return NULL;
}

// A stress test: move all code that can be moved.
static void replace_every(struct work *w)
{
	struct sut_judgement *j = &w->judgement;

	j->n_replaced = 0;
	for (size_t u = 0; u < w->programs[0].n_units; u++) {
		j->replaced[u] = sut_compose_can_replace(&w->diff, u) &&
				 (j->replaced[u] || sut_unit_is_entered(&w->programs[0], u));
		j->n_replaced += j->replaced[u];
	}
}

// Functions that somebody asked to leave as they are: the hotpatch says so.
static struct sut_err *leave(struct work *w, const struct sut_build_options *options,
			     struct sut_build *build)
{
	struct sut_judgement *j = &w->judgement;
	const struct sut_program *old = &w->programs[0];
	char name[128];

	for (size_t i = 0; i < options->n_left; i++) {
		for (uint32_t u = 0; u < old->n_units; u++) {
			if (!j->replaced[u] || strcmp(sut_unit_name(old, u, name, sizeof(name)),
						      options->left[i]) != 0)
				continue;
			j->replaced[u] = false;
			j->n_replaced--;
			struct sut_err *err = sut_reasons_add(
				&build->reasons, SUT_SEVERITY_NOTE, "left", name,
				"the function has changed, and was left as it is on request");
			if (err)
				return err;
		}
	}
	return NULL;
}

static void count(const struct work *w, struct sut_build *build)
{
	build->n_functions = w->judgement.n_functions;
	build->n_identical = w->judgement.n_identical;
	build->n_changed = w->judgement.n_replaced;
	build->n_cosmetic = w->judgement.n_cosmetic;
}

static struct sut_err *write_file(struct work *w, const struct sut_build_side *old,
				  const struct sut_build_side *new,
				  const struct sut_build_options *options, struct sut_patch *patch,
				  struct sut_build *build)
{
	_cleanup_(sut_buf_deinit) struct sut_buf packed = { 0 };
	struct sut_build_meta facts = {
		.old = old,
		.new = new,
		.old_image = &w->images[0],
		.options = options,
		.judgement = &w->judgement,
		.diff = &w->diff,
		.build = build,
	};
	struct sut_err *err = sut_build_meta_new(&facts, patch, &patch->meta);

	if (!err)
		err = sut_patch_check(patch);
	if (!err)
		err = sut_patch_write(patch, &build->file);
	if (!err)
		err = sut_pack(sut_buf_view(&build->file), &packed);
	build->packed_size = packed.size;
	return err;
}

static struct sut_err *finish(struct work *w, const struct sut_build_side *old,
			      const struct sut_build_side *new,
			      const struct sut_build_options *options, struct sut_build *build)
{
	_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };
	struct sut_compose_stats stats = { 0 };
	struct sut_err *err = sut_judge(&w->diff, &w->judgement, &build->reasons);

	if (!err && options->every_function)
		replace_every(w);
	if (!err)
		err = leave(w, options, build);
	if (!err)
		count(w, build);
	if (!err && w->judgement.n_replaced)
		err = sut_compose(&w->resolver, w->judgement.replaced, &build->reasons, &stats,
				  &patch);
	if (!err)
		err = accept_signs(options, build);
	if (err)
		return err;
	build->n_references = stats.n_references;
	build->n_unresolved = stats.n_unresolved;
	build->n_added = stats.n_added;
	if (sut_reasons_refuse(&build->reasons))
		build->verdict = SUT_VERDICT_REFUSED;
	else if (sut_reasons_wait(&build->reasons))
		build->verdict = SUT_VERDICT_REVIEW;
	else if (!patch.n_functions)
		build->verdict = SUT_VERDICT_NOTHING;
	else
		return write_file(w, old, new, options, &patch, build);
	return NULL;
}

static struct sut_err *build_pair(struct work *w, const struct sut_build_side *old,
				  const struct sut_build_side *new,
				  const struct sut_build_options *options, struct sut_build *build)
{
	const char *base = strrchr(old->path, '/');
	struct sut_err *err = read_side(w, 0, old);

	if (!err)
		err = read_side(w, 1, new);
	if (err)
		return err;
	write_build_id(&w->images[0], build->old_build_id);
	write_build_id(&w->images[1], build->new_build_id);
	build->path = strdup(old->path);
	if (!build->path || asprintf(&build->name, "%s-%.8s-%.8s", base ? base + 1 : old->path,
				     build->old_build_id, build->new_build_id) < 0)
		return sut_err_nomem();
	err = check_files(w, build);
	if (err)
		return err;
	if (sut_reasons_refuse(&build->reasons)) {
		build->verdict = SUT_VERDICT_REFUSED;
		return NULL;
	}
	if (strcmp(build->old_build_id, build->new_build_id) == 0) {
		build->verdict = SUT_VERDICT_NOTHING;
		return NULL;
	}
	err = study(w);
	if (!err)
		err = finish(w, old, new, options, build);
	return err ? sut_err_wrap(err, "%s", old->path) : NULL;
}

struct sut_err *sut_build(const struct sut_build_side *old, const struct sut_build_side *new,
			  const struct sut_build_options *options, struct sut_build *ret)
{
	_cleanup_(work_deinit) struct work w = { 0 };
	struct sut_build build = { 0 };
	struct sut_err *err = build_pair(&w, old, new, options, &build);

	if (err) {
		sut_build_deinit(&build);
		return err;
	}
	*ret = build;
	return NULL;
}
