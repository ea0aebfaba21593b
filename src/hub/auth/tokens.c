// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "hub/auth/access.h"
#include "hub/auth/ca.h"
#include "hub/auth/routes.h"
#include "hub/events/bus.h"
#include "hub/store/audit.h"
#include "hub/store/auth.h"
#include "hub/text.h"

enum { MAX_LABEL = 127, MAX_USES = 1000000, YEAR_S = 31536000, DAY_S = 86400 };

/** How one of the two kinds of tokens is stored, and what it is called in the log. */
struct kind {
	const char *added, *deleted;
	struct sut_err *(*add)(struct sut_tx *tx, const struct sut_token *token, const char *digest,
			       const char *actor, int64_t now);
	struct sut_err *(*delete)(struct sut_tx *tx, const char *id, bool *has_ret);
	struct sut_err *(*list)(struct sut_tx *tx, const char *after, int64_t limit, json_t **ret,
				int64_t *total_ret);
};

static const struct kind of_api = { "api-token.add", "api-token.delete", sut_api_token_add,
				    sut_api_token_delete, sut_api_token_list };
static const struct kind of_enrolment = { "enrolment-token.add", "enrolment-token.delete",
					  sut_enrolment_token_add, sut_enrolment_token_delete,
					  sut_enrolment_token_list };

/** A token on its way into the store or out of it, or a page of them. */
struct changing {
	const struct kind *kind;
	const struct sut_request *request;
	struct sut_token token;
	char secret[SUT_SECRET_SIZE], digest[SUT_DIGEST_SIZE];
	bool is_there;
	int64_t limit, total;
	json_t *items;
};

static struct sut_err *read_page(struct sut_tx *tx, void *context)
{
	struct changing *changing = context;
	const char *after = sut_request_query(changing->request, "cursor");

	return changing->kind->list(tx, after ? after : "", changing->limit + 1, &changing->items,
				    &changing->total);
}

static struct sut_err *list(struct sut_hub *hub, const struct kind *kind,
			    const struct sut_request *request, struct sut_reply *reply)
{
	struct changing changing = { .kind = kind, .request = request };
	struct sut_err *err = sut_request_limit(request, &changing.limit);

	if (err)
		return sut_reply_invalid(reply, err);
	err = sut_store_read(hub->store, read_page, &changing);
	return err ? err
		   : sut_reply_page(reply, changing.items, changing.limit, "id", changing.total);
}

static struct sut_err *delete_token(struct sut_tx *tx, void *context)
{
	struct changing *changing = context;
	const struct sut_request *request = changing->request;
	struct sut_err *err = changing->kind->delete (tx, request->params[0], &changing->is_there);

	if (err || !changing->is_there)
		return err;
	return sut_audit_add(tx, request->now, request->principal.name, changing->kind->deleted,
			     request->params[0], NULL);
}

static struct sut_err *delete (struct sut_hub *hub, const struct kind *kind,
			       const struct sut_request *request, struct sut_reply *reply)
{
	struct changing changing = { .kind = kind, .request = request };
	struct sut_err *err = sut_store_write(hub->store, delete_token, &changing);

	if (err)
		return err;
	if (!changing.is_there)
		return sut_reply_problem(reply, 404, "not-found", "There is no token %s.",
					 request->params[0]);
	sut_bus_publish(hub->bus, "audit", "");
	return sut_reply_empty(reply);
}

static struct sut_err *write_token(struct sut_tx *tx, void *context)
{
	struct changing *changing = context;
	const struct sut_request *request = changing->request;
	struct sut_err *err = changing->kind->add(tx, &changing->token, changing->digest,
						  request->principal.name, request->now);

	if (err)
		return err;
	json_t *detail = json_pack("{s:s, s:s, s:s}", "label", changing->token.label, "role",
				   changing->token.role, "ring", changing->token.ring);
	err = sut_audit_add(tx, request->now, request->principal.name, changing->kind->added,
			    changing->token.id, detail);
	json_decref(detail);
	return err;
}

static struct sut_err *store_token(struct sut_hub *hub, struct changing *changing)
{
	sut_secret_make(changing->secret);
	struct sut_err *err = sut_digest_text(changing->secret, changing->digest);

	if (!err)
		err = sut_id_make(changing->token.id);
	if (!err)
		err = sut_store_write(hub->store, write_token, changing);
	if (!err)
		sut_bus_publish(hub->bus, "audit", "");
	return err;
}

static struct sut_err *read_label(const json_t *body, char *ret)
{
	const char *label;
	struct sut_err *err = sut_json_text_if(body, "label", &label);

	if (err || !label)
		return err;
	for (const char *at = label; *at; at++)
		if ((unsigned char)*at < 0x20 || at - label == MAX_LABEL)
			return sut_err(SUT_E_FORMAT, "'label' must be at most %d plain bytes",
				       MAX_LABEL);
	strcpy(ret, label);
	return NULL;
}

// A number of the body, or @otherwise when it is not there.
static struct sut_err *read_number(const json_t *body, const char *key, int64_t high,
				   int64_t otherwise, int64_t *ret)
{
	*ret = otherwise;
	return json_object_get(body, key) ? sut_json_number(body, key, 1, high, ret) : NULL;
}

static struct sut_err *add_api(struct sut_hub *hub, const struct sut_request *request,
			       struct sut_reply *reply)
{
	struct changing changing = { .kind = &of_api, .request = request };
	struct sut_token *token = &changing.token;
	enum sut_access access;
	const char *role;
	int64_t seconds;
	struct sut_err *err = sut_json_text(request->body, "role", &role);

	if (!err && !sut_role_read(role, &access))
		err = sut_err(SUT_E_FORMAT, "'role' must be viewer, operator or administrator");
	if (!err)
		err = read_label(request->body, token->label);
	if (!err)
		err = read_number(request->body, "expires_s", (int64_t)YEAR_S * 100, 0, &seconds);
	if (err)
		return sut_reply_invalid(reply, err);
	snprintf(token->role, sizeof(token->role), "%s", role);
	token->expires = seconds ? request->now + seconds * 1000000 : 0;
	err = store_token(hub, &changing);
	return err ? err
		   : sut_reply_json(
			     reply, 201,
			     json_pack("{s:s, s:s}", "id", token->id, "token", changing.secret));
}

static struct sut_err *add_enrolment(struct sut_hub *hub, const struct sut_request *request,
				     struct sut_reply *reply)
{
	struct changing changing = { .kind = &of_enrolment, .request = request };
	struct sut_token *token = &changing.token;
	const json_t *body = request->body;
	const char *ring = NULL;
	char text[160];
	int64_t seconds;
	struct sut_err *err = read_label(body, token->label);

	if (!err)
		err = sut_json_text_if(body, "ring", &ring);
	if (!err && ring && (!sut_word_check(ring) || strlen(ring) >= sizeof(token->ring)))
		err = sut_err(SUT_E_FORMAT, "'ring' must be the name of a ring");
	if (!err)
		err = read_number(body, "uses", MAX_USES, 1, &token->uses);
	if (!err)
		err = read_number(body, "expires_s", YEAR_S, DAY_S, &seconds);
	if (err)
		return sut_reply_invalid(reply, err);
	snprintf(token->ring, sizeof(token->ring), "%s", ring ? ring : "");
	token->expires = request->now + seconds * 1000000;
	err = store_token(hub, &changing);
	if (err)
		return err;
	snprintf(text, sizeof(text), "suture1.%s.%s", changing.secret, sut_ca_digest(hub->ca));
	return sut_reply_json(reply, 201, json_pack("{s:s, s:s}", "id", token->id, "token", text));
}

static struct sut_err *list_api(struct sut_hub *hub, const struct sut_request *request,
				struct sut_reply *reply)
{
	return list(hub, &of_api, request, reply);
}

static struct sut_err *list_enrolment(struct sut_hub *hub, const struct sut_request *request,
				      struct sut_reply *reply)
{
	return list(hub, &of_enrolment, request, reply);
}

static struct sut_err *delete_api(struct sut_hub *hub, const struct sut_request *request,
				  struct sut_reply *reply)
{
	return delete (hub, &of_api, request, reply);
}

static struct sut_err *delete_enrolment(struct sut_hub *hub, const struct sut_request *request,
					struct sut_reply *reply)
{
	return delete (hub, &of_enrolment, request, reply);
}

const struct sut_route sut_token_routes[] = {
	{ "GET", "/api/v1/api-tokens", SUT_ACCESS_ADMIN, list_api },
	{ "POST", "/api/v1/api-tokens", SUT_ACCESS_ADMIN, add_api },
	{ "DELETE", "/api/v1/api-tokens/{id}", SUT_ACCESS_ADMIN, delete_api },
	{ "GET", "/api/v1/enrolment-tokens", SUT_ACCESS_OPERATOR, list_enrolment },
	{ "POST", "/api/v1/enrolment-tokens", SUT_ACCESS_OPERATOR, add_enrolment },
	{ "DELETE", "/api/v1/enrolment-tokens/{id}", SUT_ACCESS_OPERATOR, delete_enrolment },
	{ 0 },
};
