// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-basic [THREADS]
 *
 * A victim whose threads call answer() all the time. Commands on standard input,
 * one answer line each: "a" the answer now, "c" how often each kind of answer was
 * seen by the threads and whether any was neither, "f" fork a child that sleeps (its
 * pid), "q" quit.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#ifdef ANSWER_IS_OPENED
#include <dlfcn.h>
static int (*answer)(int x), (*other_answer)(int x); // in the library $ANSWER, opened by main
#else
int answer(int x);
#endif

#ifdef ANSWER_IS_ELSEWHERE
#define main unused_main // this file is the library now
int main(int argc, char **argv);
#endif

#if !defined(ANSWER_IS_OPENED) && !defined(ANSWER_IS_LINKED)
extern int bias;
int bias = 1;

/** Replaced by basic_fix.c, which says 42 + bias. */
__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}
#endif

static atomic_long n_old, n_new, n_wrong;

static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		int a = answer(6);
		atomic_fetch_add(a == 7 ? &n_old : a == 43 ? &n_new : &n_wrong, 1);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return NULL;
}

// A child that only sleeps, and ends with its parent.
static int fork_sleeper(void)
{
	int pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;
	pthread_attr_t attr;
	pthread_t thread;

#ifdef ANSWER_IS_OPENED
	for (int i = 0; i < 2 && !answer; i++) {
		// With $NAMESPACES a second copy, and it is that one that is called.
		void *library = getenv("NAMESPACES") && i == 0 ?
					dlmopen(LM_ID_NEWLM, getenv("ANSWER"), RTLD_NOW) :
					dlopen(getenv("ANSWER"), RTLD_NOW);
		if (!library)
			return 1;
		if (i == 1 || !getenv("NAMESPACES"))
			answer = (int (*)(int))dlsym(library, "answer");
		else
			other_answer = (int (*)(int))dlsym(library, "answer");
	}
#endif
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	for (int i = 0; i < n; i++)
		if (pthread_create(&thread, &attr, work, NULL) != 0)
			return 1;
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'a')
			printf("%d\n", answer(6));
#ifdef ANSWER_IS_OPENED
		if (c == 'A')
			printf("%d\n", other_answer(6));
#endif
		if (c == 'f')
			printf("%d\n", fork_sleeper());
		if (c == 'c')
			printf("old %ld new %ld wrong %ld\n", n_old, n_new, n_wrong);
		fflush(stdout);
	}
	return 0;
}
