// SPDX-License-Identifier: Apache-2.0
/**
 * A victim like a program with a runtime of its own: before main, a constructor starts
 * threads, each of which calls the vulnerable function as its first act. Prints and
 * exits as early.c does.
 */
#include <pthread.h>
#include <stdio.h>

int answer(int x);
extern int bias;
int bias = 1;

enum { N_THREADS = 8 };

static pthread_t threads[N_THREADS];
static int answers[N_THREADS];

/** Replaced by early_fix.c. */
__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

static void *run(void *place)
{
	*(int *)place = answer(6);
	return NULL;
}

__attribute__((constructor)) static void first(void)
{
	for (int i = 0; i < N_THREADS; i++)
		pthread_create(&threads[i], NULL, run, &answers[i]);
}

int main(void)
{
	int in_main = answer(6), worst = 43;

	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
		if (answers[i] != 43)
			worst = answers[i];
	}
	printf("%d %d\n", worst, in_main);
	return worst != 43 || in_main != 43;
}
