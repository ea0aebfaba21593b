// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdlib.h>

#ifdef NEW
long twisted(long a, const long *more);
APART long twisted(long a, const long *more)
#else
long twist(long a);
APART long twist(long a)
#endif
{
	long sum = 3;

	for (long i = 0; i < a; i++) {
		sum = sum * 7 + labs(i - 5) % 11;
		if (sum & 4)
			sum ^= a << 3;
	}
#ifdef NEW
	return sum / 5 + *more;
#else
	return sum / 5;
#endif
}

APART long probe(long which, long x)
{
#ifdef NEW
	if (which == 1)
		return twisted(x % 40, &x);
#else
	if (which == 1)
		return twist(x % 40);
#endif
	return which == 2 ? labs(x) + 1 : 0;
}
