// SPDX-License-Identifier: Apache-2.0
/** A program that calls what is patched once: exits with 0 when it is the new one. */
#include "answer.h"

int main(void)
{
	return answer(1) < 1000;
}
