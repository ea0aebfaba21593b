// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "hub/auth/access.h"
#include "hub/auth/guard.h"
#include "hub/auth/routes.h"
#include "hub/events/bus.h"
#include "hub/store/audit.h"
#include "hub/store/auth.h"
#include "hub/text.h"

/** A change of a user under way, or a page of users. */
struct changing {
	const struct sut_request *request;
	struct sut_user user;
	const char *name;
	bool is_there; /**< Somebody has the name. */
	bool is_last_admin;
	int64_t limit, total;
	json_t *items;
};

static struct sut_err *read_users(struct sut_tx *tx, void *context)
{
	struct changing *changing = context;
	const char *after = sut_request_query(changing->request, "cursor");

	return sut_user_list(tx, after ? after : "", changing->limit + 1, &changing->items,
			     &changing->total);
}

static struct sut_err *list(struct sut_hub *hub, const struct sut_request *request,
			    struct sut_reply *reply)
{
	struct changing changing = { .request = request };
	struct sut_err *err = sut_request_limit(request, &changing.limit);

	if (err)
		return sut_reply_invalid(reply, err);
	err = sut_store_read(hub->store, read_users, &changing);
	return err ? err
		   : sut_reply_page(reply, changing.items, changing.limit, "name", changing.total);
}

static struct sut_err *write_user(struct sut_tx *tx, void *context)
{
	struct changing *changing = context;
	const struct sut_request *request = changing->request;
	struct sut_user other;
	struct sut_err *err = sut_user_find(tx, changing->user.name, &other, &changing->is_there);

	if (err || changing->is_there)
		return err;
	json_t *detail = json_pack("{s:s}", "role", changing->user.role);
	err = sut_user_add(tx, &changing->user, request->now);
	if (!err)
		err = sut_audit_add(tx, request->now, request->principal.name, "user.add",
				    changing->user.name, detail);
	json_decref(detail);
	return err;
}

static struct sut_err *read_user(const json_t *body, struct sut_user *ret,
				 const char **password_ret)
{
	const char *name, *role;
	enum sut_access access;
	struct sut_err *err = sut_json_text(body, "name", &name);

	if (!err)
		err = sut_json_text(body, "role", &role);
	if (!err)
		err = sut_password_read(body, password_ret);
	if (err)
		return err;
	if (!sut_word_check(name) || strlen(name) >= sizeof(ret->name))
		return sut_err(SUT_E_FORMAT, "'name' must be letters, digits, dots and dashes");
	if (!sut_role_read(role, &access))
		return sut_err(SUT_E_FORMAT, "'role' must be viewer, operator or administrator");
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	snprintf(ret->role, sizeof(ret->role), "%s", role);
	return NULL;
}

static struct sut_err *add(struct sut_hub *hub, const struct sut_request *request,
			   struct sut_reply *reply)
{
	struct changing changing = { .request = request };
	char created[SUT_TIME_SIZE];
	const char *password;
	struct sut_err *err = read_user(request->body, &changing.user, &password);

	if (err)
		return sut_reply_invalid(reply, err);
	err = sut_id_make(changing.user.id);
	if (!err)
		err = sut_guard_hash(hub->guard, password, changing.user.password);
	if (!err)
		err = sut_store_write(hub->store, write_user, &changing);
	if (err)
		return err;
	if (changing.is_there)
		return sut_reply_problem(reply, 409, "exists", "There is a user %s already.",
					 changing.user.name);
	sut_bus_publish(hub->bus, "audit", "");
	sut_time_format(request->now / 1000000, created);
	return sut_reply_json(reply, 201,
			      json_pack("{s:s, s:s, s:s}", "name", changing.user.name, "role",
					changing.user.role, "created", created));
}

static struct sut_err *delete_user(struct sut_tx *tx, void *context)
{
	struct changing *changing = context;
	const struct sut_request *request = changing->request;
	int64_t n_admins;
	struct sut_err *err =
		sut_user_find(tx, changing->name, &changing->user, &changing->is_there);

	if (err || !changing->is_there)
		return err;
	err = sut_user_count(tx, "administrator", &n_admins);
	changing->is_last_admin =
		!err && n_admins < 2 && strcmp(changing->user.role, "administrator") == 0;
	if (err || changing->is_last_admin)
		return err;
	err = sut_user_delete(tx, changing->user.id);
	return err ? err
		   : sut_audit_add(tx, request->now, request->principal.name, "user.delete",
				   changing->name, NULL);
}

static struct sut_err *delete (struct sut_hub *hub, const struct sut_request *request,
			       struct sut_reply *reply)
{
	struct changing changing = { .request = request, .name = request->params[0] };
	struct sut_err *err = sut_store_write(hub->store, delete_user, &changing);

	if (err)
		return err;
	if (!changing.is_there)
		return sut_reply_problem(reply, 404, "not-found", "There is no user %s.",
					 changing.name);
	if (changing.is_last_admin)
		return sut_reply_problem(reply, 409, "last-administrator",
					 "%s is the last administrator: add another one first.",
					 changing.name);
	sut_bus_publish(hub->bus, "audit", "");
	return sut_reply_empty(reply);
}

/** The first administrator, or a new password for "admin". */
struct ensuring {
	struct sut_user user;
	bool resets, is_done;
	int64_t now;
};

static struct sut_err *write_admin(struct sut_tx *tx, void *context)
{
	struct ensuring *ensuring = context;
	struct sut_user old;
	bool is_there;
	int64_t n_admins;
	struct sut_err *err = sut_user_count(tx, "administrator", &n_admins);

	ensuring->is_done = !err && (ensuring->resets || n_admins == 0);
	if (err || !ensuring->is_done)
		return err;
	err = sut_user_find(tx, ensuring->user.name, &old, &is_there);
	// Whatever role it had: this is the way back in.
	if (!err && is_there)
		err = sut_user_delete(tx, old.id);
	if (!err)
		err = sut_user_add(tx, &ensuring->user, ensuring->now);
	return err ? err
		   : sut_audit_add(tx, ensuring->now, "console",
				   is_there ? "user.reset" : "user.add", ensuring->user.name, NULL);
}

static struct sut_err *count_admins(struct sut_tx *tx, void *context)
{
	return sut_user_count(tx, "administrator", context);
}

struct sut_err *sut_admin_ensure(struct sut_hub *hub, bool resets, char *ret)
{
	struct ensuring ensuring = { .user = { .name = "admin", .role = "administrator" },
				     .resets = resets,
				     .now = sut_time_now_us() };
	int64_t n_admins;
	struct sut_err *err = sut_store_read(hub->store, count_admins, &n_admins);

	ret[0] = '\0';
	if (err || (n_admins && !resets))
		return err;
	sut_secret_make(ret);
	err = sut_id_make(ensuring.user.id);
	if (!err)
		err = sut_guard_hash(hub->guard, ret, ensuring.user.password);
	if (!err)
		err = sut_store_write(hub->store, write_admin, &ensuring);
	if (err || !ensuring.is_done)
		ret[0] = '\0';
	return err;
}

const struct sut_route sut_user_routes[] = {
	{ "GET", "/api/v1/users", SUT_ACCESS_ADMIN, list },
	{ "POST", "/api/v1/users", SUT_ACCESS_ADMIN, add },
	{ "DELETE", "/api/v1/users/{name}", SUT_ACCESS_ADMIN, delete },
	{ 0 },
};
