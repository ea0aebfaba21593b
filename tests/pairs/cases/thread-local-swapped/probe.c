// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef NEW
static __thread long aa;
static __thread long bb;
#define X bb
#define Y aa
#else
static __thread long aa;
static __thread long bb;
#define X aa
#define Y bb
#endif
static APART long fa(long i)
{
#ifdef NEW
	if (i < 0)
		return -9;
#endif
	X += i;
	return X;
}
static APART long fb(long i)
{
#ifdef NEW
	if (i < 0) {
		puts("no");
		return -9;
	}
#endif
	Y += i;
	return Y;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return fa(x);
	case 2:
		return fb(x);
	}
	return 0;
}
