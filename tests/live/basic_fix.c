// SPDX-License-Identifier: Apache-2.0
/** The fix of basic.c: other code, the same variable, a constant, new data. */
int answer(int x);
extern int bias __attribute__((visibility("hidden")));
static int n_calls;
static const char text[] = "forty-two";

int answer(int x)
{
	n_calls++;
	return x < 1000 ? 36 + x + bias : text[n_calls % 9];
}
