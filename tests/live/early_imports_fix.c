// SPDX-License-Identifier: Apache-2.0
/**
 * The same fix with new imports, one of them an IFUNC and one a function that has
 * state: they must be resolved before anything of the module runs.
 */
#include <stdlib.h>
#include <string.h>

int answer(int x);
extern int bias __attribute__((visibility("hidden")));

int answer(int x)
{
	char *copy = strdup("forty-two characters make a string so long");
	int n = copy ? strlen(copy) : 0;

	free(copy);
	return n + x - 6 + bias;
}
