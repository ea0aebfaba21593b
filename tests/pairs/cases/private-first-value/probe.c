// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static APART long chk(long i)
{
#ifdef NEW
	static int limit = 20;
	static int used;
	if (i < 0)
		return -5;
#else
	static int limit = 200;
	static int used;
#endif
	if (i > limit)
		return -1;
	used++;
	if (i == 77)
		limit = (int)i;
	return used * 0 + i;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return chk(x);
	}
	return 0;
}
