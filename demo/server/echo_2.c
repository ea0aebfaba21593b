// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <string.h>

void answer_echo(struct page *page, const char *query)
{
	const char *text = strstr(query, "text=");
	long size = query_number(query, "size", 0);

	if (!text || size <= 0 || size > MAX_REQUEST / 2) {
		page_print(page, "what?\n");
		return;
	}
	text += strlen("text=");
	if (size > (long)strlen(text)) {
		page_print(page, "refused: that is more than you sent\n");
		return;
	}
	page_bytes(page, text, size);
	page_print(page, "\n");
}
