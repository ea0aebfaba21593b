// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-reload LIBRARY OTHER
 *
 * A victim that opens and closes libraries, both with a function answer(). "o" opens
 * LIBRARY, "c" closes it, "a" prints answer(6) of it; "s" starts, and "e" ends, a
 * thread that opens and closes both in turn, each time calling answer(); "e" prints
 * how often LIBRARY's said 7 and 43, and how often something was wrong. "q": quit.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

typedef int answer_fn(int);

static atomic_int is_ending;
static long n_old, n_new, n_other, n_wrong;

static int ask(void *library)
{
	return ((answer_fn *)dlsym(library, "answer"))(6);
}

static void *open_and_close(void *names)
{
	while (!is_ending) {
		void *library = dlopen(((char **)names)[1], RTLD_NOW);
		int answer = ask(library);
		n_old += answer == 7;
		n_new += answer % 100 == 43;
		n_wrong += answer != 7 && answer % 100 != 43;
		dlclose(library);
		library = dlopen(((char **)names)[2], RTLD_NOW);
		answer = ask(library);
		n_other += answer == 9;
		n_wrong += answer != 9;
		dlclose(library);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	void *library = NULL;
	pthread_t thread;

	if (argc != 3)
		return 1;
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'o')
			puts((library = dlopen(argv[1], RTLD_NOW)) ? "ok" : dlerror());
		if (c == 'c')
			puts(dlclose(library) == 0 ? "ok" : dlerror());
		if (c == 'a')
			printf("%d\n", ask(library));
		if (c == 's')
			puts(pthread_create(&thread, NULL, open_and_close, argv) ? "no" : "ok");
		if (c == 'e') {
			is_ending = 1;
			pthread_join(thread, NULL);
			printf("old %ld new %ld other %ld wrong %ld\n", n_old, n_new, n_other,
			       n_wrong);
		}
		fflush(stdout);
	}
	return 0;
}
