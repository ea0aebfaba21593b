// SPDX-License-Identifier: Apache-2.0
#include "fleet/release.h"
#include "fleet/rollout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "fleet/version.h"

static bool has(char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

const struct sut_revocation *sut_catalogue_revoked(const struct sut_catalogue *catalogue,
						   const char *name)
{
	for (size_t i = 0; i < catalogue->n_revocations; i++)
		if (has(catalogue->revocations[i].releases, catalogue->revocations[i].n_releases,
			name))
			return &catalogue->revocations[i];
	return NULL;
}

const struct sut_revocation *sut_catalogue_revoked_hotpatch(const struct sut_catalogue *catalogue,
							    const char *name)
{
	for (size_t i = 0; i < catalogue->n_revocations; i++)
		if (has(catalogue->revocations[i].hotpatches,
			catalogue->revocations[i].n_hotpatches, name))
			return &catalogue->revocations[i];
	return NULL;
}

const struct sut_rollout *sut_catalogue_rollout(const struct sut_catalogue *catalogue,
						const char *name)
{
	for (size_t i = 0; i < catalogue->n_rollouts; i++)
		if (strcmp(catalogue->rollouts[i].release, name) == 0)
			return &catalogue->rollouts[i];
	return NULL;
}

bool sut_want_is_allowed(enum sut_want_why why)
{
	return why == SUT_WANT_TAKE || why == SUT_WANT_KEEP;
}

enum sut_want_why sut_want_why(const struct sut_catalogue *catalogue,
			       const struct sut_release *release, const char *ring,
			       const char *has_release)
{
	const struct sut_rollout *rollout = sut_catalogue_rollout(catalogue, release->name);

	if (sut_catalogue_revoked(catalogue, release->name))
		return SUT_WANT_RECALLED;
	if (!rollout)
		return SUT_WANT_NO_ROLLOUT;
	switch ((enum sut_rollout_state)rollout->state) {
	case SUT_ROLLOUT_RECALLED:
		return SUT_WANT_RECALLED;
	case SUT_ROLLOUT_ROLLED_BACK:
		return SUT_WANT_ROLLED_BACK;
	case SUT_ROLLOUT_COMPLETED:
		return SUT_WANT_TAKE;
	case SUT_ROLLOUT_PAUSED:
		return has_release && strcmp(has_release, release->name) == 0 ? SUT_WANT_KEEP
									      : SUT_WANT_PAUSED;
	case SUT_ROLLOUT_RUNNING:
		break;
	}
	const struct sut_rollout_ring *place = sut_rollout_ring(rollout, ring);
	return place && place->state != SUT_RING_WAITING ? SUT_WANT_TAKE : SUT_WANT_RING_WAITING;
}

static const enum sut_coverage reason_of_why[] = {
	[SUT_WANT_TAKE] = SUT_REASON_PROTECTED,
	[SUT_WANT_KEEP] = SUT_REASON_PROTECTED,
	[SUT_WANT_NO_ROLLOUT] = SUT_REASON_RING_WAITING,
	[SUT_WANT_RING_WAITING] = SUT_REASON_RING_WAITING,
	[SUT_WANT_PAUSED] = SUT_REASON_ROLLOUT_PAUSED,
	[SUT_WANT_ROLLED_BACK] = SUT_REASON_ROLLED_BACK,
	[SUT_WANT_RECALLED] = SUT_REASON_RECALLED,
};

static int by_age(const void *a, const void *b)
{
	const struct sut_release *const *x = a, *const *y = b;

	return -sut_version_compare((*x)->name, (*y)->name);
}

// All releases, the newest first. Owned by the caller.
static struct sut_err *sort_releases(const struct sut_catalogue *catalogue,
				     const struct sut_release ***ret)
{
	const struct sut_release **list = calloc(catalogue->n_releases + 1, sizeof(*list));

	if (!list)
		return sut_err_nomem();
	for (size_t i = 0; i < catalogue->n_releases; i++)
		list[i] = &catalogue->releases[i];
	sut_array_sort(list, catalogue->n_releases, sizeof(*list), by_age);
	*ret = list;
	return NULL;
}

static int tell(const struct sut_want *want, const char *ring, char **ret)
{
	static const char *const sentences[] = {
		[SUT_WANT_TAKE] = "is out for ring %s",
		[SUT_WANT_KEEP] = "is paused, and stays where it is; ring %s",
		[SUT_WANT_NO_ROLLOUT] =
			"is published, and nobody has begun to roll it out to ring %s",
		[SUT_WANT_RING_WAITING] = "is on its way, and ring %s is not open yet",
		[SUT_WANT_PAUSED] = "is paused before it came to this device of ring %s",
		[SUT_WANT_ROLLED_BACK] = "was rolled back, for ring %s too",
		[SUT_WANT_RECALLED] = "was recalled, for ring %s too",
	};
	_cleanup_free_ char *news = NULL;

	if (!want->newest)
		return asprintf(ret, "no release is published yet");
		// Each format has one %s: the table is constant.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (asprintf(&news, sentences[want->newest_why], ring) < 0) {
		news = NULL;
		return -1;
	}
#pragma GCC diagnostic pop
	if (want->release == want->newest)
		return asprintf(ret, "%s %s", want->newest->name, news);
	return asprintf(ret, "%s %s; until then %s%s", want->newest->name, news,
			want->release ? want->release->name : "no release",
			want->release ? "" : " is in force");
}

struct sut_err *sut_want_init(const struct sut_catalogue *catalogue, const char *ring,
			      const char *has_release, struct sut_want *ret)
{
	_cleanup_free_ const struct sut_release **list = NULL;
	struct sut_want want = { .catalogue = catalogue };
	struct sut_err *err = sort_releases(catalogue, &list);

	if (err)
		return err;
	for (size_t i = 0; i < catalogue->n_releases; i++) {
		enum sut_want_why why = sut_want_why(catalogue, list[i], ring, has_release);
		if (i == 0) {
			want.newest = list[i];
			want.newest_why = why;
		}
		if (sut_want_is_allowed(why))
			list[want.n_allowed++] = list[i];
	}
	want.release = want.n_allowed ? list[0] : NULL;
	want.reason = want.newest ? reason_of_why[want.newest_why] : SUT_REASON_PROTECTED;
	if (tell(&want, ring, &want.text) < 0)
		return sut_err_nomem();
	want.allowed = steal(list);
	*ret = want;
	return NULL;
}

void sut_want_deinit(struct sut_want *want)
{
	free(want->allowed);
	free(want->text);
	*want = (struct sut_want){ 0 };
}

const struct sut_release_hotpatch *sut_want_hotpatch(const struct sut_want *want,
						     const char *build_id,
						     const struct sut_release **release_ret)
{
	for (size_t i = 0; i < want->n_allowed; i++) {
		const struct sut_release_hotpatch *h = sut_release_find(want->allowed[i], build_id);
		if (!h || sut_catalogue_revoked_hotpatch(want->catalogue, h->name))
			continue;
		if (release_ret)
			*release_ret = want->allowed[i];
		return h;
	}
	return NULL;
}

/** What a release says of a build. */
enum word {
	WORD_NOTHING,
	WORD_OTHER_BUILD, /**< It patches another build of the file. */
	WORD_FIXED,       /**< It is the fixed build. */
	WORD_HOTPATCH,
	WORD_REVOKED,
	WORD_LEFTOVER, /**< It could not be hotpatched. */
};

static enum word word_of_leftovers(const struct sut_release *r, const char *build_id,
				   const char *path)
{
	for (size_t i = 0; i < r->n_leftovers; i++) {
		const struct sut_release_leftover *l = &r->leftovers[i];
		if (l->old_build_id && strcmp(l->old_build_id, build_id) == 0)
			return WORD_LEFTOVER;
		if (l->new_build_id && strcmp(l->new_build_id, build_id) == 0)
			return WORD_FIXED;
		if (path && strcmp(l->path, path) == 0)
			return l->old_build_id ? WORD_OTHER_BUILD : WORD_LEFTOVER;
	}
	return WORD_NOTHING;
}

static enum word word_of(const struct sut_want *want, const struct sut_release *r,
			 const char *build_id, const char *path)
{
	const struct sut_release_hotpatch *h = sut_release_find(r, build_id);
	enum word word = word_of_leftovers(r, build_id, path);

	if (h && sut_catalogue_revoked_hotpatch(want->catalogue, h->name))
		return WORD_REVOKED;
	if (h)
		return WORD_HOTPATCH;
	for (size_t i = 0; i < r->n_hotpatches; i++) {
		if (strcmp(r->hotpatches[i].new_build_id, build_id) == 0)
			return WORD_FIXED;
		if (path && word == WORD_NOTHING && strcmp(r->hotpatches[i].path, path) == 0)
			word = WORD_OTHER_BUILD;
	}
	return word;
}

static bool closes_all(const struct sut_release_hotpatch *h,
		       const struct sut_release_hotpatch *other)
{
	for (size_t i = 0; i < other->n_advisories; i++)
		if (!has(h->advisories, h->n_advisories, other->advisories[i]))
			return false;
	return true;
}

// Why is build @p build_id, which release @p told patches, not protected by it?
static enum sut_coverage reason_of_hotpatch(const struct sut_want *want,
					  const struct sut_release *told, const char *build_id)
{
	const struct sut_release_hotpatch *h = sut_want_hotpatch(want, build_id, NULL);

	// It is, or by an older release that closes the same.
	if (h && closes_all(h, sut_release_find(told, build_id)))
		return SUT_REASON_PROTECTED;
	// That it would be kept is for who has it: then it would be allowed.
	return reason_of_why[sut_want_why(want->catalogue, told, "", NULL)];
}

// Of releases that know the build itself, the newest decides; that one patches another
// build of the file counts only when none knows it.
static enum word ask_all(const struct sut_want *want, const char *build_id, const char *path,
			 const struct sut_release **told_ret)
{
	const struct sut_catalogue *c = want->catalogue;
	enum word word = WORD_NOTHING;

	*told_ret = NULL;
	for (size_t i = 0; i < c->n_releases; i++) {
		const struct sut_release *r = &c->releases[i];
		enum word w = word_of(want, r, build_id, path);
		bool knows = w > WORD_OTHER_BUILD, knew = word > WORD_OTHER_BUILD;
		if (w == WORD_NOTHING)
			continue;
		if (!*told_ret || knows > knew ||
		    (knows == knew && sut_version_compare(r->name, (*told_ret)->name) > 0)) {
			*told_ret = r;
			word = w;
		}
	}
	return word;
}

enum sut_coverage sut_want_reason(const struct sut_want *want, const char *build_id, const char *path,
				const struct sut_release **release_ret)
{
	const struct sut_release *told;
	enum word word = ask_all(want, build_id, path, &told);

	if (release_ret)
		*release_ret = told;
	switch (word) {
	case WORD_NOTHING:
	case WORD_FIXED:
		return SUT_REASON_PROTECTED;
	case WORD_OTHER_BUILD:
		return SUT_REASON_UNKNOWN_BUILD;
	case WORD_REVOKED:
		return SUT_REASON_RECALLED;
	case WORD_LEFTOVER:
		return SUT_REASON_NO_HOTPATCH;
	case WORD_HOTPATCH:
		break;
	}
	return reason_of_hotpatch(want, told, build_id);
}
