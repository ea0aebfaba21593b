// SPDX-License-Identifier: Apache-2.0
#include "answer.h"

int answer(int x)
{
	return x > 0 ? x * 2 | 1001 : 1;
}
