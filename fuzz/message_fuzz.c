// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <string.h>

#include "agent/message.h"

/** Any bytes at all, in any direction: what is taken has an end and is printable. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sut_message message;

	for (int direction = SUT_FETCH_TO_PATCH; direction <= SUT_MAIN_TO_PATCH; direction++) {
		struct sut_err *err = sut_message_parse((struct sut_view){ data, size },
							(enum sut_direction)direction, &message);
		if (!err) {
			assert(strnlen(message.text, sizeof(message.text)) < sizeof(message.text));
			for (const char *c = message.text; *c; c++)
				assert(*c >= ' ' && *c != 127);
		}
		sut_err_free(err);
	}
	return 0;
}
