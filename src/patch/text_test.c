// SPDX-License-Identifier: Apache-2.0
#include "patch/text.h"

#include <string.h>

#include "test.h"

static bool is_plain(const char *text)
{
	return sut_text_is_plain(text, strlen(text));
}

TEST(text, takes_utf8)
{
	EXPECT(is_plain(""));
	EXPECT(is_plain("main.cold"));
	EXPECT(is_plain("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\xa7\xb5"));
}

TEST(text, refuses_control_characters)
{
	EXPECT(!sut_text_is_plain("", 1));
	EXPECT(!is_plain("\x1b[31m"));
	EXPECT(!is_plain("two\nlines"));
	EXPECT(!is_plain("\x7f"));
	EXPECT(!is_plain("\xc2\x9b")); // CSI, U+009B
}

TEST(text, refuses_what_is_not_utf8)
{
	EXPECT(!is_plain("\xff"));
	EXPECT(!is_plain("\x80"));
	EXPECT(!is_plain("\xc3"));             // cut off
	EXPECT(!is_plain("\xc3(")); // no continuation
	EXPECT(!is_plain("\xc0\xaf"));         // too long a form
	EXPECT(!is_plain("\xed\xa0\x80"));     // surrogate
	EXPECT(!is_plain("\xf4\x90\x80\x80")); // beyond U+10FFFF
}
