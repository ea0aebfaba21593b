// SPDX-License-Identifier: Apache-2.0
int answer(int x, int what);
int answer_tail(int x, int what);
int helper(int x, int what);
extern int bias __attribute__((visibility("hidden")));

int answer(int x, int what)
{
	return helper(x, what) + bias + 36;
}

int answer_tail(int x, int what)
{
	return helper(x + bias, what) + 70;
}
