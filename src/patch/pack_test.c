// SPDX-License-Identifier: Apache-2.0
#include "patch/pack.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "test.h"

static struct sut_view sample(void)
{
	static uint8_t bytes[5000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i % 97 * 3;
	return (struct sut_view){ bytes, sizeof(bytes) };
}

TEST(pack, gives_back_what_was_packed)
{
	_cleanup_(sut_buf_deinit) struct sut_buf packed = { 0 }, plain = { 0 };

	EXPECT_OK(sut_pack(sample(), &packed));
	EXPECT(packed.size < sample().size / 4);
	EXPECT(sut_pack_is_packed(sut_buf_view(&packed)));
	EXPECT(!sut_pack_is_packed(sample()));
	EXPECT_OK(sut_unpack(sut_buf_view(&packed), &plain));
	EXPECT(sut_view_equal(sut_buf_view(&plain), sample()));
}

TEST(pack, refuses_every_truncation)
{
	_cleanup_(sut_buf_deinit) struct sut_buf packed = { 0 }, plain = { 0 };

	EXPECT_OK(sut_pack(sample(), &packed));
	for (size_t size = 0; size < packed.size; size++) {
		EXPECT_ERR(sut_unpack((struct sut_view){ packed.data, size }, &plain),
			   SUT_E_FORMAT, "");
		EXPECT(plain.size == 0);
	}
}

TEST(pack, survives_flipped_bits)
{
	_cleanup_(sut_buf_deinit) struct sut_buf packed = { 0 };

	EXPECT_OK(sut_pack(sample(), &packed));
	for (size_t bit = 0; bit < packed.size * 8; bit++) {
		_cleanup_(sut_buf_deinit) struct sut_buf plain = { 0 };
		packed.data[bit / 8] ^= 1 << bit % 8;
		sut_err_free(sut_unpack(sut_buf_view(&packed), &plain));
		packed.data[bit / 8] ^= 1 << bit % 8;
	}
}
