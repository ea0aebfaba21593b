// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <string.h>

// The hole: `size` is the visitor's word, and nobody compares it with the text.
void answer_echo(struct page *page, const char *query)
{
	const char *text = strstr(query, "text=");
	long size = query_number(query, "size", 0);

	if (!text || size <= 0 || size > MAX_REQUEST / 2) {
		page_print(page, "what?\n");
		return;
	}
	page_bytes(page, text + strlen("text="), size);
	page_print(page, "\n");
}
