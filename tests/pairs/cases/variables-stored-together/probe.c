// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static long d;
#ifdef NEW
static long nw;
#endif
static long e, f;
static APART long gd(long i)
{
	d += i;
	return d;
}
static APART long ge(long i)
{
	e += i;
	return e;
}
static APART long gf(long i)
{
	f += i;
	return f;
}
static APART long reset(long i)
{
#ifdef NEW
	d = i;
	nw = i;
#else
	d = i;
#endif
	return 1;
}
#ifdef NEW
static APART long gn(long i)
{
	nw += i;
	return nw;
}
#endif
long probe(long c, long x)
{
	switch (c) {
	case 4:
		return gd(x);
	case 5:
		return ge(x);
	case 6:
		return gf(x);
	case 9:
		return reset(x);
#ifdef NEW
	case 7:
		return gn(x);
#endif
	}
	return 0;
}
