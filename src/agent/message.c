// SPDX-License-Identifier: Apache-2.0
#include "agent/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/** What each message may hold. */
static const struct rule {
	unsigned directions; /**< Bits of enum sut_direction. */
	uint64_t most;       /**< The largest number. */
	bool has_index, has_text;
} rules[] = {
	[SUT_MESSAGE_HELLO] = { 1 << SUT_FETCH_TO_PATCH | 1 << SUT_PATCH_TO_FETCH, 0, 0, 0 },
	[SUT_MESSAGE_MIRROR] = { 1 << SUT_FETCH_TO_PATCH, 1, 0, 1 },
	[SUT_MESSAGE_RING] = { 1 << SUT_FETCH_TO_PATCH, 0, 0, 1 },
	[SUT_MESSAGE_HUB] = { 1 << SUT_FETCH_TO_PATCH, 7, 0, 1 },
	[SUT_MESSAGE_ACK] = { 1 << SUT_FETCH_TO_PATCH, UINT64_MAX, 0, 0 },
	[SUT_MESSAGE_PROBED] = { 1 << SUT_FETCH_TO_PATCH, 1, 1, 1 },
	[SUT_MESSAGE_ENROLLED] = { 1 << SUT_FETCH_TO_PATCH, 0, 0, 1 },
	[SUT_MESSAGE_EXPIRED] = { 1 << SUT_FETCH_TO_PATCH, 0, 0, 1 },
	[SUT_MESSAGE_NEED] = { 1 << SUT_PATCH_TO_FETCH, 0, 0, 0 },
	[SUT_MESSAGE_REPORT] = { 1 << SUT_PATCH_TO_FETCH, UINT64_MAX, 0, 0 },
	[SUT_MESSAGE_PROBE] = { 1 << SUT_PATCH_TO_FETCH, 0, 1, 0 },
	[SUT_MESSAGE_REFRESH] = { 1 << SUT_PATCH_TO_FETCH, 0, 0, 0 },
	[SUT_MESSAGE_RUN] = { 1 << SUT_PATCH_TO_MAIN, 0, 1, 0 },
	[SUT_MESSAGE_RAN] = { 1 << SUT_MAIN_TO_PATCH, 1, 1, 1 },
};

enum { N_RULES = sizeof(rules) / sizeof(rules[0]) };

static bool is_text(const char text[SUT_MESSAGE_TEXT])
{
	size_t n = strnlen(text, SUT_MESSAGE_TEXT);

	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] == 127)
			return false;
	return n < SUT_MESSAGE_TEXT && sut_view_is_zero((struct sut_view){
					       (const uint8_t *)text + n, SUT_MESSAGE_TEXT - n });
}

struct sut_err *sut_message_parse(struct sut_view bytes, enum sut_direction direction,
				  struct sut_message *ret)
{
	struct sut_message message;

	if (bytes.size != sizeof(message))
		return sut_err(SUT_E_FORMAT, "a message has %zu bytes", bytes.size);
	memcpy(&message, bytes.data, sizeof(message));
	if (message.type >= N_RULES || !(rules[message.type].directions & 1u << direction))
		return sut_err(SUT_E_FORMAT, "message %u does not belong here", message.type);
	const struct rule *rule = &rules[message.type];
	if (message.number > rule->most || (message.index && !rule->has_index) ||
	    message.index > SUT_RUN_BASELINE || !is_text(message.text) ||
	    (message.text[0] && !rule->has_text))
		return sut_err(SUT_E_FORMAT, "message %u is malformed", message.type);
	*ret = message;
	return NULL;
}

struct sut_message sut_message_make(enum sut_message_type type, uint32_t index, uint64_t number,
				    const char *text)
{
	struct sut_message message = { .type = type, .index = index, .number = number };

	for (size_t i = 0; text && text[i] && i < SUT_MESSAGE_TEXT - 1; i++)
		message.text[i] = text[i] < ' ' || text[i] == 127 ? '?' : text[i];
	return message;
}

bool sut_message_send(int fd, const struct sut_message *message)
{
	return send(fd, message, sizeof(*message), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*message);
}

struct sut_err *sut_message_receive(int fd, enum sut_direction direction, bool *found,
				    struct sut_message *ret)
{
	uint8_t bytes[sizeof(*ret) + 1];
	ssize_t size = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	*found = false;
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return NULL;
	if (size < 0)
		return sut_err_os(errno, "receive a message");
	// Nobody sends an empty one: whoever started us is gone.
	if (size == 0)
		return sut_err(SUT_E_GONE, "the agent's other processes are gone");
	struct sut_err *err = sut_message_parse((struct sut_view){ bytes, size }, direction, ret);
	*found = !err;
	return err;
}
