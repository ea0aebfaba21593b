// SPDX-License-Identifier: Apache-2.0
#include "patch/pack.h"

#include <lzma.h>

#include "base/buf.h"
#include "patch/layout.h"

/** What unpacking may take for itself: far more than our own frames need. */
static const uint64_t max_memory = UINT64_C(80) << 20;

bool sut_pack_is_packed(struct sut_view file)
{
	static const uint8_t magic[6] = { 0xfd, '7', 'z', 'X', 'Z', 0 };

	return file.size >= sizeof(magic) && memcmp(file.data, magic, sizeof(magic)) == 0;
}

// Code and tables of a few KiB pack a fifteenth smaller with xz than with zstd, and
// packing is done once.
static struct sut_err *encode(struct sut_view file, uint8_t *out, size_t size, size_t *ret)
{
	lzma_options_lzma options;
	const lzma_filter filters[] = {
		{ LZMA_FILTER_LZMA2, &options },
		{ LZMA_VLI_UNKNOWN, NULL },
	};

	if (lzma_lzma_preset(&options, 9 | LZMA_PRESET_EXTREME))
		return sut_err_nomem();
	// A dictionary beyond the file only makes unpacking ask for more memory.
	if (file.size < options.dict_size)
		options.dict_size = file.size > LZMA_DICT_SIZE_MIN ? file.size : LZMA_DICT_SIZE_MIN;
	*ret = 0;
	if (lzma_stream_buffer_encode((lzma_filter *)filters, LZMA_CHECK_CRC32, NULL, file.data,
				      file.size, out, ret, size) != LZMA_OK)
		return sut_err_nomem();
	return NULL;
}

struct sut_err *sut_pack(struct sut_view file, struct sut_buf *ret)
{
	size_t bound = lzma_stream_buffer_bound(file.size);
	size_t start = ret->size;
	size_t size = 0;
	struct sut_err *err = sut_buf_zeros(ret, bound);

	if (err)
		return err;
	err = encode(file, ret->data + start, bound, &size);
	ret->size = start + size;
	return err;
}

static struct sut_err *name_error(lzma_ret code)
{
	if (code == LZMA_MEM_ERROR)
		return sut_err_nomem();
	return sut_err(SUT_E_FORMAT, code == LZMA_BUF_ERROR ? "packed data is cut off" :
							      "packed data is damaged");
}

// Append piece by piece: a small file may claim to hold any size.
static struct sut_err *decode(lzma_stream *stream, struct sut_buf *ret)
{
	lzma_ret code = LZMA_OK;
	size_t start = ret->size;

	while (code == LZMA_OK) {
		size_t at = ret->size;
		struct sut_err *err = sut_buf_zeros(ret, 65536);
		if (err)
			return err;
		stream->next_out = ret->data + at;
		stream->avail_out = 65536;
		code = lzma_code(stream, LZMA_FINISH);
		ret->size -= stream->avail_out;
		if (ret->size - start > SUT_MAX_FILE_SIZE)
			return sut_err(SUT_E_FORMAT, "unpacks to more than any hotpatch has");
	}
	if (code != LZMA_STREAM_END)
		return name_error(code);
	if (stream->avail_in)
		return sut_err(SUT_E_FORMAT, "packed data is followed by more");
	return NULL;
}

struct sut_err *sut_unpack(struct sut_view packed, struct sut_buf *ret)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	size_t start = ret->size;

	if (lzma_stream_decoder(&stream, max_memory, 0) != LZMA_OK)
		return sut_err_nomem();
	stream.next_in = packed.data;
	stream.avail_in = packed.size;
	struct sut_err *err = decode(&stream, ret);
	lzma_end(&stream);
	if (err)
		ret->size = start;
	return err;
}
