// SPDX-License-Identifier: Apache-2.0
/**
 * A victim whose first acts are to call the vulnerable function: in a constructor,
 * and in main. Prints what it got, "43 43" when both were the fixed one, and exits
 * with 0 then, otherwise with 1. With the argument "euid" it prints its effective user
 * besides.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
	int in_main = answer(6);

	printf("%d %d\n", in_constructor, in_main);
	if (argc == 2 && strcmp(argv[1], "euid") == 0)
		printf("%u\n", (unsigned)geteuid());
	return in_constructor != 43 || in_main != 43;
}
