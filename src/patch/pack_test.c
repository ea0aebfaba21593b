// SPDX-License-Identifier: Apache-2.0
#include "patch/pack.h"

#include <lzma.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "sample.h"
#include "test.h"

static struct sut_buf sample_file(void)
{
	_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };
	struct sut_buf file = { 0 };

	EXPECT_OK(sut_sample_patch(&patch));
	EXPECT_OK(sut_patch_write(&patch, &file));
	return file;
}

static struct sut_buf packed_file(void)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	struct sut_buf packed = { 0 };

	EXPECT_OK(sut_pack(sut_buf_view(&file), &packed));
	return packed;
}

TEST(pack, what_is_packed_unpacks_the_same)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	_cleanup_(sut_buf_deinit) struct sut_buf packed = packed_file();
	_cleanup_(sut_buf_deinit) struct sut_buf again = { 0 };

	EXPECT(sut_pack_is_packed(sut_buf_view(&packed)));
	EXPECT(!sut_pack_is_packed(sut_buf_view(&file)));
	EXPECT(packed.size < file.size);
	EXPECT_OK(sut_unpack(sut_buf_view(&packed), &again));
	EXPECT(sut_view_equal(sut_buf_view(&file), sut_buf_view(&again)));
}

TEST(pack, a_packed_hotpatch_has_the_digest_of_the_file_inside)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = sample_file();
	_cleanup_(sut_buf_deinit) struct sut_buf packed = packed_file();
	_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };
	struct sut_sha256 digest;

	EXPECT_OK(sut_patch_read(sut_buf_view(&packed), &patch));
	EXPECT_OK(sut_sha256(sut_buf_view(&file), &digest));
	EXPECT(memcmp(&digest, &patch.digest, sizeof(digest)) == 0);
}

TEST(pack, refuses_every_truncation)
{
	_cleanup_(sut_buf_deinit) struct sut_buf packed = packed_file();
	struct sut_patch patch;

	for (size_t size = 0; size < packed.size; size++) {
		_cleanup_free_ uint8_t *cut = malloc(size + !size);
		EXPECT(cut);
		memcpy(cut, packed.data, size);
		EXPECT_ERR(sut_patch_read((struct sut_view){ cut, size }, &patch), SUT_E_FORMAT,
			   "");
	}
}

TEST(pack, refuses_bytes_after_the_end)
{
	_cleanup_(sut_buf_deinit) struct sut_buf packed = packed_file();
	struct sut_patch patch;

	// Zeros are what xz itself allows as padding.
	EXPECT_OK(sut_buf_zeros(&packed, 4));
	EXPECT_ERR(sut_patch_read(sut_buf_view(&packed), &patch), SUT_E_FORMAT,
		   "is followed by more");
}

TEST(pack, a_flipped_bit_is_refused_or_gives_a_patch_that_passes_the_check)
{
	_cleanup_(sut_buf_deinit) struct sut_buf packed = packed_file();
	size_t n_refused = 0;

	for (size_t bit = 0; bit < packed.size * 8; bit++) {
		_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };
		packed.data[bit / 8] ^= 1 << bit % 8;
		struct sut_err *err = sut_patch_read(sut_buf_view(&packed), &patch);
		if (!err)
			EXPECT_OK(sut_patch_check(&patch));
		n_refused += err != NULL;
		sut_err_free(err);
		packed.data[bit / 8] ^= 1 << bit % 8;
	}
	EXPECT(n_refused > packed.size * 8 / 2);
}

TEST(pack, a_small_file_that_unpacks_to_a_huge_one_is_refused)
{
	static const size_t huge = (128 << 20) + 1;
	static uint8_t packed[100000];
	_cleanup_free_ uint8_t *zeros = calloc(1, huge);
	struct sut_patch patch;
	size_t size = 0;

	EXPECT(zeros);
	EXPECT(lzma_easy_buffer_encode(0, LZMA_CHECK_NONE, NULL, zeros, huge, packed, &size,
				       sizeof(packed)) == LZMA_OK);
	EXPECT_ERR(sut_patch_read((struct sut_view){ packed, size }, &patch), SUT_E_FORMAT,
		   "more than any hotpatch has");
}
