// SPDX-License-Identifier: Apache-2.0
/**
 * A victim whose answer() has thread-local variables: the program itself, or with
 * -DLIBRARY the library that the rest, with -DHOST, calls. -DNEW is the fixed build.
 * "a": the answer in this thread, where a variable counts its calls; "b": in a new
 * thread; "q": quit.
 */
#include <pthread.h>
#include <stdio.h>

int answer(int x);

#ifndef HOST
extern __thread int exported;
static __thread int counter = 5;
__thread int exported = 7;

__attribute__((noinline)) int answer(int x)
{
#ifdef NEW
	if (x > 1000)
		return -1;
	x += 36;
#endif
	return x + counter++ + exported;
}
#endif

#ifndef LIBRARY
static void *work(void *result)
{
	*(int *)result = answer(6);
	return NULL;
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		pthread_t thread;
		int result = 0;
		if (c == 'a')
			result = answer(6);
		if (c == 'b' && pthread_create(&thread, NULL, work, &result) == 0)
			pthread_join(thread, NULL);
		printf("%d\n", result);
		fflush(stdout);
	}
	return 0;
}
#endif
