// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct e {
	const char *n;
	const char *m;
	long v;
};
static const struct e tab[] = { { "one", "A", 1 },
				{ "two", "B", 2 },
				{ "three", "C", 3 },
#ifdef NEW
				{ "four", "D", 4 },
#endif
				{ 0 } };
static const struct e tab2[] = { { "eins", "a", 91 }, { "zwei", "b", 92 }, { "drei", "c", 93 } };
static APART long get(long i)
{
	for (const struct e *p = tab; p->n; p++)
		if (i-- == 0)
			return p->v;
	return -1;
}
static APART long get2(long i)
{
#ifdef NEW
	if (i > 3)
		return -7;
#else
	if (i > 2)
		return -7;
#endif
	return tab[i].m[0] + tab[i].v;
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
	case 5:
		return get2(x);
	}
	return 0;
}
