// SPDX-License-Identifier: Apache-2.0
/**
 * A victim in C whose answer() is left in other ways than by returning. It works with
 * what `use` says: "c" the thread is cancelled inside, "b" it asks for a backtrace, "j"
 * a callee jumps back into it, and then it jumps out to its caller. -DFIX: the fix of
 * answer(). Each command prints a number: 7 of the old code, 43 of the new one, for "b"
 * how many frames were seen, for "c" how many clean-up handlers have run; "p" makes the
 * unwinder be loaded. "q": quit.
 */
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <unistd.h>

int answer(int use);
int helper(int use);
void clean(void *unused);

#ifdef FIX
#define VALUE 43
#define HIDDEN __attribute__((visibility("hidden")))
#else
#define VALUE 7
#define HIDDEN
#endif
extern jmp_buf out HIDDEN, back HIDDEN;
extern int n_cleaned HIDDEN;

__attribute__((noinline)) int answer(int use)
{
	volatile int result = VALUE;

	pthread_cleanup_push(clean, NULL);
	if (use != 'j')
		result += helper(use);
	else if (setjmp(back) == 0)
		result = helper(use);
	pthread_cleanup_pop(0);
	if (use == 'j')
		longjmp(out, result);
	return result;
}

#ifndef FIX
jmp_buf out, back;
int n_cleaned;

void clean(void *unused)
{
	(void)unused;
	n_cleaned++;
}

static int count_frames(void)
{
	void *frames[64];

	return backtrace(frames, 64);
}

__attribute__((noinline)) int helper(int use)
{
	if (use == 'c')
		pause();
	if (use == 'b')
		return count_frames() * 100;
	if (use == 'j')
		longjmp(back, 1);
	return 0;
}

static void *work(void *unused)
{
	pthread_cleanup_push(clean, NULL);
	answer('c');
	pthread_cleanup_pop(0);
	return unused;
}

static int cancel_inside(void)
{
	pthread_t thread;

	n_cleaned = 0;
	pthread_create(&thread, NULL, work, NULL);
	usleep(20000);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	return n_cleaned;
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		int result = 0;
		if (c == 'a' || c == 'b')
			result = answer(c);
		if (c == 'c')
			result = cancel_inside();
		if (c == 'p')
			result = count_frames();
		if (c == 'j') {
			result = setjmp(out);
			if (!result)
				answer(c);
		}
		printf("%d\n", result);
		fflush(stdout);
	}
	return 0;
}
#endif
