// SPDX-License-Identifier: Apache-2.0
/*
 * For LD_PRELOAD into ssh-keygen, which divides the list of names in a
 * certificate at commas: divides it at semicolons instead, so that a name can
 * hold a comma, as a careless authority's might.
 */
#include <stddef.h>
#include <string.h>

char *strsep(char **rest, const char *delimiters)
{
	char *start = *rest;

	if (!start)
		return NULL;
	if (strcmp(delimiters, ",") == 0)
		delimiters = ";";
	char *end = strpbrk(start, delimiters);
	if (end)
		*end++ = '\0';
	*rest = end;
	return start;
}
