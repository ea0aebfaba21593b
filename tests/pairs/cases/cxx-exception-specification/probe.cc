// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdexcept>
struct A {
	int v;
};
struct B {
	int v;
};
struct C {
	int v;
};
static APART void thr(long i)
{
	if (i == 1)
		throw A{ 1 };
	if (i == 2)
		throw B{ 2 };
	if (i == 3)
		throw C{ 3 };
}
static APART void lim(long i) throw(A, B, C)
{
#ifdef NEW
	if (i > 90)
		puts("big");
#endif
	thr(i);
	thr(0);
}
static APART long g(long a)
{
	try {
		lim(a);
	} catch (A &x) {
		return 100 + x.v;
	} catch (B &x) {
		return 200 + x.v;
	} catch (C &x) {
		return 300 + x.v;
	}
	return 0;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return g(x);
	}
	return 0;
}
