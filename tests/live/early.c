// SPDX-License-Identifier: Apache-2.0
/**
 * A victim whose first acts are to call the vulnerable function: in a constructor,
 * and in main. Prints what it got, "43 43" when both were the fixed one, and exits
 * with 0 then, otherwise with 1.
 */
#include <stdio.h>

int answer(int x);
extern int bias;
int bias = 1;

static volatile int in_constructor;

/** Replaced by early_fix.c, which says 42 + bias. */
__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

__attribute__((constructor)) static void first(void)
{
	in_constructor = answer(6);
}

int main(void)
{
	int in_main = answer(6);

	printf("%d %d\n", in_constructor, in_main);
	return in_constructor != 43 || in_main != 43;
}
