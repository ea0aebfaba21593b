// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct e {
	const char *n;
	int v;
};
static const struct e tab[] = {
	{ "one", 1 },
	{ "two", 2 },
	{ "three", 3 },
#ifdef NEW
	{ "four", 4 },
#endif
};
static const struct e tab2[] = { { "eins", 91 }, { "zwei", 92 }, { "drei", 93 } };
#define N (sizeof tab / sizeof *tab)
static APART long get(long i)
{
	if (i < 0 || i >= (long)N)
		return -1;
	return tab[i].v + strlen(tab[i].n);
}
static APART long first(long i)
{
	return tab[i & 1].v + 1;
}
static APART long nm(long i)
{
	return tab[i & 1].n[0];
}
static APART long oth(long i)
{
	return tab2[i].v + strlen(tab2[i].n);
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return get(x);
	case 2:
		return first(x);
	case 3:
		return oth(x);
	case 4:
		return nm(x);
	}
	return 0;
}
