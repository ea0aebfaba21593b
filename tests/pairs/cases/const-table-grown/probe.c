// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef NEW
static const int lim[6] = { 11, 22, 33, 44, 55, 66 };
#define N 6
#else
static const int lim[4] = { 11, 22, 33, 44 };
#define N 4
#endif
static const int other[9] = { 901, 902, 903, 904, 905, 906, 907, 908, 909 };
static APART long get(long i)
{
	if (i < 0 || i >= N)
		return -1;
	return lim[i];
}
static APART long first(long i)
{
	return lim[i & 3] + 1;
}
static APART long oth(long i)
{
	return other[i];
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
