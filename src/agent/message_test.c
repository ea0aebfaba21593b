// SPDX-License-Identifier: Apache-2.0
#include "agent/message.h"

#include <string.h>

#include "test.h"

static struct sut_err *parse(const struct sut_message *message, enum sut_direction direction)
{
	struct sut_message taken;

	return sut_message_parse((struct sut_view){ (const uint8_t *)message, sizeof(*message) },
				 direction, &taken);
}

TEST(message, goes_through_only_in_its_direction)
{
	struct sut_message ack = sut_message_make(SUT_MESSAGE_ACK, 0, 7, NULL);
	struct sut_message run = sut_message_make(SUT_MESSAGE_RUN, SUT_RUN_BASELINE, 0, NULL);

	EXPECT_OK(parse(&ack, SUT_FETCH_TO_PATCH));
	EXPECT_ERR(parse(&ack, SUT_PATCH_TO_FETCH), SUT_E_FORMAT, "does not belong here");
	EXPECT_OK(parse(&run, SUT_PATCH_TO_MAIN));
	EXPECT_ERR(parse(&run, SUT_FETCH_TO_PATCH), SUT_E_FORMAT, "does not belong here");
}

TEST(message, refuses_what_a_message_may_not_hold)
{
	struct sut_message message = sut_message_make(SUT_MESSAGE_MIRROR, 0, 2, NULL);

	EXPECT_ERR(parse(&message, SUT_FETCH_TO_PATCH), SUT_E_FORMAT, "malformed");
	message = sut_message_make(SUT_MESSAGE_ACK, 1, 0, NULL);
	EXPECT_ERR(parse(&message, SUT_FETCH_TO_PATCH), SUT_E_FORMAT, "malformed");
	message = sut_message_make(SUT_MESSAGE_ACK, 0, 0, "text");
	EXPECT_ERR(parse(&message, SUT_FETCH_TO_PATCH), SUT_E_FORMAT, "malformed");
	message = sut_message_make(SUT_MESSAGE_RING, 0, 0, "test");
	message.text[100] = 'x'; // behind the end
	EXPECT_ERR(parse(&message, SUT_FETCH_TO_PATCH), SUT_E_FORMAT, "malformed");
	message = sut_message_make(SUT_MESSAGE_RING, 0, 0, "a\nb");
	EXPECT(strcmp(message.text, "a?b") == 0);
	memset(message.text, 'x', sizeof(message.text));
	EXPECT_ERR(parse(&message, SUT_FETCH_TO_PATCH), SUT_E_FORMAT, "malformed");
	message = sut_message_make(99, 0, 0, NULL);
	EXPECT_ERR(parse(&message, SUT_FETCH_TO_PATCH), SUT_E_FORMAT, "does not belong here");
}

TEST(message, refuses_other_sizes)
{
	struct sut_message message = sut_message_make(SUT_MESSAGE_HELLO, 0, 0, NULL), taken;
	struct sut_view bytes = { (const uint8_t *)&message, 0 };

	for (; bytes.size < sizeof(message); bytes.size++)
		EXPECT_ERR(sut_message_parse(bytes, SUT_FETCH_TO_PATCH, &taken), SUT_E_FORMAT,
			   "bytes");
	EXPECT_OK(sut_message_parse(bytes, SUT_FETCH_TO_PATCH, &taken));
}
