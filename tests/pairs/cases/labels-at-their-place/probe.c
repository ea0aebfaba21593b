// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static APART long vm(long p)
{
	static const void *const L[] = { &&a, &&b, &&c };
	long r = p;
	if (p < 0 || p > 2)
		return -1;
	goto *L[p];
a:
	r = 10;
	__asm__ volatile("nop");
	goto *L[1];
b:
#ifdef NEW
	r += 500;
#else
	r += 300;
#endif
	__asm__ volatile("nop");
	goto *L[2];
c:
	r *= 3;
	__asm__ volatile("nop");
	return r;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return vm(x);
	}
	return 0;
}
