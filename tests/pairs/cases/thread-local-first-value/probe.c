// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#ifdef NEW
static __thread int lim = 10;
#else
static __thread int lim = 20;
#endif
static void *thr(void *v)
{
	long i = (long)v;
	return (void *)(long)(i > lim ? -1 : i);
}
static APART long fa(long i)
{
	pthread_t t;
	void *r;
#ifdef NEW
	if (i < 0)
		return -9;
#endif
	pthread_create(&t, 0, thr, (void *)i);
	pthread_join(t, &r);
	return (long)r;
}
static APART long setl(long i)
{
	lim = i;
	return lim;
}
long probe(long c, long x)
{
	switch (c) {
	case 1:
		return fa(x);
	case 2:
		return setl(x);
	}
	return 0;
}
