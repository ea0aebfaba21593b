// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic unsigned long rounds, mistakes;

unsigned long digest_add(unsigned long digest, const void *data, unsigned long size)
{
	const unsigned char *bytes = data;

	for (unsigned long i = 0; i < size; i++)
		digest = digest * 33 + bytes[i];
	return digest;
}

static void *use_it(void *expected)
{
	const struct timespec nap = { 0, 500 * 1000 };

	for (;;) {
		if (work_once() != *(unsigned long *)expected)
			mistakes++;
		rounds++;
		nanosleep(&nap, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static unsigned long expected;
	char line[4096];
	pthread_t thread;

	(void)argv;
	expected = work_once();
	// Any argument: no threads, so that nothing of the library is alive
	// between two questions.
	for (int i = 0; i < 2 && argc == 1; i++)
		if (pthread_create(&thread, NULL, use_it, &expected))
			return 1;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "quit") == 0)
			return 0;
		if (strcmp(line, "rounds") != 0)
			answer(line);
		else if (mistakes)
			printf("%lu of %lu rounds went wrong\n", mistakes, rounds);
		else
			printf("%lu\n", rounds);
		puts(".");
		fflush(stdout);
	}
	return 0;
}
