// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define R10(x) x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7, x + 8, x + 9
#define R100(x)                                                                                    \
	R10(x), R10(x + 10), R10(x + 20), R10(x + 30), R10(x + 40), R10(x + 50), R10(x + 60),      \
		R10(x + 70), R10(x + 80), R10(x + 90)
#define R1000(x)                                                                                   \
	R100(x), R100(x + 100), R100(x + 200), R100(x + 300), R100(x + 400), R100(x + 500),        \
		R100(x + 600), R100(x + 700), R100(x + 800), R100(x + 900)
#ifdef NEW
static const unsigned short tab[] = { R1000(66), R1000(1066) };
#else
static const unsigned short tab[] = { R1000(65), R1000(1065) };
#endif
static const unsigned short tab2[] = { R1000(7), R1000(1007) };
static APART long get(long i)
{
	if (i < 0 || i > 1999)
		return -1;
	return tab[i];
}
static APART long get2(long i)
{
	if (i < 0 || i > 1999)
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
	}
	return 0;
}
