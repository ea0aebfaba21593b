// SPDX-License-Identifier: Apache-2.0
#include "fleet/release.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "fleet/baseline.h"
#include "fleet/version.h"

static const struct {
	const char *name;
	bool is_note;
} codes[] = {
	[SUT_PROBLEM_NAME] = { "name", false },
	[SUT_PROBLEM_BASELINE] = { "baseline", false },
	[SUT_PROBLEM_NO_ADVISORY] = { "no-advisory", false },
	[SUT_PROBLEM_UNKNOWN_ADVISORY] = { "unknown-advisory", false },
	[SUT_PROBLEM_NOT_CUMULATIVE] = { "not-cumulative", false },
	[SUT_PROBLEM_FOREIGN_BUILD] = { "foreign-build", false },
	[SUT_PROBLEM_EMPTY] = { "empty", false },
	[SUT_PROBLEM_NO_MANIFEST] = { "no-manifest", false },
	[SUT_PROBLEM_LEFTOVER] = { "not-hotpatchable", true },
	[SUT_PROBLEM_SIZE] = { "size", true },
};

const char *sut_problem_name(enum sut_problem_code code)
{
	return codes[code].name;
}

void sut_problems_deinit(struct sut_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++)
		free(problems->list[i].text);
	free(problems->list);
	*problems = (struct sut_problems){ 0 };
}

__attribute__((format(printf, 3, 4))) static struct sut_err *
add(struct sut_problems *problems, enum sut_problem_code code, const char *fmt, ...)
{
	va_list args;
	_cleanup_free_ char *text = NULL;

	va_start(args, fmt);
	int size = vasprintf(&text, fmt, args);
	va_end(args);
	if (size < 0) {
		text = NULL;
		return sut_err_nomem();
	}
	struct sut_err *err = sut_array_grow(&problems->list, problems->n, &problems->capacity,
					     sizeof(*problems->list));
	if (err)
		return err;
	problems->list[problems->n++] =
		(struct sut_problem){ code, codes[code].is_note, steal(text) };
	problems->n_fatal += !codes[code].is_note;
	return NULL;
}

static bool has(char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static struct sut_err *check_name(const struct sut_release *r, struct sut_problems *ret)
{
	struct sut_version version;
	struct sut_err *err = NULL;

	sut_version_read(r->name, &version);
	if (r->is_out_of_band != (version.number > 0))
		err = add(ret, SUT_PROBLEM_NAME,
			  "%s: a release out of band has a number behind its month (like "
			  "%04d.%02d.1), "
			  "and no other has",
			  r->name, version.year, version.month);
	int order = sut_version_compare(r->name, r->baseline);
	if (!err && (order < 0 || (order == 0 && r->kind == SUT_RELEASE_HOTPATCH)))
		err = add(ret, SUT_PROBLEM_NAME,
			  "%s is not after its baseline %s: name it by a later month", r->name,
			  r->baseline);
	return err;
}

static struct sut_err *check_baseline(const struct sut_release *r,
				      const struct sut_release_context *c, struct sut_problems *ret)
{
	struct sut_err *err = NULL;

	if (strcmp(r->baseline, c->baseline->name) != 0)
		err = add(ret, SUT_PROBLEM_BASELINE, "%s is on baseline %s, not on %s", r->name,
			  r->baseline, c->baseline->name);
	if (!err && r->kind == SUT_RELEASE_BASELINE &&
	    (!c->manifest || strcmp(c->manifest->name, r->name) != 0))
		err = add(
			ret, SUT_PROBLEM_NO_MANIFEST,
			"%s brings a new baseline, and there is no manifest of its packages: make "
			"it with 'suture repo baseline'",
			r->name);
	if (!err && r->kind == SUT_RELEASE_HOTPATCH && r->n_hotpatches == 0)
		err = add(ret, SUT_PROBLEM_EMPTY,
			  "%s holds no hotpatch: add some, or make it an unplanned baseline",
			  r->name);
	return err;
}

static struct sut_err *check_advisories(const struct sut_release *r,
					const struct sut_release_hotpatch *h,
					struct sut_problems *ret)
{
	struct sut_err *err = NULL;

	if (h->n_advisories == 0)
		err = add(
			ret, SUT_PROBLEM_NO_ADVISORY,
			"hotpatch %s closes no advisory; a release is for security only: name the "
			"advisory, or leave the hotpatch for the next baseline",
			h->name);
	for (size_t i = 0; i < h->n_advisories && !err; i++)
		if (!sut_release_advisory(r, h->advisories[i]))
			err = add(ret, SUT_PROBLEM_UNKNOWN_ADVISORY,
				  "hotpatch %s names %s, which the release does not tell of: enter "
				  "it "
				  "with 'suture repo advisory'",
				  h->name, h->advisories[i]);
	return err;
}

static struct sut_err *check_hotpatch(const struct sut_release *r,
				      const struct sut_release_context *c,
				      const struct sut_release_hotpatch *h,
				      struct sut_problems *ret)
{
	struct sut_err *err = check_advisories(r, h, ret);

	if (!err && !sut_baseline_find(c->baseline, h->old_build_id, NULL))
		err = add(ret, SUT_PROBLEM_FOREIGN_BUILD,
			  "hotpatch %s is for build %s, which is not in baseline %s", h->name,
			  h->old_build_id, c->baseline->name);
	if (!err && h->full_size && h->size > h->full_size / 10)
		err = add(ret, SUT_PROBLEM_SIZE,
			  "hotpatch %s has %llu bytes, over a tenth of the %llu of package %s",
			  h->name, (unsigned long long)h->size, (unsigned long long)h->full_size,
			  h->package);
	return err;
}

static struct sut_err *check_superseded(const struct sut_release *r,
					const struct sut_release_context *c,
					const struct sut_release_hotpatch *before,
					struct sut_problems *ret)
{
	const struct sut_release_hotpatch *h = sut_release_find(r, before->old_build_id);
	struct sut_err *err = NULL;

	if (has(c->revoked, c->n_revoked, before->name))
		return NULL;
	if (!h)
		return add(ret, SUT_PROBLEM_NOT_CUMULATIVE,
			   "release %s covers %s of package %s (build %.16s…), and %s does not: a "
			   "release holds everything of the one before",
			   c->previous->name, before->path, before->package, before->old_build_id,
			   r->name);
	for (size_t i = 0; i < before->n_advisories && !err; i++)
		if (!has(h->advisories, h->n_advisories, before->advisories[i]))
			err = add(ret, SUT_PROBLEM_NOT_CUMULATIVE,
				  "hotpatch %s takes the place of %s of release %s, and does not "
				  "name "
				  "its advisory %s",
				  h->name, before->name, c->previous->name, before->advisories[i]);
	return err;
}

static struct sut_err *check_leftovers(const struct sut_release *r, struct sut_problems *ret)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < r->n_leftovers && !err; i++) {
		const struct sut_release_leftover *l = &r->leftovers[i];
		err = add(ret, SUT_PROBLEM_LEFTOVER,
			  "%s of package %s cannot be hotpatched (%s%s%s)%s", l->path, l->package,
			  l->verdict ? "refused" : "waits for review", l->n_reasons ? ": " : "",
			  l->n_reasons ? l->reasons[0].code : "",
			  r->kind == SUT_RELEASE_BASELINE
				  ? ": the new baseline closes it"
				  : ": devices that run it stay exposed until they move to a "
				    "baseline; "
				    "--unplanned-baseline makes this release one");
	}
	return err;
}

struct sut_err *sut_release_check(const struct sut_release *release,
				  const struct sut_release_context *context,
				  struct sut_problems *ret)
{
	struct sut_err *err = check_name(release, ret);

	if (!err)
		err = check_baseline(release, context, ret);
	for (size_t i = 0; i < release->n_hotpatches && !err; i++)
		err = check_hotpatch(release, context, &release->hotpatches[i], ret);
	for (size_t i = 0; context->previous && i < context->previous->n_hotpatches && !err; i++)
		err = check_superseded(release, context, &context->previous->hotpatches[i], ret);
	return err ? err : check_leftovers(release, ret);
}
