// SPDX-License-Identifier: Apache-2.0
/** A process that maps the library with answer() in it, and calls it now and then. */
#include <stdio.h>
#include <unistd.h>

#include "answer.h"

int main(void)
{
	puts("ready");
	fflush(stdout);
	while (answer(1) > 0)
		usleep(200000);
	return 0;
}
