// SPDX-License-Identifier: Apache-2.0
#include "hub/text.h"

#include <sodium.h>
#include <string.h>

#include "base/hash.h"

void sut_secret_make(char ret[SUT_SECRET_SIZE])
{
	uint8_t bytes[32];

	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2base64(ret, SUT_SECRET_SIZE, bytes, sizeof(bytes),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof(bytes));
}

struct sut_err *sut_digest_text(const char *text, char ret[SUT_DIGEST_SIZE])
{
	struct sut_sha256 digest;
	struct sut_err *err =
		sut_sha256((struct sut_view){ (const uint8_t *)text, strlen(text) }, &digest);

	if (err)
		return err;
	sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, ret);
	return NULL;
}

static bool has_only_name_characters(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return text[0] && !text[strspn(text, allowed)] && !strchr(".-_", text[0]);
}

bool sut_word_check(const char *text)
{
	return has_only_name_characters(text) && strlen(text) <= 64;
}

bool sut_host_check(const char *text)
{
	return has_only_name_characters(text) && strlen(text) <= 255;
}
