// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef NEW
static const int tab[] = { 1, 2, 3, 4, 5, 6, 7, 80 };
#else
static const int tab[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
#endif
static const int tab2[] = { 5, 4, 3, 2, 1, 2, 3, 4, 5, 6 };
static APART long sum(const int *p, long n)
{
	long s = 0;
	while (n--)
		s += *p++;
	return s;
}
static APART long get(long i)
{
	if (i < 0 || i > 7)
		return -1;
	return tab[i];
}
static APART long inner(long i)
{
	return sum(tab + 1, i);
}
static APART long get2(long i)
{
	if (i < 0 || i > 9)
		return -1;
	return tab2[i];
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return get(x);
	case 2:
		return get2(x);
	case 3:
		return inner(x);
	}
	return 0;
}
