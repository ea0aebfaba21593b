// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <string.h>

#ifdef NEW
static int w[6] = { 11, 22, 33, 44, 55, 66 };
#define N 6
#else
static int w[4] = { 11, 22, 33, 44 };
#define N 4
#endif
static int w2[4] = { 1, 2, 3, 4 };
static APART long get(long i)
{
	if (i < 0 || i >= N)
		return -1;
	return w[i]++;
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
