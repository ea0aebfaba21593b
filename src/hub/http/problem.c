// SPDX-License-Identifier: Apache-2.0
#include "hub/http/problem.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

const struct sut_header sut_safe_headers[] = {
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
	  "img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Strict-Transport-Security", "max-age=31536000" },
};
const size_t sut_n_safe_headers = sizeof(sut_safe_headers) / sizeof(sut_safe_headers[0]);

static const struct {
	int status;
	const char *title;
} titles[] = {
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 507, "Insufficient Storage" },
};

const char *sut_status_title(int status)
{
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Problem";
}

json_t *sut_problem_make(int status, const char *code, const char *detail)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title",
			 sut_status_title(status), "status", status, "detail", detail, "code",
			 code);
}

struct sut_err *sut_problem_write(int status, const char *code, const char *detail,
				  struct sut_buf *out)
{
	_cleanup_free_ char *text = NULL, *body = NULL;
	size_t size;
	json_t *problem = sut_problem_make(status, code, detail);
	FILE *file = open_memstream(&text, &size);

	body = problem ? json_dumps(problem, JSON_COMPACT) : NULL;
	json_decref(problem);
	if (!file || !body) {
		if (file)
			fclose(file);
		return sut_err_nomem();
	}
	fprintf(file,
		"HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
		"Content-Length: %zu\r\nConnection: close\r\nCache-Control: no-store\r\n",
		status, sut_status_title(status), strlen(body));
	for (size_t i = 0; i < sut_n_safe_headers; i++)
		fprintf(file, "%s: %s\r\n", sut_safe_headers[i].name, sut_safe_headers[i].value);
	fprintf(file, "\r\n%s", body);
	if (fclose(file) != 0)
		return sut_err_nomem();
	return sut_buf_add(out, text, size);
}
