// SPDX-License-Identifier: Apache-2.0
#include "base/index.h"

#include "test.h"

TEST(index, an_empty_one_has_nothing)
{
	struct sut_index index = { 0 };

	EXPECT(sut_index_first(&index, 7) == SUT_INDEX_END);
	sut_index_deinit(&index);
}

TEST(index, finds_all_values_of_a_key_in_their_order)
{
	struct sut_index index = { 0 };
	size_t n = 0;

	// Ten thousand values under a thousand keys.
	for (uint32_t i = 0; i < 10000; i++)
		EXPECT_OK(sut_index_add(&index, UINT64_C(0x1000) * (i % 1000), i));
	for (size_t i = sut_index_first(&index, 0x1000 * 42); i != SUT_INDEX_END;
	     i = sut_index_next(&index, i))
		EXPECT(index.entries[i].value == 42 + 1000 * n++);
	EXPECT(n == 10);
	EXPECT(sut_index_first(&index, 0x1001) == SUT_INDEX_END);
	sut_index_deinit(&index);
}
