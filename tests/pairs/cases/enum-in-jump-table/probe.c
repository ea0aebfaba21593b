// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <string.h>

static APART long fill_1(long a, long b)
{
	for (long i = 0; i < b; i++)
		a = a * 31 + i;
	return a;
}
static APART long fill_2(long a, long b)
{
	while (b) {
		long t = a % b;
		a = b;
		b = t;
	}
	return a;
}
static APART long fill_5(long a, long b)
{
	return (a ^ b) * 2654435761u + (a >> 3);
}
static APART long fill_6(long a, long b)
{
	long r = 1;
	while (b--)
		r *= a;
	return r;
}
static APART long fill_8(long a, long b)
{
	return a < b ? a + 100 : b - 100;
}
static APART long fill_9(long a, long b)
{
	return a / (b | 1) + a % (b | 3);
}
#ifdef NEW
enum { A, B, X, C, D, E_, G };
#else
enum { A, B, C, D, E_, G };
#endif
static int state;
static APART long set(long i)
{
	switch (i) {
	case 0:
		state = A;
		break;
	case 1:
		state = B;
		break;
	case 2:
		state = C;
		break;
	case 3:
		state = D;
		break;
	case 4:
		state = E_;
		break;
	case 5:
		state = G;
		break;
#ifdef NEW
	case 6:
		state = X;
		break;
#endif
	}
	return i;
}
static APART long get(long i)
{
	switch (state) {
	case A:
		return fill_1(i, 1);
	case B:
		return fill_2(i, 4);
#ifdef NEW
	case X:
		return 4444;
#endif
	case C:
		return fill_5(i, 2);
	case D:
		return fill_6(i, 2);
	case E_:
		return fill_8(i, 2);
	case G:
		return fill_9(i, 5);
	}
	return -1;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return set(x);
	case 2:
		return get(x);
	}
	return 0;
}
