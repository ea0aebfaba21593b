// SPDX-License-Identifier: Apache-2.0
#include "diff/explain.h"

#include "test.h"

TEST(cosmetic, package_revisions_and_dates_are_no_change)
{
	EXPECT(sut_text_is_cosmetic("1.22.1-9+deb12u9", "1.22.1-9+deb12u11"));
	EXPECT(sut_text_is_cosmetic("(Debian 2.6.12-1+deb12u3) 2025/10/03",
				    "(Debian 2.6.12-1+deb12u4) 2026/01/30"));
	EXPECT(sut_text_is_cosmetic("build 0123456789abcdef", "build fedcba9876543210"));
	EXPECT(sut_text_is_cosmetic("src/list.c:120: bad", "src/list.c:9: bad"));
}

TEST(cosmetic, other_numbers_in_texts_are_a_change)
{
	EXPECT(!sut_text_is_cosmetic("%5d items", "%6d items"));
	EXPECT(!sut_text_is_cosmetic("limit 100", "limit 200"));
	EXPECT(!sut_text_is_cosmetic("a", "b"));
	EXPECT(!sut_text_is_cosmetic("TLSv1.2", "TLSv1.3"));
	EXPECT(!sut_text_is_cosmetic("listen on 127.0.0.1", "listen on 127.0.0.2"));
	EXPECT(!sut_text_is_cosmetic("1.22.1-9+deb12u9 %s", "1.22.1-9+deb12u11 %d"));
}

TEST(cosmetic, a_longer_text_is_a_change)
{
	EXPECT(!sut_text_is_cosmetic("error", "error: more"));
	EXPECT(sut_text_is_cosmetic("same", "same"));
}
