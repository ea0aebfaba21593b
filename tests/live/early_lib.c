// SPDX-License-Identifier: Apache-2.0
/**
 * A library whose constructor calls the vulnerable function.
 */
int answer(int x);
int library_seen(void);
extern int bias;
__attribute__((visibility("hidden"))) int bias = 1;

static volatile int in_constructor;

/** Replaced by early_fix.c. */
__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

__attribute__((constructor)) static void first(void)
{
	in_constructor = answer(6);
}

/** What the constructor got. */
int library_seen(void)
{
	return in_constructor;
}
