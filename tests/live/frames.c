// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-frames MODE
 *
 * A victim with a thread that is, or only seems to be, in answer():
 *   stale    it was there; what it left on its stack is still in its frame
 *   callee   it sleeps in a function that answer() has called
 *   deep     the same, ten thousand calls deep
 *   handler  answer() was interrupted by a signal whose handler sleeps on an
 *            alternate stack
 *   running  it loops in answer() itself
 *   tail     answer_tail() has left by a tail call: it is not there any more
 *   jump     it has left answer() by longjmp
 *   vfork    it is in vfork(3), called by answer()
 *   cold     it sleeps in a function called by the cold part of answer_cold()
 *   spinning it loops in that cold part
 *   setjmp   answer_jump() has called setjmp() and sleeps further down, to come back
 *            by longjmp
 *   inside   as handler, but the alternate stack is an array on the thread's own
 *   coroutine   answer() sleeps on a stack that the program has made
 *   beside   answer() has gone to such a stack and will come back
 *   both     such a stack was interrupted by a handler on an alternate one
 *   later    nothing before "t" (ok): then it sleeps in a function that answer() calls
 *   idle     nothing
 * "r" lets it leave (prints ok), "a" prints answer(6, 0), "q" quits.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { LEAF, SLEEP, RAISE, SPIN, JUMP, VFORK, BACK, LEAVE };
enum { STACK_SIZE = 65536 };

int answer(int x, int what);
int answer_tail(int x, int what);
int answer_cold(int x, int what);
int answer_jump(int x);
int helper(int x, int what);
extern int bias;

int bias = 1;
static atomic_int is_released, is_there, is_told;
static jmp_buf out, back;
static ucontext_t here, elsewhere;
static volatile int sink;

static void sleep_until_released(void)
{
	is_there = 1;
	while (!is_released)
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

// As posix_spawn(3) would not be: the child sleeps on its parent's stack.
static void vfork_for_a_moment(void)
{
	is_there = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		for (int i = 0; i < 300 && !is_released; i++)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

__attribute__((noinline)) int helper(int x, int what)
{
	switch (what) {
	case SLEEP:
		sleep_until_released();
		break;
	case JUMP:
		longjmp(out, 1);
	case VFORK:
		vfork_for_a_moment();
		break;
	case BACK:
		sleep_until_released();
		longjmp(back, 1);
	case LEAVE:
		swapcontext(&here, &elsewhere);
		break;
	}
	return x;
}

static __attribute__((noinline, cold)) int helper_in_trouble(int x, int what)
{
	return helper(x, what);
}

__attribute__((noinline)) int answer(int x, int what)
{
	if (what == RAISE)
		*(volatile int *)&sink = raise(SIGUSR1);
	while (what == SPIN && !is_released)
		is_there = 1;
	return helper(x, what) + bias;
}

__attribute__((noinline)) int answer_tail(int x, int what)
{
	return helper(x + bias, what);
}

// All that is done for SLEEP and SPIN stands in a part of its own, .cold.
__attribute__((noinline)) int answer_cold(int x, int what)
{
	if (what != LEAF) {
		x = helper_in_trouble(x, what == SLEEP ? SLEEP : LEAF);
		while (what == SPIN && !is_released)
			is_there = 1;
		x += helper_in_trouble(x, LEAF);
	}
	return x + bias;
}

__attribute__((noinline)) int answer_jump(int x)
{
	if (setjmp(back) == 0)
		helper(x, BACK);
	return x + bias;
}

static __attribute__((noinline)) int deeper(int n)
{
	return n ? deeper(n - 1) + sink : answer(1, SLEEP);
}

// A frame of old bytes: nothing is written to it.
static __attribute__((noinline)) void sleep_on_old_bytes(void)
{
	char old[8192];

	__asm__ volatile("" : : "r"(old) : "memory");
	sleep_until_released();
	__asm__ volatile("" : : "r"(old) : "memory");
}

static void on_signal(int sig)
{
	(void)sig;
	sleep_until_released();
}

static void use_alternate_stack(void *memory)
{
	stack_t stack = { .ss_sp = memory, .ss_size = STACK_SIZE };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
}

static __attribute__((noinline)) void handle_inside(void)
{
	char memory[STACK_SIZE];

	use_alternate_stack(memory);
	answer(1, RAISE);
}

static void sleep_elsewhere(void)
{
	sleep_until_released();
}

static void answer_elsewhere(void)
{
	answer(1, SLEEP);
}

static void answer_interrupted(void)
{
	answer(1, RAISE);
}

// Make a stack on which @work will run, and then this one again.
static void make_elsewhere(void (*work)(void))
{
	getcontext(&elsewhere);
	elsewhere.uc_stack.ss_sp = malloc(STACK_SIZE);
	elsewhere.uc_stack.ss_size = STACK_SIZE;
	elsewhere.uc_link = &here;
	makecontext(&elsewhere, work, 0);
}

// True when the mode is one of those with another stack.
static int use_stacks(const char *mode)
{
	if (strcmp(mode, "handler") == 0) {
		use_alternate_stack(malloc(STACK_SIZE));
		answer(1, RAISE);
	} else if (strcmp(mode, "inside") == 0) {
		handle_inside();
	} else if (strcmp(mode, "coroutine") == 0) {
		make_elsewhere(answer_elsewhere);
		swapcontext(&here, &elsewhere);
	} else if (strcmp(mode, "beside") == 0) {
		make_elsewhere(sleep_elsewhere);
		answer(1, LEAVE);
	} else if (strcmp(mode, "both") == 0) {
		use_alternate_stack(malloc(STACK_SIZE));
		make_elsewhere(answer_interrupted);
		swapcontext(&here, &elsewhere);
	} else {
		return 0;
	}
	return 1;
}

static void *work(void *argument)
{
	const char *mode = argument;

	if (use_stacks(mode)) {
		is_there = 1;
	} else if (strcmp(mode, "stale") == 0) {
		for (int i = 0; i < 100; i++)
			answer(i, LEAF);
		sleep_on_old_bytes();
	} else if (strcmp(mode, "callee") == 0) {
		answer(1, SLEEP);
	} else if (strcmp(mode, "deep") == 0) {
		deeper(10000);
	} else if (strcmp(mode, "cold") == 0) {
		answer_cold(1, SLEEP);
	} else if (strcmp(mode, "spinning") == 0) {
		answer_cold(1, SPIN);
	} else if (strcmp(mode, "setjmp") == 0) {
		answer_jump(1);
	} else if (strcmp(mode, "running") == 0) {
		answer(1, SPIN);
	} else if (strcmp(mode, "tail") == 0) {
		answer_tail(1, SLEEP);
	} else if (strcmp(mode, "vfork") == 0) {
		answer(1, VFORK);
	} else if (strcmp(mode, "jump") == 0) {
		if (setjmp(out) == 0)
			answer(1, JUMP);
		sleep_on_old_bytes();
	}
	is_there = 1;
	while (strcmp(mode, "later") == 0 && !is_told)
		usleep(1000);
	if (is_told) {
		is_there = 0;
		answer(1, SLEEP);
	}
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 2 || pthread_create(&thread, NULL, work, argv[1]) != 0)
		return 1;
	while (!is_there)
		usleep(1000);
	usleep(20000);
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'a')
			printf("%d %d\n", answer(6, LEAF), answer_tail(6, LEAF));
		if (c == 't') {
			is_told = 1;
			usleep(2000);
			while (!is_there)
				usleep(1000);
			puts("ok");
		}
		if (c == 'r') {
			is_released = 1;
			puts("ok");
		}
		fflush(stdout);
	}
	return 0;
}
