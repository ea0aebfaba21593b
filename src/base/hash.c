// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <string.h>

#include <openssl/evp.h>

struct sut_err *sut_sha256(struct sut_view bytes, struct sut_sha256 *ret)
{
	struct sut_sha256 digest;

	if (!EVP_Digest(bytes.data ? (const void *)bytes.data : "", bytes.size,
			digest.bytes, NULL, EVP_sha256(), NULL))
		return sut_err_nomem();
	*ret = digest;
	return NULL;
}

uint64_t sut_hash(uint64_t seed, const void *data, size_t size)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < size; i++)
		seed = (seed ^ at[i]) * UINT64_C(0x100000001b3);
	return seed;
}

void sut_hex(struct sut_view bytes, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.size; i++) {
		ret[2 * i] = digits[bytes.data[i] >> 4];
		ret[2 * i + 1] = digits[bytes.data[i] & 15];
	}
	ret[2 * bytes.size] = 0;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool sut_unhex(const char *text, size_t size, uint8_t *ret)
{
	if (strlen(text) != 2 * size || strspn(text, "0123456789abcdefABCDEF") != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++)
		ret[i] = digit(text[2 * i]) << 4 | digit(text[2 * i + 1]);
	return true;
}
