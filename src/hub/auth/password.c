// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "hub/auth/attempt.h"
#include "hub/auth/guard.h"
#include "hub/auth/routes.h"
#include "hub/events/bus.h"
#include "hub/store/audit.h"
#include "hub/store/auth.h"

/** A change of a password under way. */
struct renewing {
	const struct sut_request *request;
	const char *name;
	const char *current;  /**< Proved before, or NULL: an administrator gives a new one. */
	struct sut_user user; /**< Who has the name. */
	bool is_there;        /**< Somebody has. */
	bool has_changed;     /**< The password is no longer the one that was proved. */
	char hash[SUT_PASSWORD_SIZE];
};

struct sut_err *sut_password_read(const json_t *body, const char **ret)
{
	struct sut_err *err = sut_json_text(body, "password", ret);

	if (err)
		return err;
	if (strlen(*ret) < SUT_PASSWORD_LEAST || strlen(*ret) > SUT_PASSWORD_MOST)
		return sut_err(SUT_E_FORMAT, "'password' must have %d to %d bytes",
			       SUT_PASSWORD_LEAST, SUT_PASSWORD_MOST);
	return NULL;
}

static struct sut_err *find_user(struct sut_tx *tx, void *context)
{
	struct renewing *renewing = context;

	return sut_user_find(tx, renewing->name, &renewing->user, &renewing->is_there);
}

// All sessions of the user end, but the one in which the user proved the current password.
static struct sut_err *write_password(struct sut_tx *tx, void *context)
{
	struct renewing *renewing = context;
	const struct sut_request *request = renewing->request;
	struct sut_user user;
	struct sut_err *err = sut_user_find(tx, renewing->name, &user, &renewing->is_there);

	if (err || !renewing->is_there)
		return err;
	renewing->has_changed =
		renewing->current && strcmp(user.password, renewing->user.password) != 0;
	if (renewing->has_changed)
		return NULL;
	err = sut_user_set_password(tx, user.id, renewing->hash);
	if (!err && renewing->current)
		err = sut_session_add(tx, request->principal.session, user.id, request->now);
	return err ? err
		   : sut_audit_add(tx, request->now, request->principal.name, "user.password",
				   renewing->name, NULL);
}

// Too many passwords are being checked: that is an answer, anything else an error.
static struct sut_err *refuse_busy(struct sut_err *err, struct sut_reply *reply)
{
	if (err->code != SUT_E_BUSY)
		return err;
	sut_err_free(err);
	return sut_attempt_refuse(reply, SUT_ATTEMPT_REST);
}

static struct sut_err *renew(struct sut_hub *hub, struct renewing *renewing, const char *password,
			     struct sut_reply *reply)
{
	struct sut_err *err = sut_guard_hash(hub->guard, password, renewing->hash);

	if (err)
		return refuse_busy(err, reply);
	err = sut_store_write(hub->store, write_password, renewing);
	if (err)
		return err;
	if (!renewing->is_there)
		return sut_reply_problem(reply, 404, "not-found", "There is no user %s.",
					 renewing->name);
	if (renewing->has_changed)
		return sut_reply_problem(reply, 409, "changed",
					 "The password was changed meanwhile: sign in again.");
	sut_bus_publish(hub->bus, "audit", "");
	return sut_reply_empty(reply);
}

static struct sut_err *set_other(struct sut_hub *hub, const struct sut_request *request,
				 struct sut_reply *reply)
{
	struct renewing renewing = { .request = request, .name = request->params[0] };
	const char *password;
	struct sut_err *err = sut_password_read(request->body, &password);

	return err ? sut_reply_invalid(reply, err) : renew(hub, &renewing, password, reply);
}

static struct sut_err *check_current(struct sut_hub *hub, struct renewing *renewing,
				     bool *is_right_ret)
{
	struct sut_err *err = sut_store_read(hub->store, find_user, renewing);

	if (!err)
		err = sut_guard_check(hub->guard, renewing->current,
				      renewing->is_there ? renewing->user.password : NULL,
				      is_right_ret);
	if (!err)
		sut_attempt_note(hub, renewing->request, renewing->name, *is_right_ret);
	return err;
}

static struct sut_err *read_change(const json_t *body, const char **current_ret,
				   const char **password_ret)
{
	struct sut_err *err = sut_json_text(body, "current", current_ret);

	if (!err && strlen(*current_ret) > SUT_PASSWORD_MOST)
		err = sut_err(SUT_E_FORMAT, "'current' is longer than a password can be");
	return err ? err : sut_password_read(body, password_ret);
}

// Whoever finds a session open must not get the account: the current password is asked for.
static struct sut_err *set_own(struct sut_hub *hub, const struct sut_request *request,
			       struct sut_reply *reply)
{
	struct renewing renewing = { .request = request };
	const char *password;
	bool is_right;
	struct sut_err *err = read_change(request->body, &renewing.current, &password);

	if (err)
		return sut_reply_invalid(reply, err);
	if (request->principal.kind != SUT_PRINCIPAL_USER)
		return sut_reply_problem(reply, 403, "forbidden",
					 "An API token has no password: sign in as a user.");
	renewing.name = strchr(request->principal.name, ':') + 1;
	int64_t wait = sut_attempt_wait(hub, request, renewing.name);
	if (wait)
		return sut_attempt_refuse(reply, wait);
	err = check_current(hub, &renewing, &is_right);
	if (err)
		return refuse_busy(err, reply);
	if (!is_right)
		return sut_reply_problem(reply, 403, "wrong-password",
					 "The current password is wrong.");
	return renew(hub, &renewing, password, reply);
}

const struct sut_route sut_password_routes[] = {
	{ "PUT", "/api/v1/session/password", SUT_ACCESS_VIEWER, set_own },
	{ "PUT", "/api/v1/users/{name}/password", SUT_ACCESS_ADMIN, set_other },
	{ 0 },
};
