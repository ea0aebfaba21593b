// SPDX-License-Identifier: Apache-2.0
#include "hub/http/gate.h"

#include <string.h>
#include <strings.h>

/** A header field that is passed on. Those of which none is here are checked like
 *  the others and left out. */
struct field {
	const char *name;
	bool is_needed; /**< Passed on; the others are only looked at. */
};

// Each of these at most once: two readers may pick different ones of two.
static const struct field known_fields[] = {
	{ "Host", true },          { "Content-Length", true },
	{ "Content-Type", true },  { "Authorization", true },
	{ "Cookie", true },        { "X-CSRF-Token", true },
	{ "Last-Event-ID", true }, { "If-None-Match", true },
	{ "Expect", true },        { "Transfer-Encoding", false },
};
enum { HOST, CONTENT_LENGTH, EXPECT = 8, TRANSFER_ENCODING = 9 };
enum { N_KNOWN = sizeof(known_fields) / sizeof(known_fields[0]) };

/** A head taken apart. Borrows from the gate's buffer. */
struct head {
	struct sut_view method, target;
	bool is_1_0;
	bool is_last; /**< "Connection: close". */
	struct sut_view values[N_KNOWN];
	bool has[N_KNOWN];
	uint64_t body_size;
};

static const struct sut_refusal accepted = { 0, NULL };

static struct sut_refusal refuse(const char *text)
{
	return (struct sut_refusal){ 400, text };
}

void sut_gate_deinit(struct sut_gate *gate)
{
	sut_buf_deinit(&gate->head);
	*gate = (struct sut_gate){ 0 };
}

// tchar of RFC 9110, 5.6.2.
static bool is_token_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct sut_view text)
{
	for (size_t i = 0; i < text.size; i++)
		if (!is_token_char(text.data[i]))
			return false;
	return text.size > 0;
}

static bool is_text(struct sut_view view, const char *text)
{
	return view.size == strlen(text) && memcmp(view.data, text, view.size) == 0;
}

static bool is_text_any_case(struct sut_view view, const char *text)
{
	return view.size == strlen(text) &&
	       strncasecmp((const char *)view.data, text, view.size) == 0;
}

// Take what stands before the first @separator off @rest; false when there is none.
static bool take_until(struct sut_view *rest, uint8_t separator, struct sut_view *ret)
{
	const uint8_t *end = rest->size ? memchr(rest->data, separator, rest->size) : NULL;

	if (!end)
		return false;
	*ret = (struct sut_view){ rest->data, end - rest->data };
	rest->size -= ret->size + 1;
	rest->data = end + 1;
	return true;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

// The character at @at, decoded; moves behind it. -1: not allowed in a target.
static int read_target_char(struct sut_view target, size_t *at)
{
	uint8_t c = target.data[*at];

	if (c != '%') {
		(*at)++;
		// pchar, "/" and "?" of RFC 3986, 3.3 and 3.4.
		return is_token_char(c) && !strchr("#^`|", c) ? c
		       : c && strchr("/?:@()=,;", c)          ? c
							      : -1;
	}
	if (target.size - *at < 3)
		return -1;
	int high = hex_value(target.data[*at + 1]), low = hex_value(target.data[*at + 2]);
	*at += 3;
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// A segment is plain when nobody can take it for "here", "up" or a separator.
static struct sut_refusal check_segment(struct sut_view path, size_t begin, size_t end,
					bool is_last)
{
	char decoded[3];
	size_t n = 0;

	for (size_t at = begin; at < end; n++) {
		bool is_encoded = path.data[at] == '%';
		int c = read_target_char(path, &at);
		if (c < 0)
			return refuse("The path has a character that must be encoded, or a bad %.");
		if (c < 0x20 || c == 0x7f)
			return refuse("The path has an encoded control character.");
		if (is_encoded && (c == '/' || c == '\\'))
			return refuse("The path has an encoded slash.");
		if (n < sizeof(decoded))
			decoded[n] = c;
	}
	if (n == 0 && !is_last)
		return refuse("The path has an empty segment.");
	if ((n == 1 && decoded[0] == '.') || (n == 2 && decoded[0] == '.' && decoded[1] == '.'))
		return refuse("The path has a dot segment.");
	return accepted;
}

static struct sut_refusal check_path(struct sut_view path)
{
	for (size_t begin = 1, at = 1; at <= path.size; at++) {
		if (at < path.size && path.data[at] != '/')
			continue;
		struct sut_refusal refusal = check_segment(path, begin, at, at == path.size);
		if (refusal.status)
			return refusal;
		begin = at + 1;
	}
	return accepted;
}

static struct sut_refusal check_target(struct sut_view target)
{
	struct sut_view rest = target, path;

	if (target.size > SUT_GATE_MAX_TARGET)
		return (struct sut_refusal){ 400, "The address is over 2048 bytes." };
	if (!target.size || target.data[0] != '/')
		return refuse("The request target must be a path.");
	if (!take_until(&rest, '?', &path))
		return check_path(target);
	for (size_t at = 0; at < rest.size;) {
		int c = read_target_char(rest, &at);
		if (c < 0x20 || c == 0x7f)
			return refuse(
				"The query has a character that must be encoded, or a bad %.");
	}
	return check_path(path);
}

static struct sut_refusal read_request_line(struct sut_view line, struct head *head)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };
	bool is_known = false;

	if (!take_until(&line, ' ', &head->method) || !take_until(&line, ' ', &head->target))
		return refuse("The request line needs a method, a path and a version.");
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		is_known |= is_text(head->method, methods[i]);
	if (!is_known)
		return refuse("This method is not known here.");
	head->is_1_0 = is_text(line, "HTTP/1.0");
	if (!head->is_1_0 && !is_text(line, "HTTP/1.1"))
		return refuse("The version must be HTTP/1.1 or HTTP/1.0.");
	return check_target(head->target);
}

// Spaces and tabs around a value are not part of it (RFC 9110, 5.5).
static struct sut_view trim(struct sut_view view)
{
	while (view.size && (view.data[0] == ' ' || view.data[0] == '\t')) {
		view.data++;
		view.size--;
	}
	while (view.size && (view.data[view.size - 1] == ' ' || view.data[view.size - 1] == '\t'))
		view.size--;
	return view;
}

// Only "close" is of interest; all that other options could name is not passed on.
static void read_connection(struct sut_view value, struct head *head)
{
	struct sut_view option;

	while (take_until(&value, ',', &option))
		head->is_last |= is_text_any_case(trim(option), "close");
	head->is_last |= is_text_any_case(trim(value), "close");
}

static struct sut_refusal read_field(struct sut_view line, struct head *head)
{
	struct sut_view name;

	if (line.size && (line.data[0] == ' ' || line.data[0] == '\t'))
		return refuse("A header field is continued on a second line.");
	if (!take_until(&line, ':', &name) || !is_token(name))
		return refuse("A header field has no name, or one with a bad character.");
	struct sut_view value = trim(line);
	for (size_t i = 0; i < value.size; i++)
		if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] >= 0x7f)
			return refuse(
				"A header field has a control character or one outside of ASCII.");
	if (is_text_any_case(name, "Connection"))
		read_connection(value, head);
	for (size_t i = 0; i < N_KNOWN; i++) {
		if (!is_text_any_case(name, known_fields[i].name))
			continue;
		if (head->has[i])
			return refuse("A header field that must be there once is there twice.");
		head->has[i] = true;
		head->values[i] = value;
	}
	return accepted;
}

// A host and perhaps a port: RFC 3986, 3.2.2 and 3.2.3, without user and encoding.
static bool is_host(struct sut_view host)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

	for (size_t i = 0; i < host.size; i++)
		if (!host.data[i] || !strchr(allowed, host.data[i]))
			return false;
	return host.size > 0 && host.size <= 255;
}

static bool read_length(struct sut_view text, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + text.data[i] - '0';
	}
	// 18 digits fit; a leading zero is one number to some and another to others.
	if (!text.size || text.size > 18 || (text.size > 1 && text.data[0] == '0'))
		return false;
	*ret = value;
	return true;
}

static struct sut_refusal check_framing(struct head *head)
{
	bool has_body = is_text(head->method, "POST") || is_text(head->method, "PUT") ||
			is_text(head->method, "PATCH");

	if (!head->has[HOST] || !is_host(head->values[HOST]))
		return refuse("There must be a Host field with a host.");
	if (head->has[TRANSFER_ENCODING] && (head->has[CONTENT_LENGTH] || head->is_1_0))
		return refuse(
			"Transfer-Encoding cannot stand beside Content-Length or in HTTP/1.0.");
	if (head->has[TRANSFER_ENCODING])
		return refuse("Tell the body's size with Content-Length, not in chunks.");
	if (head->has[CONTENT_LENGTH] &&
	    !read_length(head->values[CONTENT_LENGTH], &head->body_size))
		return refuse("Content-Length must be one number.");
	if (head->body_size && !has_body)
		return refuse("This method takes no body.");
	if (head->body_size > SUT_GATE_MAX_BODY)
		return (struct sut_refusal){ 413, "The body is over 1 MiB." };
	if (has_body && !head->has[CONTENT_LENGTH])
		return (struct sut_refusal){ 411, "Tell the body's size with Content-Length." };
	if (head->has[EXPECT] && (!is_text_any_case(head->values[EXPECT], "100-continue") ||
				  !head->body_size || head->is_1_0))
		return refuse("This expectation cannot be met.");
	return accepted;
}

static struct sut_refusal read_head(struct sut_view text, struct head *head)
{
	struct sut_view line;
	struct sut_refusal refusal = refuse("The request line does not end.");

	for (size_t n = 0; take_until(&text, '\n', &line); n++) {
		line.size--; // The CR: scan_head() has seen that it is there.
		if (n > 0 && line.size == 0)
			return refusal.status ? refusal : check_framing(head);
		if (n > SUT_GATE_MAX_FIELDS)
			return (struct sut_refusal){ 400, "There are over 64 header fields." };
		refusal = n ? read_field(line, head) : read_request_line(line, head);
		if (refusal.status)
			return refusal;
	}
	return refusal;
}

static struct sut_err *add_text(struct sut_buf *out, const char *text)
{
	return sut_buf_add(out, text, strlen(text));
}

static struct sut_err *add_view(struct sut_buf *out, struct sut_view view)
{
	return sut_buf_add(out, view.data, view.size);
}

static struct sut_err *add_field(struct sut_buf *out, const char *name, struct sut_view value)
{
	struct sut_err *err = add_text(out, name);

	if (!err)
		err = add_text(out, ": ");
	if (!err)
		err = add_view(out, value);
	return err ? err : add_text(out, "\r\n");
}

static struct sut_err *write_head(const struct head *head, struct sut_buf *out)
{
	struct sut_err *err = add_view(out, head->method);

	if (!err)
		err = add_text(out, " ");
	if (!err)
		err = add_view(out, head->target);
	if (!err)
		err = add_text(out, head->is_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
	for (size_t i = 0; i < N_KNOWN && !err; i++)
		if (head->has[i] && known_fields[i].is_needed)
			err = add_field(out, known_fields[i].name, head->values[i]);
	if (!err && (head->is_last || head->is_1_0))
		err = add_text(out, "Connection: close\r\n");
	return err ? err : add_text(out, "\r\n");
}

// How many of @bytes belong to the head that the gate has begun; whether it ends
// with them. Bytes that can stand in no head are found before anything else is read.
static struct sut_refusal scan_head(struct sut_view seen, struct sut_view bytes, size_t *n_ret,
				    bool *is_whole_ret)
{
	uint8_t last[3] = { 0 }; // The three bytes before the one that is looked at.

	for (size_t i = 0; i < 3 && i < seen.size; i++)
		last[2 - i] = seen.data[seen.size - 1 - i];
	*is_whole_ret = false;
	for (size_t i = 0; i < bytes.size && !*is_whole_ret; i++) {
		uint8_t c = bytes.data[i];

		if (c == 0)
			return refuse("There is a NUL in the head.");
		if ((c == '\n') != (last[2] == '\r'))
			return refuse("A line ends with something else than CR LF.");
		*is_whole_ret = c == '\n' && last[1] == '\n' && last[0] == '\r';
		*n_ret = i + 1;
		last[0] = last[1];
		last[1] = last[2];
		last[2] = c;
	}
	return accepted;
}

static struct sut_err *finish_head(struct sut_gate *gate, struct sut_buf *out,
				   struct sut_refusal *refusal_ret)
{
	struct head head = { 0 };
	size_t before = out->size;

	*refusal_ret = read_head(sut_buf_view(&gate->head), &head);
	if (refusal_ret->status)
		return NULL;
	struct sut_err *err = write_head(&head, out);
	if (err)
		return err;
	if (out->size - before > SUT_GATE_MAX_PASSED)
		*refusal_ret = (struct sut_refusal){ 431, "The header fields are too long." };
	gate->body_left = head.body_size;
	gate->is_inside = head.body_size > 0;
	sut_buf_deinit(&gate->head);
	return NULL;
}

static struct sut_err *feed_head(struct sut_gate *gate, struct sut_view bytes, struct sut_buf *out,
				 size_t *used_ret, struct sut_refusal *refusal_ret)
{
	size_t n = 0;
	bool is_whole;

	gate->is_inside = true;
	*refusal_ret = scan_head(sut_buf_view(&gate->head), bytes, &n, &is_whole);
	if (!refusal_ret->status && gate->head.size + n > SUT_GATE_MAX_HEAD)
		*refusal_ret = (struct sut_refusal){ 400, "The head is over 8192 bytes." };
	if (refusal_ret->status)
		return NULL;
	*used_ret = n;
	struct sut_err *err = sut_buf_add(&gate->head, bytes.data, n);
	return err || !is_whole ? err : finish_head(gate, out, refusal_ret);
}

struct sut_err *sut_gate_feed(struct sut_gate *gate, struct sut_view bytes, struct sut_buf *out,
			      size_t *used_ret, struct sut_refusal *refusal_ret)
{
	struct sut_err *err = NULL;
	size_t used = 0;

	*refusal_ret = accepted;
	if (!gate->body_left)
		err = feed_head(gate, bytes, out, &used, refusal_ret);
	if (!err && !refusal_ret->status && gate->body_left) {
		size_t n = bytes.size - used;

		if (n > gate->body_left)
			n = gate->body_left;
		err = sut_buf_add(out, bytes.data + used, n);
		used += n;
		gate->body_left -= n;
		gate->is_inside = gate->body_left > 0;
	}
	if (!err)
		*used_ret = used;
	return err;
}
