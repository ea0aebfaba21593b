// SPDX-License-Identifier: Apache-2.0
#include "tuf/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/** A source that is a web server. One connection, kept open between fetches. */
struct http {
	struct sut_tuf_source source; /**< First, so that one is the other. */
	CURL *curl;                   /**< Owned. */
	char *urls[2];                /**< By enum sut_tuf_kind, without a `/` at the end; owned. */
	unsigned int stall_s, min_rate;
};

/** One transfer. */
struct transfer {
	CURL *curl;
	const char *url;
	const struct sut_tuf_sink *sink;
	uint64_t limit, size;
	struct sut_err *err; /**< Of the sink, or that it is too long; owned. */
};

static size_t take(char *bytes, size_t one, size_t n, void *context)
{
	struct transfer *t = context;
	long status = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	t->size += n * one;
	if (status != 200) // the page that says why not
		return t->size > 65536 ? 0 : n * one;
	if (t->size > t->limit)
		t->err = sut_err(SUT_E_UNTRUSTED, "%s: over the %" PRIu64 " bytes it may have",
				 t->url, t->limit);
	else
		t->err = t->sink->add(t->sink->context,
				      (struct sut_view){ (uint8_t *)bytes, n * one });
	return t->err ? 0 : n * one;
}

/** Percent-encode a path, its slashes not. @p ret is the caller's. */
static struct sut_err *encode(const char *path, char **ret)
{
	char *to = malloc(3 * strlen(path) + 1);

	if (!to)
		return sut_err_nomem();
	*ret = to;
	for (; *path; path++) {
		unsigned char c = *path;
		if (c < 128 && (isalnum(c) || strchr("-._~/", c)))
			*to++ = c;
		else
			to += sprintf(to, "%%%02X", c);
	}
	*to = '\0';
	return NULL;
}

static struct sut_err *judge(struct transfer *t, CURLcode code, bool *found)
{
	long status = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->err)
		return t->err;
	// Servers that hide what is there answer 403.
	*found = status != 403 && status != 404 && status != 410;
	if (!*found)
		return NULL;
	if (code == CURLE_FILESIZE_EXCEEDED)
		return sut_err(SUT_E_UNTRUSTED, "%s: over the %" PRIu64 " bytes it may have",
			       t->url, t->limit);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return sut_err(SUT_E_NETWORK, "%s: too slow, or no answer", t->url);
	if (code != CURLE_OK)
		return sut_err(SUT_E_NETWORK, "%s: %s", t->url, curl_easy_strerror(code));
	if (status >= 300 && status < 400)
		return sut_err(SUT_E_NETWORK,
			       "%s: the server redirects (%ld), which is not followed; configure "
			       "the address that it redirects to",
			       t->url, status);
	if (status != 200)
		return sut_err(SUT_E_NETWORK, "%s: the server answers %ld", t->url, status);
	return NULL;
}

static struct sut_err *run(struct http *http, const char *url, uint64_t limit,
			   const struct sut_tuf_sink *sink, bool *found)
{
	struct transfer t = { .curl = http->curl, .url = url, .sink = sink, .limit = limit };

	curl_easy_setopt(t.curl, CURLOPT_URL, url);
	curl_easy_setopt(t.curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(t.curl, CURLOPT_WRITEDATA, &t);
	// For what says its size; take() is for what does not.
	curl_easy_setopt(t.curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(limit ? limit : 1));
	curl_easy_setopt(t.curl, CURLOPT_TIMEOUT,
			 (long)(http->stall_s + 1 + limit / http->min_rate));
	return judge(&t, curl_easy_perform(t.curl), found);
}

static struct sut_err *fetch(struct sut_tuf_source *source, enum sut_tuf_kind kind,
			     const char *name, uint64_t limit, const struct sut_tuf_sink *sink,
			     bool *found)
{
	struct http *http = (struct http *)source;
	_cleanup_free_ char *encoded = NULL, *url = NULL;
	struct sut_err *err = NULL;

	if (!http->urls[kind])
		return sut_err(SUT_E_USAGE, "%s: no address of targets was named", name);
	if (kind == SUT_TUF_TARGET)
		err = encode(name, &encoded);
	if (!err && asprintf(&url, "%s/%s", http->urls[kind], encoded ? encoded : name) < 0)
		err = sut_err_nomem();
	return err ? err : run(http, url, limit, sink, found);
}

static void free_http(struct sut_tuf_source *source)
{
	struct http *http = (struct http *)source;

	curl_easy_cleanup(http->curl);
	free(http->urls[SUT_TUF_METADATA]);
	free(http->urls[SUT_TUF_TARGET]);
	free(http);
}

static bool is_http(const char *url)
{
	return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

/** @p base/@p folder, or @p url, without slashes at the end; NULL when there is neither. */
static struct sut_err *make_url(const char *base, const char *folder, const char *url, char **ret)
{
	_cleanup_free_ char *made = NULL;
	const char *from = url ? url : base;

	if (!from)
		return NULL;
	if (!is_http(from))
		return sut_err(SUT_E_USAGE, "%s: no address that begins with http:// or https://",
			       from);
	size_t size = strlen(from);
	while (from[size - 1] == '/')
		size--;
	if (asprintf(&made, "%.*s%s%s", (int)size, from, url ? "" : "/", url ? "" : folder) < 0) {
		made = NULL;
		return sut_err_nomem();
	}
	*ret = steal(made);
	return NULL;
}

static void set_options(CURL *curl, const struct sut_tuf_http *options, const struct http *http)
{
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT,
			 options->user_agent ? options->user_agent : "suture/" SUTURE_VERSION);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
			 (long)(options->connect_s ? options->connect_s : 20));
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)http->min_rate);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)http->stall_s);
	if (options->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
}

struct sut_err *sut_tuf_source_http(const struct sut_tuf_http *options, struct sut_tuf_source **ret)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return sut_err_nomem();
	http->source = (struct sut_tuf_source){ fetch, free_http };
	_cleanup_(sut_tuf_source_freep) struct sut_tuf_source *source = &http->source;
	http->stall_s = options->stall_s ? options->stall_s : 30;
	http->min_rate = options->min_rate ? options->min_rate : 1000;
	struct sut_err *err = make_url(options->url, "metadata", options->metadata_url,
				       &http->urls[SUT_TUF_METADATA]);
	if (!err)
		err = make_url(options->url, "targets", options->targets_url,
			       &http->urls[SUT_TUF_TARGET]);
	if (!err && !http->urls[SUT_TUF_METADATA])
		err = sut_err(SUT_E_USAGE, "no address of a repository was named");
	if (err)
		return err;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return sut_err(SUT_E_UNSUPPORTED, "libcurl does not start");
	http->curl = curl_easy_init();
	if (!http->curl)
		return sut_err_nomem();
	set_options(http->curl, options, http);
	*ret = steal(source);
	return NULL;
}

struct sut_err *sut_tuf_source_url(const struct sut_tuf_http *options, struct sut_tuf_source **ret)
{
	if (options->url && strncmp(options->url, "file:///", 8) == 0)
		return sut_tuf_source_folder(options->url + 7, ret);
	return sut_tuf_source_http(options, ret);
}
