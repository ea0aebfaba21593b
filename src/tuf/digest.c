// SPDX-License-Identifier: Apache-2.0
#include "tuf/digest.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"

static struct sut_err *refused(void)
{
	return sut_err(SUT_E_UNSUPPORTED, "OpenSSL does not compute SHA-2");
}

struct sut_err *sut_digesting_init(struct sut_digesting *ret)
{
	_cleanup_(sut_digesting_deinit) struct sut_digesting d = { 0 };

	d.sha256 = EVP_MD_CTX_new();
	d.sha512 = EVP_MD_CTX_new();
	if (!d.sha256 || !d.sha512)
		return sut_err_nomem();
	if (!EVP_DigestInit_ex(d.sha256, EVP_sha256(), NULL) ||
	    !EVP_DigestInit_ex(d.sha512, EVP_sha512(), NULL))
		return refused();
	*ret = d;
	d = (struct sut_digesting){ 0 };
	return NULL;
}

void sut_digesting_deinit(struct sut_digesting *digesting)
{
	EVP_MD_CTX_free(digesting->sha256);
	EVP_MD_CTX_free(digesting->sha512);
	*digesting = (struct sut_digesting){ 0 };
}

struct sut_err *sut_digesting_add(struct sut_digesting *digesting, struct sut_view bytes)
{
	if (!EVP_DigestUpdate(digesting->sha256, bytes.data, bytes.size) ||
	    !EVP_DigestUpdate(digesting->sha512, bytes.data, bytes.size))
		return refused();
	digesting->size += bytes.size;
	return NULL;
}

struct sut_err *sut_digesting_end(struct sut_digesting *digesting, struct sut_digests *ret)
{
	uint8_t short_one[SUT_SHA256_SIZE], long_one[SUT_SHA512_SIZE];

	if (!EVP_DigestFinal_ex(digesting->sha256, short_one, NULL) ||
	    !EVP_DigestFinal_ex(digesting->sha512, long_one, NULL))
		return refused();
	sut_hex((struct sut_view){ short_one, sizeof(short_one) }, ret->sha256);
	sut_hex((struct sut_view){ long_one, sizeof(long_one) }, ret->sha512);
	ret->size = digesting->size;
	return NULL;
}

struct sut_err *sut_digests_of(struct sut_view bytes, struct sut_digests *ret)
{
	_cleanup_(sut_digesting_deinit) struct sut_digesting d = { 0 };
	struct sut_err *err = sut_digesting_init(&d);

	if (!err)
		err = sut_digesting_add(&d, bytes);
	if (!err)
		err = sut_digesting_end(&d, ret);
	return err;
}
