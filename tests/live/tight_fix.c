// SPDX-License-Identifier: Apache-2.0
int answer(int x);
int answer(int x)
{
	static int n_calls; // writable memory of the hotpatch's own

	n_calls++;
	return x + 37 + (n_calls < 0);
}
