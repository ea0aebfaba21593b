// SPDX-License-Identifier: Apache-2.0
#include "patch/pack.h"

#include <zstd.h>

#include "base/buf.h"
#include "patch/layout.h"

/** The slowest ordinary level: built once, sent many times. */
static const int level = 19;

bool sut_pack_is_packed(struct sut_view file)
{
	static const uint8_t magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

	return file.size >= sizeof(magic) && memcmp(file.data, magic, sizeof(magic)) == 0;
}

struct sut_err *sut_pack(struct sut_view file, struct sut_buf *ret)
{
	size_t bound = ZSTD_compressBound(file.size);
	size_t start = ret->size;
	struct sut_err *err = sut_buf_zeros(ret, bound);

	if (err)
		return err;
	size_t size = ZSTD_compress(ret->data + start, bound, file.data, file.size, level);
	ret->size = start + (ZSTD_isError(size) ? 0 : size);
	return ZSTD_isError(size) ? sut_err_nomem() : NULL;
}

struct sut_err *sut_unpack(struct sut_view file, struct sut_buf *ret)
{
	unsigned long long size = ZSTD_getFrameContentSize(file.data, file.size);
	size_t start = ret->size;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
		return sut_err(SUT_E_FORMAT, "not a packed hotpatch, or cut off");
	if (size > SUT_MAX_FILE_SIZE)
		return sut_err(SUT_E_FORMAT, "unpacks to %llu bytes, more than any hotpatch has",
			       size);
	// zstd itself would go on with further frames, some of which it skips.
	if (ZSTD_findFrameCompressedSize(file.data, file.size) != file.size)
		return sut_err(SUT_E_FORMAT, "packed data is cut off, or more follows it");
	struct sut_err *err = sut_buf_zeros(ret, size);
	if (err)
		return err;
	size_t done = ZSTD_decompress(ret->data + start, size, file.data, file.size);
	if (!ZSTD_isError(done) && done == size)
		return NULL;
	ret->size = start;
	return sut_err(SUT_E_FORMAT, "packed data is damaged or cut off");
}
