// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static APART void note(const char *f, int l, long v)
{
	if (v < -100000)
		printf("%s:%d %ld\n", f, l, v);
}
#ifdef NEW

#endif
static unsigned short arr[4] = { 0xff01, 2, 3, 4 };
static APART long get(long i)
{
	note(__FILE__, __LINE__, i);
#ifdef NEW
	unsigned short v = *(volatile unsigned short *)&arr[i & 3];
#else
	unsigned char v = *(volatile unsigned char *)&arr[i & 3];
#endif
	return v;
}
static APART long setv(long i)
{
	arr[1] = i;
	return i;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return get(x - 65535);
	case 2:
		return setv(x);
	}
	return 0;
}
