// SPDX-License-Identifier: Apache-2.0
int answer(int x, int what);
int answer_tail(int x, int what);
int answer_cold(int x, int what);
int answer_jump(int x);
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

int answer_cold(int x, int what)
{
	return helper(x, what) + bias;
}

int answer_jump(int x)
{
	return helper(x, 0) + bias;
}
