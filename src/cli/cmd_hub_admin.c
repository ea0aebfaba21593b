// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/hub_command.h"
#include "cli/hub_secret.h"
#include "cli/ui.h"

static const char policy_path[] = "/api/v1/policy";
static const char releases_path[] = "/api/v1/releases";
static const char tokens_path[] = "/api/v1/enrolment-tokens";
static const char users_path[] = "/api/v1/users";
static const char api_tokens_path[] = "/api/v1/api-tokens";

static struct sut_err *run_releases(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "RELEASE", "name", 0 },
		{ "KIND", "kind", 0 },
		{ "BASELINE", "baseline", 0 },
		{ "DATE", "date", 0 },
		{ "HOTPATCHES", "hotpatches", SUT_COLUMN_NUMBER },
		{ "NOT HOTPATCHABLE", "not_hotpatchable", SUT_COLUMN_NUMBER },
		{ "BYTES", "size", SUT_COLUMN_NUMBER },
		{ "ROLLOUT", "rollout.state", 0 },
		{ "REVOKED", "revoked.reason", SUT_COLUMN_LONG },
		{ 0 },
	};

	return sut_hub_show_list(call, releases_path, columns, "no releases");
}

static struct sut_err *print_release(const json_t *release)
{
	static const struct sut_hub_column hotpatches[] = {
		{ "HOTPATCH", "name", 0 },
		{ "PACKAGE", "package", 0 },
		{ "OLD", "old_version", 0 },
		{ "NEW", "new_version", 0 },
		{ "BYTES", "size", SUT_COLUMN_NUMBER },
		{ 0 },
	};
	static const struct sut_hub_column others[] = {
		{ "NOT HOTPATCHABLE", "package", 0 },
		{ "FILE", "path", 0 },
		{ "VERDICT", "verdict", 0 },
		{ "WHY", "reasons.0.detail", SUT_COLUMN_LONG },
		{ 0 },
	};
	static const struct sut_hub_column advisories[] = {
		{ "ADVISORY", "id", 0 },
		{ "SEVERITY", "severity", 0 },
		{ "SUMMARY", "summary", SUT_COLUMN_LONG },
		{ 0 },
	};
	const json_t *document = json_object_get(release, "document");
	static const char *const facts[][2] = {
		{ "release", "name" },
		{ "baseline", "baseline" },
		{ "kind", "kind" },
		{ "date", "date" },
		{ "rollout", "rollout.state" },
		{ "revoked", "revoked.reason" },
	};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		sut_hub_print_fact(facts[i][0], release, facts[i][1]);
	struct sut_err *err = sut_hub_print_rows(json_object_get(document, "advisories"),
						 advisories, "no advisories");
	if (!err)
		err = sut_hub_print_rows(json_object_get(document, "hotpatches"), hotpatches,
					 "no hotpatches");
	const json_t *left = json_object_get(document, "not_hotpatchable");
	return err || !json_array_size(left) ? err : sut_hub_print_rows(left, others, "");
}

static struct sut_err *run_release(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *release = NULL;
	struct sut_err *err =
		sut_hub_ask(call, "GET", "/api/v1/releases/", call->args[0], NULL, NULL, &release);

	if (err)
		return err;
	return call->is_json ? sut_ui_print_json(steal(release)) : print_release(release);
}

static struct sut_err *run_calendar(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "DATE", "date", 0 },
		{ "KIND", "kind", 0 },
		{ "NAME", "name", 0 },
		{ 0 },
	};
	_cleanup_(sut_buf_deinit) struct sut_buf path = { 0 };
	_cleanup_json_ json_t *calendar = NULL;
	struct sut_err *err = sut_hub_path_raw(&path, "/api/v1/calendar");

	if (!err)
		err = sut_hub_path_query(&path, "year", call->options[SUT_HUB_YEAR]);
	if (!err)
		err = sut_hub_client_call(call->hub, "GET", sut_hub_path(&path), NULL, &calendar);
	if (err)
		return err;
	return call->is_json ? sut_ui_print_json(steal(calendar))
			     : sut_hub_print_rows(json_object_get(calendar, "events"), columns,
						  "no events");
}

// The policy is a document for an editor: always JSON.
static struct sut_err *run_policy_get(struct sut_hub_call *call)
{
	json_t *policy = NULL;
	struct sut_err *err = sut_hub_client_call(call->hub, "GET", policy_path, NULL, &policy);

	return err ? err : sut_ui_print_json(policy);
}

static struct sut_err *run_policy_set(struct sut_hub_call *call)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	_cleanup_json_ json_t *policy = NULL;
	const char *path = call->args[0];
	struct sut_err *err = strcmp(path, "-") == 0
				      ? sut_file_read_fd(STDIN_FILENO, "standard input", &file)
				      : sut_file_read(path, &file);

	if (err)
		return err;
	err = sut_json_parse(file.view, &policy);
	if (err)
		return sut_err_wrap(err, "%s", path);
	json_t *answer = NULL;
	err = sut_hub_client_call(call->hub, "PUT", policy_path, policy, &answer);
	if (err)
		return err;
	if (call->is_json)
		return sut_ui_print_json(answer);
	json_decref(answer);
	return NULL;
}

// Makes a thing, and prints the secret that is shown only once.
static struct sut_err *make_token(struct sut_hub_call *call, const char *path, json_t *body)
{
	json_t *made = NULL;
	struct sut_err *err = sut_hub_client_call(call->hub, "POST", path, body, &made);
	char room[32];

	if (err)
		return err;
	if (call->is_json)
		return sut_ui_print_json(made);
	sut_ui_say("%s", sut_hub_text(made, "token", room));
	json_decref(made);
	return NULL;
}

static struct sut_err *put_number(const struct sut_hub_call *call, enum sut_hub_option option,
				  const char *name, json_t *body, const char *key)
{
	long value;

	if (!call->options[option])
		return NULL;
	struct sut_err *err = sut_ui_number(call->options[option], name, 1, 1000000000, &value);
	if (!err && json_object_set_new(body, key, json_integer(value)) != 0)
		err = sut_err_nomem();
	return err;
}

static struct sut_err *run_tokens(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "ID", "id", 0 },
		{ "LABEL", "label", 0 },
		{ "RING", "ring", 0 },
		{ "USED", "used", SUT_COLUMN_NUMBER },
		{ "OF", "uses", SUT_COLUMN_NUMBER },
		{ "EXPIRES", "expires", 0 },
		{ "MADE BY", "created_by", 0 },
		{ 0 },
	};

	return sut_hub_show_list(call, tokens_path, columns, "no enrolment tokens");
}

static struct sut_err *run_token_create(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *body = json_object();
	struct sut_err *err = put_number(call, SUT_HUB_USES, "--uses", body, "uses");

	if (!err)
		err = put_number(call, SUT_HUB_EXPIRES, "--expires", body, "expires_s");
	if (!err)
		err = sut_hub_put(body, "ring", call->options[SUT_HUB_RING]);
	if (!err)
		err = sut_hub_put(body, "label", call->options[SUT_HUB_LABEL]);
	return err ? err : make_token(call, tokens_path, body);
}

static struct sut_err *run_token_delete(struct sut_hub_call *call)
{
	return sut_hub_ask(call, "DELETE", "/api/v1/enrolment-tokens/", call->args[0], NULL, NULL,
			   NULL);
}

static struct sut_err *run_users(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "USER", "name", 0 },
		{ "ROLE", "role", 0 },
		{ "CREATED", "created", 0 },
		{ 0 },
	};

	return sut_hub_show_list(call, users_path, columns, "no users");
}

static struct sut_err *need_role(const struct sut_hub_call *call)
{
	return call->options[SUT_HUB_ROLE]
		       ? NULL
		       : sut_err(SUT_E_USAGE, "--role viewer, operator or administrator is needed");
}

static struct sut_err *run_user_create(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *body = json_object();
	_cleanup_json_ json_t *user = NULL;
	_cleanup_free_ char *password = NULL;
	struct sut_err *err = need_role(call);

	if (!err)
		err = sut_hub_secret_read(call->options[SUT_HUB_PASSWORD_FILE], "New password",
					  &password);
	if (!err)
		err = sut_hub_put(body, "name", call->args[0]);
	if (!err)
		err = sut_hub_put(body, "password", password);
	if (!err)
		err = sut_hub_put(body, "role", call->options[SUT_HUB_ROLE]);
	sut_hub_secret_wipe(password);
	if (!err)
		err = sut_hub_client_call(call->hub, "POST", users_path, body, &user);
	return err || !call->is_json ? err : sut_ui_print_json(steal(user));
}

static struct sut_err *run_user_password(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *body = json_object();
	_cleanup_free_ char *password = NULL;
	struct sut_err *err = sut_hub_secret_read(call->options[SUT_HUB_PASSWORD_FILE],
						  "New password", &password);

	if (!err)
		err = sut_hub_put(body, "password", password);
	sut_hub_secret_wipe(password);
	return err ? err
		   : sut_hub_ask(call, "PUT", "/api/v1/users/", call->args[0], "/password", body,
				 NULL);
}

static struct sut_err *run_user_delete(struct sut_hub_call *call)
{
	return sut_hub_ask(call, "DELETE", "/api/v1/users/", call->args[0], NULL, NULL, NULL);
}

static struct sut_err *run_api_tokens(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "ID", "id", 0 },           { "LABEL", "label", 0 },     { "ROLE", "role", 0 },
		{ "CREATED", "created", 0 }, { "EXPIRES", "expires", 0 }, { 0 },
	};

	return sut_hub_show_list(call, api_tokens_path, columns, "no API tokens");
}

static struct sut_err *run_api_token_create(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *body = json_object();
	struct sut_err *err = need_role(call);

	if (!err && !call->options[SUT_HUB_LABEL])
		err = sut_err(SUT_E_USAGE, "--label TEXT is needed: it says who uses the token");
	if (!err)
		err = sut_hub_put(body, "label", call->options[SUT_HUB_LABEL]);
	if (!err)
		err = sut_hub_put(body, "role", call->options[SUT_HUB_ROLE]);
	if (!err)
		err = put_number(call, SUT_HUB_EXPIRES, "--expires", body, "expires_s");
	return err ? err : make_token(call, api_tokens_path, body);
}

static struct sut_err *run_api_token_delete(struct sut_hub_call *call)
{
	return sut_hub_ask(call, "DELETE", "/api/v1/api-tokens/", call->args[0], NULL, NULL, NULL);
}

static struct sut_err *run_audit(struct sut_hub_call *call)
{
	static const struct sut_hub_column columns[] = {
		{ "SEQ", "seq", SUT_COLUMN_NUMBER },
		{ "TIME", "time", 0 },
		{ "WHO", "actor", 0 },
		{ "WHAT", "action", 0 },
		{ "OBJECT", "object", SUT_COLUMN_LONG },
		{ 0 },
	};
	_cleanup_(sut_buf_deinit) struct sut_buf path = { 0 };
	struct sut_err *err = sut_hub_path_raw(&path, "/api/v1/audit");

	if (!err)
		err = sut_hub_path_query(&path, "actor", call->options[SUT_HUB_ACTOR]);
	if (!err)
		err = sut_hub_path_query(&path, "action", call->options[SUT_HUB_ACTION]);
	return err ? err : sut_hub_show_list(call, sut_hub_path(&path), columns, "no entries");
}

static struct sut_err *run_audit_check(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *check = NULL;
	struct sut_err *err =
		sut_hub_client_call(call->hub, "GET", "/api/v1/audit/check", NULL, &check);
	char entries[32], head[32];

	if (err)
		return err;
	if (!json_is_true(json_object_get(check, "ok")))
		return sut_err(SUT_E_MISMATCH,
			       "the audit log was changed: its hashes do not chain");
	if (call->is_json)
		return sut_ui_print_json(steal(check));
	sut_ui_say("%s entries chain to %s", sut_hub_text(check, "entries", entries),
		   sut_hub_text(check, "head", head));
	return NULL;
}

const struct sut_hub_command sut_hub_admin_commands[] = {
	{ "releases", 0, 0, "", "limit", run_releases },
	{ "release", 1, 1, "NAME", "", run_release },
	{ "calendar", 0, 0, "", "year", run_calendar },
	{ "policy get", 0, 0, "", "", run_policy_get },
	{ "policy set", 1, 1, "FILE", "", run_policy_set },
	{ "tokens", 0, 0, "", "limit", run_tokens },
	{ "tokens list", 0, 0, "", "limit", run_tokens },
	{ "tokens create", 0, 0, "", "uses expires ring label", run_token_create },
	{ "tokens delete", 1, 1, "ID", "", run_token_delete },
	{ "users", 0, 0, "", "limit", run_users },
	{ "users list", 0, 0, "", "limit", run_users },
	{ "users create", 1, 1, "NAME", "role password-file", run_user_create },
	{ "users password", 1, 1, "NAME", "password-file", run_user_password },
	{ "users delete", 1, 1, "NAME", "", run_user_delete },
	{ "api-tokens", 0, 0, "", "limit", run_api_tokens },
	{ "api-tokens list", 0, 0, "", "limit", run_api_tokens },
	{ "api-tokens create", 0, 0, "", "label role expires", run_api_token_create },
	{ "api-tokens delete", 1, 1, "ID", "", run_api_token_delete },
	{ "audit", 0, 0, "", "actor action limit", run_audit },
	{ "audit check", 0, 0, "", "", run_audit_check },
	{ 0 },
};
