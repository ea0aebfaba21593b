// SPDX-License-Identifier: Apache-2.0

/**
 * suture repo add
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/repo_release.h"
#include "cli/repo_settings.h"
#include "cli/ui.h"
#include "engine/build.h"
#include "engine/pairing.h"
#include "fleet/baseline.h"

/** What is being added. Owns the lists; borrows the rest. */
struct addition {
	struct sut_repo_call *call;
	struct sut_release_draft *draft;
	const char **ids; /**< Of the advisories, borrowed from the array below. */
	json_t *advisories;
	const char **left;
	struct sut_acceptance *acceptances;
	struct sut_build_options options;
	json_t *rows; /**< What became of each file: for --json. */
	size_t n_left_over;
};

static void addition_deinit(struct addition *a)
{
	free(a->ids);
	free(a->left);
	free(a->acceptances);
	json_decref(a->advisories);
	json_decref(a->rows);
}

// CODE[:FUNCTION]=why, cut in place.
static struct sut_err *read_acceptance(char *text, struct sut_acceptance *ret)
{
	char *why = strchr(text, '='), *function;

	if (!why || !why[1] || why == text)
		return sut_err(SUT_E_USAGE,
			       "--accept %s: must be CODE[:FUNCTION]=\"why\", with a reason", text);
	*why++ = 0;
	function = strchr(text, ':');
	if (function)
		*function++ = 0;
	*ret = (struct sut_acceptance){ text, function, why };
	return NULL;
}

static struct sut_err *read_options(struct addition *a)
{
	const struct sut_repo_call *call = a->call;
	struct sut_err *err = NULL;

	a->left = calloc(call->n_given + 1, sizeof(*a->left));
	a->acceptances = calloc(call->n_given + 1, sizeof(*a->acceptances));
	a->rows = json_array();
	if (!a->left || !a->acceptances || !a->rows)
		return sut_err_nomem();
	for (size_t i = 0; i < call->n_given && !err; i++) {
		if (call->given[i].option == SUT_REPO_LEAVE)
			a->left[a->options.n_left++] = call->given[i].value;
		if (call->given[i].option == SUT_REPO_ACCEPT)
			err = read_acceptance(call->given[i].value,
					      &a->acceptances[a->options.n_acceptances++]);
	}
	a->options.left = a->left;
	a->options.acceptances = a->acceptances;
	return err;
}

// Those that were given, or else all that are known of the package.
static struct sut_err *find_advisories(struct addition *a, const struct sut_deb *deb)
{
	struct sut_err *err = NULL;

	if (json_array_size(a->draft->advisories))
		a->advisories = json_incref(a->draft->advisories);
	else
		err = sut_advisory_list(a->call->path, deb->package, deb->source, &a->advisories);
	if (err)
		return err;
	a->options.n_advisories = json_array_size(a->advisories);
	a->ids = calloc(a->options.n_advisories + 1, sizeof(*a->ids));
	if (!a->ids)
		return sut_err_nomem();
	for (size_t i = 0; i < a->options.n_advisories; i++)
		a->ids[i] = json_string_value(json_array_get(a->advisories, i));
	a->options.advisories = a->ids;
	return NULL;
}

static struct sut_err *tell(struct addition *a, const char *path, const char *verdict,
			    const char *name, uint64_t size, uint64_t full_size)
{
	json_t *row =
		json_pack("{s:s, s:s, s:s?, s:I, s:I}", "path", path, "verdict", verdict, "name",
			  name, "size", (json_int_t)size, "full_size", (json_int_t)full_size);
	struct sut_size_text text = sut_ui_size(size), full = sut_ui_size(full_size);

	if (name && full_size)
		sut_repo_say(a->call, "  %s: %s %s, %s instead of %s", path, verdict, name,
			     text.text, full.text);
	else if (name)
		sut_repo_say(a->call, "  %s: %s %s, %s", path, verdict, name, text.text);
	else
		sut_repo_say(a->call, "  %s: %s", path, verdict);
	return json_array_append_new(a->rows, row) < 0 ? sut_err_nomem() : NULL;
}

static struct sut_err *add_file(struct addition *a, struct sut_view file, uint64_t full_size)
{
	const struct sut_release_draft_origin origin = {
		.full_size = full_size,
		.advisories = a->advisories ? a->advisories : a->draft->advisories,
	};
	const json_t *entry;
	struct sut_err *err = sut_release_draft_add(a->draft, file, &origin, &entry);

	if (err)
		return err;
	return tell(a, json_string_value(json_object_get(entry, "path")), "hotpatch",
		    json_string_value(json_object_get(entry, "name")),
		    (uint64_t)json_integer_value(json_object_get(entry, "size")), full_size);
}

static bool is_open(const struct sut_reason *r)
{
	return r->severity != SUT_SEVERITY_NOTE && !r->accepted;
}

// A changed structure may give a sign for every function: of each code the first is told.
static void say_reasons(const struct addition *a, const struct sut_build *build)
{
	const struct sut_reasons *reasons = &build->reasons;

	for (size_t i = 0; i < reasons->n; i++) {
		const struct sut_reason *r = &reasons->list[i];
		size_t n_more = 0;
		bool is_first = is_open(r);
		for (size_t k = 0; k < reasons->n; k++) {
			const struct sut_reason *other = &reasons->list[k];
			if (!is_open(other) || strcmp(other->code, r->code) != 0)
				continue;
			is_first &= k >= i;
			n_more += k > i;
		}
		if (!is_first)
			continue;
		sut_repo_say(a->call, "    %s%s%s: %s", r->code, *r->function ? " in " : "",
			     r->function, r->detail);
		if (n_more)
			sut_repo_say(a->call, "    %s: %zu more; 'suture build' tells all", r->code,
				     n_more);
	}
	if (build->verdict == SUT_VERDICT_REVIEW)
		sut_repo_say(a->call, "    Weigh each sign; then accept it with --accept "
				      "CODE[:FUNCTION]=\"why\".");
}

static struct sut_err *leave(struct addition *a, const struct sut_deb *deb,
			     const struct sut_build *build)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "/%s", build->path) < 0)
		return sut_err_nomem();
	const struct sut_release_draft_leftover leftover = {
		.package = deb->package,
		.path = path,
		.old_build_id = build->old_build_id,
		.new_build_id = build->new_build_id,
		.is_refused = build->verdict == SUT_VERDICT_REFUSED,
		.reasons = &build->reasons,
		.advisories = a->advisories,
	};
	struct sut_err *err = sut_release_draft_leave(a->draft, &leftover);
	if (!err)
		err = tell(a, path, sut_verdict_name(build->verdict), NULL, 0, 0);
	if (!err)
		say_reasons(a, build);
	a->n_left_over++;
	return err;
}

static struct sut_err *add_pair(struct addition *a, const struct sut_deb debs[2],
				const struct sut_file_pair *pair)
{
	const struct sut_deb_file *files[2] = { pair->old, pair->new };
	struct sut_build_side sides[2];
	struct sut_build build = { 0 };

	for (size_t i = 0; i < 2; i++)
		sides[i] =
			(struct sut_build_side){ files[i]->path, files[i]->bytes, debs[i].package,
						 debs[i].version, debs[i].architecture };
	struct sut_err *err = sut_build(&sides[0], &sides[1], &a->options, &build);
	if (err)
		return sut_err_wrap(err, "%s", files[0]->path);
	if (build.verdict == SUT_VERDICT_HOTPATCH)
		err = add_file(a, sut_buf_view(&build.file), debs[1].size);
	else if (build.verdict != SUT_VERDICT_NOTHING)
		err = leave(a, &debs[0], &build);
	sut_build_deinit(&build);
	return err;
}

static struct sut_err *check_packages(char **paths, const struct sut_deb debs[2])
{
	if (strcmp(debs[0].package, debs[1].package) != 0 ||
	    strcmp(debs[0].architecture, debs[1].architecture) != 0)
		return sut_err(SUT_E_USAGE, "%s is package %s for %s and %s is %s for %s", paths[0],
			       debs[0].package, debs[0].architecture, paths[1], debs[1].package,
			       debs[1].architecture);
	return NULL;
}

static struct sut_err *add_packages(struct addition *a, char **paths, const struct sut_deb debs[2])
{
	_cleanup_(sut_pairing_deinit) struct sut_pairing pairing = { 0 };
	struct sut_err *err = check_packages(paths, debs);

	if (!err)
		err = find_advisories(a, &debs[0]);
	if (!err)
		err = sut_pairing_init(&debs[0], &debs[1], &pairing);
	for (size_t i = 0; i < pairing.n_pairs && !err; i++) {
		const struct sut_file_pair *pair = &pairing.pairs[i];
		if (pair->new && !sut_view_equal(pair->old->bytes, pair->new->bytes))
			err = add_pair(a, debs, pair);
		sut_ui_progress(i + 1, pairing.n_pairs, "files");
	}
	return err;
}

static void deb_pair_deinit(struct sut_deb (*debs)[2])
{
	sut_deb_deinit(&(*debs)[0]);
	sut_deb_deinit(&(*debs)[1]);
}

static struct sut_err *read_packages(struct addition *a, char **paths)
{
	_cleanup_(deb_pair_deinit) struct sut_deb debs[2] = { 0 };

	for (size_t i = 0; i < 2; i++) {
		_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
		struct sut_err *err = sut_file_read(paths[i], &file);
		if (!err)
			err = sut_deb_init(file.view, &debs[i]);
		if (err)
			return sut_err_wrap(err, "%s", paths[i]);
	}
	return add_packages(a, paths, debs);
}

static struct sut_err *add_files(struct addition *a, char **paths, int n)
{
	for (int i = 0; i < n; i++) {
		_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
		struct sut_err *err = sut_file_read(paths[i], &file);
		if (!err)
			err = add_file(a, file.view, 0);
		if (err)
			return sut_err_wrap(err, "%s", paths[i]);
	}
	return NULL;
}

static bool is_deb(const char *path)
{
	size_t size = strlen(path);

	return size > 4 && strcmp(path + size - 4, ".deb") == 0;
}

static struct sut_err *add_all(struct addition *a)
{
	char **paths = a->call->args + 1;
	int n = a->call->n_args - 1, n_debs = 0;

	for (int i = 0; i < n; i++)
		n_debs += is_deb(paths[i]);
	if (n_debs == 0)
		return add_files(a, paths, n);
	if (n_debs != 2 || n != 2)
		return sut_err(
			SUT_E_USAGE,
			"needs OLD.deb and NEW.deb, or files NAME.hotpatch; packages pair by "
			"pair");
	return read_packages(a, paths);
}

static struct sut_err *run_add(struct sut_repo_call *call)
{
	_cleanup_(sut_release_draft_deinit) struct sut_release_draft draft = { 0 };
	_cleanup_(addition_deinit) struct addition a = { .call = call, .draft = &draft };
	struct sut_err *err = read_options(&a);

	if (!err)
		err = sut_release_draft_init(call, call->args[0], &draft);
	if (!err)
		err = add_all(&a);
	if (!err)
		err = sut_release_draft_stage(&draft);
	if (!err)
		err = sut_repo_answer(call, "files", json_incref(a.rows));
	if (!err)
		err = sut_repo_answer(call, "carried", json_integer((json_int_t)draft.n_carried));
	if (!err)
		err = sut_repo_answer(call, "release", json_incref(draft.document));
	if (err)
		return err;
	sut_repo_say(call,
		     "Release %s on baseline %s: %zu hotpatches (%zu of the release before)%s.",
		     call->args[0], draft.baseline->name,
		     json_array_size(json_object_get(draft.document, "hotpatches")),
		     draft.n_carried, call->is_dry ? " would be staged" : " are staged");
	call->status = a.n_left_over ? SUT_EXIT_REFUSED : SUT_EXIT_OK;
	return NULL;
}

const struct sut_repo_command sut_repo_release_commands[] = {
	{ "add", "baseline advisory accept leave date dry-run", 2, 1000, true, run_add },
	{ NULL, NULL, 0, 0, false, NULL },
};
