// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const int lim[6] = { 11, 22, 33,
#ifdef NEW
			    45,
#else
			    44,
#endif
			    55, 66 };
static APART long get(long i)
{
	if (i < 0 || i > 5)
		return -1;
	return lim[i];
}
static APART long f0(long i)
{
	return lim[(i + 1) % 6] * 3;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return get(x);
	case 2:
		return f0(x);
	}
	return 0;
}
