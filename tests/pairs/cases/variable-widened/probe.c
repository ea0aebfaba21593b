// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef NEW
long total;
#else
unsigned total;
#endif
int guard_a = 0;
int guard_b = 0;
static APART long add(long i)
{
	total += i;
	return total;
}
static APART long isz(void *p)
{
	return p == &total;
}
static APART long ask(long i)
{
	return isz(&total) + i;
}
static APART long g(long i)
{
	guard_a += i;
	return guard_a * 1000 + guard_b;
}
static APART long rd(long i)
{
	return guard_a + i;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return add(x);
	case 2:
		return rd(x);
	case 3:
		return g(x);
	case 4:
		return ask(x);
	}
	return 0;
}
