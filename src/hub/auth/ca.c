// SPDX-License-Identifier: Apache-2.0
#include "hub/auth/ca.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/time.h"

enum { CA_DAYS = 3653, DAY = 86400 };

struct sut_ca {
	char *data; /**< The folder. */
	EVP_PKEY *key;
	X509 *certificate;
	char *pem;
	char digest[2 * SUT_SHA256_SIZE + 1];
	int64_t device_life; /**< Of devices' certificates, s; 0: SUT_CA_DEVICE_DAYS. */
};

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free)

// The reason that OpenSSL gives for what just failed.
static struct sut_err *make_error(enum sut_code code, const char *what)
{
	char text[160] = "unknown reason";
	unsigned long last = ERR_peek_last_error();

	if (last)
		ERR_error_string_n(last, text, sizeof(text));
	ERR_clear_error();
	return sut_err(code, "%s: %s", what, text);
}

// What stands in the memory of @bio, as a text of its own.
static struct sut_err *copy_text(BIO *bio, char **ret)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, size);

	if (!text)
		return sut_err_nomem();
	*ret = text;
	return NULL;
}

static struct sut_err *write_certificate(X509 *certificate, char **ret)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || !PEM_write_bio_X509(bio, certificate))
		return make_error(SUT_E_OS, "write a certificate");
	return copy_text(bio, ret);
}

static struct sut_err *save(const struct sut_ca *ca, const char *name, BIO *bio, unsigned int mode)
{
	_cleanup_free_ char *path = NULL;
	char *data;
	long size = BIO_get_mem_data(bio, &data);

	if (asprintf(&path, "%s/%s", ca->data, name) < 0)
		return sut_err_nomem();
	return sut_file_write_durable(path, (struct sut_view){ (uint8_t *)data, size }, mode);
}

static struct sut_err *save_certificate(const struct sut_ca *ca, const char *name,
					X509 *certificate)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || !PEM_write_bio_X509(bio, certificate))
		return make_error(SUT_E_OS, "write a certificate");
	return save(ca, name, bio, 0644);
}

static struct sut_err *save_key(const struct sut_ca *ca, const char *name, EVP_PKEY *key)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_secmem());

	if (!bio || !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		return make_error(SUT_E_OS, "write a key");
	return save(ca, name, bio, 0600);
}

// A file of the folder as something to read PEM from; NULL when there is none.
static struct sut_err *load(const struct sut_ca *ca, const char *name, BIO **ret)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", ca->data, name) < 0)
		return sut_err_nomem();
	BIO *bio = BIO_new_file(path, "r");
	bool is_missing = !bio && errno == ENOENT;
	if (!bio && !is_missing)
		return sut_err_wrap(make_error(SUT_E_OS, "open"), "%s", path);
	ERR_clear_error();
	*ret = bio;
	return NULL;
}

static struct sut_err *load_pair(const struct sut_ca *ca, const char *certificate_name,
				 const char *key_name, X509 **certificate_ret, EVP_PKEY **key_ret)
{
	_cleanup_(BIO_free_allp) BIO *certificate_bio = NULL, *key_bio = NULL;
	struct sut_err *err = load(ca, certificate_name, &certificate_bio);

	if (!err)
		err = load(ca, key_name, &key_bio);
	if (err)
		return err;
	// The certificate is written last: without it a first start was cut short.
	if (!certificate_bio || !key_bio)
		return NULL;
	_cleanup_(X509_freep) X509 *certificate =
		PEM_read_bio_X509(certificate_bio, NULL, NULL, NULL);
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
		PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	if (!certificate || !key || !X509_check_private_key(certificate, key))
		return sut_err_wrap(make_error(SUT_E_FORMAT, "not a certificate and its key"),
				    "%s/%s and %s", ca->data, certificate_name, key_name);
	*certificate_ret = steal(certificate);
	*key_ret = steal(key);
	return NULL;
}

/** What a certificate shall say. */
struct wish {
	const char *subject;
	const char *usage, *extended_usage; /**< extended_usage may be NULL. */
	const char *names;                  /**< Alternative names, may be NULL. */
	bool is_authority;
	int64_t from, to; /**< Seconds. */
};

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	if (!value)
		return true;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool is_added = extension && X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return is_added;
}

static bool set_serial(X509 *certificate)
{
	uint8_t bytes[16];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; // Positive, and all 16 bytes long.
	BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return is_set;
}

static bool set_subject(X509 *certificate, X509 *issuer, const char *subject)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)subject, -1,
					  -1, 0) &&
	       X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name);
}

static bool set_times(X509 *certificate, int64_t from, int64_t to)
{
	return ASN1_TIME_set(X509_getm_notBefore(certificate), from) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), to);
}

// RFC 5280. @issuer is NULL for the authority's own, which signs itself.
static struct sut_err *make_certificate(const struct wish *wish, EVP_PKEY *key, X509 *issuer,
					EVP_PKEY *issuer_key, X509 **ret)
{
	_cleanup_(X509_freep) X509 *certificate = X509_new();
	X509 *signer = issuer ? issuer : certificate;

	if (!certificate || !X509_set_version(certificate, X509_VERSION_3) ||
	    !set_serial(certificate) || !set_subject(certificate, issuer, wish->subject) ||
	    !set_times(certificate, wish->from, wish->to) || !X509_set_pubkey(certificate, key) ||
	    !add_extension(certificate, signer, NID_basic_constraints,
			   wish->is_authority ? "critical,CA:TRUE,pathlen:0"
					      : "critical,CA:FALSE") ||
	    !add_extension(certificate, signer, NID_key_usage, wish->usage) ||
	    !add_extension(certificate, signer, NID_ext_key_usage, wish->extended_usage) ||
	    !add_extension(certificate, signer, NID_subject_alt_name, wish->names) ||
	    !add_extension(certificate, signer, NID_subject_key_identifier, "hash") ||
	    !add_extension(certificate, signer, NID_authority_key_identifier, "keyid:always") ||
	    !X509_sign(certificate, issuer_key, EVP_sha256()))
		return make_error(SUT_E_FORMAT, "make a certificate");
	*ret = steal(certificate);
	return NULL;
}

static struct sut_err *make_authority(struct sut_ca *ca)
{
	char subject[64], random[8 + 1];
	uint8_t bytes[4];

	// Browsers tell authorities apart by their names.
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return make_error(SUT_E_OS, "random bytes");
	sut_hex((struct sut_view){ bytes, sizeof(bytes) }, random);
	snprintf(subject, sizeof(subject), "Suture hub %s", random);
	int64_t now = sut_time_now();
	struct wish wish = {
		.subject = subject,
		.usage = "critical,keyCertSign,cRLSign",
		.is_authority = true,
		.from = now - DAY,
		.to = now + (int64_t)CA_DAYS * DAY,
	};

	ca->key = EVP_EC_gen("P-256");
	if (!ca->key)
		return make_error(SUT_E_OS, "make a key");
	struct sut_err *err = make_certificate(&wish, ca->key, NULL, ca->key, &ca->certificate);
	if (!err)
		err = save_key(ca, "ca.key", ca->key);
	if (!err)
		err = save_certificate(ca, "ca.crt", ca->certificate);
	return err;
}

static struct sut_err *set_digest(struct sut_ca *ca)
{
	_cleanup_free_ uint8_t *der = NULL;
	struct sut_sha256 digest;
	int size = i2d_X509(ca->certificate, &der);

	if (size < 0)
		return make_error(SUT_E_FORMAT, "certificate of the authority");
	struct sut_err *err = sut_sha256((struct sut_view){ der, size }, &digest);
	if (!err)
		sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, ca->digest);
	return err;
}

struct sut_err *sut_ca_open(const char *data, struct sut_ca **ret)
{
	_cleanup_(sut_ca_closep) struct sut_ca *ca = calloc(1, sizeof(*ca));

	if (!ca || !(ca->data = strdup(data)))
		return sut_err_nomem();
	struct sut_err *err = load_pair(ca, "ca.crt", "ca.key", &ca->certificate, &ca->key);
	if (!err && !ca->certificate)
		err = make_authority(ca);
	if (!err)
		err = write_certificate(ca->certificate, &ca->pem);
	if (!err)
		err = set_digest(ca);
	if (err)
		return sut_err_wrap(err, "certificate authority");
	*ret = steal(ca);
	return NULL;
}

void sut_ca_close(struct sut_ca *ca)
{
	if (!ca)
		return;
	EVP_PKEY_free(ca->key);
	X509_free(ca->certificate);
	free(ca->pem);
	free(ca->data);
	free(ca);
}

const char *sut_ca_pem(const struct sut_ca *ca)
{
	return ca->pem;
}

const char *sut_ca_digest(const struct sut_ca *ca)
{
	return ca->digest;
}

static bool is_address(const char *name)
{
	struct in6_addr address;

	return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static bool is_for_names(X509 *certificate, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < n_names; i++)
		if ((is_address(names[i])
			     ? X509_check_ip_asc(certificate, names[i], 0)
			     : X509_check_host(certificate, names[i], 0, 0, NULL)) != 1)
			return false;
	return true;
}

static bool is_good_until(X509 *certificate, int64_t time)
{
	time_t end = time;

	return X509_cmp_time(X509_get0_notAfter(certificate), &end) > 0;
}

// "DNS:hub,IP:10.0.0.1", as X509V3_EXT_conf_nid() reads it.
static struct sut_err *join_names(const char *const *names, size_t n_names, char **ret)
{
	size_t size;
	FILE *out = open_memstream(ret, &size);

	if (!out)
		return sut_err_nomem();
	for (size_t i = 0; i < n_names; i++)
		fprintf(out, "%s%s:%s", i ? "," : "", is_address(names[i]) ? "IP" : "DNS",
			names[i]);
	return fclose(out) == 0 ? NULL : sut_err_nomem();
}

struct sut_err *sut_ca_renew_server(struct sut_ca *ca, const char *const *names, size_t n_names,
				    int64_t now, bool *is_new_ret)
{
	_cleanup_(X509_freep) X509 *old = NULL, *certificate = NULL;
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *old_key = NULL, *key = NULL;
	_cleanup_free_ char *joined = NULL;
	struct sut_err *err = load_pair(ca, "server.crt", "server.key", &old, &old_key);

	// A pair that does not fit is what a crash between the two files left.
	if (err && err->code != SUT_E_FORMAT)
		return err;
	sut_err_free(err);
	*is_new_ret = !old || !is_good_until(old, now + (int64_t)SUT_CA_RENEW_DAYS * DAY) ||
		      !is_for_names(old, names, n_names) || X509_verify(old, ca->key) != 1;
	ERR_clear_error();
	if (!*is_new_ret)
		return NULL;
	err = join_names(names, n_names, &joined);
	if (err)
		return err;
	struct wish wish = {
		.subject = n_names ? names[0] : "suture-hub",
		.usage = "critical,digitalSignature",
		.extended_usage = "serverAuth",
		.names = joined,
		.from = now - DAY,
		.to = now + (int64_t)SUT_CA_SERVER_DAYS * DAY,
	};
	key = EVP_EC_gen("P-256");
	if (!key)
		return make_error(SUT_E_OS, "make a key");
	err = make_certificate(&wish, key, ca->certificate, ca->key, &certificate);
	if (!err)
		err = save_key(ca, "server.key", key);
	if (!err)
		err = save_certificate(ca, "server.crt", certificate);
	return err ? sut_err_wrap(err, "server's certificate") : NULL;
}

static bool set_server(SSL_CTX *tls, const struct sut_ca *ca, X509 *certificate, EVP_PKEY *key)
{
	// The authority's goes along, for devices that know only its digest.
	return SSL_CTX_use_certificate(tls, certificate) == 1 &&
	       SSL_CTX_use_PrivateKey(tls, key) == 1 &&
	       SSL_CTX_add1_chain_cert(tls, ca->certificate) == 1;
}

static bool set_clients(SSL_CTX *tls, const struct sut_ca *ca)
{
	static const uint8_t context[] = "suture-hub";

	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), ca->certificate) == 1 &&
	       SSL_CTX_add_client_CA(tls, ca->certificate) == 1 &&
	       SSL_CTX_set_purpose(tls, X509_PURPOSE_SSL_CLIENT) == 1 &&
	       SSL_CTX_set_session_id_context(tls, context, sizeof(context) - 1) == 1;
}

struct sut_err *sut_ca_make_tls(const struct sut_ca *ca, SSL_CTX **ret)
{
	_cleanup_(X509_freep) X509 *certificate = NULL;
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	struct sut_err *err = load_pair(ca, "server.crt", "server.key", &certificate, &key);

	if (err)
		return err;
	if (!certificate)
		return sut_err(SUT_E_FORMAT, "%s/server.crt is missing", ca->data);
	_cleanup_(SSL_CTX_freep) SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	if (!tls || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
	    !set_server(tls, ca, certificate, key) || !set_clients(tls, ca))
		return make_error(SUT_E_FORMAT, "set up TLS");
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	// Idle connections keep no buffers: they are most of what a hub has.
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(tls, 1);
	*ret = steal(tls);
	return NULL;
}

// Keys that others may have chosen badly are not signed.
static bool is_strong(EVP_PKEY *key)
{
	char group[32] = "";

	if (EVP_PKEY_is_a(key, "ED25519"))
		return true;
	if (!EVP_PKEY_is_a(key, "EC"))
		return false;
	EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	return strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0;
}

// The request, whose key is proved to be its sender's and is a good one.
static struct sut_err *read_request(const char *csr, X509_REQ **ret)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(csr, -1);
	_cleanup_(X509_REQ_freep) X509_REQ *request =
		bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;

	if (!request)
		return make_error(SUT_E_FORMAT, "not a certificate request in PEM");
	EVP_PKEY *key = X509_REQ_get0_pubkey(request);
	if (!key || X509_REQ_verify(request, key) != 1)
		return make_error(SUT_E_FORMAT, "the request is not signed by its own key");
	if (!is_strong(key))
		return sut_err(SUT_E_FORMAT, "the key must be on P-256, P-384 or Ed25519");
	*ret = steal(request);
	return NULL;
}

struct sut_err *sut_ca_read_request(const char *csr, char *digest_ret)
{
	_cleanup_(X509_REQ_freep) X509_REQ *request = NULL;
	_cleanup_free_ uint8_t *der = NULL;
	struct sut_sha256 digest;
	struct sut_err *err = read_request(csr, &request);

	if (err)
		return err;
	int size = i2d_PUBKEY(X509_REQ_get0_pubkey(request), &der);
	if (size < 0)
		return make_error(SUT_E_OS, "write a public key");
	err = sut_sha256((struct sut_view){ der, size }, &digest);
	if (!err)
		sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, digest_ret);
	return err;
}

void sut_ca_set_device_life(struct sut_ca *ca, int64_t seconds)
{
	ca->device_life = seconds;
}

int64_t sut_ca_device_end(const struct sut_ca *ca, int64_t now)
{
	return now + (ca->device_life ? ca->device_life : (int64_t)SUT_CA_DEVICE_DAYS * DAY);
}

struct sut_err *sut_ca_sign_device(const struct sut_ca *ca, const char *csr, const char *device,
				   int64_t now, char **pem_ret, int64_t *expires_ret)
{
	_cleanup_(X509_REQ_freep) X509_REQ *request = NULL;
	_cleanup_(X509_freep) X509 *certificate = NULL;
	struct sut_err *err = read_request(csr, &request);

	if (err)
		return err;
	int64_t end = sut_ca_device_end(ca, now), tenth = (end - now) / 10;
	struct wish wish = {
		.subject = device,
		.usage = "critical,digitalSignature",
		.extended_usage = "critical,clientAuth",
		// For clocks that are behind; but a device reckons with the whole life.
		.from = now - (tenth < DAY ? tenth : DAY),
		.to = end,
	};
	err = make_certificate(&wish, X509_REQ_get0_pubkey(request), ca->certificate, ca->key,
			       &certificate);
	if (!err)
		err = write_certificate(certificate, pem_ret);
	if (!err)
		*expires_ret = wish.to;
	return err;
}

bool sut_ca_find_device(SSL *ssl, char *ret)
{
	// Not NULL only when it was verified: SSL_VERIFY_PEER ends the handshake otherwise.
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	char name[SUT_ID_SIZE + 1];

	if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK)
		return false;
	int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
					     name, sizeof(name));
	if (size != SUT_ID_SIZE - 1 || !sut_id_check(name))
		return false;
	memcpy(ret, name, SUT_ID_SIZE);
	return true;
}
