// SPDX-License-Identifier: Apache-2.0
#include "hub/http/route.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "hub/http/problem.h"

// Does @path fit @pattern? What stands for its {…} goes to @params, not copied.
static bool match(const char *pattern, const char *path, struct sut_view *params)
{
	size_t n = 0;

	while (*pattern && *path) {
		if (strcmp(pattern, "{*}") == 0) {
			params[n] = (struct sut_view){ (const uint8_t *)path, strlen(path) };
			return true;
		}
		if (*pattern == '{') {
			size_t size = strcspn(path, "/");
			if (!size || n == SUT_MAX_PARAMS)
				return false;
			params[n++] = (struct sut_view){ (const uint8_t *)path, size };
			path += size;
			pattern = strchr(pattern, '}') + 1;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

static bool is_method(const char *of_route, const char *method)
{
	return strcmp(of_route, method) == 0 ||
	       (strcmp(of_route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

const struct sut_route *sut_route_find(const struct sut_route *const *tables, const char *method,
				       const char *path, char **params_ret, bool *allowed_ret)
{
	*allowed_ret = false;
	for (; *tables; tables++) {
		for (const struct sut_route *route = *tables; route->method; route++) {
			struct sut_view params[SUT_MAX_PARAMS] = { 0 };

			if (!match(route->pattern, path, params))
				continue;
			*allowed_ret = true;
			if (!is_method(route->method, method))
				continue;
			for (size_t i = 0; i < SUT_MAX_PARAMS; i++)
				params_ret[i] = params[i].size
							? strndup((const char *)params[i].data,
								  params[i].size)
							: NULL;
			return route;
		}
	}
	return NULL;
}

struct sut_err *sut_reply_bytes(struct sut_reply *reply, int status, const char *type,
				const void *bytes, size_t size)
{
	sut_reply_deinit(reply);
	reply->kind = SUT_REPLY_BYTES;
	reply->status = status;
	reply->type = type;
	return sut_buf_add(&reply->bytes, bytes, size);
}

static struct sut_err *reply_text(struct sut_reply *reply, int status, const char *type,
				  json_t *json)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (!text)
		return sut_err_nomem();
	return sut_reply_bytes(reply, status, type, text, strlen(text));
}

struct sut_err *sut_reply_json(struct sut_reply *reply, int status, json_t *json)
{
	return reply_text(reply, status, "application/json", json);
}

struct sut_err *sut_reply_empty(struct sut_reply *reply)
{
	return sut_reply_bytes(reply, 204, NULL, "", 0);
}

struct sut_err *sut_reply_problem(struct sut_reply *reply, int status, const char *code,
				  const char *fmt, ...)
{
	_cleanup_free_ char *detail = NULL;
	va_list args;

	va_start(args, fmt);
	int size = vasprintf(&detail, fmt, args);
	va_end(args);
	if (size < 0)
		return sut_err_nomem();
	return reply_text(reply, status, "application/problem+json",
			  sut_problem_make(status, code, detail));
}

struct sut_err *sut_reply_invalid(struct sut_reply *reply, struct sut_err *err)
{
	struct sut_err *failed = NULL;

	if (err->code == SUT_E_NOMEM)
		return err;
	failed = sut_reply_problem(reply, 400, "invalid", "%s", err->msg);
	sut_err_free(err);
	return failed;
}

void sut_reply_hold(struct sut_reply *reply, int64_t deadline)
{
	sut_reply_deinit(reply);
	reply->kind = SUT_REPLY_HOLD;
	reply->deadline = deadline;
}

struct sut_err *sut_reply_header(struct sut_reply *reply, const char *name, const char *value)
{
	if (reply->n_headers == sizeof(reply->headers) / sizeof(reply->headers[0]))
		return sut_err(SUT_E_UNSUPPORTED, "too many header fields of a reply");
	char *copy = strdup(value);
	if (!copy)
		return sut_err_nomem();
	reply->headers[reply->n_headers++] = (struct sut_reply_header){ name, copy };
	return NULL;
}

void sut_reply_deinit(struct sut_reply *reply)
{
	for (size_t i = 0; i < reply->n_headers; i++)
		free(reply->headers[i].value);
	sut_buf_deinit(&reply->bytes);
	if (reply->fd >= 0)
		close(reply->fd);
	*reply = (struct sut_reply){ .fd = -1 };
}

const char *sut_request_query(const struct sut_request *request, const char *name)
{
	for (size_t i = 0; i < request->n_query; i++)
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	return NULL;
}

struct sut_err *sut_request_limit(const struct sut_request *request, int64_t *ret)
{
	const char *text = sut_request_query(request, "limit");
	char *end;

	*ret = SUT_PAGE_DEFAULT;
	if (!text)
		return NULL;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || value < 1 || value > SUT_PAGE_MAX)
		return sut_err(SUT_E_FORMAT, "limit must be a number from 1 to %d", SUT_PAGE_MAX);
	*ret = value;
	return NULL;
}

struct sut_err *sut_reply_list(struct sut_reply *reply, json_t *items, const char *next,
			       int64_t total)
{
	return sut_reply_json(reply, 200,
			      items ? json_pack("{s:o, s:s?, s:I}", "items", items, "next", next,
						"total", (json_int_t)total)
				    : NULL);
}

struct sut_err *sut_reply_page(struct sut_reply *reply, json_t *items, int64_t limit,
			       const char *key, int64_t total)
{
	char next[256];
	bool has_more = (int64_t)json_array_size(items) > limit;

	if (has_more) {
		json_array_remove(items, limit);
		const json_t *last = json_array_get(items, limit - 1);
		snprintf(next, sizeof(next), "%s", json_string_value(json_object_get(last, key)));
	}
	return sut_reply_list(reply, items, has_more ? next : NULL, total);
}
