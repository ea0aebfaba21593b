// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef long (*fn)(long);
static APART long h1(long x)
{
	return x + 1;
}
static APART long h2(long x)
{
#ifdef NEW
	return x * 3;
#else
	return x * 2;
#endif
}
#ifdef NEW
static APART long h3(long x)
{
	return x * x;
}
#endif
static fn cur;
static const fn tab[] = {
	h1,
	h2,
#ifdef NEW
	h3,
#endif
};
static APART long set(long i)
{
	if (i < 0 || i >= (long)(sizeof tab / sizeof *tab))
		return -1;
	cur = tab[i];
	return i;
}
static APART long call(long x)
{
	return cur(x);
}
static APART long is2(long x)
{
	return cur == h2;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return set(x);
	case 2:
		return call(x);
	case 3:
		return is2(x);
	}
	return 0;
}
