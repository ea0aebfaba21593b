// SPDX-License-Identifier: Apache-2.0
#include "hub/http/decode.h"

#include <jansson.h>
#include <string.h>

static int read_hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? at - digits : -1;
}

bool sut_decode(char *text)
{
	char *to = text;
	bool is_good = true;

	for (const char *at = text; *at; at++) {
		int high = *at == '%' ? read_hex(at[1]) : -1;
		int low = high >= 0 ? read_hex(at[2]) : -1;

		*to = *at;
		if (low >= 0) {
			*to = high * 16 + low;
			at += 2;
		} else {
			is_good &= *at != '%';
		}
		is_good &= (unsigned char)*to >= 0x20 && *to != 0x7f;
		to++;
	}
	*to = '\0';
	// The library that will write it as JSON says whether it can.
	json_t *json = json_string(text);
	is_good &= json != NULL;
	json_decref(json);
	return is_good;
}
