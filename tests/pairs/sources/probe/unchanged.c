// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static APART long mix(long a, long b)
{
	for (long i = 0; i < b; i++)
		a = a * 31 + i;
	return a;
}

static APART long divisor(long a, long b)
{
	while (b) {
		long rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static APART long power(long a, long b)
{
	long result = 1;

	while (b--)
		result *= a;
	return result;
}

static APART long digits(long a)
{
	char text[40];

	snprintf(text, sizeof(text), "%ld", a);
	return strlen(text);
}

static APART long fill(long a, long b)
{
	char *bytes = malloc(a + 1);
	long sum = 0;

	if (!bytes)
		return -1;
	memset(bytes, b, a);
	for (long i = 0; i < a; i++)
		sum += bytes[i];
	free(bytes);
	return sum;
}

static APART long clamp(long a, long low, long high)
{
	return a < low ? low : a > high ? high : a;
}

static APART long bits(unsigned long a)
{
	long n = 0;

	for (; a; a &= a - 1)
		n++;
	return n;
}

static APART long scatter(long a)
{
	return (a ^ 0x5bd1e995) * 2654435761u + (a >> 3);
}

static APART long ratio(long a, long b)
{
	return a / (b | 1) + a % (b | 3);
}

static APART long steps(long a)
{
	long n = 0;

	for (; a > 1; n++)
		a = a % 2 ? 3 * a + 1 : a / 2;
	return n;
}

static APART long parse(long a)
{
	return strtol("1203", NULL, (int)clamp(a, 4, 16));
}

long unchanged(long which, long x)
{
	long sum = mix(x, which & 7) + divisor(x, 12) + power(x, 3) + digits(x);

	return sum + fill(x & 63, 1) + bits(x) + scatter(x) + ratio(x, 5) + steps(x & 255) +
	       parse(x);
}
