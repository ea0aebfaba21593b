// SPDX-License-Identifier: Apache-2.0
/** The fix of early.c and early_lib.c: imports nothing. */
int answer(int x);
extern int bias __attribute__((visibility("hidden")));

int answer(int x)
{
	return 36 + x + bias;
}
