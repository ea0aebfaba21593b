// SPDX-License-Identifier: Apache-2.0
/*
 * Fetches with libcurl, a handle for each question:
 *
 *     get URL            the answer's body, after redirects
 *     post URL DATA
 *     token TOKEN URL    get, with a bearer token, and passwords from ./netrc
 *
 * The endless work parses URLs and escapes text. Declares what it uses itself,
 * so that no headers need be installed.
 */
#include <stdio.h>
#include <string.h>

#include "program.h"

enum {
	OPT_WRITEDATA = 10001,
	OPT_URL = 10002,
	OPT_PROXY = 10004,
	OPT_POSTFIELDS = 10015,
	OPT_NETRC_FILE = 10118,
	OPT_NETRC = 51,
	OPT_FOLLOWLOCATION = 52,
	OPT_HTTPAUTH = 107,
	OPT_TIMEOUT_MS = 155,
	OPT_XOAUTH2_BEARER = 10220,
	AUTH_BEARER = 1 << 6,
	PART_HOST = 5,
	PART_PATH = 7,
};

void *curl_easy_init(void);
int curl_easy_setopt(void *handle, int option, ...);
int curl_easy_perform(void *handle);
const char *curl_easy_strerror(int code);
void curl_easy_cleanup(void *handle);
void curl_free(void *memory);
char *curl_easy_escape(void *handle, const char *text, int size);
void *curl_url(void);
int curl_url_set(void *url, int part, const char *text, unsigned flags);
int curl_url_get(void *url, int part, char **text, unsigned flags);
void curl_url_cleanup(void *url);

static void fetch(const char *url, const char *data, const char *token)
{
	void *handle = curl_easy_init();

	curl_easy_setopt(handle, OPT_URL, url);
	curl_easy_setopt(handle, OPT_PROXY, "");
	curl_easy_setopt(handle, OPT_WRITEDATA, stdout);
	curl_easy_setopt(handle, OPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(handle, OPT_TIMEOUT_MS, 10000L);
	if (data)
		curl_easy_setopt(handle, OPT_POSTFIELDS, data);
	if (token) {
		curl_easy_setopt(handle, OPT_HTTPAUTH, (long)AUTH_BEARER);
		curl_easy_setopt(handle, OPT_XOAUTH2_BEARER, token);
		curl_easy_setopt(handle, OPT_NETRC, 1L);
		curl_easy_setopt(handle, OPT_NETRC_FILE, "netrc");
	}
	int code = curl_easy_perform(handle);
	puts(curl_easy_strerror(code));
	curl_easy_cleanup(handle);
}

void answer(char *question)
{
	char *first = strchr(question, ' ');
	char *second = first ? strchr(first + 1, ' ') : NULL;

	if (!first)
		return;
	*first++ = '\0';
	if (second)
		*second++ = '\0';
	if (strcmp(question, "get") == 0)
		fetch(first, NULL, NULL);
	else if (strcmp(question, "post") == 0)
		fetch(first, second, NULL);
	else if (strcmp(question, "token") == 0 && second)
		fetch(second, NULL, first);
}

unsigned long work_once(void)
{
	unsigned long digest = 5381;
	void *url = curl_url();
	char *host = NULL, *path = NULL;

	curl_url_set(url, 0, "HTTP://user@Example.com:81/a/../b%20c?d=e#f", 0);
	curl_url_get(url, PART_HOST, &host, 0);
	curl_url_get(url, PART_PATH, &path, 0);
	char *escaped = curl_easy_escape(NULL, path, 0);
	digest = digest_add(digest, host, strlen(host));
	digest = digest_add(digest, escaped, strlen(escaped));
	curl_free(escaped);
	curl_free(path);
	curl_free(host);
	curl_url_cleanup(url);
	return digest;
}
