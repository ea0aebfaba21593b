// SPDX-License-Identifier: Apache-2.0
/*
 * victim THREADS sleeping|busy
 *
 * A process to measure pauses on. Its threads either sleep in the kernel and wake
 * now and then, or compute without end; now and then each calls answer(), the
 * function that gets patched (answer_1.c, answer_2.c).
 *
 * The first thread waits for commands, and computes meanwhile when it is alone
 * and to be busy. The second one ticks: it remembers the longest time between two
 * of its looks at the clock. Commands on standard input, a line each:
 *
 *     reset    forget the longest gap
 *     gap      print it, in microseconds
 *     answer   print what answer(1) returns
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "answer.h"

static bool is_busy;
static _Atomic long longest_ns;

static long now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

// Long enough that a stop seldom finds a thread inside answer().
static void compute(void)
{
	volatile unsigned sum = 0;

	for (unsigned i = 0; i < 200000; i++)
		sum += i;
	sum += answer(1);
}

static void *live(void *argument)
{
	const struct timespec nap = { 0, 200 * 1000 * 1000 };

	(void)argument;
	setpriority(PRIO_PROCESS, 0, 0);
	for (;;) {
		if (is_busy)
			compute();
		else if (nanosleep(&nap, NULL) == 0)
			(void)answer(1);
	}
	return NULL;
}

static void *tick(void *argument)
{
	const struct timespec nap = { 0, 50 * 1000 };
	const struct sched_param priority = { .sched_priority = 10 };
	long last = now_ns();

	(void)argument;
	// Without the right to it the figure is only a little rougher.
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority);
	for (;;) {
		nanosleep(&nap, NULL);
		long now = now_ns();
		if (now - last > longest_ns)
			longest_ns = now - last;
		last = now;
	}
	return NULL;
}

static int start_threads(int n)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	if (pthread_create(&thread, &small, tick, NULL))
		return -1;
	for (int i = 2; i < n; i++)
		if (pthread_create(&thread, &small, live, NULL))
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc != 3) {
		fprintf(stderr, "usage: victim THREADS sleeping|busy\n");
		return 2;
	}
	is_busy = strcmp(argv[2], "busy") == 0;
	// poll() must see a command that stdio could otherwise hold already.
	setvbuf(stdin, NULL, _IONBF, 0);
	// Commands are answered soon, also among a thousand busy threads.
	setpriority(PRIO_PROCESS, 0, -20);
	if (atoi(argv[1]) > 1 && start_threads(atoi(argv[1])) < 0) {
		perror("thread");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	struct pollfd commands = { .fd = 0, .events = POLLIN };
	for (;;) {
		while (is_busy && atoi(argv[1]) == 1 && poll(&commands, 1, 0) == 0)
			compute();
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		if (strcmp(line, "reset\n") == 0)
			longest_ns = 0;
		else if (strcmp(line, "gap\n") == 0)
			printf("%.1f\n", longest_ns / 1e3);
		else if (strcmp(line, "answer\n") == 0)
			printf("%d\n", answer(1));
		fflush(stdout);
	}
}
