// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

#include <string.h>

#include "test.h"

TEST(id, each_is_another_and_has_the_form_of_version_7)
{
	char a[SUT_ID_SIZE], b[SUT_ID_SIZE];

	EXPECT_OK(sut_id_make(a));
	EXPECT_OK(sut_id_make(b));
	EXPECT(sut_id_check(a) && sut_id_check(b));
	EXPECT(strcmp(a, b) != 0);
	// The time comes first: one made 49 days later still sorts behind.
	EXPECT(strncmp(a, b, 8) <= 0);
}

TEST(id, of_another_form_is_none)
{
	EXPECT(sut_id_check("018f4a3b-5c6d-7e8f-9a0b-1c2d3e4f5a6b"));
	EXPECT(!sut_id_check(""));
	EXPECT(!sut_id_check("018f4a3b-5c6d-4e8f-9a0b-1c2d3e4f5a6b"));
	EXPECT(!sut_id_check("018f4a3b-5c6d-7e8f-ca0b-1c2d3e4f5a6b"));
	EXPECT(!sut_id_check("018F4A3B-5c6d-7e8f-9a0b-1c2d3e4f5a6b"));
	EXPECT(!sut_id_check("018f4a3b-5c6d-7e8f-9a0b-1c2d3e4f5a6b "));
	EXPECT(!sut_id_check("../f4a3b-5c6d-7e8f-9a0b-1c2d3e4f5a6b"));
}
