// SPDX-License-Identifier: Apache-2.0
#include "hub/auth/access.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "hub/http/front.h"
#include "hub/store/auth.h"
#include "hub/store/device.h"
#include "hub/text.h"

// A session's last use is written at most this often.
#define TOUCH_EVERY (INT64_C(60) * 1000000)

static const struct {
	enum sut_access role;
	const char *name;
} roles[] = {
	{ SUT_ACCESS_VIEWER, "viewer" },
	{ SUT_ACCESS_OPERATOR, "operator" },
	{ SUT_ACCESS_ADMIN, "administrator" },
};

const char *sut_role_name(enum sut_access role)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (roles[i].role == role)
			return roles[i].name;
	return "none";
}

bool sut_role_read(const char *name, enum sut_access *ret)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].name, name) == 0) {
			*ret = roles[i].role;
			return true;
		}
	}
	return false;
}

struct sut_err *sut_session_csrf(const char *secret, char ret[65])
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "csrf\n%s", secret) < 0)
		return sut_err_nomem();
	return sut_digest_text(text, ret);
}

/** A look into the store for who asks. */
struct looking {
	struct sut_request *request;
	char digest[SUT_DIGEST_SIZE];
	bool is_found;
	int64_t used;
	struct sut_device device;
};

static struct sut_err *read_session(struct sut_tx *tx, void *context)
{
	struct looking *looking = context;
	struct sut_principal *principal = &looking->request->principal;
	int64_t now = looking->request->now;
	struct sut_user user;
	struct sut_err *err =
		sut_session_find(tx, looking->digest, now - SUT_SESSION_LIFE,
				 now - SUT_SESSION_IDLE, &user, &looking->used, &looking->is_found);

	if (err || !looking->is_found)
		return err;
	looking->is_found = sut_role_read(user.role, &principal->role);
	principal->kind = SUT_PRINCIPAL_USER;
	snprintf(principal->name, sizeof(principal->name), "user:%s", user.name);
	snprintf(principal->id, sizeof(principal->id), "%s", user.id);
	snprintf(principal->session, sizeof(principal->session), "%s", looking->digest);
	return NULL;
}

static struct sut_err *touch_session(struct sut_tx *tx, void *context)
{
	struct looking *looking = context;

	return sut_session_touch(tx, looking->digest, looking->request->now);
}

static struct sut_err *read_api_token(struct sut_tx *tx, void *context)
{
	struct looking *looking = context;
	struct sut_principal *principal = &looking->request->principal;
	struct sut_token token;
	struct sut_err *err = sut_api_token_find(tx, looking->digest, looking->request->now, &token,
						 &looking->is_found);

	if (err || !looking->is_found)
		return err;
	looking->is_found = sut_role_read(token.role, &principal->role);
	principal->kind = SUT_PRINCIPAL_TOKEN;
	snprintf(principal->name, sizeof(principal->name), "token:%.100s", token.label);
	snprintf(principal->id, sizeof(principal->id), "%s", token.id);
	return NULL;
}

static struct sut_err *read_device(struct sut_tx *tx, void *context)
{
	struct looking *looking = context;

	return sut_device_find(tx, looking->request->principal.id, &looking->device,
			       &looking->is_found);
}

// The value of our cookie, among those that the browser sent.
static bool find_cookie(const char *cookies, char secret[SUT_SECRET_SIZE])
{
	static const char start[] = SUT_SESSION_COOKIE "=";
	size_t size = sizeof(start) - 1;

	for (const char *at = cookies; at; at = strchr(at, ';')) {
		at += strspn(at, "; ");
		if (strncmp(at, start, size) == 0 &&
		    strcspn(at + size, ";") == SUT_SECRET_SIZE - 1) {
			memcpy(secret, at + size, SUT_SECRET_SIZE - 1);
			secret[SUT_SECRET_SIZE - 1] = '\0';
			return true;
		}
	}
	return false;
}

static bool is_same(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(a)) == 0;
}

static struct sut_err *find_session(struct sut_hub *hub, struct sut_request *request)
{
	struct looking looking = { .request = request };
	char secret[SUT_SECRET_SIZE];

	if (!find_cookie(request->cookie, secret))
		return NULL;
	struct sut_err *err = sut_digest_text(secret, looking.digest);
	if (!err)
		err = sut_store_read(hub->store, read_session, &looking);
	if (err || !looking.is_found) {
		request->principal = (struct sut_principal){ 0 };
		return err;
	}
	err = sut_session_csrf(secret, request->principal.csrf);
	// Reading goes on while the disk is full: the session just ends sooner.
	if (!err && looking.used + TOUCH_EVERY < request->now)
		sut_err_free(sut_store_write(hub->store, touch_session, &looking));
	return err;
}

static struct sut_err *find_api_token(struct sut_hub *hub, struct sut_request *request)
{
	static const char start[] = "Bearer ";
	struct looking looking = { .request = request };
	const char *secret = request->authorization + sizeof(start) - 1;

	if (strncmp(request->authorization, start, sizeof(start) - 1) != 0)
		return NULL;
	struct sut_err *err = sut_digest_text(secret, looking.digest);
	if (!err)
		err = sut_store_read(hub->store, read_api_token, &looking);
	if (err || !looking.is_found)
		request->principal = (struct sut_principal){ 0 };
	return err;
}

static struct sut_err *check_device(struct sut_hub *hub, const struct sut_peer *peer,
				    struct sut_request *request, struct sut_reply *reply)
{
	struct sut_principal *principal = &request->principal;
	struct looking looking = { .request = request };

	if (!peer->device[0])
		return sut_reply_problem(reply, 401, "no-certificate",
					 "This needs a device's certificate: enrol first.");
	principal->kind = SUT_PRINCIPAL_DEVICE;
	principal->role = SUT_ACCESS_DEVICE;
	snprintf(principal->id, sizeof(principal->id), "%s", peer->device);
	snprintf(principal->name, sizeof(principal->name), "device:%s", peer->device);
	struct sut_err *err = sut_store_read(hub->store, read_device, &looking);
	if (err)
		return err;
	if (!looking.is_found || looking.device.is_revoked)
		return sut_reply_problem(reply, 401, "revoked",
					 "This device is not known here any more: enrol it again.");
	return NULL;
}

static bool changes_something(const char *method)
{
	return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static struct sut_err *check_person(struct sut_hub *hub, enum sut_access access,
				    struct sut_request *request, struct sut_reply *reply)
{
	const struct sut_principal *principal = &request->principal;
	struct sut_err *err = NULL;

	if (request->authorization)
		err = find_api_token(hub, request);
	else if (request->cookie)
		err = find_session(hub, request);
	if (err)
		return err;
	if (principal->kind == SUT_PRINCIPAL_NONE)
		return sut_reply_problem(reply, 401, "not-signed-in",
					 "Sign in first, or show an API token that is known here.");
	if (principal->kind == SUT_PRINCIPAL_USER && changes_something(request->method) &&
	    (!request->csrf || !is_same(request->csrf, principal->csrf)))
		return sut_reply_problem(reply, 403, "csrf",
					 "A change needs the session's token in X-CSRF-Token.");
	if (principal->role < access)
		return sut_reply_problem(reply, 403, "forbidden", "This needs the role %s.",
					 sut_role_name(access));
	return NULL;
}

struct sut_err *sut_access_check(struct sut_hub *hub, enum sut_access access,
				 const struct sut_peer *peer, struct sut_request *request,
				 struct sut_reply *reply)
{
	request->principal = (struct sut_principal){ 0 };
	if (access == SUT_ACCESS_PUBLIC)
		return NULL;
	if (access == SUT_ACCESS_DEVICE)
		return check_device(hub, peer, request, reply);
	return check_person(hub, access, request, reply);
}
