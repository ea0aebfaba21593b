// SPDX-License-Identifier: Apache-2.0
#include "fleet/version.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

bool sut_version_read(const char *text, struct sut_version *ret)
{
	struct sut_version version = { 0 };
	char written[SUT_VERSION_SIZE];

	if (strspn(text, "0123456789.") != strlen(text) || strlen(text) >= SUT_VERSION_SIZE ||
	    sscanf(text, "%4d.%2d.%3d", &version.year, &version.month, &version.number) < 2)
		return false;
	if (version.year < 1970 || version.month < 1 || version.month > 12)
		return false;
	// Whatever else sscanf takes is not how we write it.
	sut_version_write(version, written);
	if (strcmp(written, text) != 0)
		return false;
	*ret = version;
	return true;
}

void sut_version_write(struct sut_version version, char ret[SUT_VERSION_SIZE])
{
	int size = snprintf(ret, SUT_VERSION_SIZE, "%04d.%02d", version.year % 10000,
			    version.month % 100);

	if (version.number)
		snprintf(ret + size, SUT_VERSION_SIZE - size, ".%d", version.number % 1000);
}

int sut_version_compare(const char *a, const char *b)
{
	struct sut_version x, y;
	bool is_valid = sut_version_read(a, &x) && sut_version_read(b, &y);

	assert(is_valid);
	if (x.year != y.year)
		return x.year < y.year ? -1 : 1;
	if (x.month != y.month)
		return x.month < y.month ? -1 : 1;
	return (x.number > y.number) - (x.number < y.number);
}
