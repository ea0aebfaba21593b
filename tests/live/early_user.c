// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-early-linked | live-early-opener LIBRARY
 *
 * Calls the library's vulnerable function, linked or opened at run time, from a
 * constructor too when linked. Prints and exits as early.c does.
 */
#include <dlfcn.h>
#include <stdio.h>

int answer(int x);
int library_seen(void);

#ifdef LINKED
static volatile int in_constructor;

__attribute__((constructor)) static void first(void)
{
	in_constructor = answer(6);
}

int main(void)
{
	int in_main = answer(6);

	printf("%d %d\n", library_seen(), in_constructor == 43 ? in_main : in_constructor);
	return library_seen() != 43 || in_constructor != 43 || in_main != 43;
}
#else
int main(int argc, char **argv)
{
	void *library = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW);
	int (*seen)(void) = library ? dlsym(library, "library_seen") : NULL;
	int (*call)(int) = library ? dlsym(library, "answer") : NULL;

	if (!seen || !call) {
		printf("%s\n", dlerror());
		return 2;
	}
	int after = call(6);
	printf("%d %d\n", seen(), after);
	return seen() != 43 || after != 43;
}
#endif
