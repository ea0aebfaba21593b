// SPDX-License-Identifier: Apache-2.0
int answer(int x);
int answer(int x)
{
	return x + 37;
}
