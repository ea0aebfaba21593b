// SPDX-License-Identifier: Apache-2.0
#include "base/id.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/time.h"

struct sut_err *sut_id_make(char ret[SUT_ID_SIZE])
{
	uint64_t ms = sut_time_now_us() / 1000;
	uint8_t id[16];
	char hex[33];

	// getrandom(2): up to 256 bytes come whole, and no signal interrupts.
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return sut_err_os(errno, "getrandom");
	for (int i = 0; i < 6; i++)
		id[i] = ms >> (40 - 8 * i);
	id[6] = 0x70 | (id[6] & 0x0f);
	id[8] = 0x80 | (id[8] & 0x3f);
	sut_hex((struct sut_view){ id, sizeof(id) }, hex);
	snprintf(ret, SUT_ID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
	return NULL;
}

bool sut_id_check(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != sizeof(form) - 1 || !strchr("89ab", text[19]))
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'x' ? !strchr("0123456789abcdef", text[i]) : text[i] != form[i])
			return false;
	return true;
}
