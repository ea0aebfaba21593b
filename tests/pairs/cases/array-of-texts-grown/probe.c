// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <string.h>

static const char tab[][8] = {
	"one",
	"two",
	"three",
#ifdef NEW
	"four4",
#endif
};
static const char tab2[][8] = { "eins", "zwei", "drei" };
#define N (long)(sizeof tab / sizeof *tab)
static APART long get(long i)
{
	if (i < 0 || i >= N)
		return -1;
	return strlen(tab[i]);
}
static APART long first(long i)
{
	return tab[i & 1][0];
}
static APART long oth(long i)
{
	return strlen(tab2[i % 3]);
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
	}
	return 0;
}
