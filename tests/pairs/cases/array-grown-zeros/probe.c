// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <string.h>

#ifdef NEW
static long w[16];
#define N 16
#else
static long w[8];
#define N 8
#endif
static long w2[4];
static APART long get(long i)
{
	if (i < 0 || i >= N)
		return -1;
	return w[i] += 100;
}
static APART long first(long i)
{
	return w[i & 1] += 2;
}
static APART long oth(long i)
{
	return w2[i & 3] += 5;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return get(x);
	case 2:
		return first(x);
	case 3:
		return oth(x);
	}
	return 0;
}
