// SPDX-License-Identifier: Apache-2.0
#include "agent/identity.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/files.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "tuf/pinned.h"

// The part of the token that names the hub's CA.
static struct sut_err *digest_of_token(const char *token, const char **ret)
{
	const char *digest = strrchr(token, '.');

	if (strncmp(token, "suture1.", 8) != 0 || !digest ||
	    strlen(digest + 1) != SUT_PINNED_SIZE - 1 ||
	    strspn(digest + 1, "0123456789abcdef") != SUT_PINNED_SIZE - 1)
		return sut_err(SUT_E_USAGE, "the enrolment token is not one of a hub's "
					    "(\"suture1.SECRET.DIGEST\"): copy it whole");
	*ret = digest + 1;
	return NULL;
}

static struct sut_err *find_ca(const struct sut_config *config, const char *wanted, char **ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };

	if (!config->ca_file)
		return sut_pinned_ask(config->hub, wanted, ret);
	struct sut_err *err = sut_file_read(config->ca_file, &file);
	if (err)
		return err;
	*ret = strndup((const char *)file.view.data, file.view.size);
	if (!*ret)
		return sut_err_nomem();
	if (sut_pinned_is(*ret, wanted))
		return NULL;
	free(*ret);
	return sut_err(SUT_E_DENIED, "%s: it is not the CA that the token names", config->ca_file);
}

static struct sut_err *write_text(const char *folder, const char *name, const char *text,
				  unsigned mode)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return sut_err_nomem();
	return sut_file_write_durable(
		path, (struct sut_view){ (const uint8_t *)text, strlen(text) }, mode);
}

static char *text_of(BIO *bio)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);

	return size > 0 ? strndup(data, size) : NULL;
}

// The key that is there, or a new one: a hub that was asked before knows us by it.
static struct sut_err *load_key(const char *folder, EVP_PKEY **ret)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/device.key", folder) < 0)
		return sut_err_nomem();
	FILE *file = fopen(path, "re");
	*ret = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	if (file)
		fclose(file);
	if (!*ret)
		*ret = EVP_EC_gen("P-256");
	return *ret ? NULL : sut_err(SUT_E_OS, "make a key for this device");
}

static struct sut_err *make_request(const char *folder, const char *hostname, char **key_ret,
				    char **csr_ret)
{
	EVP_PKEY *key;
	struct sut_err *err = load_key(folder, &key);

	if (err)
		return err;
	X509_REQ *request = X509_REQ_new();
	BIO *key_bio = BIO_new(BIO_s_mem()), *csr_bio = BIO_new(BIO_s_mem());
	bool is_made =
		request && key_bio && csr_bio &&
		X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
					   (const unsigned char *)hostname, -1, -1, 0) &&
		X509_REQ_set_pubkey(request, key) && X509_REQ_sign(request, key, EVP_sha256()) &&
		PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) &&
		PEM_write_bio_X509_REQ(csr_bio, request);

	*key_ret = is_made ? text_of(key_bio) : NULL;
	*csr_ret = is_made ? text_of(csr_bio) : NULL;
	BIO_free(key_bio);
	BIO_free(csr_bio);
	X509_REQ_free(request);
	EVP_PKEY_free(key);
	return *key_ret && *csr_ret ? NULL : sut_err(SUT_E_OS, "make a key for this device");
}

struct sut_err *sut_identity_begin(const char *folder, const struct sut_config *config,
				   const char *token, char **body_ret)
{
	_cleanup_free_ char *ca = NULL, *key = NULL, *csr = NULL;
	char hostname[65] = "device";
	const char *wanted;
	struct sut_err *err = digest_of_token(token, &wanted);

	gethostname(hostname, sizeof(hostname) - 1);
	if (!err)
		err = find_ca(config, wanted, &ca);
	if (!err)
		err = write_text(folder, "ca.crt", ca, 0644);
	if (!err)
		err = make_request(folder, hostname, &key, &csr);
	// The key first: a certificate without it would be worth nothing.
	if (!err)
		err = write_text(folder, "device.key", key, 0600);
	if (err)
		return err;
	json_t *body = json_pack("{s:s, s:s, s:s, s:O}", "token", token, "csr", csr, "hostname",
				 hostname, "attributes", config->attributes);
	*body_ret = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	return *body_ret ? NULL : sut_err_nomem();
}

static X509 *read_certificate(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return NULL;
	FILE *file = fopen(path, "re");
	X509 *x509 = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	if (file)
		fclose(file);
	return x509;
}

static bool read_time(const ASN1_TIME *time, int64_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

static bool describe(const X509 *x509, struct sut_certificate *ret)
{
	return X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, ret->device,
					 sizeof(ret->device)) > 0 &&
	       read_time(X509_get0_notBefore(x509), &ret->from) &&
	       read_time(X509_get0_notAfter(x509), &ret->until);
}

struct sut_err *sut_identity_read(const char *folder, struct sut_certificate *ret)
{
	struct sut_certificate certificate;
	X509 *x509 = read_certificate(folder, "device.crt");
	bool is_read = x509 && describe(x509, &certificate);

	X509_free(x509);
	if (!is_read)
		return sut_err(SUT_E_FORMAT,
			       "%s/device.crt is no certificate: remove it, and the "
			       "device enrols anew",
			       folder);
	*ret = certificate;
	return NULL;
}

struct sut_err *sut_identity_renew(const char *folder, char **body_ret)
{
	_cleanup_free_ char *key = NULL, *csr = NULL;
	struct sut_err *err = make_request(folder, "device", &key, &csr);

	if (err)
		return err;
	json_t *body = json_pack("{s:s}", "csr", csr);
	*body_ret = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	return *body_ret ? NULL : sut_err_nomem();
}

// Whatever came over the network: it must do what the one before does.
static bool is_successor(const char *folder, X509 *next, struct sut_certificate *ret)
{
	X509 *ca = read_certificate(folder, "ca.crt");
	struct sut_certificate before;
	EVP_PKEY *key = NULL;
	struct sut_err *err = sut_identity_read(folder, &before);

	if (!err)
		err = load_key(folder, &key);
	bool is_good = !err && ca && next && describe(next, ret) &&
		       X509_verify(next, X509_get0_pubkey(ca)) == 1 &&
		       X509_check_private_key(next, key) == 1 &&
		       strcmp(ret->device, before.device) == 0 && ret->until > before.until;
	sut_err_free(err);
	EVP_PKEY_free(key);
	X509_free(ca);
	return is_good;
}

struct sut_err *sut_identity_take_next(const char *folder, const json_t *answer,
				       struct sut_certificate *ret)
{
	const char *pem = sut_state_text(answer, "certificate");
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *next = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	struct sut_certificate certificate;
	bool is_good = is_successor(folder, next, &certificate);

	X509_free(next);
	BIO_free(bio);
	if (!is_good)
		return sut_err(SUT_E_DENIED,
			       "the hub's next certificate is not of its CA for this device");
	struct sut_err *err = write_text(folder, "device.crt", pem, 0644);
	if (!err)
		*ret = certificate;
	return err;
}

struct sut_err *sut_identity_take(const char *folder, const char *token, const json_t *answer)
{
	const char *wanted, *certificate = sut_state_text(answer, "certificate");
	struct sut_err *err = digest_of_token(token, &wanted);

	if (err)
		return err;
	if (!sut_pinned_is(sut_state_text(answer, "ca"), wanted) || !*certificate)
		return sut_err(SUT_E_DENIED,
			       "the hub's answer is not of the CA that the token names");
	return write_text(folder, "device.crt", certificate, 0644);
}
