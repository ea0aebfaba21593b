// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "hub/auth/access.h"
#include "hub/auth/attempt.h"
#include "hub/auth/guard.h"
#include "hub/auth/routes.h"
#include "hub/events/bus.h"
#include "hub/store/audit.h"
#include "hub/store/auth.h"
#include "hub/text.h"

/** A sign-in under way. */
struct signing_in {
	const struct sut_request *request;
	const char *name;
	struct sut_user user;
	bool is_known;
	char secret[SUT_SECRET_SIZE], digest[SUT_DIGEST_SIZE];
};

static struct sut_err *find_user(struct sut_tx *tx, void *context)
{
	struct signing_in *signing_in = context;

	return sut_user_find(tx, signing_in->name, &signing_in->user, &signing_in->is_known);
}

static struct sut_err *write_session(struct sut_tx *tx, void *context)
{
	struct signing_in *signing_in = context;
	int64_t now = signing_in->request->now;
	char actor[128];
	struct sut_err *err = sut_session_sweep(tx, now - SUT_SESSION_LIFE, now - SUT_SESSION_IDLE);

	snprintf(actor, sizeof(actor), "user:%s", signing_in->user.name);
	json_t *detail = json_pack("{s:s}", "address", signing_in->request->address);
	if (!err)
		err = sut_session_add(tx, signing_in->digest, signing_in->user.id, now);
	if (!err)
		err = sut_audit_add(tx, now, actor, "session.begin", signing_in->user.name, detail);
	json_decref(detail);
	return err;
}

static struct sut_err *write_failure(struct sut_tx *tx, void *context)
{
	struct signing_in *signing_in = context;
	json_t *detail = json_pack("{s:s}", "address", signing_in->request->address);
	struct sut_err *err = sut_audit_add(tx, signing_in->request->now, "nobody", "session.fail",
					    signing_in->name, detail);

	json_decref(detail);
	return err;
}

static json_t *show_session(const char *name, const char *role, const char *csrf)
{
	return json_pack("{s:{s:s, s:s}, s:s}", "user", "name", name, "role", role, "csrf", csrf);
}

static struct sut_err *begin_session(struct sut_hub *hub, struct signing_in *signing_in,
				     struct sut_reply *reply)
{
	char csrf[SUT_DIGEST_SIZE], cookie[256];

	sut_secret_make(signing_in->secret);
	struct sut_err *err = sut_digest_text(signing_in->secret, signing_in->digest);
	if (!err)
		err = sut_session_csrf(signing_in->secret, csrf);
	if (!err)
		err = sut_store_write(hub->store, write_session, signing_in);
	if (err)
		return err;
	sut_bus_publish(hub->bus, "audit", "");
	err = sut_reply_json(reply, 200,
			     show_session(signing_in->user.name, signing_in->user.role, csrf));
	if (err)
		return err;
	snprintf(cookie, sizeof(cookie),
		 SUT_SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict",
		 signing_in->secret);
	return sut_reply_header(reply, "Set-Cookie", cookie);
}

static struct sut_err *sign_in(struct sut_hub *hub, const struct sut_request *request,
			       struct sut_reply *reply)
{
	struct signing_in signing_in = { .request = request };
	const char *password;
	bool is_right;
	struct sut_err *err = sut_json_text(request->body, "name", &signing_in.name);

	if (!err)
		err = sut_json_text(request->body, "password", &password);
	if (!err && (!sut_word_check(signing_in.name) || strlen(password) > SUT_PASSWORD_MOST))
		err = sut_err(SUT_E_FORMAT, "this cannot be a name and a password");
	if (err)
		return sut_reply_invalid(reply, err);
	int64_t wait = sut_attempt_wait(hub, request, signing_in.name);
	if (wait)
		return sut_attempt_refuse(reply, wait);
	err = sut_store_read(hub->store, find_user, &signing_in);
	if (!err)
		err = sut_guard_check(hub->guard, password,
				      signing_in.is_known ? signing_in.user.password : NULL,
				      &is_right);
	if (err && err->code == SUT_E_BUSY) {
		sut_err_free(err);
		return sut_attempt_refuse(reply, SUT_ATTEMPT_REST);
	}
	if (err)
		return err;
	sut_attempt_note(hub, request, signing_in.name, is_right);
	if (is_right)
		return begin_session(hub, &signing_in, reply);
	err = sut_store_write(hub->store, write_failure, &signing_in);
	if (err)
		return err;
	return sut_reply_problem(reply, 401, "wrong-password", "Name or password is wrong.");
}

static struct sut_err *show(struct sut_hub *hub, const struct sut_request *request,
			    struct sut_reply *reply)
{
	const struct sut_principal *principal = &request->principal;

	(void)hub;
	return sut_reply_json(reply, 200,
			      show_session(strchr(principal->name, ':') + 1,
					   sut_role_name(principal->role), principal->csrf));
}

static struct sut_err *delete_session(struct sut_tx *tx, void *context)
{
	const struct sut_request *request = context;
	struct sut_err *err = sut_session_delete(tx, request->principal.session);

	return err ? err
		   : sut_audit_add(tx, request->now, request->principal.name, "session.end",
				   strchr(request->principal.name, ':') + 1, NULL);
}

static struct sut_err *sign_out(struct sut_hub *hub, const struct sut_request *request,
				struct sut_reply *reply)
{
	if (!request->principal.session[0])
		return sut_reply_problem(reply, 400, "no-session", "An API token has no session.");
	struct sut_err *err = sut_store_write(hub->store, delete_session, (void *)request);
	if (!err)
		err = sut_reply_empty(reply);
	return err ? err
		   : sut_reply_header(reply, "Set-Cookie",
				      SUT_SESSION_COOKIE
				      "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
}

const struct sut_route sut_session_routes[] = {
	{ "POST", "/api/v1/session", SUT_ACCESS_PUBLIC, sign_in },
	{ "GET", "/api/v1/session", SUT_ACCESS_VIEWER, show },
	{ "DELETE", "/api/v1/session", SUT_ACCESS_VIEWER, sign_out },
	{ 0 },
};
