// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef NEW
static long v0;
#endif
static long v1, v2, v3;
#ifdef NEW
static APART long a0(long i)
{
	v0 += i;
	return v0;
}
#endif
static APART long a1(long i)
{
	v1 += i;
	return v1;
}
static APART long a2(long i)
{
	v2 += i;
	return v2;
}
static APART long a3(long i)
{
	v3 += i;
	return v3;
}
static APART long disp(long c, long x)
{
#ifdef NEW
	if (c == 4)
		return a0(x);
#endif
	if (c == 1)
		return a1(x);
	if (c == 2)
		return a2(x);
	return a3(x);
}
long probe(long c, long x)
{
	return disp(c, x);
}
