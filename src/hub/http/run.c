// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/time.h"
#include "hub/auth/access.h"
#include "hub/http/call.h"
#include "hub/http/decode.h"
#include "hub/http/front.h"
#include "hub/log.h"

// How deep objects and arrays may stand in each other: a report has four levels.
enum { MAX_DEPTH = 16 };

static bool is_deep(const json_t *json, int left)
{
	const char *key;
	json_t *value;
	size_t i;

	if (!json_is_object(json) && !json_is_array(json))
		return false;
	if (!left)
		return true;
	json_object_foreach((json_t *)json, key, value) if (is_deep(value, left - 1)) return true;
	json_array_foreach(json, i, value) if (is_deep(value, left - 1)) return true;
	return false;
}

// A body is an object of JSON and says so. It is done with when reply has a status.
static struct sut_err *read_body(struct sut_call *call)
{
	static const char json_type[] = "application/json";
	struct sut_reply *reply = &call->reply;
	size_t size = sizeof(json_type) - 1;

	if (!call->body.size)
		return NULL;
	if (!call->content_type || strncasecmp(call->content_type, json_type, size) != 0 ||
	    (call->content_type[size] && !strchr("; ", call->content_type[size])))
		return sut_reply_problem(reply, 415, "unsupported",
					 "The body must be application/json.");
	struct sut_err *err = sut_json_parse(sut_buf_view(&call->body), &call->request.body);
	if (err)
		return sut_reply_invalid(reply, err);
	if (!json_is_object(call->request.body))
		return sut_reply_problem(reply, 400, "invalid", "The body must be a JSON object.");
	if (is_deep(call->request.body, MAX_DEPTH))
		return sut_reply_problem(reply, 400, "invalid",
					 "The body is nested over %d levels deep.", MAX_DEPTH);
	return NULL;
}

// What the client sent, decoded. %XX may make bytes that are no UTF-8.
static struct sut_err *decode(struct sut_call *call)
{
	struct sut_request *request = &call->request;
	bool is_good = true;

	for (size_t i = 0; i < SUT_MAX_PARAMS; i++)
		if (request->params[i])
			is_good &= sut_decode((char *)request->params[i]);
	for (size_t i = 0; i < request->n_query; i++)
		is_good &= sut_decode((char *)request->query[i].name) &&
			   sut_decode((char *)request->query[i].value);
	if (!is_good)
		return sut_reply_problem(&call->reply, 400, "invalid",
					 "The address has an encoding that is no UTF-8.");
	return NULL;
}

static struct sut_err *find_route(struct sut_call *call)
{
	char *params[SUT_MAX_PARAMS] = { NULL };
	bool is_known;

	call->route = sut_route_find(sut_routes, call->method, call->path, params, &is_known);
	if (!call->route && is_known)
		return sut_reply_problem(&call->reply, 405, "method-not-allowed",
					 "%s does not take %s.", call->path, call->method);
	if (!call->route)
		return sut_reply_problem(&call->reply, 404, "not-found", "There is no %s here.",
					 call->path);
	for (size_t i = 0; i < SUT_MAX_PARAMS; i++)
		call->request.params[i] = params[i];
	return decode(call);
}

static struct sut_err *run(struct sut_hub *hub, struct sut_call *call)
{
	struct sut_reply *reply = &call->reply;
	struct sut_err *err;

	call->request.now = sut_time_now_us();
	if (!call->request.asked)
		call->request.asked = call->request.now;
	if (!call->route) {
		err = find_route(call);
		if (err || reply->status)
			return err;
	}
	// Each time: who is held may be revoked meanwhile.
	err = sut_access_check(hub, call->route->access, call->peer, &call->request, reply);
	if (err || reply->status)
		return err;
	if (!call->request.body) {
		err = read_body(call);
		if (err || reply->status)
			return err;
	}
	return call->route->fn(hub, &call->request, reply);
}

// A fault as an answer: what may help the client it is told, the rest is in the log.
static struct sut_err *answer_fault(struct sut_call *call, const struct sut_err *fault)
{
	sut_log(SUT_LOG_ERROR, "%s %s: %s", call->method, call->path, fault->msg);
	if (fault->code == SUT_E_OS && (fault->os_errno == ENOSPC || fault->os_errno == EDQUOT))
		return sut_reply_problem(
			&call->reply, 507, "no-space",
			"The hub's disk is full: nothing was stored. Try again later.");
	if (fault->code == SUT_E_BUSY || fault->code == SUT_E_NOMEM || fault->code == SUT_E_OS)
		return sut_reply_problem(
			&call->reply, 503, "unavailable",
			"The hub cannot do this now; its log says why. Try again later.");
	return sut_reply_problem(&call->reply, 500, "fault",
				 "The hub failed at this; its log says why.");
}

void sut_call_run(struct sut_hub *hub, struct sut_call *call)
{
	sut_reply_deinit(&call->reply);
	struct sut_err *err = run(hub, call);

	if (!err)
		return;
	struct sut_err *worse = answer_fault(call, err);
	if (worse) {
		// Not even memory for the problem: a status alone needs none.
		sut_reply_deinit(&call->reply);
		call->reply.status = 503;
	}
	sut_err_free(worse);
	sut_err_free(err);
}

void sut_call_free(struct sut_call *call)
{
	if (!call)
		return;
	for (size_t i = 0; i < SUT_MAX_PARAMS; i++)
		free((char *)call->request.params[i]);
	for (size_t i = 0; i < call->request.n_query; i++) {
		free((char *)call->request.query[i].name);
		free((char *)call->request.query[i].value);
	}
	json_decref(call->request.body);
	sut_reply_deinit(&call->reply);
	sut_buf_deinit(&call->body);
	sut_buf_deinit(&call->rest);
	free(call->path);
	free(call);
}
