// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char line[128], *rest;

	while (fgets(line, sizeof(line), stdin)) {
		long which = strtol(line, &rest, 10), x = strtol(rest, NULL, 10);
		if (rest == line)
			puts("end");
		else
			printf("%ld\n", which > 99 ? unchanged(which, x) : probe(which, x));
		fflush(stdout);
	}
	return 0;
}
