// SPDX-License-Identifier: Apache-2.0
#include "cli/hub_client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/hub_trust.h"

/** An answer is at most so large, in bytes: a page of 200 rows is far below. */
#define MOST_ANSWER (64u << 20)

struct sut_hub_client {
	CURL *curl;
	json_t *credentials; /**< "url", "ca", and "cookie" with "csrf", or "token". */
};

static const char *string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

// The file, and with @p make the folders on its way.
static struct sut_err *find_credentials(bool make, char *ret, size_t size)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n = base && *base == '/' ? snprintf(ret, size, "%s", base)
				     : snprintf(ret, size, "%s/.config", home ? home : "");

	if (make)
		mkdir(ret, 0700);
	if (n > 0 && (size_t)n < size)
		n += snprintf(ret + n, size - n, "/suture");
	if (make && mkdir(ret, 0700) != 0 && errno != EEXIST)
		return sut_err_os(errno, "make %s", ret);
	if (n > 0 && (size_t)n < size)
		n += snprintf(ret + n, size - n, "/hub.json");
	if (n < 0 || (size_t)n >= size)
		return sut_err(SUT_E_USAGE, "XDG_CONFIG_HOME is too long");
	return NULL;
}

static struct sut_err *read_credentials(json_t **ret)
{
	char path[4096];
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = find_credentials(false, path, sizeof(path));

	if (err)
		return err;
	if (access(path, F_OK) != 0)
		return sut_err(SUT_E_USAGE,
			       "nobody is signed in; 'suture hub login URL' does that");
	err = sut_file_read(path, &file);
	if (!err)
		err = sut_json_parse(file.view, ret);
	if (!err && !string_of(*ret, "url")) {
		json_decref(*ret);
		*ret = NULL;
		err = sut_err(SUT_E_FORMAT, "names no hub; sign in again");
	}
	return err ? sut_err_wrap(err, "%s", path) : NULL;
}

static struct sut_err *write_credentials(const json_t *credentials)
{
	char path[4096];
	struct sut_err *err = find_credentials(true, path, sizeof(path));
	_cleanup_free_ char *text = json_dumps(credentials, JSON_INDENT(2) | JSON_SORT_KEYS);

	if (err)
		return err;
	if (!text)
		return sut_err_nomem();
	return sut_file_write_durable(path, (struct sut_view){ (uint8_t *)text, strlen(text) },
				      0600);
}

struct sut_err *sut_hub_path_raw(struct sut_buf *path, const char *text)
{
	struct sut_err *err = sut_buf_add(path, text, strlen(text) + 1);

	if (!err)
		path->size--; // the NUL stays behind the end
	return err;
}

struct sut_err *sut_hub_path_add(struct sut_buf *path, const char *text)
{
	struct sut_err *err = NULL;

	for (const unsigned char *c = (const unsigned char *)text; *c && !err; c++) {
		char code[4] = { *c, 0 };
		if (!isalnum(*c) && !strchr("-._~", *c))
			snprintf(code, sizeof(code), "%%%02X", *c);
		err = sut_hub_path_raw(path, code);
	}
	return err;
}

struct sut_err *sut_hub_path_query(struct sut_buf *path, const char *name, const char *value)
{
	if (!value)
		return NULL;
	struct sut_err *err = sut_hub_path_raw(path, strchr(sut_hub_path(path), '?') ? "&" : "?");
	if (!err)
		err = sut_hub_path_raw(path, name);
	if (!err)
		err = sut_hub_path_raw(path, "=");
	return err ? err : sut_hub_path_add(path, value);
}

static struct sut_err *open_client(json_t *credentials, struct sut_hub_client **ret)
{
	struct sut_hub_client *client = calloc(1, sizeof(*client));

	if (!client)
		return sut_err_nomem();
	client->credentials = json_incref(credentials);
	client->curl = curl_easy_init();
	if (!client->curl) {
		sut_hub_client_close(client);
		return sut_err_nomem();
	}
	*ret = client;
	return NULL;
}

struct sut_err *sut_hub_client_open(struct sut_hub_client **ret)
{
	_cleanup_json_ json_t *credentials = NULL;
	struct sut_err *err = read_credentials(&credentials);

	return err ? err : open_client(credentials, ret);
}

void sut_hub_client_close(struct sut_hub_client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	json_decref(client->credentials);
	free(client);
}

static size_t take_bytes(char *bytes, size_t size, size_t n, void *context)
{
	struct sut_buf *answer = context;
	struct sut_err *err = answer->size + n > MOST_ANSWER ? sut_err_nomem()
							     : sut_buf_add(answer, bytes, size * n);

	sut_err_free(err);
	return err ? 0 : n;
}

// The session's cookie is all that we want of an answer's head.
static size_t take_header(char *line, size_t size, size_t n, void *context)
{
	static const char name[] = "set-cookie:";
	json_t *credentials = context;
	char *end = memchr(line, ';', size * n);

	if (end && strncasecmp(line, name, sizeof(name) - 1) == 0) {
		char *value = line + sizeof(name) - 1 + (line[sizeof(name) - 1] == ' ');
		json_object_set_new(credentials, "cookie", json_stringn(value, end - value));
	}
	return size * n;
}

static struct sut_err *add_header(struct curl_slist **list, const char *name, const char *value)
{
	char line[4096];

	if (!value)
		return NULL;
	if (snprintf(line, sizeof(line), "%s: %s", name, value) >= (int)sizeof(line))
		return sut_err(SUT_E_FORMAT, "%s is too long", name);
	struct curl_slist *longer = curl_slist_append(*list, line);
	if (!longer)
		return sut_err_nomem();
	*list = longer;
	return NULL;
}

static struct sut_err *add_headers(const json_t *credentials, bool has_body,
				   struct curl_slist **list)
{
	const char *token = string_of(credentials, "token");
	char bearer[2048];
	struct sut_err *err = NULL;

	if (token) {
		snprintf(bearer, sizeof(bearer), "Bearer %s", token);
		err = add_header(list, "Authorization", bearer);
	} else {
		err = add_header(list, "Cookie", string_of(credentials, "cookie"));
		if (!err)
			err = add_header(list, "X-CSRF-Token", string_of(credentials, "csrf"));
	}
	if (!err)
		err = add_header(list, "Accept", "application/json");
	// Without it, libcurl asks "Expect: 100-continue" and waits for large bodies.
	if (!err)
		err = add_header(list, "Expect", "");
	return err || !has_body ? err : add_header(list, "Content-Type", "application/json");
}

static void prepare(struct sut_hub_client *client, const char *method, struct sut_buf *answer,
		    struct curl_slist *headers, const char *body, char *reason)
{
	const char *ca = string_of(client->credentials, "ca");
	CURL *curl = client->curl;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, client->credentials);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 120L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	if (body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	if (ca) {
		struct curl_blob blob = { (void *)ca, strlen(ca), CURL_BLOB_COPY };
		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
	}
}

// What the hub itself says about a request that failed.
static struct sut_err *tell_problem(long status, const json_t *problem)
{
	const char *detail = string_of(problem, "detail"), *title = string_of(problem, "title");
	const char *said = detail && *detail ? detail : title && *title ? title : "no reason given";

	switch (status) {
	case 400:
	case 404:
	case 422:
		return sut_err(SUT_E_USAGE, "%s", said);
	case 401:
		return sut_err(SUT_E_DENIED, "%s; 'suture hub login URL' signs in", said);
	case 403:
		return sut_err(SUT_E_DENIED, "%s", said);
	case 409:
	case 429:
		return sut_err(SUT_E_BUSY, "%s", said);
	default:
		return sut_err(SUT_E_OS, "the hub answers %ld: %s", status, said);
	}
}

static struct sut_err *tell_failure(const struct sut_hub_client *client, CURLcode code,
				    const char *reason)
{
	const char *url = string_of(client->credentials, "url");
	const char *said = *reason ? reason : curl_easy_strerror(code);

	if (code == CURLE_PEER_FAILED_VERIFICATION && !json_object_get(client->credentials, "ca"))
		return sut_err(
			SUT_E_DENIED,
			"%s: %s; a hub with its own authority needs --ca-file (ca.crt of its "
			"data folder) or --fingerprint (printed at its first start)",
			url, said);
	return sut_err(code == CURLE_PEER_FAILED_VERIFICATION ? SUT_E_DENIED : SUT_E_OS, "%s: %s",
		       url, said);
}

static struct sut_err *read_answer(struct sut_hub_client *client, const struct sut_buf *answer,
				   json_t **ret)
{
	long status = 0;
	_cleanup_json_ json_t *value = NULL;
	struct sut_err *err = NULL;

	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (answer->size)
		err = sut_json_parse(sut_buf_view(answer), &value);
	if (status < 200 || status > 299) {
		sut_err_free(err);
		return tell_problem(status, value);
	}
	if (err)
		return sut_err_wrap(err, "the hub's answer");
	if (ret)
		*ret = steal(value);
	return NULL;
}

struct sut_err *sut_hub_client_call(struct sut_hub_client *client, const char *method,
				    const char *path, const json_t *body, json_t **ret)
{
	char reason[CURL_ERROR_SIZE] = "";
	_cleanup_(sut_buf_deinit) struct sut_buf url = { 0 }, answer = { 0 };
	_cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct curl_slist *headers = NULL;
	struct sut_err *err = sut_hub_path_raw(&url, string_of(client->credentials, "url"));

	if (body && !text)
		return sut_err_nomem();
	if (!err)
		err = sut_hub_path_raw(&url, path);
	if (!err)
		err = add_headers(client->credentials, body, &headers);
	if (!err) {
		prepare(client, method, &answer, headers, text, reason);
		curl_easy_setopt(client->curl, CURLOPT_URL, sut_hub_path(&url));
		CURLcode code = curl_easy_perform(client->curl);
		if (code != CURLE_OK)
			err = tell_failure(client, code, reason);
	}
	curl_slist_free_all(headers);
	return err ? err : read_answer(client, &answer, ret);
}

// Appends one page to @p all; @p cursor_ret is where the next begins, borrowed from @p all.
static struct sut_err *add_page(struct sut_hub_client *client, const char *path, size_t limit,
				json_t *all, const char **cursor)
{
	_cleanup_(sut_buf_deinit) struct sut_buf full = { 0 };
	_cleanup_json_ json_t *page = NULL;
	char number[24];
	struct sut_err *err = sut_hub_path_raw(&full, path);

	snprintf(number, sizeof(number), "%zu", limit);
	if (!err)
		err = sut_hub_path_query(&full, "limit", number);
	if (!err)
		err = sut_hub_path_query(&full, "cursor", *cursor);
	if (!err)
		err = sut_hub_client_call(client, "GET", sut_hub_path(&full), NULL, &page);
	if (err)
		return err;
	if (json_array_extend(json_object_get(all, "items"), json_object_get(page, "items")) != 0)
		return sut_err(SUT_E_FORMAT, "the hub's answer is no list");
	json_object_set(all, "next", json_object_get(page, "next"));
	json_object_set(all, "total", json_object_get(page, "total"));
	*cursor = string_of(all, "next");
	return NULL;
}

struct sut_err *sut_hub_client_list(struct sut_hub_client *client, const char *path, size_t most,
				    json_t **ret)
{
	_cleanup_json_ json_t *all = json_pack("{s:[], s:n, s:i}", "items", "next", "total", 0);
	const char *cursor = NULL;
	size_t n = 0;

	if (!all)
		return sut_err_nomem();
	do {
		size_t limit = most - n < 200 ? most - n : 200, before = n;
		struct sut_err *err = add_page(client, path, limit, all, &cursor);
		if (err)
			return err;
		n = json_array_size(json_object_get(all, "items"));
		if (n == before)
			break;
	} while (cursor && n < most);
	*ret = steal(all);
	return NULL;
}

// Who signs in with a password gets a cookie; a token is its own proof.
static struct sut_err *sign_in(struct sut_hub_client *client, const struct sut_hub_login *login,
			       json_t **ret)
{
	if (login->token)
		return sut_hub_client_call(client, "GET", "/api/v1/session", NULL, ret);

	_cleanup_json_ json_t *body =
		json_pack("{s:s, s:s}", "name", login->user, "password", login->password);
	if (!body)
		return sut_err(SUT_E_FORMAT, "the password is no UTF-8 text");
	struct sut_err *err = sut_hub_client_call(client, "POST", "/api/v1/session", body, ret);
	if (err)
		return err;
	json_object_set(client->credentials, "csrf", json_object_get(*ret, "csrf"));
	return NULL;
}

struct sut_err *sut_hub_client_login(const struct sut_hub_login *login, json_t **ret)
{
	_cleanup_(sut_hub_client_closep) struct sut_hub_client *client = NULL;
	_cleanup_json_ json_t *credentials = json_object();
	_cleanup_json_ json_t *answer = NULL;
	_cleanup_free_ char *ca = NULL;
	size_t size = strlen(login->url);
	struct sut_err *err;

	if (strncmp(login->url, "https://", 8) != 0)
		return sut_err(SUT_E_USAGE, "'%s': a hub's address begins with https://",
			       login->url);
	while (size && login->url[size - 1] == '/')
		size--;
	json_object_set_new(credentials, "url", json_stringn(login->url, size));
	err = sut_hub_trust_read(login->url, login->ca_file, login->fingerprint, &ca);
	if (err)
		return err;
	if (ca)
		json_object_set_new(credentials, "ca", json_string(ca));
	if (login->token)
		json_object_set_new(credentials, "token", json_string(login->token));
	err = open_client(credentials, &client);
	if (!err)
		err = sign_in(client, login, &answer);
	if (!err)
		err = write_credentials(credentials);
	if (err)
		return err;
	json_object_del(answer, "csrf");
	*ret = steal(answer);
	return NULL;
}

struct sut_err *sut_hub_client_logout(void)
{
	_cleanup_(sut_hub_client_closep) struct sut_hub_client *client = NULL;
	char path[4096];
	struct sut_err *err = sut_hub_client_open(&client);

	if (err)
		return err;
	// A hub that cannot be reached must not keep us from forgetting.
	if (!string_of(client->credentials, "token"))
		sut_err_free(sut_hub_client_call(client, "DELETE", "/api/v1/session", NULL, NULL));
	err = find_credentials(false, path, sizeof(path));
	if (!err && unlink(path) != 0)
		err = sut_err_os(errno, "remove %s", path);
	return err;
}
