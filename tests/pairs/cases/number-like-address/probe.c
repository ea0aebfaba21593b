// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static APART long use(long v)
{
	return v & 0xffffff;
}
#ifdef NEW
static APART long more(long i)
{
	char b[100];
	snprintf(b, sizeof b, "%ld-%ld", i, i * 3);
	return strlen(b) + atoi(b) * 77;
}
#endif
static APART long get(long i)
{
#ifdef NEW
	if (i > 1000)
		return more(i);
#endif
	return use(0x401234) + i;
}
static APART long get2(long i)
{
	if (i > 9)
		return 5;
	return use(0x402008) + i;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return get(x);
	case 2:
		return get2(x);
	}
	return 0;
}
