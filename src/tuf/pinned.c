// SPDX-License-Identifier: Apache-2.0
#include "tuf/pinned.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

bool sut_pinned_digest(const char *pem, char ret[SUT_PINNED_SIZE])
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	bool is_read = x509 && X509_digest(x509, EVP_sha256(), bytes, &size) == 1 &&
		       size == SUT_SHA256_SIZE;

	if (is_read)
		sut_hex((struct sut_view){ bytes, size }, ret);
	X509_free(x509);
	BIO_free(bio);
	return is_read;
}

bool sut_pinned_is(const char *pem, const char *wanted)
{
	char digest[SUT_PINNED_SIZE];

	return sut_pinned_digest(pem, digest) && strcmp(digest, wanted) == 0;
}

static struct sut_err *pick(const struct curl_certinfo *shown, const char *wanted, char **ret)
{
	for (int i = 0; shown && i < shown->num_of_certs; i++) {
		for (struct curl_slist *line = shown->certinfo[i]; line; line = line->next) {
			if (strncmp(line->data, "Cert:", 5) != 0 ||
			    !sut_pinned_is(line->data + 5, wanted))
				continue;
			*ret = strdup(line->data + 5);
			return *ret ? NULL : sut_err_nomem();
		}
	}
	return sut_err(SUT_E_DENIED,
		       "it shows no certificate with the fingerprint %s: it is another hub, or "
		       "somebody is in between",
		       wanted);
}

struct sut_err *sut_pinned_ask(const char *url, const char *wanted, char **ret)
{
	char reason[CURL_ERROR_SIZE] = "";
	struct curl_certinfo *shown = NULL;
	struct sut_err *err;
	CURL *curl = curl_easy_init();

	if (!curl)
		return sut_err_nomem();
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	// Nothing is sent, and nothing believed that the digest does not prove.
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	CURLcode code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(curl, CURLINFO_CERTINFO, &shown);
	if (code == CURLE_OK)
		err = pick(shown, wanted, ret);
	else
		err = sut_err(SUT_E_OS, "%s", *reason ? reason : curl_easy_strerror(code));
	curl_easy_cleanup(curl);
	return err ? sut_err_wrap(err, "%s", url) : NULL;
}
