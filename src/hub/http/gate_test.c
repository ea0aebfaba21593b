// SPDX-License-Identifier: Apache-2.0
#include "hub/http/gate.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

static struct sut_view view_of(const char *text)
{
	return (struct sut_view){ (const uint8_t *)text, strlen(text) };
}

// Feed all of @bytes, @step at a time; what passed is in @out, how much was used is returned.
static size_t feed(struct sut_view bytes, size_t step, struct sut_buf *out,
		   struct sut_refusal *refusal)
{
	struct sut_gate gate = { 0 };
	size_t at = 0;

	*refusal = (struct sut_refusal){ 0 };
	while (at < bytes.size && !refusal->status && (at == 0 || gate.is_inside)) {
		struct sut_view piece = { bytes.data + at,
					  bytes.size - at < step ? bytes.size - at : step };
		size_t used = 0;
		EXPECT_OK(sut_gate_feed(&gate, piece, out, &used, refusal));
		at += used;
	}
	sut_gate_deinit(&gate);
	return at;
}

static void expect_pass(const char *request, const char *passed)
{
	for (size_t step = 1; step <= strlen(request); step++) {
		struct sut_buf out = { 0 };
		struct sut_refusal refusal;

		EXPECT(feed(view_of(request), step, &out, &refusal) == strlen(request));
		EXPECT(refusal.status == 0);
		EXPECT(out.size == strlen(passed) && memcmp(out.data, passed, out.size) == 0);
		sut_buf_deinit(&out);
	}
}

static void expect_refusal(struct sut_view request, int status)
{
	for (size_t step = 1; step <= request.size; step += step < 40 ? 1 : request.size) {
		struct sut_buf out = { 0 };
		struct sut_refusal refusal;

		feed(request, step, &out, &refusal);
		if (refusal.status != status)
			print_error("%.*s: %d\n", (int)request.size, (const char *)request.data,
				    refusal.status);
		EXPECT(refusal.status == status && refusal.text);
		sut_buf_deinit(&out);
	}
}

TEST(gate, writes_a_request_anew_with_the_fields_that_are_known)
{
	expect_pass("GET /a/b%20c?x=%2F&y HTTP/1.1\r\nhost:  h:1 \r\nUser-Agent: me\r\nX: y\r\n"
		    "cookie: a=b\r\nConnection: X-CSRF-Token\r\n\r\n",
		    "GET /a/b%20c?x=%2F&y HTTP/1.1\r\nHost: h:1\r\nCookie: a=b\r\n\r\n");
	expect_pass("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na\nb",
		    "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na\nb");
	expect_pass("GET / HTTP/1.0\r\nHost: h\r\n\r\n",
		    "GET / HTTP/1.0\r\nHost: h\r\nConnection: close\r\n\r\n");
	expect_pass("DELETE /a/ HTTP/1.1\r\nHost: [::1]:2\r\nConnection: a, Close\r\n\r\n",
		    "DELETE /a/ HTTP/1.1\r\nHost: [::1]:2\r\nConnection: close\r\n\r\n");
}

TEST(gate, ends_with_the_request)
{
	struct sut_buf out = { 0 };
	struct sut_refusal refusal;

	EXPECT(feed(view_of("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET"), 100, &out, &refusal) == 27);
	EXPECT(refusal.status == 0);
	sut_buf_deinit(&out);
}

TEST(gate, refuses_bad_request_lines)
{
	static const char *const lines[] = {
		"",
		"GET",
		"GET /",
		"GET  / HTTP/1.1",
		" GET / HTTP/1.1",
		"GET / HTTP/1.1 ",
		"GET\t/ HTTP/1.1",
		"get / HTTP/1.1",
		"OPTIONS / HTTP/1.1",
		"TRACE / HTTP/1.1",
		"CONNECT h:1 HTTP/1.1",
		"OPTIONS * HTTP/1.1",
		"GET * HTTP/1.1",
		"GET http://h/ HTTP/1.1",
		"GET a HTTP/1.1",
		"GET / HTTP/1.2",
		"GET / HTTP/2.0",
		"GET / HTTP/01.1",
		"GET / http/1.1",
		"GET / HTTP/0.9",
		"GET /a b HTTP/1.1",
		"GET /. HTTP/1.1",
		"GET /a/../b HTTP/1.1",
		"GET /a/.. HTTP/1.1",
		"GET /%2e%2E/ HTTP/1.1",
		"GET /.%2e HTTP/1.1",
		"GET /a//b HTTP/1.1",
		"GET //h/ HTTP/1.1",
		"GET /a%2fb HTTP/1.1",
		"GET /a%5Cb HTTP/1.1",
		"GET /a\\b HTTP/1.1",
		"GET /%00 HTTP/1.1",
		"GET /a?%00 HTTP/1.1",
		"GET /%0d%0a HTTP/1.1",
		"GET /a?%0A HTTP/1.1",
		"GET /%7f HTTP/1.1",
		"GET /% HTTP/1.1",
		"GET /%1 HTTP/1.1",
		"GET /%zz HTTP/1.1",
		"GET /a#b HTTP/1.1",
		"GET /<a> HTTP/1.1",
		"GET /\xc3\xa4 HTTP/1.1",
		"GET /a?\"b HTTP/1.1",
		"GET /a|b HTTP/1.1",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char request[128];
		snprintf(request, sizeof(request), "%s\r\nHost: h\r\n\r\n", lines[i]);
		expect_refusal(view_of(request), 400);
	}
}

TEST(gate, refuses_what_two_readers_could_read_as_two_things)
{
	static const char *const fields[] = {
		"",
		"Host: h\r\nHost: h\r\n",
		"Host: h\r\nhOST: g\r\n",
		"Host:\r\n",
		"Host: a b\r\n",
		"Host: a@b\r\n",
		"Host: h/\r\n",
		"Host: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n",
		"Host: h\r\nContent-Length: 1, 1\r\n",
		"Host: h\r\nContent-Length: +1\r\n",
		"Host: h\r\nContent-Length: -1\r\n",
		"Host: h\r\nContent-Length: 0x1\r\n",
		"Host: h\r\nContent-Length: 01\r\n",
		"Host: h\r\nContent-Length: 1 \t1\r\n",
		"Host: h\r\nContent-Length:\r\n",
		"Host: h\r\nContent-Length: 99999999999999999999\r\n",
		"Host: h\r\nContent-Length: 18446744073709551616\r\n",
		"Host: h\r\nTransfer-Encoding: chunked\r\n",
		"Host: h\r\nTransfer-Encoding: identity\r\n",
		"Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n",
		"Host: h\r\nContent-Length: 3\r\nTransfer-Encoding: xchunked\r\n",
		"Host: h\r\nTransfer-Encoding : chunked\r\nContent-Length: 3\r\n",
		"Host: h\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
		"Host: h\r\nTransfer\tEncoding: chunked\r\nContent-Length: 3\r\n",
		"Host : h\r\n",
		" Host: h\r\n",
		"Host: h\r\nX: a\r\n b\r\n",
		"Host: h\r\nX: a\r\n\tb\r\n",
		"Host: h\r\nX\r\n",
		"Host: h\r\n: x\r\n",
		"Host: h\r\nX(: x\r\n",
		"Host: h\r\nX: a\x01\r\n",
		"Host: h\r\nX: a\x7f\r\n",
		"Host: h\r\nX: \xe4\r\n",
		"Host: h\nX: y\r\n",
		"Host: h\r\nX: y\rZ: a\r\n",
		"Host: h\r\nCookie: a\r\nCookie: b\r\n",
		"Host: h\r\nAuthorization: a\r\nAuthorization: b\r\n",
		"Host: h\r\nExpect: 200-ok\r\nContent-Length: 3\r\n",
		"Host: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n",
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char request[256];
		snprintf(request, sizeof(request), "POST / HTTP/1.1\r\n%s\r\nabc", fields[i]);
		expect_refusal(view_of(request), 400);
	}
	expect_refusal(view_of("POST / HTTP/1.1\r\nHost: h\r\n\r\n"), 411);
	expect_refusal(view_of("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n"),
		       413);
	expect_refusal(view_of("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na"), 400);
	expect_refusal(view_of("GET / HTTP/1.0\r\n\r\n"), 400);
	expect_refusal(view_of("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
		       400);
	expect_refusal(
		(struct sut_view){ (const uint8_t *)"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 28 },
		400);
}

TEST(gate, refuses_what_is_too_long)
{
	static char request[SUT_GATE_MAX_HEAD + 64];
	int at = snprintf(request, sizeof(request), "GET /");

	memset(request + at, 'a', SUT_GATE_MAX_TARGET);
	snprintf(request + at + SUT_GATE_MAX_TARGET, 64, " HTTP/1.1\r\nHost: h\r\n\r\n");
	expect_refusal(view_of(request), 400);

	memset(request, 'a', sizeof(request) - 1);
	expect_refusal(view_of(request), 400);

	at = snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: h\r\nCookie: ");
	memset(request + at, 'a', SUT_GATE_MAX_PASSED);
	snprintf(request + at + SUT_GATE_MAX_PASSED, 64, "\r\n\r\n");
	expect_refusal(view_of(request), 431);

	at = snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i < SUT_GATE_MAX_FIELDS; i++)
		at += snprintf(request + at, sizeof(request) - at, "X: %d\r\n", i);
	snprintf(request + at, sizeof(request) - at, "\r\n");
	expect_refusal(view_of(request), 400);
}
