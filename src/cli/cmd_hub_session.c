// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/hub_command.h"
#include "cli/hub_secret.h"
#include "cli/ui.h"

static struct sut_err *run_login(struct sut_hub_call *call)
{
	_cleanup_free_ char *password = NULL, *token = NULL;
	_cleanup_json_ json_t *answer = NULL;
	const char *user = call->options[SUT_HUB_USER];
	struct sut_hub_login login = {
		.url = call->args[0],
		.ca_file = call->options[SUT_HUB_CA_FILE],
		.fingerprint = call->options[SUT_HUB_FINGERPRINT],
		.user = user ? user : "admin",
	};
	struct sut_err *err;

	if (call->options[SUT_HUB_TOKEN_FILE])
		err = sut_hub_secret_read(call->options[SUT_HUB_TOKEN_FILE], "Token", &token);
	else
		err = sut_hub_secret_read(call->options[SUT_HUB_PASSWORD_FILE], "Password",
					  &password);
	login.password = password;
	login.token = token;
	if (!err)
		err = sut_hub_client_login(&login, &answer);
	sut_hub_secret_wipe(password);
	sut_hub_secret_wipe(token);
	if (err)
		return err;
	if (call->is_json)
		return sut_ui_print_json(steal(answer));
	char name[32], role[32];
	sut_ui_say("signed in as %s, %s", sut_hub_text(answer, "user.name", name),
		   sut_hub_text(answer, "user.role", role));
	return NULL;
}

static struct sut_err *run_logout(struct sut_hub_call *call)
{
	(void)call;
	return sut_hub_client_logout();
}

static struct sut_err *run_password(struct sut_hub_call *call)
{
	_cleanup_json_ json_t *body = json_object();
	_cleanup_free_ char *current = NULL, *password = NULL;
	struct sut_err *err = sut_hub_secret_read(call->options[SUT_HUB_PASSWORD_FILE],
						  "Current password", &current);

	if (!err)
		err = sut_hub_secret_read(call->options[SUT_HUB_NEW_PASSWORD_FILE], "New password",
					  &password);
	if (!err)
		err = sut_hub_put(body, "current", current);
	if (!err)
		err = sut_hub_put(body, "password", password);
	sut_hub_secret_wipe(current);
	sut_hub_secret_wipe(password);
	return err ? err
		   : sut_hub_client_call(call->hub, "PUT", "/api/v1/session/password", body, NULL);
}

static void print_shares(const json_t *overview)
{
	char a[32], b[32];
	const json_t *share = json_object_get(overview, "protected_share");

	if (json_is_number(share))
		printf("%.1f%% protected: %s of %s processes\n", 100 * json_number_value(share),
		       sut_hub_text(overview, "processes.protected", a),
		       sut_hub_text(overview, "processes.total", b));
	else
		puts("no process runs a build that has a hotpatch");
}

static void print_statuses(const json_t *overview)
{
	char room[32];
	const char *name;
	json_t *n;

	printf("%s devices", sut_hub_text(overview, "devices.total", room));
	json_t *all = json_object_get(json_object_get(overview, "devices"), "by_status");
	json_object_foreach(all, name, n)
	{
		if (json_integer_value(n))
			printf(", %lld %s", (long long)json_integer_value(n), name);
	}
	putchar('\n');
}

static struct sut_err *run_status(struct sut_hub_call *call)
{
	static const struct sut_hub_column rings[] = {
		{ "RING", "label", 0 },
		{ "DEVICES", "total", SUT_COLUMN_NUMBER },
		{ "PROTECTED", "by_status.protected", SUT_COLUMN_NUMBER },
		{ "IN PROGRESS", "by_status.in-progress", SUT_COLUMN_NUMBER },
		{ "PAUSED", "by_status.paused", SUT_COLUMN_NUMBER },
		{ "EXPOSED", "by_status.exposed", SUT_COLUMN_NUMBER },
		{ "NOT READY", "by_status.not-ready", SUT_COLUMN_NUMBER },
		{ "HELD", "by_status.held", SUT_COLUMN_NUMBER },
		{ "OFF LINE", "by_status.offline", SUT_COLUMN_NUMBER },
		{ 0 },
	};
	static const struct sut_hub_column rollouts[] = {
		{ "ROLLOUT", "id", 0 },
		{ "STATE", "state", 0 },
		{ "DECISION", "decision", SUT_COLUMN_NUMBER },
		{ "PUBLISHED", "published", SUT_COLUMN_NUMBER },
		{ 0 },
	};
	_cleanup_json_ json_t *overview = NULL;
	struct sut_err *err =
		sut_hub_client_call(call->hub, "GET", "/api/v1/overview", NULL, &overview);
	size_t i;
	const json_t *item;
	char room[32];

	if (err)
		return err;
	if (call->is_json)
		return sut_ui_print_json(steal(overview));
	print_shares(overview);
	print_statuses(overview);
	err = sut_hub_print_rows(json_object_get(json_object_get(overview, "devices"), "by_ring"),
				 rings, "no rings");
	if (!err)
		err = sut_hub_print_rows(json_object_get(overview, "rollouts"), rollouts,
					 "no rollout is under way");
	json_array_foreach(json_object_get(overview, "attention"), i, item)
		printf("! %s\n", sut_hub_text(item, "text", room));
	return err;
}

const struct sut_hub_command sut_hub_session_commands[] = {
	{ "login", 1, 1, "URL", "ca-file fingerprint user password-file token-file", run_login },
	{ "logout", 0, 0, "", "", run_logout },
	{ "password", 0, 0, "", "password-file new-password-file", run_password },
	{ "status", 0, 0, "", "", run_status },
	{ 0 },
};
