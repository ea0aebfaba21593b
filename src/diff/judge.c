// SPDX-License-Identifier: Apache-2.0
#include "diff/judge.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "code/program.h"
#include "diff/compare.h"
#include "diff/explain.h"
#include "diff/pair.h"
#include "diff/reason.h"
#include "diff/signs.h"

/** Builds with a smaller share of alike functions come from other tools or other
 *  sources, and nothing that the comparison says of them can be trusted. */
static const double least_alike = 0.6;

void sut_judgement_deinit(struct sut_judgement *judgement)
{
	free(judgement->replaced);
	free(judgement->cosmetic);
	*judgement = (struct sut_judgement){ 0 };
}

static bool is_plt(const struct sut_program *p, const struct sut_unit *unit)
{
	return p->frags[p->members[unit->first_member]].is_plt;
}

bool sut_unit_is_entered(const struct sut_program *p, uint32_t u)
{
	const struct sut_unit *unit = &p->units[u];

	for (size_t m = 0; m < unit->n_members; m++)
		if (p->frags[p->members[unit->first_member + m]].is_called)
			return true;
	return false;
}

static struct sut_err *check_alike(const struct sut_judgement *j, size_t n_alike,
				   struct sut_reasons *reasons)
{
	double share = j->n_functions ? (double)n_alike / j->n_functions : 1;

	if (share >= least_alike)
		return NULL;
	return sut_reasons_add(
		reasons, SUT_SEVERITY_REFUSAL, "too-different", NULL,
		"only %.0f%% of the old functions are in the new build, where %.0f%% "
		"are needed to trust the comparison: another compiler or another "
		"source; install the update and restart",
		100 * share, 100 * least_alike);
}

const char *sut_unit_name(const struct sut_program *p, uint32_t u, char *buffer, size_t size)
{
	const struct sut_unit *unit = &p->units[u];
	const struct sut_frag *frag = &p->frags[p->members[unit->first_member]];

	for (size_t m = 0; m < unit->n_members; m++) {
		const struct sut_frag *other = &p->frags[p->members[unit->first_member + m]];
		if (other->is_called) {
			frag = other;
			break;
		}
	}
	if (frag->name && strlen(frag->name) < size)
		snprintf(buffer, size, "%s", frag->name);
	else
		snprintf(buffer, size, "fn_%lx", (unsigned long)frag->start);
	return buffer;
}

static bool has_unknown_jumps(const struct sut_program *p)
{
	for (size_t u = 0; u < p->n_units; u++)
		if (p->units[u].has_unknown_jump)
			return true;
	return false;
}

// Changed code that nothing leads to is dead, unless a jump that was not understood
// leads there.
static struct sut_err *check_unentered(const struct sut_diff *diff, const struct sut_judgement *j,
				       struct sut_reasons *reasons)
{
	const struct sut_program *old = diff->pair->old;
	struct sut_err *err = NULL;
	char name[128];

	if (!has_unknown_jumps(old) && !has_unknown_jumps(diff->pair->new))
		return NULL;
	for (size_t u = 0; u < old->n_units && !err; u++)
		if (diff->old_units[u].change != SUT_CHANGE_NONE && !j->cosmetic[u] &&
		    !is_plt(old, &old->units[u]) && !sut_unit_is_entered(old, u))
			err = sut_reasons_add(
				reasons, SUT_SEVERITY_SIGN, "unknown-entry",
				sut_unit_name(old, u, name, sizeof(name)),
				"this code changed, and nothing is known to lead to it, so it stays "
				"as it is; if a jump through one of the tables that were not "
				"recognised leads there, the old code goes on to run");
	return err;
}

static struct sut_err *find_signs(const struct sut_evidence *e)
{
	struct sut_err *err = sut_signs_layout(e);

	if (!err)
		err = sut_signs_data(e);
	return err ? err : sut_signs_life(e);
}

struct sut_err *sut_judge(const struct sut_diff *diff, struct sut_judgement *ret,
			  struct sut_reasons *reasons)
{
	const struct sut_program *old = diff->pair->old;
	_cleanup_(sut_judgement_deinit) struct sut_judgement j = {
		.replaced = calloc(old->n_units + 1, sizeof(bool)),
		.cosmetic = calloc(old->n_units + 1, sizeof(bool)),
	};
	_cleanup_free_ struct sut_explanation *why =
		calloc(old->n_units + 1, sizeof(struct sut_explanation));
	size_t n_alike = 0;

	if (!j.replaced || !j.cosmetic || !why)
		return sut_err_nomem();
	for (size_t u = 0; u < old->n_units; u++) {
		const struct sut_unit_diff *d = &diff->old_units[u];
		if (is_plt(old, &old->units[u]))
			continue;
		j.n_functions++;
		if (d->change == SUT_CHANGE_NONE) {
			j.n_identical++;
			n_alike++;
			continue;
		}
		if (d->change == SUT_CHANGE_REMOVED)
			continue;
		sut_explain(diff->pair, u, d->other, &why[u]);
		n_alike += why[u].is_same_skeleton;
		j.cosmetic[u] = sut_explanation_is_cosmetic(&why[u]);
		j.replaced[u] = !j.cosmetic[u] && sut_unit_is_entered(old, u);
		j.n_cosmetic += j.cosmetic[u];
	}
	struct sut_err *err = check_alike(&j, n_alike, reasons);
	if (!err)
		err = check_unentered(diff, &j, reasons);
	if (!err)
		err = find_signs(&(struct sut_evidence){ diff, why, &j, reasons });
	for (size_t u = 0; u < old->n_units; u++)
		j.n_replaced += j.replaced[u];
	if (err)
		return err;
	*ret = j;
	j = (struct sut_judgement){ 0 };
	return NULL;
}
