// SPDX-License-Identifier: Apache-2.0

/**
 * suture repo check, publish, rollout, recall, status
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/id.h"
#include "base/json.h"
#include "base/time.h"
#include "cli/channel.h"
#include "cli/repo_keys.h"
#include "cli/repo_settings.h"
#include "cli/ui.h"
#include "fleet/gate.h"
#include "tuf/repository.h"

static json_t *problems_json(const struct sut_problems *problems)
{
	json_t *list = json_array();

	for (size_t i = 0; i < problems->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "code",
						      sut_problem_name(problems->list[i].code),
						      "note", problems->list[i].is_note, "text",
						      problems->list[i].text));
	return list;
}

static void say_problems(const struct sut_repo_call *call, const struct sut_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++)
		sut_repo_say(call, "  %s %s: %s", problems->list[i].is_note ? "note" : "PROBLEM",
			     sut_problem_name(problems->list[i].code), problems->list[i].text);
}

static struct sut_err *find_release(const struct sut_channel *channel, const char *name,
				    struct sut_release **ret)
{
	*ret = sut_channel_release(channel, name);
	return *ret ? NULL
		    : sut_err(SUT_E_USAGE,
			      "there is no release %s: 'suture repo status' tells which there are",
			      name);
}

static struct sut_err *make_unplanned(struct sut_repo_call *call, const struct sut_channel *channel,
				      struct sut_release *release)
{
	if (release->kind == SUT_RELEASE_BASELINE)
		return NULL;
	if (sut_channel_is_published(call->repository, "hotpatches", release->name))
		return sut_err(
			SUT_E_USAGE,
			"release %s is published: make the baseline a release of its own, out "
			"of band",
			release->name);
	if (!sut_channel_baseline(channel, release->name))
		return sut_err(
			SUT_E_USAGE,
			"there is no baseline %s: make its manifest first, with 'suture repo "
			"baseline %s %s PACKAGE.deb… --unplanned-baseline'",
			release->name, call->path, release->name);
	release->kind = SUT_RELEASE_BASELINE;
	if (call->is_dry)
		return NULL;
	return sut_channel_put(call->repository, "hotpatches", "release", release->name,
			       sut_release_write(release));
}

static struct sut_err *run_check(struct sut_repo_call *call)
{
	_cleanup_(sut_channel_deinit) struct sut_channel channel = { 0 };
	_cleanup_(sut_problems_deinit) struct sut_problems problems = { 0 };
	struct sut_release *release;
	struct sut_err *err = sut_channel_load(call->repository, &channel);

	if (!err)
		err = find_release(&channel, call->args[0], &release);
	if (!err && sut_repo_has(call, SUT_REPO_UNPLANNED))
		err = make_unplanned(call, &channel, release);
	if (!err)
		err = sut_channel_check(call->repository, &channel, release, &problems);
	if (!err)
		err = sut_repo_answer(call, "problems", problems_json(&problems));
	if (!err)
		err = sut_repo_answer(call, "passed", json_boolean(problems.n_fatal == 0));
	if (err)
		return err;
	sut_repo_say(call, "Release %s (%s on baseline %s): %zu hotpatches, %zu advisories. %s",
		     release->name,
		     release->kind == SUT_RELEASE_BASELINE ? "a new baseline" : "hotpatches",
		     release->baseline, release->n_hotpatches, release->n_advisories,
		     problems.n_fatal ? "It must not be published:" : "It may be published.");
	say_problems(call, &problems);
	call->status = problems.n_fatal ? SUT_EXIT_REFUSED : SUT_EXIT_OK;
	return NULL;
}

// Check every release that is staged; what stands against them is told.
static struct sut_err *check_staged(struct sut_repo_call *call, size_t *n_fatal)
{
	_cleanup_(sut_channel_deinit) struct sut_channel channel = { 0 };
	struct sut_err *err = sut_channel_load(call->repository, &channel);

	*n_fatal = 0;
	for (size_t i = 0; i < channel.n_releases && !err; i++) {
		_cleanup_(sut_problems_deinit) struct sut_problems problems = { 0 };
		const struct sut_release *release = &channel.releases[i];
		if (!sut_channel_is_staged(call->repository, "hotpatches", release->name))
			continue;
		err = sut_channel_check(call->repository, &channel, release, &problems);
		if (!err && problems.n_fatal) {
			sut_repo_say(call, "Release %s must not be published:", release->name);
			say_problems(call, &problems);
			err = sut_repo_answer(call, "problems", problems_json(&problems));
		}
		*n_fatal += problems.n_fatal;
	}
	return err;
}

// Sign and publish @p roles (NULL: all that is staged) with --keys.
static struct sut_err *publish(struct sut_repo_call *call, const char *const *roles)
{
	static const char *const always[] = { "snapshot", "timestamp", NULL };
	_cleanup_(sut_repo_keys_deinit) struct sut_repo_keys keys = { 0 };
	size_t n;
	struct sut_err *err = roles ? sut_repo_keys_load(call, roles, &keys)
				    : sut_repo_keys_load_staged(call, NULL, &keys);

	if (!err)
		err = sut_repo_keys_load(call, always, &keys);
	if (!err)
		err = sut_repository_sign(call->repository, sut_repo_signers(&keys), keys.n, roles,
					  &n);
	if (!err)
		err = sut_repository_publish(call->repository, sut_repo_signers(&keys), keys.n,
					     roles);
	return err;
}

static struct sut_err *tell_published(struct sut_repo_call *call)
{
	_cleanup_free_ struct sut_repository_row *rows = NULL;
	size_t n_rows;
	char expires[SUT_TIME_SIZE] = "";
	struct sut_err *err = sut_repository_rows(call->repository, &rows, &n_rows);

	for (size_t i = 0; !err && i < n_rows; i++)
		if (strcmp(rows[i].name, "timestamp") == 0)
			sut_time_format(rows[i].expires, expires);
	if (!err)
		err = sut_repo_answer(call, "expires", json_string(expires));
	if (!err)
		sut_repo_say(
			call,
			"Published. Devices take it until %s; publish again before that, which "
			"needs only the keys of snapshot and timestamp.",
			expires);
	return err;
}

static struct sut_err *run_publish(struct sut_repo_call *call)
{
	size_t n_fatal;
	struct sut_err *err = check_staged(call, &n_fatal);

	if (!err)
		err = sut_repo_answer(call, "published", json_boolean(!n_fatal && !call->is_dry));
	if (err)
		return err;
	if (n_fatal) {
		call->status = SUT_EXIT_REFUSED;
		return NULL;
	}
	if (call->is_dry) {
		sut_repo_say(call, "All checks are passed; it would be published.");
		return NULL;
	}
	err = publish(call, NULL);
	return err ? err : tell_published(call);
}

// With keys, a decision takes effect at once.
static struct sut_err *publish_role(struct sut_repo_call *call, const char *role)
{
	const char *const roles[] = { role, NULL };

	if (!sut_repo_has(call, SUT_REPO_KEYS)) {
		sut_repo_say(call, "It is staged: 'suture repo publish' makes it visible.");
		return sut_repo_answer(call, "published", json_false());
	}
	struct sut_err *err = publish(call, roles);
	if (!err)
		err = sut_repo_answer(call, "published", json_true());
	return err ? err : tell_published(call);
}

static struct sut_err *read_decision(const struct sut_repo_call *call, enum sut_decision_kind *ret)
{
	static const struct {
		enum sut_repo_option option;
		enum sut_decision_kind kind;
	} decisions[] = {
		{ SUT_REPO_OPEN, SUT_DECISION_OPEN },
		{ SUT_REPO_PAUSE, SUT_DECISION_PAUSE },
		{ SUT_REPO_RESUME, SUT_DECISION_RESUME },
		{ SUT_REPO_EXPEDITE, SUT_DECISION_EXPEDITE },
		{ SUT_REPO_ROLL_BACK, SUT_DECISION_ROLL_BACK },
		{ SUT_REPO_COMPLETE, SUT_DECISION_COMPLETE },
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(decisions) / sizeof(*decisions); i++) {
		if (!sut_repo_has(call, decisions[i].option))
			continue;
		*ret = decisions[i].kind;
		n++;
	}
	if (n != 1)
		return sut_err(SUT_E_USAGE, "needs one of --open RING, --pause, --resume, "
					    "--expedite, --roll-back, --complete");
	return NULL;
}

static struct sut_err *begin(const struct sut_repo_call *call, const struct sut_release *release,
			     struct sut_rollout *ret)
{
	_cleanup_(sut_settings_deinit) struct sut_settings settings = { 0 };
	struct sut_err *err = sut_settings_read(call->path, &settings);

	return err ? err : sut_rollout_begin(release, &settings.policy, "begun", call->now, ret);
}

static struct sut_err *decide(struct sut_repo_call *call, struct sut_rollout *rollout)
{
	const char *reason = sut_repo_value(call, SUT_REPO_REASON);
	enum sut_decision_kind kind;
	bool has_changed;
	struct sut_err *err = read_decision(call, &kind);

	if (!err && !reason && kind != SUT_DECISION_OPEN && kind != SUT_DECISION_COMPLETE)
		err = sut_err(SUT_E_USAGE, "needs --reason: those who see it want to know why");
	if (!err)
		err = sut_rollout_decide(rollout, kind, sut_repo_value(call, SUT_REPO_OPEN),
					 reason ? reason : sut_decision_name(kind), call->now,
					 &has_changed);
	if (!err && has_changed && !call->is_dry)
		err = sut_channel_put(call->repository, "rollouts", "rollout", rollout->id,
				      sut_rollout_write(rollout));
	if (!err)
		err = sut_repo_answer(call, "rollout", sut_rollout_write(rollout));
	if (!err)
		err = sut_repo_answer(call, "changed", json_boolean(has_changed));
	if (err)
		return err;
	sut_repo_say(call, "Rollout of %s: %s%s.", rollout->release,
		     sut_rollout_state_name(rollout->state), has_changed ? "" : ", as it was");
	for (size_t i = 0; i < rollout->n_rings; i++)
		sut_repo_say(call, "  %s: %s", rollout->rings[i].name,
			     sut_ring_state_name(rollout->rings[i].state));
	return call->is_dry ? NULL : publish_role(call, "rollouts");
}

static struct sut_err *run_rollout(struct sut_repo_call *call)
{
	_cleanup_(sut_channel_deinit) struct sut_channel channel = { 0 };
	_cleanup_(sut_rollout_deinit) struct sut_rollout fresh = { 0 };
	struct sut_release *release;
	struct sut_err *err = sut_channel_load(call->repository, &channel);

	if (!err)
		err = find_release(&channel, call->args[0], &release);
	if (!err && !sut_channel_is_published(call->repository, "hotpatches", release->name))
		err = sut_err(SUT_E_USAGE, "release %s is not published yet: publish it first",
			      release->name);
	if (err)
		return err;
	struct sut_rollout *rollout = sut_channel_rollout(&channel, release->name);
	if (!rollout) {
		rollout = &fresh;
		err = begin(call, release, &fresh);
	}
	return err ? err : decide(call, rollout);
}

static bool has_hotpatch(const struct sut_channel *channel, const char *name)
{
	for (size_t i = 0; i < channel->n_releases; i++)
		for (size_t k = 0; k < channel->releases[i].n_hotpatches; k++)
			if (strcmp(channel->releases[i].hotpatches[k].name, name) == 0)
				return true;
	return false;
}

/** What is to be recalled. Borrows the names. */
struct recall {
	char **releases, **hotpatches;
	size_t n_releases, n_hotpatches;
};

static void recall_deinit(struct recall *recall)
{
	free(recall->releases);
	free(recall->hotpatches);
}

// Sort the arguments into releases and hotpatches; what is revoked already is left out.
static struct sut_err *read_recall(const struct sut_repo_call *call,
				   const struct sut_channel *channel, struct recall *recall)
{
	const struct sut_catalogue catalogue = sut_channel_catalogue(channel);

	recall->releases = calloc((size_t)call->n_args + 1, sizeof(char *));
	recall->hotpatches = calloc((size_t)call->n_args + 1, sizeof(char *));
	if (!recall->releases || !recall->hotpatches)
		return sut_err_nomem();
	for (int i = 0; i < call->n_args; i++) {
		char *name = call->args[i];
		if (sut_channel_release(channel, name)) {
			if (!sut_catalogue_revoked(&catalogue, name))
				recall->releases[recall->n_releases++] = name;
		} else if (has_hotpatch(channel, name)) {
			if (!sut_catalogue_revoked_hotpatch(&catalogue, name))
				recall->hotpatches[recall->n_hotpatches++] = name;
		} else {
			return sut_err(
				SUT_E_USAGE,
				"'%s' is neither a release nor a hotpatch of one: 'suture repo "
				"status' tells which there are",
				name);
		}
	}
	return NULL;
}

static struct sut_err *stage_recall(struct sut_repo_call *call, const struct recall *recall)
{
	char id[SUT_ID_SIZE];
	struct sut_err *err = sut_id_make(id);
	struct sut_revocation revocation = {
		.id = id,
		.releases = recall->releases,
		.n_releases = recall->n_releases,
		.hotpatches = recall->hotpatches,
		.n_hotpatches = recall->n_hotpatches,
		.reason = (char *)sut_repo_value(call, SUT_REPO_REASON),
		.date = call->now,
	};

	if (!err)
		err = sut_repo_answer(call, "revocation", sut_revocation_write(&revocation));
	if (!err && !call->is_dry)
		err = sut_channel_put(call->repository, "revocations", "revocation", id,
				      sut_revocation_write(&revocation));
	return err;
}

static struct sut_err *run_recall(struct sut_repo_call *call)
{
	_cleanup_(sut_channel_deinit) struct sut_channel channel = { 0 };
	_cleanup_(recall_deinit) struct recall recall = { 0 };
	struct sut_err *err =
		sut_repo_has(call, SUT_REPO_REASON)
			? sut_channel_load(call->repository, &channel)
			: sut_err(SUT_E_USAGE, "needs --reason: it is signed, and shown "
					       "wherever something was taken out");

	if (!err)
		err = read_recall(call, &channel, &recall);
	if (err)
		return err;
	const bool has_changed = recall.n_releases + recall.n_hotpatches;
	if (has_changed)
		err = stage_recall(call, &recall);
	if (!err)
		err = sut_repo_answer(call, "changed", json_boolean(has_changed));
	if (err)
		return err;
	sut_repo_say(call,
		     has_changed ? "%zu releases and %zu hotpatches are recalled."
				 : "All of that is recalled already.",
		     recall.n_releases, recall.n_hotpatches);
	return call->is_dry ? NULL : publish_role(call, "revocations");
}

static json_t *row_json(const struct sut_repository_row *row)
{
	char expires[SUT_TIME_SIZE] = "";

	if (row->version)
		sut_time_format(row->expires, expires);
	return json_pack("{s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I}", "role", row->name, "version",
			 (json_int_t)row->version, "expires",
			 row->version ? json_string(expires) : json_null(), "staged_version",
			 (json_int_t)row->staged_version, "signatures", (json_int_t)row->n_signed,
			 "threshold", (json_int_t)row->threshold, "keys", (json_int_t)row->n_keys,
			 "targets", (json_int_t)row->n_targets);
}

static struct sut_err *add_row(const struct sut_repo_call *call, struct sut_table *table,
			       const struct sut_repository_row *row)
{
	char version[32], expires[SUT_TIME_SIZE] = "-", targets[24], next[96] = "";

	snprintf(version, sizeof(version), "%lld", (long long)row->version);
	snprintf(targets, sizeof(targets), "%zu", row->n_targets);
	if (row->version)
		sut_time_format(row->expires, expires);
	if (row->staged_version)
		snprintf(next, sizeof(next), "version %lld is staged; %lld of %lld signatures",
			 (long long)row->staged_version, (long long)row->n_signed,
			 (long long)row->threshold);
	else if (row->version && row->expires < call->now)
		snprintf(next, sizeof(next), "EXPIRED: publish again");
	const char *const cells[] = { row->name, version, expires, targets, next };
	return sut_table_row(table, cells);
}

static struct sut_err *show_roles(struct sut_repo_call *call)
{
	static const struct sut_column columns[] = {
		{ "ROLE", SUT_COLUMN_TEXT },    { "VERSION", SUT_COLUMN_NUMBER },
		{ "EXPIRES", SUT_COLUMN_TEXT }, { "TARGETS", SUT_COLUMN_NUMBER },
		{ "WAITING", SUT_COLUMN_LONG }, { NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	_cleanup_free_ struct sut_repository_row *rows = NULL;
	_cleanup_json_ json_t *list = json_array();
	size_t n_rows;
	struct sut_err *err = sut_table_new(columns, &table);

	if (!err)
		err = sut_repository_rows(call->repository, &rows, &n_rows);
	for (size_t i = 0; !err && i < n_rows; i++) {
		err = add_row(call, table, &rows[i]);
		if (!err && json_array_append_new(list, row_json(&rows[i])) < 0)
			err = sut_err_nomem();
	}
	if (!err)
		err = sut_repo_answer(call, "roles", json_incref(list));
	return err || call->is_json ? err : sut_table_print(table);
}

static const char *state_of(const struct sut_repo_call *call, const struct sut_channel *channel,
			    const struct sut_release *release)
{
	const struct sut_catalogue catalogue = sut_channel_catalogue(channel);
	const struct sut_rollout *rollout = sut_channel_rollout(channel, release->name);

	if (sut_channel_is_staged(call->repository, "hotpatches", release->name))
		return "staged";
	if (sut_catalogue_revoked(&catalogue, release->name))
		return "recalled";
	return rollout ? sut_rollout_state_name(rollout->state) : "published";
}

static struct sut_err *show_releases(struct sut_repo_call *call, const struct sut_channel *channel)
{
	static const struct sut_column columns[] = {
		{ "RELEASE", SUT_COLUMN_TEXT },
		{ "KIND", SUT_COLUMN_TEXT },
		{ "BASELINE", SUT_COLUMN_TEXT },
		{ "STATE", SUT_COLUMN_TEXT },
		{ "HOTPATCHES", SUT_COLUMN_NUMBER },
		{ "ADVISORIES", SUT_COLUMN_NUMBER },
		{ NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	_cleanup_json_ json_t *list = json_array();
	struct sut_err *err = sut_table_new(columns, &table);

	for (size_t i = 0; i < channel->n_releases && !err; i++) {
		const struct sut_release *r = &channel->releases[i];
		const char *kind = r->kind == SUT_RELEASE_BASELINE ? "baseline" : "hotpatch";
		const char *state = state_of(call, channel, r);
		char numbers[2][24];
		snprintf(numbers[0], sizeof(numbers[0]), "%zu", r->n_hotpatches);
		snprintf(numbers[1], sizeof(numbers[1]), "%zu", r->n_advisories);
		const char *const cells[] = { r->name, kind,       r->baseline,
					      state,   numbers[0], numbers[1] };
		err = sut_table_row(table, cells);
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "name", r->name,
					"kind", kind, "baseline", r->baseline, "state", state,
					"hotpatches", (json_int_t)r->n_hotpatches, "advisories",
					(json_int_t)r->n_advisories, "not_hotpatchable",
					(json_int_t)r->n_leftovers));
	}
	if (!err)
		err = sut_repo_answer(call, "releases", json_incref(list));
	if (err || call->is_json)
		return err;
	if (channel->n_releases == 0) {
		sut_repo_say(call, "No release yet.");
		return NULL;
	}
	return sut_table_print(table);
}

static struct sut_err *run_status(struct sut_repo_call *call)
{
	_cleanup_(sut_channel_deinit) struct sut_channel channel = { 0 };
	struct sut_err *err = sut_channel_load(call->repository, &channel);

	if (!err)
		err = show_releases(call, &channel);
	if (!err) {
		sut_repo_say(call, "%s", "");
		err = show_roles(call);
	}
	return err;
}

const struct sut_repo_command sut_repo_publish_commands[] = {
	{ "check", "unplanned-baseline dry-run", 1, 1, true, run_check },
	{ "publish", "keys passphrase-file dry-run", 0, 0, true, run_publish },
	{ "rollout",
	  "keys passphrase-file open pause resume expedite roll-back complete reason dry-run", 1, 1,
	  true, run_rollout },
	{ "recall", "keys passphrase-file reason dry-run", 1, 1000, true, run_recall },
	{ "status", "", 0, 0, true, run_status },
	{ NULL, NULL, 0, 0, false, NULL },
};
