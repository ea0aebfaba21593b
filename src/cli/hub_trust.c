// SPDX-License-Identifier: Apache-2.0
#include "cli/hub_trust.h"

#include <ctype.h>
#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"

// The digest of a certificate's DER, in hex.
static bool digest_of(const char *pem, char ret[2 * SUT_SHA256_SIZE + 1])
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	bool is_read = x509 && X509_digest(x509, EVP_sha256(), bytes, &size) == 1;

	if (is_read)
		sut_hex((struct sut_view){ bytes, SUT_SHA256_SIZE }, ret);
	X509_free(x509);
	BIO_free(bio);
	return is_read;
}

static struct sut_err *clean_fingerprint(const char *text, char ret[2 * SUT_SHA256_SIZE + 1])
{
	size_t n = 0;

	for (const char *c = text; *c; c++) {
		if (*c == ':')
			continue;
		if (!isxdigit((unsigned char)*c) || n == 2 * SUT_SHA256_SIZE)
			return sut_err(SUT_E_USAGE, "--fingerprint: '%s' is no SHA-256", text);
		ret[n++] = tolower((unsigned char)*c);
	}
	ret[n] = 0;
	return n == 2 * SUT_SHA256_SIZE
		       ? NULL
		       : sut_err(SUT_E_USAGE, "--fingerprint: '%s' is no SHA-256", text);
}

// Among the certificates that the hub showed, the one with this digest.
static struct sut_err *pick(const struct curl_certinfo *shown, const char *wanted, char **ret)
{
	for (int i = 0; shown && i < shown->num_of_certs; i++) {
		for (struct curl_slist *line = shown->certinfo[i]; line; line = line->next) {
			char digest[2 * SUT_SHA256_SIZE + 1];
			if (strncmp(line->data, "Cert:", 5) != 0 ||
			    !digest_of(line->data + 5, digest) || strcmp(digest, wanted) != 0)
				continue;
			*ret = strdup(line->data + 5);
			return *ret ? NULL : sut_err_nomem();
		}
	}
	return sut_err(SUT_E_DENIED,
		       "no certificate of this hub has the fingerprint %s: it is another hub, or "
		       "somebody is in between",
		       wanted);
}

static struct sut_err *ask(const char *url, const char *wanted, char **ret)
{
	char reason[CURL_ERROR_SIZE] = "";
	struct curl_certinfo *shown = NULL;
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
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	CURLcode code = curl_easy_perform(curl);
	struct sut_err *err = NULL;
	if (code != CURLE_OK)
		err = sut_err(SUT_E_OS, "%s", *reason ? reason : curl_easy_strerror(code));
	else if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &shown) != CURLE_OK)
		err = sut_err(SUT_E_OS, "it shows no certificate");
	else
		err = pick(shown, wanted, ret);
	curl_easy_cleanup(curl);
	return err ? sut_err_wrap(err, "%s", url) : NULL;
}

struct sut_err *sut_hub_trust_read(const char *url, const char *ca_file, const char *fingerprint,
				   char **ret)
{
	char wanted[2 * SUT_SHA256_SIZE + 1], digest[2 * SUT_SHA256_SIZE + 1];
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = fingerprint ? clean_fingerprint(fingerprint, wanted) : NULL;

	*ret = NULL;
	if (err || (!ca_file && !fingerprint))
		return err;
	if (!ca_file)
		return ask(url, wanted, ret);
	err = sut_file_read(ca_file, &file);
	if (err)
		return err;
	_cleanup_free_ char *pem = strndup((const char *)file.view.data, file.view.size);
	if (!pem)
		return sut_err_nomem();
	if (!digest_of(pem, digest))
		return sut_err(SUT_E_FORMAT, "%s: no certificate in PEM", ca_file);
	if (fingerprint && strcmp(digest, wanted) != 0)
		return sut_err(SUT_E_DENIED, "%s: its fingerprint is %s", ca_file, digest);
	*ret = steal(pem);
	return NULL;
}
