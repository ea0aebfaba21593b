// SPDX-License-Identifier: Apache-2.0
#include "patch/text.h"

#include <stdint.h>

/** How a UTF-8 sequence of some length begins, and what it may encode. */
static const struct sequence {
	uint8_t mask, lead; /**< The first byte, masked. */
	size_t size;        /**< Bytes. */
	uint32_t low;       /**< Smallest character that needs this length. */
} sequences[] = {
	{ 0x80, 0x00, 1, 0 },
	{ 0xe0, 0xc0, 2, 0x80 },
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

static const struct sequence *find_sequence(uint8_t first)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
		if ((first & sequences[i].mask) == sequences[i].lead)
			return &sequences[i];
	return NULL;
}

static bool is_plain_character(uint32_t c)
{
	return c >= 0x20 && (c < 0x7f || c > 0x9f) && (c < 0xd800 || c > 0xdfff) &&
	       c <= 0x10ffff;
}

bool sut_text_is_plain(const char *text, size_t size)
{
	const uint8_t *at = (const uint8_t *)text;
	const uint8_t *end = at + size;

	while (at < end) {
		const struct sequence *s = find_sequence(*at);
		if (!s || s->size > (size_t)(end - at))
			return false;
		uint32_t c = *at++ & (uint8_t)~s->mask;
		for (size_t i = 1; i < s->size; i++, at++) {
			if ((*at & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*at & 0x3f);
		}
		if (c < s->low || !is_plain_character(c))
			return false;
	}
	return true;
}
